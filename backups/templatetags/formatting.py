"""Badges, times and sizes as pages show them. What a cloud gave is escaped and set
apart for right-to-left text.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from django import forms, template
from django.template import Context
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString, mark_safe
from lucide.templatetags.lucide import lucide

from backups.analysis import zones
from backups.analysis.numbers import thousands
from backups.analysis.rules import Rule
from backups.analysis.sizes import GB, MB, Unit, in_unit, unit_for, unit_of_all
from backups.templatetags.markup import format_html
from backups.web import chips
from backups.web.policy_rows import policy_url
from backups.web.status import KINDS, Badge, of_backup, of_status
from backups.web.volume_url import volume_url

register = template.Library()
Row = Mapping[str, Any]  # of a list, or of one backup
MINUTE_S = 60
HOUR_S = 3600
DAY_S = 24 * HOUR_S
YEAR_S = 365 * DAY_S
YEAR_SHOWN_DAYS = 300  # a day so long ago needs its year, or it could be one of this year
LONGEST_CHANGED_VALUE = 120  # characters of a value in the list of changes
_NONE = mark_safe('<span class="none" title="not supplied">–</span>')


@register.simple_tag
def none() -> SafeString:
    """Writes “not supplied”: that is not 0 and not “no”."""
    return _NONE


@register.simple_tag
@lru_cache(maxsize=64)
def icon(name: str) -> SafeString:
    """Inlines a Lucide icon."""
    svg = lucide(name, size=None, **{"class": "i", "aria-hidden": "true"})
    return mark_safe(svg)  # noqa: S308 - out of the wheel


@register.simple_tag
def volume_href(cloud: str, volume_id: str) -> SafeString:
    """Writes the attribute `href` of a link to a volume's page; nothing, which makes it plain text,
    where there can be none.
    """
    url = volume_url(cloud, volume_id)
    return format_html('href="{}"', url) if url else mark_safe("")


@register.simple_tag
def policy_href(cloud: str, policy_id: str) -> SafeString:
    """Writes the attribute `href` of a link to a policy's page, or nothing, as `volume_href`."""
    url = policy_url(cloud, policy_id)
    return format_html('href="{}"', url) if url else mark_safe("")


@register.simple_tag
def glyph(badge: Badge) -> SafeString:
    return format_html(
        '<svg class="g is-{}" aria-hidden="true"><use href="#{}"></use></svg>',
        badge.tone,
        badge.glyph,
    )


@register.simple_tag
def state(badge: Badge) -> SafeString:
    """Writes shape, text and colour, in that order."""
    return format_html(
        '<span class="st st-{}" title="{}">'
        '<svg class="g" aria-hidden="true"><use href="#{}"></use></svg>'
        "<span>{}</span></span>",
        badge.tone,
        badge.tooltip,
        badge.glyph,
        badge.text,
    )


@register.simple_tag(takes_context=True)
def status(context: Context, row: Row) -> SafeString:
    """Writes the status of a row that holds `status`, `tracking_state`,
    `progress` and perhaps `stuck_at`.
    """
    return state(status_badge(context, row))


@register.simple_tag
def raw_status(value: str) -> SafeString:
    """Writes a status by itself, in the cloud's own word."""
    return state(replace(of_status(value), text=value))


@register.simple_tag(takes_context=True)
def status_badge(context: Context, row: Row) -> Badge:
    """Returns the badge of a row, for a page that asks what it is."""
    stuck_at = row.get("stuck_at")
    return of_backup(
        status=row["status"],
        tracking_state=row["tracking_state"],
        progress=row["progress"],
        is_stuck=stuck_at is not None and stuck_at <= page_now(context),
    )


