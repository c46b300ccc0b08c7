"""API tokens: the key is shown once, only its hash is kept."""

import hashlib
import secrets
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

PREFIX = "vbs_"


class TokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, key: str, now: datetime) -> "TokenQuerySet":
        """The token of `key`, unless it ran out or its user may not sign in any more."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), hashed=digest(key), user__is_active=True)


class ApiToken(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, blank=True)
    hashed = models.CharField(max_length=64, unique=True)
    read_only = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = TokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.user} {self.name}".strip()


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """256 random bits need no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()
