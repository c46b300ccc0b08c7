"""Who an account is elsewhere: at a provider of OpenID Connect, or at a proxy in front."""

from django.conf import settings
from django.db import models

LONGEST_ISSUER = 500  # characters
LONGEST_SUBJECT = 255  # characters, as OpenID Connect has it


class ExternalIdentity(models.Model):
    """An account without a password here. `issuer` and `subject` never change, the account's name
    may: so a new owner of a name is not the old one.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        primary_key=True,
        related_name="external_identity",
    )
    issuer = models.CharField(max_length=LONGEST_ISSUER)
    subject = models.CharField(max_length=LONGEST_SUBJECT)
    last_sign_in_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint("issuer", "subject", name="one_account_of_an_identity"),
        )

    def __str__(self) -> str:
        return f"{self.user}: {self.subject} at {self.issuer}"
