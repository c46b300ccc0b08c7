"""The grid of days: a cell for each, or a whole row as one drawing."""

from functools import lru_cache

from django import template
from django.utils.safestring import SafeString

from backups.analysis.days import DayState, runs
from backups.templatetags.markup import format_html, format_html_join
from backups.web import status
from backups.web.grid import LETTERS, WITH_BACKUPS, Grid
from backups.web.volume_row import VolumeRow

register = template.Library()
PHONE_DAYS = 7
SUNDAY = 6  # of date.weekday()
HEIGHT = 24
# Where the line of a state stands in a row that is one drawing; its width is in vbsdash.css.
_MIDDLE = 12
_UNKEPT = 23  # below all of them
_HEIGHTS: dict[str, int] = {"missed": 20, "overdue": 18, "flight": 18}


@register.simple_tag
def day_heads(grid: Grid) -> SafeString:
    """Writes the head of the grid: Sundays stand out, a month is named where it begins; where the
    reader did not choose, a phone sees seven days.
    """
    heads = []
    days = grid.days
    for number, day in enumerate(days):
        is_first_of_month = day.day == 1
        classes = " mon" if day.weekday() == SUNDAY or is_first_of_month else ""
        if not grid.own and number < len(days) - PHONE_DAYS:
            classes += " old"
        month = f"{day:%b}" if number == 0 or is_first_of_month else "\u00a0"
        heads.append((classes, f"{day:%A}", day.day, month))
    head = '<th scope="col" class="d{}"><span class="visually-hidden">{} </span>{}<br>{}</th>'
    return format_html_join("", head, heads)


@register.simple_tag
def day_keys() -> SafeString:
    """Writes what the shapes mean; of states with one shape the first stands for all."""
    cells: dict[str, status.Cell] = {}
    for cell in status.DAYS.values():
        cells.setdefault(cell.shape, cell)
    key = '<li class="c {}" title="{}"><i aria-hidden="true">{}</i>{}</li>'
    keys = [(cell.shape, cell.tooltip, cell.mark, cell.text) for cell in cells.values()]
    unkept = status.UNKEPT
    keys.append((unkept.shape, unkept.tooltip, unkept.mark, unkept.text))
    return format_html_join("", key, keys)


@register.simple_tag
def day_cells(grid: Grid, volume: VolumeRow) -> SafeString:
    """Writes one cell a day, today last. A day on which a backup was made leads to what was made,
    on a disk that has a page.
    """
    page = volume.page
    cells = []
    for number, day in enumerate(grid.days):
        day_state = volume.day_states[number]
        href = ""
        if page is not None and LETTERS[day_state] in WITH_BACKUPS:
            href = f"{page}day/{day.isoformat()}/"
        days_ago = len(grid.days) - 1 - number
        is_old = not grid.own and days_ago >= PHONE_DAYS
        text = _text(day_state, is_today=days_ago == 0, is_overdue=volume.is_overdue)
        unkept = volume.unkept.get(number)
        if unkept is not None:
            text = f"{text}; {unkept}"
        cell = _cell(
            day_state,
            text,
            href,
            days_ago=days_ago,
            is_old=is_old,
            is_unkept=unkept is not None,
        )
        cells.append((cell,))
    return format_html_join("", "{}", cells)


def _text(day_state: DayState, *, is_today: bool, is_overdue: bool) -> str:
    text = status.DAYS[day_state].text
    if not is_today:
        return text
    if day_state == "idle":
        return "nothing was due so far"
    if is_overdue and day_state in ("failed", "missed", "flight"):
        return f"{text}; overdue today"
    return text


@lru_cache(maxsize=4096)
def _cell(
    day_state: DayState,
    text: str,
    href: str,
    *,
    days_ago: int,
    is_old: bool,
    is_unkept: bool,
) -> SafeString:
    """Writes the state of a day; which day it is says the head of its column, and the card.

    Only today's cell is a stop of the Tab key; from there the script moves by the arrow keys.
    """
    cell = status.DAYS[day_state]
    classes = cell.shape
    if is_old:
        classes += " old"
    if is_unkept:
        classes += " unkept"
    if days_ago == 0:
        classes += " c-today"
    tabindex = 0 if days_ago == 0 else -1
    if href:
        return format_html(
            '<td class="c {}" tabindex="{}">'
            '<a href="{}" title="{}" tabindex="-1"><i>{}</i></a></td>',
            classes,
            tabindex,
            href,
            text,
            cell.mark,
        )
    return format_html(
        '<td class="c {}" tabindex="{}" title="{}"><i>{}</i>'
        '<span class="visually-hidden">{}</span></td>',
        classes,
        tabindex,
        text,
        cell.mark,
        text,
    )


@register.simple_tag
def day_track(grid: Grid, volume: VolumeRow) -> SafeString:
    """Draws all days of a row as lines, one path for each shape, which is what a year of many disks
    costs least in.
    """
    paths: dict[str, list[str]] = {}
    for run in runs(volume.day_states):
        y = _HEIGHTS.get(run.state, _MIDDLE)
        shape = status.DAYS[run.state].shape
        paths.setdefault(shape, []).append(f"M{run.first} {y}h{run.length}")
    for number in volume.unkept:
        paths.setdefault("unkept", []).append(f"M{number} {_UNKEPT}h1")
    lines = format_html_join(
        "", '<path class="{}" d="{}"/>', [(shape, "".join(d)) for shape, d in paths.items()]
    )
    return format_html(
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        len(grid.days),
        HEIGHT,
        volume.days_in_words,
        lines,
    )


@register.simple_tag
def month_heads(grid: Grid) -> SafeString:
    """Writes the names of months where they begin, over rows that are drawings."""
    names = [(month.at, month.name) for month in grid.months]
    texts = format_html_join("", '<text x="{}%" y="12">{}</text>', names)
    return format_html('<svg width="100%" height="16" aria-hidden="true">{}</svg>', texts)
