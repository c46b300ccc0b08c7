"""Which silences hold now, and which alarms they mute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.http import QueryDict

from backups.analysis.quiet import QuietTime
from backups.models import Silence
from backups.query.alarms import ALARMS
from backups.query.conditions import condition
from backups.query.list_query import parse


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


def muted_by(silence: Silence, now: datetime) -> Q:
    """Returns the condition of alarms that a silence is about."""
    query = parse(QueryDict(silence.query), ALARMS)
    text = ALARMS.containing(query.q) if query.q else Q()
    return condition(query, ALARMS, now, text_condition=text)


def muted(quiet: Sequence[Quiet], now: datetime) -> Q:
    """Returns the condition of alarms that any of these silences mutes."""
    any_of_them = Q(pk__in=[])
    for holding in quiet:
        any_of_them |= muted_by(holding.silence, now)
    return any_of_them


def _earlier(a: datetime | None, b: datetime | None) -> datetime | None:
    instants = [instant for instant in (a, b) if instant is not None]
    return min(instants, default=None)
