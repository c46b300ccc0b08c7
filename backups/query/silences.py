"""Which silences hold now, and until when; `query/alarms.py` says which alarms they mute."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.http import QueryDict

from backups.analysis.quiet import QuietTime
from backups.models import Access, Silence


@dataclass(frozen=True)
class Quiet:
    """A silence that holds now, and until when it does without a break."""

    silence: Silence
    until: datetime


def quiet_time(silence: Silence) -> QuietTime:
    return QuietTime(
        begins_at=silence.begins_at,
        ends_at=_earlier(silence.ends_at, silence.ended_at),
        cron=silence.cron,
        duration=timedelta(seconds=silence.duration_seconds or 0),
        zone=silence.zone or "UTC",
    )


def quiet_now(now: datetime) -> list[Quiet]:
    """Returns the silences that hold now, by the order in which they were made; one query."""
    may_hold = Silence.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=now), ended_at__isnull=True, begins_at__lte=now
    )
    holding = []
    for silence in may_hold.order_by("id"):
        until = quiet_time(silence).quiet_until(now)
        if until is not None:
            holding.append(Quiet(silence, until))
    return holding


def lies_in(query: str, access: Access) -> bool:
    """Tells whether a silence is about alarms of clouds alone that are open to somebody: it has to
    name them, if not all are.
    """
    if access.clouds is None:
        return True
    named = QueryDict(query).getlist("cloud")
    return bool(named) and all(access.opens(cloud) for cloud in named)


def _earlier(a: datetime | None, b: datetime | None) -> datetime | None:
    instants = [instant for instant in (a, b) if instant is not None]
    return min(instants, default=None)
