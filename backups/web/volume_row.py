"""A volume as pages show it: its row of the grid."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.http import urlencode

from backups.analysis.chains import Member
from backups.analysis.days import DayState, Watch, day_states
from backups.analysis.rules import Rule, span
from backups.reports.volumes import VolumeState
from backups.web import status
from backups.web.status import Badge

LENGTH_OF_SHORT_ID = 8


@dataclass(frozen=True)
class VolumeRow:
    """A row of the grid: a state for each day. `hrefs`: the days that are links to the backups of
    that day. `short`: the rule as a row has room for it.
    """

    state: VolumeState
    badge: Badge
    short: str
    day_states: tuple[DayState, ...]
    hrefs: dict[date, str]

    @property
    def known(self) -> bool:
        return self.state.protection != "unknown"

    @property
    def title(self) -> str:
        """Returns its label, else its name in the cloud's list, else the first part of its ID."""
        state = self.state
        return state.label or state.name or state.volume_id[:LENGTH_OF_SHORT_ID]


def volume_row(
    state: VolumeState, days: tuple[date, ...], zone: ZoneInfo, now: datetime
) -> VolumeRow:
    is_judged = state.protection not in ("exempt", "deleted")
    watch = Watch(
        rule=rule_of(state) if is_judged else None,
        since=state.first_seen_at,
        until=state.known_until,
    )
    states_by_day = day_states(_members(state), watch, days=days, zone=zone, now=now)
    hrefs = {}
    for day, day_state in zip(days, states_by_day, strict=True):
        if day_state == "failed":
            hrefs[day] = day_url(state, day, zone)
    badge = status.PROTECTION[state.protection]
    if state.why:
        badge = replace(badge, tooltip=state.why)
    return VolumeRow(state, badge, short_rule(state), states_by_day, hrefs)


def rule_of(state: VolumeState) -> Rule:
    rule = state.rule
    return Rule(
        timedelta(seconds=rule["period_seconds"]),
        timedelta(seconds=rule["grace_seconds"]),
        rule["cron"],
        rule["zone"] or "UTC",
    )


def short_rule(state: VolumeState) -> str:
    if state.exempt is not None:
        return f"exempt: {state.exempt['reason']}"
    rule = rule_of(state)
    period = f"cron {rule.cron}" if rule.cron else f"every {span(rule.period).removeprefix('1 ')}"
    return f"{period} + {span(rule.grace)}"


def day_url(state: VolumeState, day: date, zone: ZoneInfo) -> str:
    """Returns the list of this volume's backups that were made on a day of the reader's zone."""
    begin = datetime.combine(day, time(), zone).astimezone(UTC)
    next_begin = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    last_second = next_begin - timedelta(seconds=1)
    query = {
        "cloud": state.cloud,
        "volume_id": state.volume_id,
        "created_at_after": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
        "created_at_before": f"{last_second:%Y-%m-%dT%H:%M:%SZ}",
    }
    return f"{reverse('backups')}?{urlencode(query)}"


def _members(state: VolumeState) -> list[Member]:
    return [member for chain in state.chains for member in chain.members]
