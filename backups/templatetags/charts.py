"""Charts for pages: figures in, a partial of SVG and texts out. The
geometry is in backups/web/charts/.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from backups.web import status
from backups.web.charts import chain, growth, outcomes, scale, share, spark
from backups.web.charts.chain import Member

register = template.Library()
PHONE_DAYS = 7
SUNDAY = 6  # of date.weekday()


@register.inclusion_tag("backups/partials/_chart_outcomes.html")
def outcomes_chart(days: Sequence[outcomes.Day]) -> dict[str, object]:
    return {"chart": outcomes.outcomes(days)}


@register.inclusion_tag("backups/partials/_chart_growth.html")
def growth_chart(
    points: Sequence[tuple[date, int | None]],
    of: str,
    limit_mb: int | None = None,
    sentence: str = "",
) -> dict[str, object]:
    return {"chart": growth.growth(points, limit_mb=limit_mb, of=of), "sentence": sentence}


@register.inclusion_tag("backups/partials/_chain_strip.html")
def chain_strip(
    chains: Sequence[Sequence[Member]],
    of: str,
    key: str,
    here: uuid.UUID | None = None,
    known: bool = True,
) -> dict[str, object]:
    """`key` makes the IDs of a strip its own, when a page has several; `here`: the ID of the backup
    to point at.
    """
    strip = chain.strip(chains, of=of, here=str(here) if here else None, known=known)
    return {"strip": strip, "key": key, "height": chain.HEIGHT}


@register.inclusion_tag("backups/partials/_protection_bar.html")
def protection_bar(counts: Mapping[str, int], rest: str = "") -> dict[str, object]:
    """`rest`: what else the links keep of the query string."""
    return {"share": share.share(counts), "rest": rest}


@register.inclusion_tag("backups/partials/_spark.html")
def sparkline(days: Sequence[tuple[date, int]], key: str) -> dict[str, object]:
    return {"spark": spark.spark(days), "key": key}


@register.simple_tag
def meter(percent: int) -> SafeString:
    """How much of a budget is used; the number stands beside it."""
    used = max(0, min(percent, 100)) * 56 // 100
    return format_html(
        '<svg width="56" height="4" aria-hidden="true">'
        '<rect class="f-line" width="56" height="4" rx="2"/>'
        '<rect class="f-mute" width="{}" height="4" rx="2"/></svg>',
        used,
    )


@register.simple_tag
def day_heads(days: Sequence[date]) -> SafeString:
    """Writes the head of the grid: Sundays stand out, a month is named where it begins; a phone
    sees seven days.
    """
    heads = []
    for number, day in enumerate(days):
        is_first_of_month = day.day == 1
        classes = " mon" if day.weekday() == SUNDAY or is_first_of_month else ""
        if number < len(days) - PHONE_DAYS:
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
        if cell.shape != "c-none":
            cells.setdefault(cell.shape, cell)
    key = '<li class="c {}" title="{}"><i aria-hidden="true">{}</i>{}</li>'
    keys = [(cell.shape, cell.tooltip, cell.mark, cell.text) for cell in cells.values()]
    return format_html_join("", key, keys)


@register.simple_tag
def day_cells(
    days: Sequence[date], day_states: Sequence[str], hrefs: Mapping[date, str]
) -> SafeString:
    """Writes one cell a day, today last; a day in `hrefs` is a link to what proves it."""
    cells = []
    for number, day in enumerate(days):
        days_ago = len(days) - 1 - number
        cells.append((_cell(day, day_states[number], hrefs.get(day, ""), days_ago),))
    return format_html_join("", "{}", cells)


def _cell(day: date, day_state: str, href: str, days_ago: int) -> SafeString:
    cell = status.DAYS[day_state]
    is_today = days_ago == 0
    text = "nothing was due so far" if day_state == "idle" and is_today else cell.text
    classes = cell.shape
    if days_ago >= PHONE_DAYS:
        classes += " old"
    if is_today:
        classes += " c-today"
    title = f"{scale.day_text(day)}: {text}"
    if day_state == "none":
        return format_html(
            '<td class="c {}" title="{}"><span class="visually-hidden">{}</span></td>',
            classes,
            title,
            cell.text,
        )
    content = format_html(
        '<i aria-hidden="true">{}</i><span class="visually-hidden">{}</span>', cell.mark, text
    )
    if href:
        return format_html(
            '<td class="c {}"><a href="{}" title="{}">{}</a></td>', classes, href, title, content
        )
    return format_html('<td class="c {}" title="{}">{}</td>', classes, title, content)
