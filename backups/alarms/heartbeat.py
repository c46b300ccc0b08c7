"""Tells an address outside that vbsdash works, as long as alarms are evaluated: who watches that
address hears of it when nothing here can tell him any more.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q
from django.utils import timezone

from backups.alarms import channels_file
from backups.alarms.channels import http_call
from backups.alarms.channels.channel import SECONDS
from backups.models import Heartbeat
from backups.shared.clock import FUTURE
from backups.shared.heartbeat import OUTWARD

logger = logging.getLogger(__name__)

EVALUATED: Final = "alarms"  # the part that leaves a sign each time alarms are evaluated
RECENT: Final = timedelta(minutes=3)  # alarms are evaluated each minute
TRY_AGAIN_AFTER: Final = timedelta(minutes=1)
# Who is asked each minute is never asked at quite the same second.
_EARLY: Final = timedelta(seconds=30)


def send_if_due(now: datetime) -> bool:
    """Asks the address of channels.yaml where it is time to; returns whether it was. To be called
    outside of any transaction.
    """
    configured = channels_file.heartbeat()
    if configured is None or not _is_evaluated(now) or not _claim(now, configured.every):
        return False
    answer = http_call.call(configured.far_side, "GET", seconds=SECONDS, now=timezone.now())
    if not answer.is_delivered:
        logger.warning("outward heartbeat: %s", answer.sentence)
        again_at = now - configured.every + TRY_AGAIN_AFTER
        Heartbeat.objects.filter(part=OUTWARD, at=now).update(at=again_at)
    return True


def _is_evaluated(now: datetime) -> bool:
    signs = Heartbeat.objects.filter(part=EVALUATED)
    return signs.filter(at__gt=now - RECENT, at__lte=now + FUTURE).exists()


def _claim(now: datetime, every: timedelta) -> bool:
    """Notes that it is sent now; returns whether it was due, to one of several workers alone."""
    # A clock that was set back makes it due too.
    is_due = Q(at__lte=now - every + _EARLY) | Q(at__gt=now + FUTURE)
    if Heartbeat.objects.filter(is_due, part=OUTWARD).update(at=now):
        return True
    return Heartbeat.objects.get_or_create(part=OUTWARD, defaults={"at": now})[1]
