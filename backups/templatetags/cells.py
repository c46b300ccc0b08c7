"""The cells of a row of the list: one small function for each way of writing a value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django import template
from django.template import Context
from django.utils.safestring import SafeString, mark_safe

from backups.clouds.discover import Listed
from backups.templatetags.formatting import Row, instant, kind, none, number, size, size_in, when
from backups.templatetags.markup import format_html, format_html_join
from backups.web import page_urls
from backups.web.columns import GIVEN, Column, Form, Room, room_in
from backups.web.volume_url import volume_url

register = template.Library()
SHORT_ID = 8  # characters
LONGEST_TEXT = 300  # characters of a description in a cell
LONGEST_TOOLTIP = 2000
LONGEST_REASON = 160
LONGEST_REASON_TOOLTIP = 600
LONGEST_LABEL = 80
TAGS_SHOWN = 4
_ROOM = (
    '<td role="cell" class="room {}" colspan="{}" title="{}"><span class="sub cut">{}</span></td>'
)
_EMPTY_ROOM = '<td role="cell" class="{}" colspan="{}"></td>'
_PICK = (
    '<td role="cell" class="pick"><input class="form-check-input" type="checkbox" name="id" '
    'value="{}" aria-label="Select {}"{}></td>'
)
_NAME = (
    '<th role="rowheader" scope="row" class="name">'
    '<span class="line"><a class="cut" id="a-{}" href="{}" title="{}">{}</a>{}</span>'
    '<span class="id cut">{}</span><span class="sub phone-only">{} · {}{}</span></th>'
)
_NO_NAME = mark_safe('<span class="none">no name</span>')
_NOTHING = mark_safe('<span class="none">none</span>')
_UNKNOWN_ORIGIN = mark_safe(
    '<span class="none" title="The cloud names no disk that it is of: '
    'no disk here is judged by it.">'
    "unknown origin</span>"
)


@dataclass(frozen=True)
class Reason:
    """Why a backup is not what it should be, and the columns of its row that have room for it."""

    text: SafeString
    tooltip: str
    room: Room | None


@register.simple_tag(takes_context=True)
def reason(context: Context, row: Row) -> Reason | None:
    """Returns why a backup failed, was not answered, or why its cloud cannot be asked."""
    if row["fail_reason"]:
        tooltip = row["fail_reason"][:LONGEST_REASON_TOOLTIP]
        text = format_html("<bdi>{}</bdi>", row["fail_reason"][:LONGEST_REASON])
    elif row["error"]:
        tooltip = row["error"]["message"] or row["error"]["class"]
        text = format_html("{}", tooltip[:LONGEST_REASON])
    else:
        errors = context.get("cloud_errors") if row["tracking_state"] != "fresh" else None
        error = errors.get(row["cloud"]) if errors else None
        if error is None:
            return None
        tooltip = error["message"]
        since = when(context, instant(error["since"]))
        text = format_html("its cloud, {}: {}", since, tooltip)
    return Reason(text, tooltip, room_in(context["columns"].columns, row))


@register.simple_tag(takes_context=True)
def pick_cell(context: Context, row: Row) -> SafeString:
    """Writes the <td> of the box that picks a row; `all` in the context: all are picked."""
    label = (row["name"] or str(row["id"]))[:LONGEST_LABEL]
    checked = mark_safe(" checked") if context.get("all") else ""
    return format_html(_PICK, row["id"], label, checked)


@register.simple_tag
def name_cell(row: Row) -> SafeString:
    """Writes the <th> of a backup: its name, which leads to its page, its first tags and its ID; on
    a phone also what stands in columns elsewhere.
    """
    name = format_html("<bdi>{}</bdi>", row["name"]) if row["name"] else _NO_NAME
    tags = [(tag,) for tag in row["tags"][:TAGS_SHOWN]]
    chain_size = ""
    if row["chain_size_mb"] is not None:
        chain_size = format_html(" · {}", size(row["chain_size_mb"]))
    return format_html(
        _NAME,
        row["id"],
        page_urls.backup_url(row["id"]),
        row["name"] or "no name",
        name,
        format_html_join("", ' <bdi class="tag">{}</bdi>', tags),
        row["id"],
        row["cloud"],
        row["kind"],
        chain_size,
    )


@register.simple_tag(takes_context=True)
def cells(context: Context, row: Row, why: Reason | None = None) -> SafeString:
    """Writes a <td> for each column of `columns` in the context. What says why has the room of
    columns that hold nothing.
    """
    columns = context["columns"].columns
    if why is None or why.room is None:
        return _cells(context, columns, row)
    room = why.room
    in_room = mark_safe("")
    for one in room.cells:
        in_room += format_html(
            _ROOM if one.says else _EMPTY_ROOM, one.classes, one.span, why.tooltip, why.text
        )
    before = _cells(context, columns[: room.begin], row)
    return before + in_room + _cells(context, columns[room.end :], row)


def _cells(context: Context, columns: Sequence[Column], row: Row) -> SafeString:
    own = context["columns"].own
    written = []
    for column in columns:
        # A row on a phone is a block of lines: there the label of a chosen column stands by it.
        label = format_html(' data-label="{}"', column.label) if own else ""
        written.append((column.css, label, content(context, column, row)))
    return format_html_join("", '<td role="cell" class="{}"{}>{}</td>', written)


def content(context: Context, column: Column, row: Row) -> SafeString:
    """Writes what is in a cell of a column that any list may have."""
    return _WRITERS[column.form](context, column, row)


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


def _text(_context: Context, column: Column, row: Row) -> SafeString:
    value = row[column.field]
    if value is None or value == "":
        return none()
    return format_html('<span class="cut short" title="{}"><bdi>{}</bdi></span>', value, value)


def _long_text(_context: Context, column: Column, row: Row) -> SafeString:
    value = row[column.field]
    if row["tracking_state"] == "pending":
        return none()
    if value is None or value == "":
        return _NOTHING
    return format_html(
        '<span class="cut" title="{}"><bdi>{}</bdi></span>',
        value[:LONGEST_TOOLTIP],
        value[:LONGEST_TEXT],
    )


def _number(_context: Context, column: Column, row: Row) -> SafeString:
    return format_html("{}", number(row[column.field]))


def _size(context: Context, column: Column, row: Row) -> SafeString:
    return size_in(row[column.field], context["units"][column.field], GIVEN[column.form])


def _flag(_context: Context, column: Column, row: Row) -> SafeString:
    if row[column.field] is None:
        return none()
    return mark_safe("yes") if row[column.field] else mark_safe("no")


def _time(context: Context, column: Column, row: Row) -> SafeString:
    return when(context, row[column.field])


def _volume_and_cloud(context: Context, _column: Column, row: Row) -> SafeString:
    return format_html(
        '<div class="two">{}<div class="sub">{}</div></div>', volume(context, row), row["cloud"]
    )


def _kind(_context: Context, _column: Column, row: Row) -> SafeString:
    return kind(row)


_WRITERS: Mapping[Form, Callable[[Context, Column, Row], SafeString]] = {
    "text": _text,
    "long_text": _long_text,
    "number": _number,
    "mb": _size,
    "gb": _size,
    "flag": _flag,
    "time": _time,
    "kind": _kind,
    "volume_and_cloud": _volume_and_cloud,
}
