"""A disk in words: its rule in short, the sentence on top of its page, and what to do next."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.http import urlencode

from backups.analysis.chains import Member
from backups.analysis.days import DayState, Watch, day_states
from backups.analysis.rules import span
from backups.reports.volumes import VolumeState
from backups.web import status
from backups.web.status import Badge


@dataclass(frozen=True)
class VolumeRow:
    """A row of the grid. `hrefs`: the days that are links to the backups of that day."""

    state: VolumeState
    badge: Badge
    short: str
    words: tuple[DayState, ...]
    hrefs: dict[date, str]

    @property
    def known(self) -> bool:
        return self.state.protection != "unknown"

    @property
    def title(self) -> str:
        """Its label, else its name in the cloud's list, else the first eight characters of its
        ID.
        """
        return self.state.label or self.state.name or self.state.volume_id[:8]


def volume_of(
    state: VolumeState, days: tuple[date, ...], zone: ZoneInfo, now: datetime
) -> VolumeRow:
    members = [member for chain in state.chains for member in chain.members]
    watch = Watch(
        None if state.protection in ("exempt", "deleted") else state.in_force.rule,
        state.first_seen_at,
        state.known_until,
    )
    words = day_states(members, watch, days=days, zone=zone, now=now)
    badge = status.PROTECTION[state.protection]
    badge = Badge(badge.tone, badge.glyph, badge.text, state.why or badge.tooltip)
    hrefs = {
        day: day_link(state, day, zone)
        for day, word in zip(days, words, strict=True)
        if word == "failed"
    }
    return VolumeRow(state, badge, short(state), words, hrefs)


def short(state: VolumeState) -> str:
    """The rule as a row has room for it."""
    if state.exempt is not None:
        return f"exempt: {state.exempt['reason']}"
    rule = state.in_force.rule
    often = f"cron {rule.cron}" if rule.cron else f"every {span(rule.period).removeprefix('1 ')}"
    return f"{often} + {span(rule.grace)}"


def day_link(state: VolumeState, day: date, zone: ZoneInfo) -> str:
    """The list of this disk's backups that were made on a day of the reader's zone."""
    begins, ends = (
        datetime.combine(day + timedelta(days=more), time(), zone).astimezone(UTC)
        - timedelta(seconds=more)
        for more in (0, 1)
    )
    query = {
        "cloud": state.cloud,
        "volume_id": state.volume_id,
        "created_at_after": f"{begins:%Y-%m-%dT%H:%M:%SZ}",
        "created_at_before": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
    }
    return f"{reverse('backups')}?{urlencode(query)}"


def sentence(state: VolumeState, now: datetime) -> str:
    """What follows the word on top of a disk's page."""
    if state.protection in ("protected", "late", "overdue") and state.last_good_at is not None:
        running = " One is being made now." if state.running_id else ""
        return f"The newest good backup is {span(now - state.last_good_at)} old.{running}"
    return state.why


def advice(state: VolumeState) -> str:
    """What to do next; empty when nothing is."""
    if state.running_id and state.protection in ("late", "overdue", "never"):
        return "nothing yet: a backup is being made now; see that it succeeds."
    newest = newest_of(state)
    failed = newest is not None and newest.status == "error"
    if state.protection == "overdue":
        if failed:
            return "the newest try failed: its page gives the reason; then back up again."
        return "see in the cloud whether its policy is still switched on, then back up again."
    if state.protection == "never":
        return "put it under a backup policy, or exempt it here and say why."
    if state.protection == "late":
        return "nothing yet; see that the next try succeeds before the grace ends."
    if state.protection == "unknown":
        if not state.follow:
            return "follow its new backups, so that this page can judge it."
        return "look at the state of its cloud; as soon as it answers, this is judged again."
    return ""


def newest_of(state: VolumeState) -> Member | None:
    members = [member for chain in state.chains for member in chain.members]
    return max(members, key=lambda member: (member.at, member.id), default=None)
