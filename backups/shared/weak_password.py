"""A password that nobody types into a form, which would itself say that it is weak."""

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError


def problem_of_setting(password: str, user: User) -> str | None:
    """Returns why DJANGO_SUPERUSER_PASSWORD cannot be the password of this first account, in a
    sentence; None where it can.
    """
    try:
        validate_password(password, user)
    except ValidationError as e:
        return (
            f"DJANGO_SUPERUSER_PASSWORD is weak: {' '.join(e.messages)} Write a better one, or "
            "none at all: the first start of `make run` then makes one."
        )
    return None
