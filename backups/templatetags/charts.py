"""Charts for pages: figures in, a partial of SVG and texts out. The
geometry is in backups/web/charts/.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta, tzinfo

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from backups.analysis.calendar import midnight
from backups.templatetags.formatting import page_now, reader_zone
from backups.templatetags.markup import format_html
from backups.web.charts import chain, growth, outcomes, share, spark
from backups.web.charts.chain import Member

register = template.Library()


@dataclass(frozen=True)
class OutcomesRow:
    """A day of the table below the chart. The addresses are of the lists of exactly the backups
    that were counted; empty for none.
    """

    column: outcomes.Column
    good_href: str
    failed_href: str


@register.inclusion_tag("backups/partials/_chart_outcomes.html", takes_context=True)
def outcomes_chart(context: Context, days: Sequence[outcomes.Day]) -> dict[str, object]:
    chart = outcomes.outcomes(days)
    zone = reader_zone(context)
    rows = [_outcomes_row(column, zone) for column in reversed(chart.columns)]
    return {"chart": chart, "rows": rows, "zero": outcomes.LINE / outcomes.HEIGHT}


def _outcomes_row(column: outcomes.Column, zone: tzinfo) -> OutcomesRow:
    begin = midnight(column.day, zone).astimezone(UTC)
    end = midnight(column.day + timedelta(days=1), zone).astimezone(UTC) - timedelta(seconds=1)
    span = {
        "made_at_after": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
        "made_at_before": f"{end:%Y-%m-%dT%H:%M:%SZ}",
    }
    good = urlencode({"outcome": "good", **span})
    failed = urlencode({"outcome": "failed", **span})
    return OutcomesRow(
        column,
        good_href=f"{reverse('backups')}?{good}" if column.good else "",
        failed_href=f"{reverse('backups')}?{failed}" if column.failed else "",
    )


@register.inclusion_tag("backups/partials/_chart_growth.html", takes_context=True)
def growth_chart(
    context: Context,
    points: Sequence[tuple[date, int | None]],
    of: str,
    limit_mb: int | None = None,
    sentence: str = "",
) -> dict[str, object]:
    today = page_now(context).astimezone(UTC).date()  # What is stored is counted by days of UTC.
    chart = growth.growth(points, limit_mb=limit_mb, of=of, today=today)
    return {"chart": chart, "sentence": sentence}


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
