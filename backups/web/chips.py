"""What a list is filtered by, in words: each filter with the address without it, and the title of
the tab.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from backups.analysis.numbers import thousands
from backups.query.fields import parse_day
from backups.query.list_query import ListQuery
from backups.vbs.statuses import FAILED, IN_FLIGHT
from backups.web import status
from backups.web.backup_columns import COLUMNS
from backups.web.columns import GIVEN, MENU

# A link to another filter begins at the first page, with nothing selected.
PASSING = ("cursor", "all", MENU)
LONGEST_TITLE = 60  # characters of the filters in a title: tabs are narrow
LABELS = {
    "q": "Search",
    "status": "Status",
    "tracking_state": "Knowledge",
    "tag": "Tag",
    "protection": "Protection",
    "follow": "New backups followed",
    "volume_id": "Disk ID",
    "policy_id": "Policy ID",
    "policy_name": "Policy",
    "last_run_outcome": "Newest run",
    "last_run_at": "Newest run",
    "next_run_at": "Next run",
    "subject": "Of",
    "stage": "Stage",
    "cloud": "Cloud",
    "cause": "Cause",
    "fail_reason": "Reason",
    "id": "ID",
}
SPAN_TEXTS = {
    "_after": " from",
    "_before": " until",
    "_min": " at least",
    "_max": " at most",
}
GROUPS = {frozenset(FAILED): "failed", frozenset(IN_FLIGHT): "in flight"}
BADGES: Mapping[str, Mapping[str, status.Badge]] = {
    "status": status.STATUSES,
    "tracking_state": status.TRACKING_STATES,
    "kind": {**status.ALARM_KINDS, **status.KINDS},
    "severity": status.SEVERITIES,
    "stage": status.ALARM_STAGES,
    "protection": status.PROTECTION,
    "outcome": {**status.RUNS, **status.AUDIT_OUTCOMES},
    "last_run_outcome": status.RUNS,
    "schedule": status.SCHEDULES,
}
BY_FIELD = {column.field: column for column in COLUMNS}
FLAGS = {"true": "yes", "false": "no", "null": "not supplied"}


@dataclass(frozen=True)
class Chip:
    """`value` is the end of `text`; `href` is the address without this filter."""

    text: str
    value: str
    href: str


def query_with(query: QueryDict, *, bare: str = "", **values: str) -> str:
    """Returns the address with these values set; an empty one is left out. `bare`: the query of the
    address that sets nothing.
    """
    changed = query.copy()
    for key in (*PASSING, *values):
        changed.pop(key, None)
    for key, value in values.items():
        if value:
            changed[key] = value
    return f"?{changed.urlencode() or bare}"


def chips(
    query: QueryDict,
    selection: ListQuery,
    zone: ZoneInfo,
    *,
    bare: str = "",
    cause: str = "",
) -> list[Chip]:
    """Returns all that filters. Times are in this zone; `bare` as for `query_with`; `cause`: what
    the filter by cause means, where that is known, since its value says nothing to people.
    """
    shown = []
    for key, values in selection.raw_values.items():
        href = query_with(query, bare=bare, **{key: ""})
        if key == "added":
            shown.append(Chip("just added", "just added", href))
            continue
        field, span_text = _field_and_span(key)
        value = cause if key == "cause" and cause else _values_in_words(field, key, values, zone)
        label = LABELS.get(field) or _column_label(field)
        if span_text:
            value = f"{label}{span_text} {value}"
            shown.append(Chip(value, value, href))
        else:
            shown.append(Chip(f"{label}: {value}", value, href))
    return shown


def title(name: str, matching: int | None, chips: Sequence[Chip]) -> str:
    """Returns the title of a tab: how many there are, and of what."""
    filters = ", ".join(chip.value for chip in chips)
    if len(filters) > LONGEST_TITLE:
        filters = f"{filters[: LONGEST_TITLE - 1]}…"
    count = "" if matching is None else f"{thousands(matching)} "
    return f"{count}{filters} · {name}" if filters else f"{count}{name}"


def filter_words(chips: Sequence[Chip]) -> str:
    """Returns all filters of a list as one line, for paper; empty where there are none."""
    return "; ".join(chip.text for chip in chips)


def in_words(value: str, field: str) -> str:
    """Returns what a choice of a filter is called on pages."""
    badge = BADGES.get(field, {}).get(value)
    if badge is not None:
        return badge.text
    return FLAGS.get(value, value)


def _field_and_span(key: str) -> tuple[str, str]:
    for suffix, text in SPAN_TEXTS.items():
        if key.endswith(suffix):
            return key.removesuffix(suffix), text
    return key, ""


def _column_label(field: str) -> str:
    column = BY_FIELD.get(field)
    return column.label if column else field.replace("_", " ").capitalize()


def _values_in_words(field: str, key: str, values: Sequence[str], zone: ZoneInfo) -> str:
    group = GROUPS.get(frozenset(values)) if field == "status" else None
    if group:
        return group
    if field == key:
        return " or ".join(in_words(value, field) for value in values)
    return _bound_in_words(field, values[0], zone, is_upper=key.endswith("_before"))


def _bound_in_words(field: str, value: str, zone: ZoneInfo, *, is_upper: bool) -> str:
    """Returns an end of a span: a time in the reader's zone, a number with its unit."""
    at = _instant(value, is_upper=is_upper)
    if at is not None:
        return _day_and_time(at.astimezone(zone), is_upper=is_upper)
    number = thousands(int(value)) if value.lstrip("-").isdecimal() else value
    column = BY_FIELD.get(field)
    if column is None:
        return number
    given = GIVEN.get(column.form)
    unit = given.name if given else column.unit
    return f"{number} {unit}" if unit else number


def _instant(value: str, *, is_upper: bool) -> datetime | None:
    """Returns what a bound means, as the filter reads it; None for what is no time."""
    day = parse_day(value)
    if day is not None:
        return datetime.combine(day.date(), time.max, UTC) if is_upper else day
    try:
        at = parse_datetime(value)
    except ValueError:
        return None
    if at is None:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _day_and_time(at: datetime, *, is_upper: bool) -> str:
    """Returns a day alone where the bound is its very beginning or end."""
    day = f"{at.day} {at:%b %Y}"
    edge = time.max if is_upper else time.min
    if at.time() == edge:
        return day
    seconds = f":{at:%S}" if at.second and not is_upper else ""
    return f"{day}, {at:%H:%M}{seconds}"
