"""Stores signs of life: the scheduler leaves one with each message it sends, a worker one per queue
for each that arrives.

The message that proves a queue is sent through the broker by the scheduler, so its
sign proves all three.
"""

from datetime import datetime, timedelta

from backups.models import Heartbeat
from backups.shared import clock

SILENCE = timedelta(seconds=60)
QUEUES = ("interactive", "bulk")
# When the address of channels.yaml was asked last: a note and no sign, it may be a day old.
OUTWARD = "outward heartbeat"


def beat(part: str) -> None:
    """Notes that a part works: "scheduler" or a queue."""
    Heartbeat.objects.update_or_create(part=part, defaults={"at": clock.now()})


def signs() -> dict[str, datetime]:
    """Returns when each part last showed that it works."""
    return dict(Heartbeat.objects.values_list("part", "at"))