@register.simple_tag
def kind(row: Row) -> SafeString:
    """Writes full or incremental; a pending backup has neither."""
    if row["tracking_state"] == "pending":
        return _NONE
    badge = KINDS[row["kind"]]
    text = format_html(
        '<span class="kind" title="{}">'
        '<svg class="g" aria-hidden="true"><use href="#{}"></use></svg>{}</span>',
        badge.tooltip,
        badge.glyph,
        badge.text,
    )
    if not row["kind_conflict"]:
        return text
    why = "Two signals that should agree on the kind do not"
    return format_html(
        '{} <span class="is-warn" title="{}">'
        '<svg class="g" aria-hidden="true"><use href="#g-late"></use></svg>'
        '<span class="visually-hidden">{}</span></span>',
        text,
        why,
        why,
    )


@register.simple_tag(takes_context=True)
def when(context: Context, at: datetime | None) -> SafeString:
    """Writes “5 h ago” or “in 6 s”, with the exact UTC and the reader's own time in the title."""
    if at is None:
        return _NONE
    now = page_now(context)
    text = f"{span(now - at)} ago" if at <= now else f"in {span(at - now)}"
    return _time(context, at, text, "ago")


@register.simple_tag(takes_context=True)
def age(context: Context, at: datetime | None, tracking_state: str = "fresh") -> SafeString:
    """Writes how old knowledge is, in short; violet and dashed when it is too old."""
    classes = "age age-stale" if tracking_state == "stale" else "age"
    if at is None:
        return format_html('<span class="{}">never</span>', classes)
    return format_html('<span class="{}">{}</span>', classes, ago(context, at))


@register.simple_tag(takes_context=True)
def live(context: Context, every: int = 30, etag: str = "") -> SafeString:
    """Makes an element the page's live region: polled every so many seconds, only
    changes are put in.
    """
    if not context.get("live", True):
        return mark_safe('id="live"')
    return format_html(
        'id="live" data-poll data-poll-seconds="{}" data-etag="{}" hx-get="{}" hx-trigger="poll" '
        'hx-select="#live" '
        'hx-select-oob="#attention-n,#alarms-n,#illness" hx-swap="morph" hx-ext="morph"',
        every,
        etag,
        context["path"],
    )


@register.simple_tag
def invalid(form: forms.Form | None, name: str, *, described: bool = True) -> SafeString:
    """Writes the attributes of a field whose value was refused; nothing for any other.

    The first one of its form gets the focus, to which browsers scroll, without JavaScript too.
    `described`: the sentence beside it has the ID error-NAME.
    """
    if not form or name not in form.errors:
        return mark_safe("")
    attributes = 'aria-invalid="true"'
    if described:
        attributes += f' aria-describedby="error-{name}"'
    in_order = [field for field in form.fields if field in form.errors]
    if in_order[0] == name and not form.non_field_errors():
        attributes += " autofocus"
    return mark_safe(attributes)  # noqa: S308 - names of our own fields


@register.filter
def in_words(value: str, field: str) -> str:
    """Writes a choice of the filter by this field as pages call it."""
    return chips.in_words(value, field)


@register.simple_tag
def quick_filter(page: str, bare: str = "") -> SafeString:
    """Makes a form of filters ask by itself, as soon as a choice is made or typing rests
    (filters.js): what it changes is swapped in, and its address holds only what is set.

    `page`: its URL name; `bare`: the query of the address when nothing is set.
    """
    return format_html(
        'data-quick-filter data-bare="{}" method="get" action="{}" hx-get="{}" '
        'hx-trigger="submit, filter" hx-target="#main" hx-select="#main" hx-swap="morph" '
        'hx-ext="morph" hx-push-url="true" hx-sync="this:replace"',
        bare,
        reverse(page),
        reverse(page),
    )


@register.simple_tag(takes_context=True)
def on(context: Context, at: datetime) -> SafeString:
    """Writes the day, or the time of today, in the reader's zone: Sat 21 Nov, today 05:52."""
    zone = reader_zone(context)
    local = at.astimezone(zone)
    today = page_now(context).astimezone(zone).date()
    if local.date() == today:
        text = f"today {local:%H:%M}"
    elif (today - local.date()).days < YEAR_SHOWN_DAYS:
        text = f"{local:%a} {local.day} {local:%b}"
    else:
        text = f"{local.day} {local:%b %Y}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.astimezone(UTC).isoformat(),
        exact(at, zone),
        text,
    )


