"""Words, times and sizes as pages show them. What a cloud gave is escaped and set apart for
right-to-left text.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from django import template
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from lucide.templatetags.lucide import lucide

from backups.web import status as words
from backups.web.status import Badge
from backups.web.volume_address import volume_url

register = template.Library()
_NONE = mark_safe('<span class="none" title="not supplied">–</span>')
_STEPS = (
    (timedelta(days=730), 365 * 86400, "y"),
    (timedelta(days=2), 86400, "d"),
    (timedelta(hours=2), 3600, "h"),
)


@register.simple_tag
def none() -> SafeString:
    """Not supplied: that is not 0 and not “no”."""
    return _NONE


@register.filter
def given(value: Any) -> Any:
    """The value in a <bdi>, or “–”; 0 and false are values."""
    return _NONE if value is None or value == "" else format_html("<bdi>{}</bdi>", value)


@register.simple_tag
@lru_cache(maxsize=64)
def icon(name: str) -> SafeString:
    """A Lucide icon, inlined."""
    return mark_safe(lucide(name, size=None, **{"class": "i", "aria-hidden": "true"}))  # noqa: S308 - out of the wheel


@register.simple_tag
def volume_href(cloud: str, volume_id: str) -> SafeString:
    """The attribute `href` of a link to a disk's page; nothing, which makes it plain text, where
    there can be none.
    """
    url = volume_url(cloud, volume_id)
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
    """Shape, word and colour, in that order."""
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
def status(context: Mapping[str, Any], row: Mapping[str, Any]) -> SafeString:
    """The status of a row that holds `status`, `tracking_state`, `progress` and perhaps
    `stuck_at`.
    """
    return state(_badge(context, row))


@register.simple_tag
def status_word(word: str) -> SafeString:
    """A status by itself, as the cloud writes it."""
    return state(replace(words.of_status(word), text=word))


@register.simple_tag(takes_context=True)
def status_badge(context: Mapping[str, Any], row: Mapping[str, Any]) -> Badge:
    return _badge(context, row)


@register.simple_tag
def kind(row: Mapping[str, Any]) -> SafeString:
    """Full or incremental; a pending backup has neither."""
    badge = words.KINDS[row["kind"]]
    if row["tracking_state"] == "pending":
        return _NONE
    mark = format_html(
        '<span class="kind" title="{}">'
        '<svg class="g" aria-hidden="true"><use href="#{}"></use></svg>{}</span>',
        badge.tooltip,
        badge.glyph,
        badge.text,
    )
    if not row["kind_conflict"]:
        return mark
    why = "Two signals that should agree on the kind do not"
    return format_html(
        '{} <span class="is-warn" title="{}">'
        '<svg class="g" aria-hidden="true"><use href="#g-late"></use></svg>'
        '<span class="visually-hidden">{}</span></span>',
        mark,
        why,
        why,
    )


@register.simple_tag(takes_context=True)
def when(context: Mapping[str, Any], at: datetime | None) -> SafeString:
    """“5 h ago” or “in 6 s”, with the exact UTC and the reader's own time in the title."""
    return _NONE if at is None else _time(context, at, relative(at, _now(context)), "ago")


@register.simple_tag(takes_context=True)
def age(
    context: Mapping[str, Any], at: datetime | None, tracking_state: str = "fresh"
) -> SafeString:
    """How old knowledge is, in short; violet and dashed when it is too old."""
    tone = "age age-stale" if tracking_state == "stale" else "age"
    if at is None:
        return format_html('<span class="{}">never</span>', tone)
    return format_html(
        '<span class="{}">{}</span>', tone, _time(context, at, span(_now(context) - at), "span")
    )


@register.simple_tag(takes_context=True)
def live(context: Mapping[str, Any], every: int = 30, etag: str = "") -> SafeString:
    """What makes an element the page's live region: asked again every so many seconds, only changes
    are put in.
    """
    if not context.get("live", True):
        return mark_safe('id="live"')
    return format_html(
        'id="live" data-poll data-poll-seconds="{}" data-etag="{}" hx-get="{}" hx-trigger="poll" '
        'hx-select="#live" '
        'hx-select-oob="#attention-n" hx-swap="morph" hx-ext="morph"',
        every,
        etag,
        context["path"],
    )


