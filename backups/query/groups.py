"""What the words of a count mean: each group of backups and of volumes once, for lists, pages and
the API.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef, Q

from backups.analysis.protection import OUTSIDE, UNPROTECTED
from backups.models import Volume
from backups.models.backup import is_answered_for
from backups.vbs.statuses import FAILED, IN_FLIGHT

Group = Callable[[datetime], Q]


def failed(now: datetime) -> Q:
    """What failed, in whatever way, and is still in its cloud."""
    return Q(status__in=FAILED, gone_at__isnull=True)


def unresolved(now: datetime) -> Q:
    """What failed and is not done with: a try is, once its volume got a good backup later; what
    could not be restored or deleted is not.
    """
    newer_good_backup = Volume.objects.filter(
        cloud=OuterRef("cloud"),
        volume_id=OuterRef("volume_id"),
        last_good_at__gt=OuterRef("created_at"),
    )
    return failed(now) & Q(~Q(status="error") | ~Exists(newer_good_backup))


def in_flight(now: datetime) -> Q:
    """What is being made, restored or deleted, as far as its cloud answers for it now."""
    return Q(is_answered_for(now), status__in=IN_FLIGHT, gone_at__isnull=True)


def stuck(now: datetime) -> Q:
    """What is in flight and has not moved for long."""
    return in_flight(now) & Q(stuck_at__isnull=False, stuck_at__lte=now)


def judged(now: datetime) -> Q:
    """Volumes that are to be protected: the total of them. Of rows with `protection`."""
    return ~Q(protection__in=OUTSIDE)


def unprotected(now: datetime) -> Q:
    """Volumes that are to be protected and are not. Of rows with `protection`."""
    return Q(protection__in=UNPROTECTED)


VOLUME_GROUPS: Final[Mapping[str, Group]] = {"judged": judged, "unprotected": unprotected}
GROUPS: Final[Mapping[str, Group]] = {
    "failed": failed,
    "unresolved": unresolved,
    "in_flight": in_flight,
    "stuck": stuck,
}
