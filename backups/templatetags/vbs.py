"""Filters of the pages: times, sizes, states, and what was not supplied."""

from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince

from backups.web.status import look

register = template.Library()
NONE = mark_safe('<span class="none">not supplied</span>')


@register.filter
def given(value: Any) -> Any:
    """The value, or *not supplied*, which is neither 0 nor "no"."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value


@register.filter
def age(value: datetime | None) -> Any:
    """`4 minutes ago`, the exact UTC time on hover."""
    if value is None:
        return NONE
    exact, now = value.astimezone(UTC), timezone.now()
    away = timesince(min(value, now), now, depth=1) if value <= now else timesince(now, value, depth=1)
    words = "just now" if away.startswith("0") else f"{away} ago" if value <= now else f"in {away}"
    return format_html('<time datetime="{}" title="{}">{}</time>', f"{exact:%FT%TZ}", f"{exact:%F %T} UTC", words)


@register.filter
def mb(value: int | None) -> Any:
    """Megabytes as given, large ones also scaled."""
    if value is None:
        return NONE
    if value < 10_240:
        return f"{value:,} MB"
    scaled, unit = (value / 1024, "GB") if value < 10 * 2**20 else (value / 2**20, "TB")
    return f"{value:,} MB ({scaled:,.1f} {unit})"


@register.simple_tag
def state(row: dict[str, Any]) -> SafeString:
    """Shape, word and colour of a backup row."""
    found = look(row["status"], row["tracking_state"])
    return format_html(
        '<span class="st st-{}" title="{}"><svg class="g" aria-hidden="true"><use href="#g-{}"/></svg>'
        "<span>{}</span></span>",
        found.tone,
        found.tip,
        found.glyph,
        found.text,
    )
