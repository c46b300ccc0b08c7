"""What the list of silences can be filtered by."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db.models import Q

from backups.models import Silence
from backups.query.definition import ComputedField, ListDefinition
from backups.query.fields import FieldValue, FilterField, filter_fields
from backups.query.silences import quiet_now

# In the order in which JSON shows them.
SILENCE_COLUMNS: Final = (
    "id",
    "query",
    "reason",
    "by",
    "made_at",
    "begins_at",
    "ends_at",
    "cron",
    "duration_seconds",
    "zone",
    "ended_at",
    "ended_by",
)
# `planned`: also one that recurs, between its times.
STATES: Final = ("holds", "planned", "over")


def is_over(now: datetime) -> Q:
    return Q(ended_at__isnull=False) | Q(ends_at__lte=now)


def _in_states(states: Sequence[FieldValue | None], now: datetime) -> Q:
    holding = Q(pk__in=[quiet.silence.pk for quiet in quiet_now(now)])
    conditions = {
        "holds": holding,
        "planned": ~is_over(now) & ~holding,
        "over": is_over(now),
    }
    in_any = Q(pk__in=[])
    for state in states:
        in_any |= conditions[str(state)]
    return in_any


def _with_tags(_tags: Sequence[str]) -> Q:
    """No row has tags that could be looked for."""
    return Q(pk__in=[])


def _containing(text: str) -> Q:
    return Q(query__icontains=text) | Q(reason__icontains=text) | Q(by__icontains=text)


SILENCES: Final = ListDefinition(
    name="silences",
    model=Silence,
    columns=filter_fields(Silence, SILENCE_COLUMNS, choices={}),
    computed={"state": ComputedField(FilterField("state", "choice", False, STATES), _in_states)},
    orders=("made_at",),
    default_order="-made_at",
    steady_order="made_at",
    ranks=(),
    with_tags=_with_tags,
    containing=_containing,
)
