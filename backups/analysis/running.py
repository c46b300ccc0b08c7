"""A backup in flight: since when, how fast, when it may be done, and from when on
it counts as stuck.

Everything is read off what was observed; a cloud that gives no progress, or "0" to the very end,
gives no speed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, NamedTuple

from backups.analysis.facts import SKEW
from backups.vbs.statuses import IN_FLIGHT, MAKING

# Without progress for so long a backup is stuck: 30 answers at the slowest pace, one every 120 s.
STILL = timedelta(hours=1)
# Where the cloud tells no progress: so many times as long as usual, but not before the floor.
FLOOR = timedelta(hours=2)
TIMES_USUAL = 3
# So long what takes too long is watched before it is said not to move: five answers at the slowest.
WATCHED = timedelta(minutes=10)
NEVER_SO_LONG = timedelta(days=1)  # no backup takes so long, so this one need not be watched
# What moves is slow when it will take so many times as long as usual, and so much longer.
SLOW_TIMES = 1.5
SLOW_BY = timedelta(minutes=30)
_MOST_SAMPLES = 6  # enough to see the pace of now, not of hours ago
_LONGEST_BELIEVED = timedelta(days=7)  # a duration beyond it says nothing about the next
_LEAST_DURATIONS = 3  # that tell what is usual


class Sample(NamedTuple):
    """Percent that was first seen at `at`."""

    at: datetime
    percent: int


@dataclass(frozen=True, slots=True)
class RunningBackup:
    """`samples`: one for each progress that was seen, oldest first; the newest few. `usual`: how
    long backups of its sort take, None where too few tell it.
    """

    status: str
    since: datetime
    samples: tuple[Sample, ...] = ()
    usual: timedelta | None = None

    @property
    def moved_at(self) -> datetime | None:
        """Returns when its progress was last seen to change; None where it never was."""
        return self.samples[-1].at if len(self.samples) > 1 else None

    def as_json(self) -> dict[str, Any]:
        samples = [[sample.at.timestamp(), sample.percent] for sample in self.samples]
        as_json = {"status": self.status, "since": self.since.timestamp(), "samples": samples}
        if self.usual is not None:
            as_json["usual"] = self.usual.total_seconds()
        return as_json

    @classmethod
    def of_json(cls, stored: dict[str, Any] | None) -> "RunningBackup | None":
        if stored is None:
            return None
        samples = tuple(Sample(_time(at), percent) for at, percent in stored["samples"])
        usual = timedelta(seconds=stored["usual"]) if "usual" in stored else None
        return cls(stored["status"], _time(stored["since"]), samples, usual)


@dataclass(frozen=True, slots=True)
class Pace:
    """From observed progress; None until two samples are there. `eta` None as well when it should
    be done already.
    """

    percent_per_minute: float | None
    eta: datetime | None


NO_PACE = Pace(None, None)


@dataclass(frozen=True, slots=True)
class Slowness:
    """The pace of a backup, the usual pace of its sort, and how many times as long as usual it will
    take.
    """

    percent_per_minute: float
    usual_percent_per_minute: float
    times_as_long: float


def observe(
    before: RunningBackup | None,
    *,
    status: str | None,
    progress: int | None,
    created_at: datetime | None,
    at: datetime,
    usual: timedelta | None = None,
) -> RunningBackup | None:
    """Returns what is known of a running backup after an answer that was asked for at `at`; None
    when it is not running. `usual`: how long backups of its sort take, as far as is known now.
    """
    if status is None or status not in IN_FLIGHT:
        return None
    if before is None or before.status != status:
        since = at
        if status in MAKING and created_at is not None and created_at <= at + SKEW:
            since = min(created_at, at)
        before = RunningBackup(status, since)
    before = replace(before, usual=usual)
    if progress is None or (before.samples and before.samples[-1].percent == progress):
        return before
    samples = (*before.samples, Sample(at, progress))
    return replace(before, samples=samples[-_MOST_SAMPLES:])


def pace(backup: RunningBackup, now: datetime) -> Pace:
    """Returns the pace over the samples that are kept; progress that went back begins anew."""
    observed = _steps(backup.samples)
    if observed is None:
        return NO_PACE
    per_second = observed.percent_per_second
    eta = backup.samples[-1].at + timedelta(seconds=observed.percent_left / per_second)
    return Pace(round(per_second * 60, 2), eta if eta > now else None)


def stuck_at(backup: RunningBackup) -> datetime:
    """Returns when it counts as stuck if nothing moves: after an hour without progress, however
    long it takes.

    Where the cloud tells no progress, or 0, which may mean the same, nobody sees whether it moves:
    it is stuck when it takes far longer than backups of its sort do. So is what takes far longer
    and was not seen to move yet, once it was watched for a while.
    """
    longest = max(FLOOR, TIMES_USUAL * backup.usual) if backup.usual else FLOOR
    too_long_at = backup.since + longest
    if not backup.samples or backup.samples[-1].percent == 0:
        return too_long_at
    seen_at = backup.samples[-1].at
    if backup.moved_at is not None:
        return seen_at + STILL
    watched_at = min(max(too_long_at, seen_at + WATCHED), backup.since + NEVER_SO_LONG)
    return min(watched_at, seen_at + STILL)


def slowness(backup: RunningBackup) -> Slowness | None:
    """Returns how slow a backup is whose progress moves, if it will take much longer than usual;
    None when it will not, and when nobody can say.
    """
    observed = _steps(backup.samples)
    if observed is None or backup.usual is None:
        return None
    per_second = observed.percent_per_second
    end = backup.samples[-1].at + timedelta(seconds=observed.percent_left / per_second)
    length = end - backup.since
    if length < SLOW_TIMES * backup.usual or length < backup.usual + SLOW_BY:
        return None
    usual_per_second = 100 / backup.usual.total_seconds()
    return Slowness(
        percent_per_minute=round(per_second * 60, 2),
        usual_percent_per_minute=round(usual_per_second * 60, 2),
        times_as_long=round(length / backup.usual, 1),
    )


def usual(spans: Iterable[tuple[datetime | None, datetime | None]]) -> timedelta | None:
    """Returns the median length of finished backups, from their (created_at, updated_at); None when
    fewer than three tell it.
    """
    seconds: list[float] = []
    for begin, end in spans:
        if begin is None or end is None:
            continue
        length = end - begin
        if timedelta(0) < length <= _LONGEST_BELIEVED:
            seconds.append(length.total_seconds())
    if len(seconds) < _LEAST_DURATIONS:
        return None
    return timedelta(seconds=median(seconds))


class _Steps(NamedTuple):
    percent_per_second: float
    percent_left: int


def _steps(samples: Sequence[Sample]) -> _Steps | None:
    """Returns what the samples tell since progress last went back; None when they tell no pace."""
    rising = _rising(samples)
    if len(rising) < 2:
        return None
    first = rising[0]
    last = rising[-1]
    seconds = (last.at - first.at).total_seconds()
    if seconds <= 0:
        return None
    return _Steps((last.percent - first.percent) / seconds, 100 - last.percent)


def _rising(samples: Sequence[Sample]) -> list[Sample]:
    """Returns the newest samples in which progress never went back."""
    rising: list[Sample] = []
    for sample in samples:
        if rising and sample.percent < rising[-1].percent:
            rising = []
        rising.append(sample)
    return rising


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