@register.simple_tag(takes_context=True)
def day_and_time(context: Context, at: datetime) -> SafeString:
    """Writes a day with its time in the reader's zone: Sat 21 Nov 05:52, today 05:52."""
    zone = reader_zone(context)
    local = at.astimezone(zone)
    now = page_now(context).astimezone(zone)
    day = f"{local:%a} {local.day} {local:%b}"
    if local.date() == now.date():
        day = "today"
    elif local.year != now.year:
        day = f"{local.day} {local:%b %Y}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.astimezone(UTC).isoformat(),
        exact(at, zone),
        f"{day} {local:%H:%M}",
    )


@register.simple_tag(takes_context=True)
def next_due(context: Context, rule: Rule, last: datetime | None = None) -> str:
    """Writes the next three times by a rule: by cron in the rule's zone, and in the reader's where
    that reads otherwise. `last`: the newest good backup of the one disk that is meant.
    """
    times = rule.next_times(page_now(context), last=last)
    own = _times_in(times, reader_zone(context))
    if rule.cron is None:
        after = "Next due" if last is not None else "After a good backup now the next are due"
        return f"{after}: {own}."
    rules_own = _times_in(times, zones.zone_or_utc(rule.zone))
    sentence = f"Next due: {rules_own} in {zones.in_words(rule.zone)}."
    return sentence if rules_own == own else f"{sentence} In your time: {own}."


def _times_in(times: Sequence[datetime], zone: tzinfo) -> str:
    texts = []
    for at in times:
        local = at.astimezone(zone)
        texts.append(f"{local:%a} {local.day} {local:%b} {local:%H:%M}")
    return ", ".join(texts)


@register.simple_tag(takes_context=True)
def zone_now(context: Context, name: str) -> str:
    """Writes how far from UTC a time zone is now; nothing for UTC and for a text that is none."""
    zone = zones.zone_named(name)
    if zone is None or zone.key == "UTC":
        return ""
    return f"{zone.key} is {zones.offset_at(zone, page_now(context))} now."


@register.simple_tag(takes_context=True)
def ago(context: Context, at: datetime) -> SafeString:
    """Writes how long ago, without the word, for a column that says so: 3 d 6 h."""
    return _time(context, at, span(page_now(context) - at), "span")


@register.filter
def until(at: datetime, now: datetime) -> str:
    """Writes how long it is from one instant to the other: 1 h 50 min."""
    return span(now - at)


@register.filter
def instant(text: str) -> datetime | None:
    """Reads a time that was stored as text."""
    return parse_datetime(text)


@register.filter
def changed_value(value: object) -> str:
    """Writes a value of a change in short; null is written, a list is told by its items, an object
    is JSON.
    """
    if isinstance(value, list):
        text = ", ".join(str(item) for item in value) or "none"
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= LONGEST_CHANGED_VALUE:
        return text
    return f"{text[: LONGEST_CHANGED_VALUE - 1]}…"


@register.filter
def number(value: float | None) -> str:
    return _NONE if value is None else thousands(value)


@register.simple_tag
def size(value: float | None, given: Unit = MB) -> SafeString:
    """Writes 1.18 TB, with what was given on hover and for readers that speak."""
    if value is None:
        return _NONE
    unit = unit_for(value * given.mb)
    text = f"{in_unit(value * given.mb, unit)} {unit.name}"
    return _size(value, given, text, is_exact=text == _as_given(value, given))


@register.simple_tag
def size_of_gb(value: float | None) -> SafeString:
    """Writes a size that was given in GB."""
    return size(value, GB)


