"""The cells of a row of the list: one small function for each way of writing a value."""

from collections.abc import Callable, Mapping

from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from backups.clouds.discover import Listed
from backups.templatetags.formatting import Row, instant, kind, none, number, when
from backups.web.columns import Column
from backups.web.volume_url import volume_url

register = template.Library()
SHORT_ID = 8  # characters
LONGEST_TEXT = 300  # characters of a description in a cell
LONGEST_TOOLTIP = 2000
_NOTHING = mark_safe('<span class="none">none</span>')
_UNKNOWN_ORIGIN = mark_safe(
    '<span class="none" title="The cloud names no disk that it is of: '
    'no disk here is judged by it.">'
    "unknown origin</span>"
)


@register.simple_tag(takes_context=True)
def cell(context: Context, column: Column, row: Row) -> SafeString:
    """Writes one <td> with the value of this column in it."""
    write = _WRITERS.get(column.field, _text)
    content = write(context, column.field, row)
    return format_html('<td role="cell" class="{}">{}</td>', column.classes, content)


@register.simple_tag(takes_context=True)
def cloud_error(context: Context, cloud: str) -> SafeString:
    """Writes why nothing is known of a backup whose cloud cannot be asked; nothing where it can."""
    errors = context.get("cloud_errors")
    error = errors.get(cloud) if errors else None
    if error is None:
        return mark_safe("")
    since = when(context, instant(error["since"]))
    message = error["message"]
    return format_html(
        '<span class="sub cut short" title="{}">its cloud, {}: {}</span>', message, since, message
    )


@register.simple_tag(takes_context=True)
def volume(context: Context, row: Row) -> SafeString:
    """Writes the volume by its label, its name in the cloud or the first part of its ID,
    leading to its page.
    """
    volume_id = row["volume_id"]
    if not volume_id:
        return none() if row.get("tracking_state") == "pending" else _UNKNOWN_ORIGIN
    names = context.get("volume_names")
    name = names.get((row["cloud"], volume_id)) if names else None
    id_class = "" if name else " id"
    text = name or volume_id
    if not name and len(volume_id) > SHORT_ID:
        text = f"{volume_id[:SHORT_ID]}…"
    href = volume_url(row["cloud"], volume_id)
    if href is None:
        return format_html(
            '<bdi class="cut short{}" title="{}">{}</bdi>', id_class, volume_id, text
        )
    return format_html(
        '<a class="cut short{}" href="{}" title="{}"><bdi>{}</bdi></a>',
        id_class,
        href,
        volume_id,
        text,
    )


@register.simple_tag(takes_context=True)
def listed_volume(context: Context, cloud: str, listed: Listed) -> SafeString:
    """Writes the volume of an entry that the cloud lists."""
    return volume(context, {"cloud": cloud, "volume_id": listed.volume_id})


def _text(_context: Context, field: str, row: Row) -> SafeString:
    value = row[field]
    if value is None or value == "":
        return none()
    return format_html('<span class="cut short" title="{}"><bdi>{}</bdi></span>', value, value)


def _long_text(_context: Context, field: str, row: Row) -> SafeString:
    value = row[field]
    if row["tracking_state"] == "pending":
        return none()
    if value is None or value == "":
        return _NOTHING
    return format_html(
        '<span class="cut" title="{}"><bdi>{}</bdi></span>',
        value[:LONGEST_TOOLTIP],
        value[:LONGEST_TEXT],
    )


def _number(_context: Context, field: str, row: Row) -> SafeString:
    return format_html("{}", number(row[field]))


def _flag(_context: Context, field: str, row: Row) -> SafeString:
    if row[field] is None:
        return none()
    return mark_safe("yes") if row[field] else mark_safe("no")


def _time(context: Context, field: str, row: Row) -> SafeString:
    return when(context, row[field])


def _volume_and_cloud(context: Context, _field: str, row: Row) -> SafeString:
    return format_html('{}<div class="sub">{}</div>', volume(context, row), row["cloud"])


def _kind(_context: Context, _field: str, row: Row) -> SafeString:
    return kind(row)


_WRITERS: Mapping[str, Callable[[Context, str, Row], SafeString]] = {
    "volume_id": _volume_and_cloud,
    "kind": _kind,
    "size": _number,
    "chain_size_mb": _number,
    "throughput_mb_s": _number,
    "space_saving_percent": _number,
    "object_count": _number,
    "created_at": _time,
    "updated_at": _time,
    "data_timestamp": _time,
    "tracked_at": _time,
    "encrypted": _flag,
    "has_dependent_backups": _flag,
    "description": _long_text,
    "note": _long_text,
}
