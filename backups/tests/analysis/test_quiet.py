"""When it is quiet, against a slow calendar that looks at every tenth minute."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from backups.analysis.quiet import QuietTime

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
EIGHT_HOURS = timedelta(hours=8)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def nights(first: date, days: int) -> list[tuple[datetime, datetime]]:
    """Returns eight hours from 22:00 in Berlin on, of each day, by a calendar of its own."""
    spans = []
    for number in range(-2, days + 2):
        begin = datetime.combine(first + timedelta(days=number), time(22), BERLIN).astimezone(UTC)
        spans.append((begin, begin + EIGHT_HOURS))
    return spans


@pytest.mark.parametrize("first", [date(2026, 10, 24), date(2027, 3, 27), date(2026, 12, 30)])
def test_quiet_hours_hold_for_their_length_also_when_clocks_are_changed(first: date) -> None:
    quiet = QuietTime(
        begins_at=LONG_AGO, ends_at=None, cron="0 22 * * *", duration=EIGHT_HOURS, zone=BERLIN.key
    )
    spans = nights(first, 3)
    now = datetime.combine(first, time(12), UTC)
    change: datetime | None = None
    was_quiet: bool | None = None
    for _ in range(3 * 24 * 6):
        expected = next((end for begin, end in spans if begin <= now < end), None)
        assert quiet.quiet_until(now) == expected, now
        if was_quiet is not None and was_quiet != (expected is not None):
            assert change == now
        if change is None or change <= now:
            change = quiet.next_change(now)
        was_quiet = expected is not None
        now += 10 * MINUTE


def test_a_time_that_the_clocks_skip_begins_when_they_have() -> None:
    quiet = QuietTime(
        begins_at=LONG_AGO,
        ends_at=None,
        cron="30 2 * * *",
        duration=timedelta(hours=1),
        zone=BERLIN.key,
    )
    skipped = datetime(2027, 3, 28, 1, tzinfo=UTC)  # 02:00 there, which is 03:00
    assert quiet.quiet_until(skipped - MINUTE) is None
    assert quiet.quiet_until(skipped) == skipped + timedelta(hours=1)


def test_an_hour_that_comes_twice_is_quiet_from_its_first_time_on() -> None:
    quiet = QuietTime(
        begins_at=LONG_AGO,
        ends_at=None,
        cron="30 2 * * *",
        duration=EIGHT_HOURS,
        zone=BERLIN.key,
    )
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # half past two, and so an hour later
    assert quiet.quiet_until(first - MINUTE) is None
    assert quiet.next_change(first - MINUTE) == first
    for minutes in range(0, 8 * 60, 10):
        assert quiet.quiet_until(first + minutes * MINUTE) == first + EIGHT_HOURS


def test_a_span_holds_from_its_begin_to_before_its_end() -> None:
    begin = datetime(2026, 11, 24, 12, tzinfo=UTC)
    quiet = QuietTime(begins_at=begin, ends_at=begin + EIGHT_HOURS)
    assert quiet.quiet_until(begin - MINUTE) is None
    assert quiet.next_change(begin - MINUTE) == begin
    assert quiet.quiet_until(begin) == quiet.next_change(begin) == begin + EIGHT_HOURS
    assert quiet.quiet_until(begin + EIGHT_HOURS) is None
    assert quiet.next_change(begin + EIGHT_HOURS) is None


def test_quiet_hours_keep_within_their_begin_and_end() -> None:
    begin = datetime(2026, 11, 24, 23, tzinfo=UTC)
    end = datetime(2026, 11, 26, 1, tzinfo=UTC)
    quiet = QuietTime(begins_at=begin, ends_at=end, cron="0 22 * * *", duration=EIGHT_HOURS)
    # A night that began before all of it is left out; the last one ends with it.
    assert quiet.quiet_until(begin) is None
    assert quiet.next_change(begin) == datetime(2026, 11, 25, 22, tzinfo=UTC)
    assert quiet.quiet_until(datetime(2026, 11, 25, 22, tzinfo=UTC)) == end
    assert quiet.next_change(end) is None
