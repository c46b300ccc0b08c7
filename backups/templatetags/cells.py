"""The cells of a row of the list: one small function for each way of writing a value."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from backups.templatetags.formatting import instant, kind, none, number, when
from backups.web.columns import Column
from backups.web.volume_address import volume_url

register = template.Library()
Context = Mapping[str, Any]
Row = Mapping[str, Any]
_NOTHING = mark_safe('<span class="none">none</span>')
_UNKNOWN_ORIGIN = mark_safe(
    '<span class="none" title="The cloud names no disk that it is of: '
    'no disk here is judged by it.">'
    "unknown origin</span>"
)
_YES, _NO = mark_safe("yes"), mark_safe("no")


@register.simple_tag(takes_context=True)
def cell(context: Context, column: Column, row: Row) -> SafeString:
    """One <td> with the value of this column in it."""
    inner = _WRITERS.get(column.word, _text)(context, column.word, row)
    return format_html('<td role="cell" class="{}">{}</td>', column.classes, inner)


@register.simple_tag(takes_context=True)
def cloud_error(context: Context, cloud: str) -> SafeString:
    """Why nothing is heard of a backup whose cloud cannot be asked; nothing where it can."""
    error = context.get("cloud_errors", {}).get(cloud)
    if error is None:
        return mark_safe("")
    since = when(context, instant(error["since"]))
    message = error["message"]
    return format_html(
        '<span class="sub cut short" title="{}">its cloud, {}: {}</span>', message, since, message
    )


@register.simple_tag(takes_context=True)
def volume(context: Context, row: Row) -> SafeString:
    """The disk by its label, its name in the cloud or the first part of its ID, leading to its
    page.
    """
    volume_id = row["volume_id"]
    if not volume_id:
        return none() if row.get("tracking_state") == "pending" else _UNKNOWN_ORIGIN
    name = context.get("volume_names", {}).get((row["cloud"], volume_id))
    shown = name or (volume_id if len(volume_id) <= 8 else f"{volume_id[:8]}…")
    tone = "" if name else " id"
    href = volume_url(row["cloud"], volume_id)
    if href is None:
        return format_html('<bdi class="cut short{}" title="{}">{}</bdi>', tone, volume_id, shown)
    return format_html(
        '<a class="cut short{}" href="{}" title="{}"><bdi>{}</bdi></a>',
        tone,
        href,
        volume_id,
        shown,
    )


@register.simple_tag(takes_context=True)
def listed_volume(context: Context, cloud: str, listed: Any) -> SafeString:
    """The disk of an entry that the cloud lists."""
    return volume(context, {"cloud": cloud, "volume_id": listed.volume_id})


def _text(_context: Context, word: str, row: Row) -> SafeString:
    value = row[word]
    if value is None or value == "":
        return none()
    return format_html('<span class="cut short" title="{}"><bdi>{}</bdi></span>', value, value)


def _long(_context: Context, word: str, row: Row) -> SafeString:
    value = row[word]
    if row["tracking_state"] == "pending":
        return none()
    if value is None or value == "":
        return _NOTHING
    shown = value[:300]
    return format_html('<span class="cut" title="{}"><bdi>{}</bdi></span>', value[:2000], shown)


def _number(_context: Context, word: str, row: Row) -> SafeString:
    return format_html("{}", number(row[word]))


def _flag(_context: Context, word: str, row: Row) -> SafeString:
    return none() if row[word] is None else _YES if row[word] else _NO


def _when(context: Context, word: str, row: Row) -> SafeString:
    at: datetime | None = row[word]
    return when(context, at)


def _volume(context: Context, _word: str, row: Row) -> SafeString:
    return format_html('{}<div class="sub">{}</div>', volume(context, row), row["cloud"])


def _kind(_context: Context, _word: str, row: Row) -> SafeString:
    return kind(row)


_WRITERS: Mapping[str, Callable[[Context, str, Row], SafeString]] = {
    "volume_id": _volume,
    "kind": _kind,
    **dict.fromkeys(
        ("size", "chain_size_mb", "throughput_mb_s", "space_saving_percent", "object_count"),
        _number,
    ),
    **dict.fromkeys(("created_at", "updated_at", "data_timestamp", "tracked_at"), _when),
    **dict.fromkeys(("encrypted", "has_dependent_backups"), _flag),
    **dict.fromkeys(("description", "note"), _long),
}
