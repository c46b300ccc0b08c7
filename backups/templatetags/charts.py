"""Charts for pages: figures in, a partial of SVG and words out. The geometry is in
backups/web/charts/.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from backups.web import status
from backups.web.charts import chain, growth, outcomes, scale, share, spark
from backups.web.charts.chain import Member

register = template.Library()
PHONE_DAYS = 7


@register.inclusion_tag("backups/partials/_chart_outcomes.html")
def outcomes_chart(days: Sequence[outcomes.Day]) -> dict[str, Any]:
    return {"chart": outcomes.outcomes(days)}


@register.inclusion_tag("backups/partials/_chart_growth.html")
def growth_chart(
    points: Sequence[tuple[date, int | None]],
    of: str,
    limit_mb: int | None = None,
    sentence: str = "",
) -> dict[str, Any]:
    return {"chart": growth.growth(points, limit_mb=limit_mb, of=of), "sentence": sentence}


@register.inclusion_tag("backups/partials/_chain_strip.html")
def chain_strip(
    chains: Sequence[Sequence[Member]], of: str, key: str, here: Any = None, known: bool = True
) -> dict[str, Any]:
    """`key` makes the IDs of a strip its own, when a page has several; `here`: the ID of the backup
    to point at.
    """
    strip = chain.strip(chains, of=of, here=str(here) if here else None, known=known)
    return {"strip": strip, "key": key, "height": chain.HEIGHT}


@register.inclusion_tag("backups/partials/_protection_bar.html")
def protection_bar(counts: Mapping[str, int], rest: str = "") -> dict[str, Any]:
    """`rest`: what else the links keep of the query string."""
    return {"share": share.share(counts), "rest": rest}


@register.inclusion_tag("backups/partials/_spark.html")
def sparkline(days: Sequence[tuple[date, int]], key: str) -> dict[str, Any]:
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
    """The head of the grid: Sundays stand out, a month is named where it begins; a phone sees seven
    days.
    """
    cells = (
        (
            " mon" if day.weekday() == 6 or day.day == 1 else "",
            "" if at >= len(days) - PHONE_DAYS else " old",
            f"{day:%A}",
            day.day,
            f"{day:%b}" if at == 0 or day.day == 1 else "\u00a0",
        )
        for at, day in enumerate(days)
    )
    head = '<th scope="col" class="d{}{}"><span class="visually-hidden">{} </span>{}<br>{}</th>'
    return format_html_join("", head, cells)


@register.simple_tag
def day_keys() -> SafeString:
    """What the shapes mean; one that looks like another stands once."""
    cells = {cell.shape: cell for cell in reversed(status.DAYS.values()) if cell.shape != "c-none"}
    key = '<li class="c {}" title="{}"><i aria-hidden="true">{}</i>{}</li>'
    return format_html_join(
        "", key, ((c.shape, c.tooltip, c.mark, c.text) for c in reversed(cells.values()))
    )


@register.simple_tag
def day_cells(days: Sequence[date], words: Sequence[str], hrefs: Mapping[date, str]) -> SafeString:
    """One cell a day; a day in `hrefs` is a link to what proves it."""
    cells = (
        _cell(day, words[at], hrefs.get(day, ""), at, len(days)) for at, day in enumerate(days)
    )
    return format_html_join("", "{}", ((cell,) for cell in cells))


def _cell(day: date, word: str, link: str, at: int, n: int) -> SafeString:
    cell = status.DAYS[word]
    text = "nothing was due so far" if word == "idle" and at == n - 1 else cell.text
    kind = (
        f"{cell.shape}{'' if at >= n - PHONE_DAYS else ' old'}{' c-today' if at == n - 1 else ''}"
    )
    title = f"{scale.day_words(day)}: {text}"
    inner = format_html(
        '<i aria-hidden="true">{}</i><span class="visually-hidden">{}</span>', cell.mark, text
    )
    if word == "none":
        return format_html(
            '<td class="c {}" title="{}"><span class="visually-hidden">{}</span></td>',
            kind,
            title,
            cell.text,
        )
    if link:
        return format_html(
            '<td class="c {}"><a href="{}" title="{}">{}</a></td>', kind, link, title, inner
        )
    return format_html('<td class="c {}" title="{}">{}</td>', kind, title, inner)
