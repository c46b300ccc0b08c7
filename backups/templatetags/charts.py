"""Charts for pages: figures in, a partial of SVG and texts out. The
geometry is in backups/web/charts/.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from backups.web.charts import chain, growth, outcomes, share, spark
from backups.web.charts.chain import Member

register = template.Library()


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
