"""A backup in flight: since when, how fast, when it may be done, and from when on it counts as
stuck.

Everything is read off what was observed; a cloud that gives no progress, or "0" to the very end,
gives no speed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, NamedTuple

from backups.vbs.statuses import IN_FLIGHT

STILL = timedelta(hours=1)  # 30 looks at the slowest pace, one every 120 s
FLOOR, TIMES_USUAL = timedelta(hours=2), 3  # nothing is stuck for its length before the floor
_KEPT = 6  # samples: enough to see the pace of now, not of hours ago
_LONGEST = timedelta(days=7)  # a duration beyond it says nothing about the next
_SKEW = timedelta(minutes=5)


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
    def of_json(cls, given: dict[str, Any] | None) -> "RunningBackup | None":
        if given is None:
            return None
        samples = tuple(Sample(_time(at), percent) for at, percent in given["samples"])
        return cls(given["status"], _time(given["since"]), samples)


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
    """What is known of a running backup after an answer asked for at `at`; None when it is not
    running.
    """
    if status not in IN_FLIGHT or status is None:
        return None
    if before is None or before.status != status:
        made = status == "creating" and created_at is not None and created_at <= at + _SKEW
        since = min(created_at, at) if made and created_at is not None else at
        before = RunningBackup(status, since)
    if progress is None or (before.samples and before.samples[-1].percent == progress):
        return before
    return RunningBackup(status, before.since, (*before.samples, Sample(at, progress))[-_KEPT:])


def pace(backup: RunningBackup, now: datetime) -> Pace:
    """Over the samples kept; progress that went back begins anew."""
    rising = _rising(backup.samples)
    if len(rising) < 2:
        return NO_PACE
    first, last = rising[0], rising[-1]
    seconds = (last.at - first.at).total_seconds()
    if seconds <= 0:
        return NO_PACE
    per_second = (last.percent - first.percent) / seconds
    eta = last.at + timedelta(seconds=(100 - last.percent) / per_second)
    return Pace(round(per_second * 60, 2), eta if eta > now else None)


def stuck_at(backup: RunningBackup, usual: timedelta | None) -> datetime:
    """When it counts as stuck if nothing moves: an hour without progress, or far longer than its
    disk's backups take.

    A progress of 0 may mean that the cloud tells none, so only the length counts then.
    """
    too_long = backup.since + max(FLOOR, TIMES_USUAL * usual if usual else FLOOR)
    moving = backup.samples and backup.samples[-1].percent > 0
    return min(too_long, backup.samples[-1].at + STILL) if moving else too_long


def usual(spans: Iterable[tuple[datetime | None, datetime | None]]) -> timedelta | None:
    """The median length of finished backups, given as (created_at, updated_at); None when fewer
    than three tell it.
    """
    lengths = [end - begin for begin, end in spans if begin is not None and end is not None]
    believed = [length.total_seconds() for length in lengths if timedelta() < length <= _LONGEST]
    return timedelta(seconds=median(believed)) if len(believed) >= 3 else None


def _rising(samples: Sequence[Sample]) -> list[Sample]:
    found: list[Sample] = []
    for sample in samples:
        if found and sample.percent < found[-1].percent:
            found = []
        found.append(sample)
    return found


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
