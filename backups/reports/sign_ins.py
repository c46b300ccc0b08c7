"""Which sign-ins were refused lately, as django-axes keeps them."""

from datetime import datetime

from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.db.models import Sum


def wrong_passwords_from(place: str, since: datetime) -> int:
    """Returns how many passwords were wrong from there, whatever the name."""
    rows = AccessAttempt.objects.filter(ip_address=place, attempt_time__gte=since)
    return rows.aggregate(n=Sum("failures_since_start"))["n"] or 0


def known_account(name: str) -> str:
    """Returns the name again where an account has it, else an empty text."""
    # Databases take no NUL and no half of a character, and no account has one.
    if not name.isprintable():
        return ""
    return name if User.objects.filter(username=name).exists() else ""
