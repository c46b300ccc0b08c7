"""The cells of a row of the list of disks: one small function for each column of its own; what any
list may have is written by `cells.py`.
"""

from collections.abc import Callable, Mapping

from django import template
from django.template import Context
from django.utils.safestring import SafeString, mark_safe

from backups.templatetags.cells import content
from backups.templatetags.formatting import ago, none, state, volume_href
from backups.templatetags.losses import gap_tone, lasting, loss_tone
from backups.templatetags.markup import format_html, format_html_join
from backups.web.policy_rows import policy_url
from backups.web.status import SCHEDULES, of_run
from backups.web.volume_row import VolumeRow

register = template.Library()
_PICK = (
    '<td class="pick"><input class="form-check-input" type="checkbox" name="volume" value="{}" '
    'aria-label="Pick {}"{}></td>'
)
_NAME = (
    '<th scope="row" class="volume"><a class="cut" {} title="{}"><bdi>{}</bdi></a> '
    '<span class="sub p2">{}</span>{}<span class="phone-only">{}</span></th>'
)
_RULE = '{}<div class="sub cut rule" title="{}"><bdi>{}</bdi></div>'
_NOT_KNOWN = mark_safe('<span class="none">not known</span>')
_NOT_SURE = mark_safe(' title="As far as is known"')
_GOES_ON = mark_safe('<div class="sub">goes on</div>')


@register.simple_tag(takes_context=True)
def volume_pick(context: Context, row: VolumeRow) -> SafeString:
    """Writes the <td> of the box that picks a disk, which stays picked after a refused form."""
    key = f"{row.state.cloud}/{row.state.volume_id}"
    checked = mark_safe(" checked") if key in context["picked"] else ""
    return format_html(_PICK, key, row.title, checked)


@register.simple_tag
def volume_name(row: VolumeRow) -> SafeString:
    """Writes the <th> of a disk: its name, which leads to its page, its cloud and its tags; on a
    phone its state.
    """
    volume = row.state
    tags = [(tag,) for tag in volume.tags]
    return format_html(
        _NAME,
        volume_href(volume.cloud, volume.volume_id),
        volume.title,
        row.title,
        volume.cloud,
        format_html_join("", ' <bdi class="tag p2">{}</bdi>', tags),
        state(row.badge),
    )


@register.simple_tag(takes_context=True)
def volume_cells(context: Context, row: VolumeRow) -> SafeString:
    """Writes a <td> for each column of `columns` in the context."""
    written = []
    for column in context["columns"].columns:
        write = _WRITERS.get(column.field)
        if write is None:
            values = {column.field: getattr(row.state, column.field)}
            written.append((column.css, content(context, column, values)))
        else:
            written.append((column.css, write(context, row)))
    return format_html_join("", '<td class="{}">{}</td>', written)


def _protection(_context: Context, row: VolumeRow) -> SafeString:
    return format_html(_RULE, state(row.badge), row.short, row.short)


def _loss(context: Context, row: VolumeRow) -> SafeString:
    loss = row.state.loss
    if row.state.protection == "deleted" and loss.seconds is not None:
        return format_html('<span title="Before it was gone">{}</span>', lasting(loss.seconds))
    if loss.restore_point_at is not None:
        is_sure = "" if loss.sure else _NOT_SURE
        age = ago(context, loss.restore_point_at)
        allowed = ""
        if loss.allowed_seconds is not None:
            allowed = format_html('<div class="sub">of {}</div>', lasting(loss.allowed_seconds))
        return format_html('<span class="{}"{}>{}</span>{}', loss_tone(loss), is_sure, age, allowed)
    if loss.sure:
        return format_html('<span class="{}">all of it</span>', loss_tone(loss) or "none")
    return _NOT_KNOWN


def _worst_gap(_context: Context, row: VolumeRow) -> SafeString:
    gap = row.state.gap
    if gap is None:
        return _NOT_KNOWN
    at_most = "" if gap.sure else "at most "
    goes_on = "" if gap.end_id else _GOES_ON
    return format_html(
        '<span class="{}" title="Of {}">{}{}</span>{}',
        gap_tone(gap, None),
        gap.window_in_words,
        at_most,
        lasting(gap.length),
        goes_on,
    )


def _days_in_words(_context: Context, row: VolumeRow) -> SafeString:
    return format_html("{}", row.days_in_words)


def _schedule(_context: Context, row: VolumeRow) -> SafeString:
    return state(SCHEDULES[row.state.schedule])


def _policy(_context: Context, row: VolumeRow) -> SafeString:
    volume = row.state
    if volume.policy_id is None or volume.policy_cloud is None:
        return none()
    title = volume.policy_name or volume.policy_id
    href = policy_url(volume.policy_cloud, volume.policy_id)
    text = format_html("<bdi>{}</bdi>", title)
    if href is None:
        return format_html('<span class="cut short" title="{}">{}</span>', title, text)
    return format_html('<a class="cut short" href="{}" title="{}">{}</a>', href, title, text)


def _last_run(_context: Context, row: VolumeRow) -> SafeString:
    outcome = row.state.last_run_outcome
    return none() if outcome is None else state(of_run(outcome))


_WRITERS: Mapping[str, Callable[[Context, VolumeRow], SafeString]] = {
    "protection": _protection,
    "loss": _loss,
    "worst_gap": _worst_gap,
    "days_in_words": _days_in_words,
    "schedule": _schedule,
    "policy_name": _policy,
    "last_run_outcome": _last_run,
}
