"""A backup in flight: since when, how fast, when it may be done, and from when on
it counts as stuck.

Everything is read off what was observed; a cloud that gives no progress, or "0" to the very end,
gives no speed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, NamedTuple

from backups.analysis.facts import SKEW
from backups.vbs.statuses import IN_FLIGHT

# Without progress for so long a backup is stuck: 30 answers at the slowest pace, one every 120 s.
STILL = timedelta(hours=1)
# It is stuck as well when it takes so many times as long as usual, but not before the floor.
FLOOR = timedelta(hours=2)
TIMES_USUAL = 3
_MOST_SAMPLES = 6  # enough to see the pace of now, not of hours ago
_LONGEST_BELIEVED = timedelta(days=7)  # a duration beyond it says nothing about the next
_LEAST_DURATIONS = 3  # that tell what is usual


class Sample(NamedTuple):
    """Percent that was first seen at `at`."""

    at: datetime
    percent: int


@dataclass(frozen=True, slots=True)
class RunningBackup:
    """`samples`: one for each progress that was seen, oldest first; the newest few."""

    status: str
    since: datetime
    samples: tuple[Sample, ...] = ()

    def as_json(self) -> dict[str, Any]:
        samples = [[sample.at.timestamp(), sample.percent] for sample in self.samples]
        return {"status": self.status, "since": self.since.timestamp(), "samples": samples}

    @classmethod
    def of_json(cls, stored: dict[str, Any] | None) -> "RunningBackup | None":
        if stored is None:
            return None
        samples = tuple(Sample(_time(at), percent) for at, percent in stored["samples"])
        return cls(stored["status"], _time(stored["since"]), samples)


@dataclass(frozen=True, slots=True)
class Pace:
    """From observed progress; None until two samples are there. `eta` None as well when it should
    be done already.
    """

    percent_per_minute: float | None
    eta: datetime | None


NO_PACE = Pace(None, None)


def observe(
    before: RunningBackup | None,
    *,
    status: str | None,
    progress: int | None,
    created_at: datetime | None,
    at: datetime,
) -> RunningBackup | None:
    """Returns what is known of a running backup after an answer that was asked for at `at`; None
    when it is not running.
    """
    if status is None or status not in IN_FLIGHT:
        return None
    if before is None or before.status != status:
        since = at
        if status == "creating" and created_at is not None and created_at <= at + SKEW:
            since = min(created_at, at)
        before = RunningBackup(status, since)
    if progress is None or (before.samples and before.samples[-1].percent == progress):
        return before
    samples = (*before.samples, Sample(at, progress))
    return RunningBackup(status, before.since, samples[-_MOST_SAMPLES:])


def pace(backup: RunningBackup, now: datetime) -> Pace:
    """Returns the pace over the samples that are kept; progress that went back begins anew."""
    rising = _rising(backup.samples)
    if len(rising) < 2:
        return NO_PACE
    first = rising[0]
    last = rising[-1]
    seconds = (last.at - first.at).total_seconds()
    if seconds <= 0:
        return NO_PACE
    per_second = (last.percent - first.percent) / seconds
    eta = last.at + timedelta(seconds=(100 - last.percent) / per_second)
    return Pace(round(per_second * 60, 2), eta if eta > now else None)


def stuck_at(backup: RunningBackup, usual: timedelta | None) -> datetime:
    """Returns when it counts as stuck if nothing moves: an hour without progress, or far longer
    than its volume's backups take.

    A progress of 0 may mean that the cloud tells none, so only the length counts then.
    """
    longest = max(FLOOR, TIMES_USUAL * usual) if usual else FLOOR
    too_long_at = backup.since + longest
    if not backup.samples or backup.samples[-1].percent == 0:
        return too_long_at
    return min(too_long_at, backup.samples[-1].at + STILL)


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
