"""Charts for pages: figures in, a partial of SVG and words out. The geometry is in backups/web/charts/."""

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
    points: Sequence[tuple[date, int | None]], of: str, limit_mb: int | None = None, sentence: str = ""
) -> dict[str, Any]:
    return {"chart": growth.growth(points, limit_mb=limit_mb, of=of), "sentence": sentence}


@register.inclusion_tag("backups/partials/_chain_strip.html")
def chain_strip(chains: Sequence[Sequence[Member]], of: str, key: str, here: str = "") -> dict[str, Any]:
    """`key` makes the IDs of a strip its own, when a page has several."""
    return {"strip": chain.strip(chains, of=of, here=here or None), "key": key, "height": chain.HEIGHT}


@register.inclusion_tag("backups/partials/_protection_bar.html")
def protection_bar(counts: Mapping[str, int], rest: str = "") -> dict[str, Any]:
    """`rest`: what else the links keep in the query string."""
    return {"share": share.share(counts), "rest": rest}


@register.inclusion_tag("backups/partials/_spark.html")
def sparkline(days: Sequence[tuple[date, int]], key: str) -> dict[str, Any]:
    return {"spark": spark.spark(days), "key": key}


@register.simple_tag
def day_heads(days: Sequence[date]) -> SafeString:
    """The head of the grid: Sundays stand out, a month is named where it begins; a phone sees seven days."""
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
def day_cells(days: Sequence[date], words: Sequence[str], href: str = "") -> SafeString:
    """One cell a day. `href` ends where the day goes; failed and missed days are links to the backups of that day."""
    return format_html_join("", "{}", ((_cell(day, words[at], href, at, len(days)),) for at, day in enumerate(days)))


def _cell(day: date, word: str, href: str, at: int, n: int) -> SafeString:
    cell = status.DAYS[word]
    kind = f"{cell.shape}{'' if at >= n - PHONE_DAYS else ' old'}{' c-today' if at == n - 1 else ''}"
    title = f"{scale.day_words(day)}: {cell.text}"
    inner = format_html('<i aria-hidden="true">{}</i><span class="visually-hidden">{}</span>', cell.mark, cell.text)
    if word == "none":
        return format_html(
            '<td class="c {}" title="{}"><span class="visually-hidden">{}</span></td>', kind, title, cell.text
        )
    if href and word in ("failed", "missed"):
        link = f"{href}{day.isoformat()}"
        return format_html('<td class="c {}"><a href="{}" title="{}">{}</a></td>', kind, link, title, inner)
    return format_html('<td class="c {}" title="{}">{}</td>', kind, title, inner)
