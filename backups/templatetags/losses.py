"""What would be lost, in words of pages."""

from datetime import timedelta

from django import template

from backups.analysis import rules
from backups.analysis.gaps import Gap, Loss

register = template.Library()


@register.filter
def lasting(span: timedelta | int) -> str:
    """Writes a length, a number is one of seconds: 14 h, 2 days 3 h."""
    return rules.span(timedelta(seconds=span) if isinstance(span, int) else span)


@register.filter
def loss_tone(loss: Loss) -> str:
    """Returns the class of what would be lost: more than the rule allows, not sure, or neither."""
    if not loss.sure:
        return "is-unk"
    if loss.allowed_seconds is None:
        return ""
    is_allowed = loss.seconds is not None and loss.seconds <= loss.allowed_seconds
    return "" if is_allowed else "is-fail"


@register.filter
def gap_tone(gap: Gap, allowed_seconds: int | None) -> str:
    if not gap.sure:
        return "is-unk"
    if allowed_seconds is None or gap.length <= timedelta(seconds=allowed_seconds):
        return ""
    return "is-fail"
