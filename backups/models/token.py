"""API tokens: the key is shown once, only its hash and its beginning are kept.

A key is found by its hash in the index, which takes no constant time. That tells nothing: what is
compared is the SHA-256 of a guess, whose bytes nobody can steer towards those of a stored one.
"""

import hashlib
import secrets

from django.conf import settings
from django.db import models

PREFIX = "vbs_"  # so that scanners find a key that was committed somewhere
NAME_LENGTH = 100
BEGINNING_LENGTH = 10  # with PREFIX; 36 of 256 random bits, so that its owner knows a key again


class ApiToken(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=NAME_LENGTH, blank=True)
    hashed = models.CharField(max_length=64, unique=True)
    # Empty for tokens of before this column.
    beginning = models.CharField(max_length=BEGINNING_LENGTH, blank=True, default="", db_default="")
    read_only = models.BooleanField(default=False)
    # Of the form that it was made by, so that the same form, sent twice, makes one token.
    form_id = models.CharField(max_length=32, null=True, unique=True, editable=False)
    clouds = models.JSONField(default=list, blank=True)  # names; none at all opens every cloud
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.user} {self.name}".strip()


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """Returns what is stored of a key: 256 random bits need no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()
