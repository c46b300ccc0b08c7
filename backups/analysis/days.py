"""The state of each day of a volume: what came, what failed, what should have come and did not.

A day is a day of the reader's zone. A backup counts on the day it was made, also when it
is gone by now: it was good then. A day on which one was due and none came is `missed` by
the rule of analysis.missed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from backups.analysis.calendar import midnight
from backups.analysis.facts import Made, outcome, was_good
from backups.analysis.missed import missed
from backups.analysis.rules import Rule
from backups.vbs.statuses import MADE, MAKING

DayState = Literal[
    "full",
    "incremental",
    "good",
    "flight",
    "failed",
    "missed",
    "overdue",
    "unknown",
    "idle",
    "none",
]
NOT_KNOWN: tuple[DayState, ...] = ("unknown", "none")
# The states that a backup gives to its day: of several the best names the day.
_BEST_FIRST: tuple[DayState, ...] = (
    "full",
    "incremental",
    "good",
    "flight",
    "failed",
    "unknown",
)
_STATE_OF_KIND: dict[str, DayState] = {"full": "full", "incremental": "incremental"}
_DAY = timedelta(days=1)
_RECENT = timedelta(hours=1)  # evidence of an hour ago is enough for today


class MadeOfKind(Made, Protocol):
    """A backup with its kind."""

    @property
    def kind(self) -> str: ...


@dataclass(frozen=True)
class Watch:
    """How a volume was watched. No `rule`: nothing is ever due (exempt). `since`: known to vbsdash
    from then on; `until`: what the evidence reaches to, None when there is none at all.
    `is_overdue` now: a good backup is wanted today, whatever the day.
    """

    rule: Rule | None
    since: datetime
    until: datetime | None
    is_overdue: bool = False


def last_days(now: datetime, zone: ZoneInfo, n: int = 30) -> tuple[date, ...]:
    """Returns the last `n` days of a zone, today being the last."""
    today = now.astimezone(zone).date()
    return tuple(today - timedelta(days=days_back) for days_back in range(n - 1, -1, -1))


def state_of_backup(backup: MadeOfKind) -> DayState:
    """Returns what one backup says of its day. One that failed is not
    whitewashed by being deleted.
    """
    if outcome(backup.outcome, backup.status) == "failed":
        return "failed"
    if backup.status in MAKING:
        return "flight"
    if backup.status in MADE:
        return _STATE_OF_KIND.get(backup.kind, "good")
    return "unknown"


def day_states(
    backups: Iterable[MadeOfKind],
    watch: Watch,
    *,
    days: Sequence[date],
    zone: ZoneInfo,
    now: datetime,
) -> tuple[DayState, ...]:
    """Returns the state of each of `days`, which are in order and of `zone`; the best that happened
    on a day names it.
    """
    all_backups = list(backups)
    states_by_day: dict[date, set[DayState]] = {}
    for backup in all_backups:
        day = backup.at.astimezone(zone).date()
        states_by_day.setdefault(day, set()).add(state_of_backup(backup))
    quiet_days = _QuietDays(watch, all_backups, days, zone, now)
    states: list[DayState] = []
    for day in days:
        if day in states_by_day:
            states.append(min(states_by_day[day], key=_BEST_FIRST.index))
        else:
            states.append(quiet_days.state(day))
    return tuple(states)


@dataclass(frozen=True)
class Run:
    """`length` days in a row in one state, from the day with the number `first` on."""

    state: DayState
    first: int
    length: int


def runs(states: Sequence[DayState]) -> tuple[Run, ...]:
    """Returns equal days in a row as one: a year of a volume is a few dozens of them."""
    in_a_row: list[Run] = []
    first = 0
    for state, equal_days in groupby(states):
        length = len(list(equal_days))
        in_a_row.append(Run(state, first, length))
        first += length
    return tuple(in_a_row)


def days_in_words(states: Sequence[DayState]) -> str:
    """Returns what is wrong with some days, for those who do not see them: 4 failed, 8 missed, 3
    not known of 30.
    """
    failed = states.count("failed")
    missed_days = states.count("missed")
    not_known = sum(states.count(state) for state in NOT_KNOWN)
    parts: list[str] = []
    if failed:
        parts.append(f"{failed} failed")
    if missed_days:
        parts.append(f"{missed_days} missed")
    if not_known:
        parts.append(f"{not_known} not known")
    if not parts:
        parts.append("none failed or missed")
    today = "; overdue today" if "overdue" in states else ""
    return f"{', '.join(parts)} of {len(states)} days{today}"


class _QuietDays:
    """Judges the days on which no backup was made."""

    def __init__(
        self,
        watch: Watch,
        backups: Sequence[MadeOfKind],
        days: Sequence[date],
        zone: ZoneInfo,
        now: datetime,
    ) -> None:
        self._watch = watch
        self._zone = zone
        self._now = now
        self._since = min([watch.since, *(backup.at for backup in backups)])
        good_at = [backup.at for backup in backups if was_good(backup)]
        self._last_good_at = max(good_at, default=None)
        self._missed = self._missed_days(backups, midnight(days[0], zone))

    def _missed_days(self, backups: Sequence[MadeOfKind], begin: datetime) -> set[date]:
        rule = self._watch.rule
        until = self._watch.until
        if rule is None or until is None:
            return set()
        misses = missed(
            backups,
            rule,
            since=self._watch.since,
            zone=self._zone,
            begin=begin,
            end=min(until, self._now),
            now=self._now,
        )
        return {due.astimezone(self._zone).date() for due, _ in misses}

    def state(self, day: date) -> DayState:
        if day in self._missed:
            return "missed"
        begins = midnight(day, self._zone)
        ends = midnight(day + _DAY, self._zone)
        if self._watch.is_overdue and begins <= self._now < ends:
            return "overdue"
        if ends <= self._since or begins > self._now or self._proves_nothing(begins, ends):
            return "none"
        until = self._watch.until
        if until is None or min(ends, self._now) > until + _RECENT:
            return "unknown"
        return "idle"

    def _proves_nothing(self, begins: datetime, ends: datetime) -> bool:
        """Returns whether a day lies in a gap from before the volume was known here: its backups
        may have been pruned. A gap that lasts is one.
        """
        if ends > self._watch.since:
            return False
        return self._last_good_at is None or self._last_good_at >= begins
