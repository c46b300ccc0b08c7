"""What would be lost if a volume were gone now, and how long at most it stood without a newer
restore point.

A restore point is the moment that a good backup holds (analysis.facts.moment). What is not known is
None, never 0.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from backups.analysis import rules
from backups.analysis.facts import Fact, moment, was_good
from backups.analysis.protection import OUTSIDE, Standing, doubt, protection

WINDOW = timedelta(days=90)
DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What is newer than the restore point would be lost: `seconds` of it at `as_of`, None without
    a restore point. Of a volume that is gone already, `as_of` is when that was seen.

    `allowed_seconds`: what its rule allows, None where nothing is expected of it. `sure` is
    False where a newer restore point may be there, or this one may be gone.
    """

    as_of: datetime
    seconds: int | None
    allowed_seconds: int | None
    restore_point_id: UUID | None
    restore_point_at: datetime | None
    sure: bool


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The longest time between two restore points, as far as it is known.

    `begin_id` None: there was none before, `begin` is when the volume was first seen. `end_id`
    None: none came so far, and `end` is what the evidence reaches to. `known_for`: so much of the
    window is known. `sure` is False where one that is not known may lie between the two.
    """

    begin: datetime
    end: datetime
    begin_id: UUID | None
    end_id: UUID | None
    known_for: timedelta
    sure: bool

    @property
    def length(self) -> timedelta:
        return self.end - self.begin

    @property
    def window_in_words(self) -> str:
        """Tells of how much time it is the longest gap: 90 days, or what is known of them."""
        if self.known_for >= WINDOW:
            return f"{WINDOW.days} days"
        if self.known_for >= 2 * DAY:
            return f"the {self.known_for // DAY} days that are known"
        return f"the {rules.span(self.known_for)} that are known"


class _End(NamedTuple):
    """An end of a gap: a restore point, or without an ID the end of what is known."""

    at: datetime
    id: UUID | None


def loss(volume: Standing, good_id: UUID | None, now: datetime) -> Loss:
    """Returns what would be lost now; `good_id`: the backup of `volume.good_at`."""
    as_of = volume.deleted_at or now
    seconds: int | None = None
    if volume.good_at is not None:
        seconds = max(0, int((as_of - volume.good_at).total_seconds()))
    return Loss(
        as_of=as_of,
        seconds=seconds,
        allowed_seconds=_allowed_seconds(volume, now),
        restore_point_id=good_id,
        restore_point_at=volume.good_at,
        sure=doubt(volume, now) is None,
    )


def _allowed_seconds(volume: Standing, now: datetime) -> int | None:
    """Returns how old the restore point may become before the volume is overdue."""
    if protection(volume, now) in OUTSIDE:
        return None
    if volume.good_at is not None and volume.overdue_at is not None:
        return int((volume.overdue_at - volume.good_at).total_seconds())
    rule = volume.rule.rule
    return int((rule.period + rule.grace).total_seconds())


def worst_gap(
    facts: Iterable[Fact],
    *,
    since: datetime,
    until: datetime | None,
    is_followed: bool,
    now: datetime,
) -> Gap | None:
    """Returns the longest gap that ended within the last 90 days or has not ended; of two that are
    as long the newer one. None where nothing is known.

    `since`: when the volume was first seen; `until`: what the evidence reaches to. A gap that was
    over by `since` proves nothing: what lay in it may have been pruned. Of one that went on, the
    restore point that was there at `since` is where it began. Backups that are gone were good then.
    """
    if until is None:
        return None
    known_from = max(since, now - WINDOW)
    known_until = min(until, now)
    if known_until <= known_from:
        return None
    good = [fact for fact in facts if was_good(fact)]
    points = _restore_points(good, now)
    # One whose time cannot be believed may lie anywhere.
    sure = is_followed and len(points) == len(good)
    worst: Gap | None = None
    for begin, end in _gaps(points, since, known_until):
        if end.at <= known_from:
            continue
        if worst is not None and end.at - begin.at < worst.length:
            continue
        worst = Gap(
            begin=begin.at,
            end=end.at,
            begin_id=begin.id,
            end_id=end.id,
            known_for=known_until - known_from,
            sure=sure,
        )
    return worst


def _gaps(
    points: list[_End], since: datetime, known_until: datetime
) -> Iterator[tuple[_End, _End]]:
    """Yields begin and end of each gap, the oldest first; `points` are in order."""
    before: _End | None = None
    for point in points:
        if before is None and point.at > since:
            before = _End(since, None)
        if before is not None:
            yield before, point
        before = point
    if before is None:
        before = _End(since, None)
    if before.at < known_until:
        yield before, _End(known_until, None)


def _restore_points(good: Iterable[Fact], now: datetime) -> list[_End]:
    """Returns the moments that these backups hold, in order."""
    points: list[_End] = []
    for fact in good:
        holds = moment(fact, now)
        if holds is not None:
            points.append(_End(holds.at, fact.id))
    return sorted(points, key=lambda point: (point.at, str(point.id)))
