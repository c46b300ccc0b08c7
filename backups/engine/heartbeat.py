"""Signs of life. The scheduler leaves one with each message it sends, the worker with each that it consumes."""

from datetime import timedelta

from django.utils import timezone

from backups.models import Heartbeat

SILENCE = timedelta(seconds=60)


def beat(part: str) -> None:
    Heartbeat.objects.update_or_create(part=part, defaults={"at": timezone.now()})