@register.simple_tag
def size_in(value: float | None, unit: Unit, given: Unit = MB) -> SafeString:
    """Writes the number of a size in a column whose head says the unit."""
    if value is None:
        return _NONE
    text = in_unit(value * given.mb, unit)
    return _size(value, given, text, is_exact=f"{text} {unit.name}" == _as_given(value, given))


@register.simple_tag
def size_unit(rows: Iterable[object], field: str) -> Unit:
    """Returns the unit of a column of MB: the one that fits its largest size."""
    return unit_of_all(_value(row, field) for row in rows)


def _value(row: object, field: str) -> float | None:
    value: float | None = row[field] if isinstance(row, Mapping) else getattr(row, field)
    return value


def _as_given(value: float, given: Unit) -> str:
    return f"{thousands(round(value, 1))} {given.name}"


def _size(value: float, given: Unit, text: str, *, is_exact: bool) -> SafeString:
    """Adds what was given where the text does not say it already."""
    if is_exact:
        return format_html("{}", text)
    exact_text = _as_given(value, given)
    return format_html(
        '<span class="size" title="{}">{}<span class="visually-hidden"> ({})</span></span>',
        exact_text,
        text,
        exact_text,
    )


def span(length: timedelta) -> str:
    """Writes a length of time with its unit, rounded down: 4 s, 21 min, 1 h 50 min, 5 h, 3 d."""
    seconds = max(0, int(length.total_seconds()))
    if seconds >= 2 * YEAR_S:
        return f"{seconds // YEAR_S} y"
    if seconds >= 2 * DAY_S:
        return f"{seconds // DAY_S} d"
    if seconds >= 2 * HOUR_S:
        return f"{seconds // HOUR_S} h"
    minutes = seconds // MINUTE_S
    if minutes > 60:
        return f"1 h {minutes - 60} min"
    if minutes == 60:
        return "1 h"
    return f"{minutes} min" if minutes else f"{seconds} s"


@lru_cache(maxsize=4096)
def exact(at: datetime, zone: tzinfo) -> str:
    """Writes 2026-11-23 01:50:00 UTC · 02:50:00 Berlin; with the day where it
    is another one there, and with UTC−5 for Etc/GMT+5.
    """
    utc = at.astimezone(UTC)
    local = at.astimezone(zone)
    text = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    if local.utcoffset() == utc.utcoffset():
        return text
    city = zones.short_name(str(zone))
    if local.date() == utc.date():
        return f"{text} · {local:%H:%M:%S} {city}"
    return f"{text} · {local:%Y-%m-%d %H:%M:%S} {city}"


def _time(context: Context, at: datetime, text: str, form: str) -> SafeString:
    """`form`: how poll.js keeps the text true between two answers. In a row it is no stop
    of the Tab key.
    """
    return format_html(
        '<time datetime="{}" title="{}" data-t="{}" tabindex="{}">{}</time>',
        f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        exact(at, reader_zone(context)),
        form,
        -1 if "row_keys" in context else 0,
        text,
    )


def reader_zone(context: Context) -> tzinfo:
    """Returns the reader's zone; an error page has no reader."""
    zone: tzinfo = context["reader"].zone if "reader" in context else UTC
    return zone


def page_now(context: Context) -> datetime:
    """Returns the instant that the view read; a page without one has no times that differ."""
    now: datetime = context["now"] if "now" in context else timezone.now()
    return now


@register.simple_tag
def verdict_counts(counts: Mapping[str, int], written: bool) -> str:
    """Returns how many pasted entries have each verdict: “3 new, 1 already tracked, 2 twice”."""
    if counts["new"]:
        parts = [f"{thousands(counts['new'])} {'added' if written else 'new'}"]
    else:
        parts = ["nothing new"]
    phrases = {
        "already_tracked": "already tracked",
        "duplicate": "twice",
        "left_out": "left out",
        "invalid": "not an ID",
    }
    for verdict, phrase in phrases.items():
        if counts[verdict]:
            parts.append(f"{thousands(counts[verdict])} {phrase}")
    return ", ".join(parts)
