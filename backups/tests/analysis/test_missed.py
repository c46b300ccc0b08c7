"""When a backup was due and none came, where clocks differ at the turn of a day."""

from datetime import UTC, datetime, timedelta

from backups.analysis.facts import SKEW
from backups.analysis.missed import missed
from backups.analysis.rules import DEFAULT
from backups.tests.facts import fact

DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 25, tzinfo=UTC)
NOON_BEFORE = MIDNIGHT - DAY / 2


def days_missed(*, made_at: datetime) -> list[int]:
    """The days that miss a backup until two days after midnight, as it looks
    a minute before midnight.

    The last good backup was made at noon two days before; a failed one was made, by the clock of
    its cloud, at `made_at`.
    """
    good = fact(1, NOON_BEFORE - DAY, outcome="good")
    failed = fact(2, made_at, outcome="failed", status="error")
    found = missed(
        [good, failed],
        DEFAULT,
        since=good.at,
        zone=UTC,
        begin=good.at,
        end=MIDNIGHT + 2 * DAY,
        now=MIDNIGHT - timedelta(minutes=1),
    )
    return [gap.due.day for gap in found]


def test_a_backup_of_tomorrow_by_a_clock_that_is_ahead_makes_tomorrow_no_missed_day() -> None:
    assert days_missed(made_at=MIDNIGHT + timedelta(minutes=1)) == [24, 26]


def test_a_backup_of_the_far_future_is_not_believed() -> None:
    assert days_missed(made_at=MIDNIGHT + SKEW) == [24, 25, 26]
