"""Silences as pages and API show them: whether each holds now, and how many alarms it mutes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Q, QuerySet

from backups.models import Access, Alarm, Silence
from backups.query.alarms import muted_by
from backups.query.fields import BIGINT
from backups.query.list_query import ListQuery
from backups.query.page import Pages
from backups.query.silence_list import SILENCE_COLUMNS, SILENCES, is_over
from backups.query.silences import Quiet, lies_in, quiet_time

# The words of a silence in JSON.
SILENCE_FIELDS: Final = (*SILENCE_COLUMNS, "state", "until", "next_at", "mutes")
OVER_SHOWN: Final = 10
MOST_SHOWN: Final = 200  # of those that are not over


@dataclass(frozen=True, kw_only=True)
class SilenceState:
    """`values`: by SILENCE_COLUMNS. `until`: to when it holds, without a break; `next_at`: when it
    next does; `mutes`: how many alarms, None where it does not hold.
    """

    values: Mapping[str, Any]
    state: str
    until: datetime | None
    next_at: datetime | None
    mutes: int | None

    def as_row(self) -> dict[str, Any]:
        told = {
            "state": self.state,
            "until": self.until,
            "next_at": self.next_at,
            "mutes": self.mutes,
        }
        return {**self.values, **told}


def visible(access: Access) -> QuerySet[Silence]:
    """Returns the silences that are about clouds alone that are open to somebody."""
    rows = Silence.objects.all()
    if access.clouds is None:
        return rows
    named = Silence.objects.values_list("pk", "query")
    return rows.filter(pk__in=[pk for pk, query in named if lies_in(query, access)])


def pages(query: ListQuery, now: datetime, *, access: Access) -> Pages:
    return Pages(SILENCES, query, now, rows=visible(access))


def shown(now: datetime, quiet: Sequence[Quiet], *, access: Access) -> list[SilenceState]:
    """Returns those that hold, then those that are planned, then the last ones that are over."""
    rows = visible(access).order_by("-made_at", "pk")
    lasting = list(rows.exclude(is_over(now))[:MOST_SHOWN])
    over = list(rows.filter(is_over(now))[:OVER_SHOWN])
    states = states_of([*lasting, *over], now, quiet, access=access)
    return sorted(states, key=lambda state: ("holds", "planned", "over").index(state.state))


def states(
    ids: Sequence[int], now: datetime, quiet: Sequence[Quiet], *, access: Access
) -> list[SilenceState]:
    """Returns these silences, in this order, without those that are not visible."""
    storable = [pk for pk in ids if pk <= BIGINT]
    rows = {silence.pk: silence for silence in visible(access).filter(pk__in=storable)}
    in_order = [rows[pk] for pk in ids if pk in rows]
    return states_of(in_order, now, quiet, access=access)


def states_of(
    silences: Sequence[Silence], now: datetime, quiet: Sequence[Quiet], *, access: Access
) -> list[SilenceState]:
    holding = {one.silence.pk: one.until for one in quiet}
    mutes = _mutes([silence for silence in silences if silence.pk in holding], now, access)
    result = []
    for silence in silences:
        values = {name: getattr(silence, name) for name in SILENCE_COLUMNS}
        until = holding.get(silence.pk)
        state = _state(silence, now, until)
        next_at = quiet_time(silence).next_change(now) if state == "planned" else None
        result.append(
            SilenceState(
                values=values,
                state=state,
                until=until,
                next_at=next_at,
                mutes=mutes.get(str(silence.pk)),
            )
        )
    return result


def _state(silence: Silence, now: datetime, until: datetime | None) -> str:
    if until is not None:
        return "holds"
    is_past = silence.ends_at is not None and silence.ends_at <= now
    return "over" if is_past or silence.ended_at is not None else "planned"


def _mutes(silences: Sequence[Silence], now: datetime, access: Access) -> dict[str, int]:
    """Counts the alarms that each of them mutes, in one query: those that nobody has acknowledged
    and that would be told.
    """
    if not silences:
        return {}
    counted = {}
    for silence in silences:
        counted[f"n{silence.pk}"] = Count("pk", filter=muted_by(silence, now))
    is_raised = Q(held_until__lte=now, acknowledged_at__isnull=True)
    rows = Alarm.objects.open().visible_to(access).filter(is_raised)
    counts = rows.aggregate(**counted)
    return {name.removeprefix("n"): count for name, count in counts.items()}
