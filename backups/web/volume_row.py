"""A volume as pages show it: its row of the grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from backups.analysis.chains import Member
from backups.analysis.days import DayState, Watch, day_states, days_in_words
from backups.analysis.gaps import Gap
from backups.analysis.rules import Rule, span
from backups.reports.volumes import VolumeState
from backups.web import grid, status
from backups.web.status import Badge
from backups.web.volume_url import volume_url

LENGTH_OF_SHORT_ID = 8
# A good backup of these is wanted today, whatever their days say.
OVERDUE = ("overdue", "never")


@dataclass(frozen=True)
class VolumeRow:
    """A row of the grid: a state for each day. `short`: the rule as a row has room for it.
    `unkept`: in words, by the number of the day, what came of promised runs that were not made.
    """

    state: VolumeState
    badge: Badge
    short: str
    day_states: tuple[DayState, ...]
    unkept: Mapping[int, str] = field(default_factory=dict)

    @property
    def is_overdue(self) -> bool:
        return self.state.protection in OVERDUE

    @property
    def days_in_words(self) -> str:
        words = days_in_words(self.day_states)
        days = len(self.unkept)
        if days:
            words += f"; promised runs not made on {days} day{'' if days == 1 else 's'}"
        return words

    @property
    def unkept_days(self) -> str:
        """Returns the numbers of the days on which a promised run was not made, for the script."""
        return " ".join(map(str, self.unkept))

    @property
    def letters(self) -> str:
        return grid.letters(self.day_states)

    @property
    def page(self) -> str | None:
        return volume_url(self.state.cloud, self.state.volume_id)

    @property
    def known(self) -> bool:
        return self.state.protection != "unknown"

    @property
    def title(self) -> str:
        """Returns its label, else its name in the cloud's list, else the first part of its ID."""
        state = self.state
        return state.label or state.name or state.volume_id[:LENGTH_OF_SHORT_ID]


def volume_row(
    state: VolumeState,
    days: tuple[date, ...],
    zone: ZoneInfo,
    now: datetime,
    *,
    unkept: Sequence[tuple[datetime, str]] = (),
) -> VolumeRow:
    """`unkept`: time and outcome of the promised runs that were not made."""
    is_judged = state.protection not in ("exempt", "deleted")
    watch = Watch(
        rule=rule_of(state) if is_judged else None,
        since=state.first_seen_at,
        until=state.known_until,
        is_overdue=state.protection in OVERDUE,
    )
    states_by_day = day_states(_members(state), watch, days=days, zone=zone, now=now)
    badge = status.PROTECTION[state.protection]
    if state.why:
        badge = replace(badge, tooltip=state.why)
    return VolumeRow(state, badge, short_rule(state), states_by_day, _unkept(unkept, days, zone))


def _unkept(
    runs: Sequence[tuple[datetime, str]], days: Sequence[date], zone: ZoneInfo
) -> dict[int, str]:
    """Returns the outcomes of each day in words, by the number of the day."""
    outcomes: dict[int, list[str]] = {}
    for slot_at, outcome in runs:
        number = (slot_at.astimezone(zone).date() - days[0]).days
        if 0 <= number < len(days):
            word = status.of_run(outcome).text
            of_day = outcomes.setdefault(number, [])
            if word not in of_day:
                of_day.append(word)
    return {number: f"promised run {', '.join(words)}" for number, words in outcomes.items()}


def as_shown(state: VolumeState) -> Mapping[str, object]:
    """Returns what stands for a volume in the ETag of a page: all but what grows by itself. The age
    of its restore point is drawn by the browser, its gap is told in words, and until when it is
    judged grows with each answer of the cloud: the states of its days tell what comes of it.
    """
    return {
        **vars(state),
        "known_until": None,
        "changes_at": None,
        "loss": _loss_as_shown(state),
        "gap": _gap_as_shown(state.gap),
    }


def _loss_as_shown(state: VolumeState) -> object:
    if state.protection == "deleted":
        return state.loss
    return state.loss.restore_point_id, state.loss.allowed_seconds, state.loss.sure


def _gap_as_shown(gap: Gap | None) -> object:
    if gap is None:
        return None
    ends = (gap.begin, gap.begin_id, gap.end_id)
    return ends, span(gap.length), gap.window_in_words, gap.sure


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


def _members(state: VolumeState) -> list[Member]:
    return [member for chain in state.chains for member in chain.members]
