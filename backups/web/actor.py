"""Who sends a form, as edits want to know it."""

from django.http import HttpRequest
from django.utils import timezone

from backups.edits.common import Actor
from backups.shared.access import access_of


def actor(request: HttpRequest) -> Actor:
    return Actor(request.user.get_username(), timezone.now(), access_of(request))