@register.simple_tag(takes_context=True)
def on(context: Mapping[str, Any], at: datetime) -> SafeString:
    """The day, or the time of today, in the reader's zone: Sat 21 Nov, today 05:52."""
    zone = context["reader"].zone if "reader" in context else UTC
    here, today = at.astimezone(zone), _now(context).astimezone(zone).date()
    day = (
        f"{here:%a} {here.day} {here:%b}"
        if (today - here.date()).days < 300
        else f"{here.day} {here:%b %Y}"
    )
    text = f"today {here:%H:%M}" if here.date() == today else day
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.astimezone(UTC).isoformat(),
        exact(at, zone),
        text,
    )


@register.simple_tag(takes_context=True)
def ago(context: Mapping[str, Any], at: datetime) -> SafeString:
    """How long ago, without the word, for a column that says so: 3 d 6 h."""
    return _time(context, at, span(_now(context) - at), "span")


@register.filter
def until(at: datetime, now: datetime) -> str:
    """How long it is from one instant to the other: 1 h 50 min."""
    return span(now - at)


@register.filter
def instant(text: str) -> datetime | None:
    """A time that was kept as text."""
    return parse_datetime(text)


@register.filter
def told(value: Any) -> str:
    """A value of a change in a few words; null is said, a list or an object is JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:119]}…"


@register.filter
def rounded(value: float) -> str:
    """Whole numbers with thousands set apart; small ones keep a digit."""
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.1f}"


@register.filter
def number(value: float | None) -> Any:
    return _NONE if value is None else f"{value:,}"


@register.filter
def scaled(mb: int | None) -> str:
    """A large number of MB in GB or TB, steps of 1024; a small one needs no second form."""
    if mb is None or mb < 1024:
        return ""
    return f"{mb / 1024:.3g} GB" if mb < 1000 * 1024 else f"{mb / 1024**2:,.2f} TB"


def relative(at: datetime, now: datetime) -> str:
    return f"{span(now - at)} ago" if at <= now else f"in {span(at - now)}"


def span(length: timedelta) -> str:
    """A length of time with its unit, rounded down: 4 s, 21 min, 1 h 50 min, 5 h, 3 d."""
    seconds = max(0, int(length.total_seconds()))
    for least, unit, name in _STEPS:
        if length >= least:
            return f"{seconds // unit} {name}"
    minutes = seconds // 60
    if minutes >= 60 and length < timedelta(hours=2):
        return f"1 h {minutes - 60} min" if minutes > 60 else "1 h"
    return f"{minutes} min" if minutes else f"{seconds} s"


def exact(at: datetime, zone: tzinfo) -> str:
    """2026-11-23 01:50:00 UTC · 02:50:00 Berlin; with the day where it is another one there."""
    utc, own = at.astimezone(UTC), at.astimezone(zone)
    text = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    if own.utcoffset() == utc.utcoffset():
        return text
    city = str(zone).rsplit("/", 1)[-1].replace("_", " ")
    return (
        f"{text} · {own:{'%H:%M:%S' if own.date() == utc.date() else '%Y-%m-%d %H:%M:%S'}} {city}"
    )


def _time(context: Mapping[str, Any], at: datetime, text: str, form: str) -> SafeString:
    """`form`: how poll.js keeps the text true between two answers. In a row it is no stop of the
    Tab key.
    """
    zone = context["reader"].zone if "reader" in context else UTC
    return format_html(
        '<time datetime="{}" title="{}" data-t="{}" tabindex="{}">{}</time>',
        f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        exact(at, zone),
        form,
        -1 if "row_keys" in context else 0,
        text,
    )


def _now(context: Mapping[str, Any]) -> datetime:
    """The instant that the view read; a page without one has no times that differ."""
    now: datetime = context["now"] if "now" in context else timezone.now()
    return now


def _badge(context: Mapping[str, Any], row: Mapping[str, Any]) -> Badge:
    stuck_at = row.get("stuck_at")
    return words.of_backup(
        status=row["status"],
        tracking_state=row["tracking_state"],
        progress=row["progress"],
        stuck=stuck_at is not None and stuck_at <= _now(context),
    )


@register.simple_tag
def verdict_counts(counts: Mapping[str, int], written: bool) -> str:
    """Returns how many pasted entries have each verdict: “3 new, 1 already tracked, 2 twice”."""
    if counts["new"]:
        parts = [f"{counts['new']:,} {'added' if written else 'new'}"]
    else:
        parts = ["nothing new"]
    phrases = {"already_tracked": "already tracked", "duplicate": "twice", "invalid": "not an ID"}
    for verdict, phrase in phrases.items():
        if counts[verdict]:
            parts.append(f"{counts[verdict]:,} {phrase}")
    return ", ".join(parts)
