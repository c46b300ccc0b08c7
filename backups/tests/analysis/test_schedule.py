"""When policies run: against a slow calendar of its own that walks a whole year, over changes of
clocks and ends of months; and what is refused.
"""

import calendar
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from types import FrameType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backups.analysis.schedule import Schedule, UnreadableSchedule, read

HALF = timedelta(minutes=30)
DAY = timedelta(days=1)
NAMES = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
SHORT = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
ZONES = ("Europe/Berlin", "America/New_York", "Pacific/Auckland", "Australia/Lord_Howe")
YEAR = (datetime(2028, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC))  # a leap year
EVERY_DAY = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=14;BYMINUTE=00"
EVERY_3_DAYS = "FREQ=DAILY;INTERVAL=3;BYHOUR=6;BYMINUTE=00"
START = "2019-05-08T06:57:05Z"


def vbs(
    hours: object = ("22:00",),
    *,
    frequency: object = None,
    weekdays: object = None,
    time_zone: object = None,
) -> dict[str, object]:
    return {
        "calendar": "vbs",
        "hours": list(hours) if isinstance(hours, tuple) else hours,
        "frequency": frequency,
        "weekdays": weekdays,
        "time_zone": time_zone,
    }


def cbr(*patterns: object, start: object = START, time_zone: object = None) -> dict[str, object]:
    return {
        "calendar": "rrule",
        "patterns": list(patterns),
        "start_time": start,
        "time_zone": time_zone,
    }


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@contextmanager
def few_calls(most: int) -> Iterator[None]:
    """Fails where more functions are called: dateutil alone may walk up to the year 9999."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)
    assert calls < most


def weekday(day: date) -> int:
    return (day.toordinal() + 6) % 7  # 0001-01-01 was a Monday


def walk(begin: datetime, end: datetime, is_slot: Callable[[datetime], bool]) -> list[datetime]:
    """Asks of every half hour, one after the other, whether it is a slot."""
    moment = begin
    slots = []
    while moment < end:
        if is_slot(moment):
            slots.append(moment)
        moment += HALF
    return slots


def slow_vbs(
    hours: tuple[str, ...],
    *,
    frequency: int | None,
    weekdays: list[str] | None,
    offset: Callable[[datetime], timedelta],
) -> Callable[[datetime], bool]:
    """Counts the days of each month on fingers: the first, and each that is `frequency` later."""

    def is_slot(moment: datetime) -> bool:
        if f"{moment.hour:02}:{moment.minute:02}" not in hours:
            return False
        local = (moment + offset(moment)).date()
        if frequency is None:
            return NAMES[weekday(local)] in (weekdays or [])
        counted = 1
        while counted < local.day:
            counted += frequency
        return counted == local.day

    return is_slot


def offset_in(zone: str) -> Callable[[datetime], timedelta]:
    def offset(moment: datetime) -> timedelta:
        return ZoneInfo(zone).utcoffset(moment.astimezone(ZoneInfo(zone))) or timedelta(0)

    return offset


def slow_pattern(
    *,
    unit: str,
    interval: int,
    days: list[str] | None,
    hours: list[int],
    minutes: list[int],
    start: datetime,
) -> Callable[[datetime], bool]:
    """Numbers the days, the weeks from Monday on and the months since the day of the start."""

    def is_slot(moment: datetime) -> bool:
        if moment < start or moment.hour not in hours or moment.minute not in minutes:
            return False
        day = moment.date()
        if unit == "DAILY":
            number = (day - start.date()).days
        elif unit == "WEEKLY":
            monday = day.toordinal() - weekday(day)
            first_monday = start.date().toordinal() - weekday(start.date())
            number = (monday - first_monday) // 7
        else:
            number = (day.year - start.year) * 12 + day.month - start.month
        if number % interval:
            return False
        if days is None:
            if unit == "WEEKLY":
                return weekday(day) == weekday(start.date())
            return unit == "DAILY" or day.day == start.day
        return SHORT[weekday(day)] in days

    return is_slot


def check(schedule: Schedule, expected: list[datetime], begin: datetime, end: datetime) -> None:
    """Compares all that a schedule says of a span with what the slow calendar says of it."""
    assert schedule.slots(begin, end) == expected
    # Asked part by part it says the same: what is at a border belongs to one part.
    borders = [begin, *expected[:: max(1, len(expected) // 5)], end]
    parts: list[datetime] = []
    for before, after in pairwise(borders):
        parts += schedule.slots(before, after)
    assert parts == expected
    for before, after in [*pairwise(expected)][:60]:
        assert schedule.next_after(before) == after
        assert schedule.next_after(after - timedelta(microseconds=1)) == after
    if expected:
        assert schedule.next_after(begin - timedelta(seconds=1)) == expected[0]
    longest = max((after - before for before, after in pairwise(expected)), default=None)
    if longest is not None:
        assert schedule.longest_gap is not None
        assert schedule.longest_gap >= longest


HOURS = st.lists(
    st.integers(0, 23).map(lambda hour: f"{hour:02}:00"), min_size=1, max_size=6, unique=True
).map(tuple)


@settings(max_examples=60, deadline=None)
@given(
    hours=HOURS,
    frequency=st.one_of(st.none(), st.integers(1, 30)),
    weekdays=st.lists(st.sampled_from(NAMES), min_size=1, max_size=7),
    zone=st.one_of(st.sampled_from(ZONES), st.none()),
    minutes=st.sampled_from([-720, -570, -210, -60, 0, 60, 120, 330, 345, 765, 840]),
    year=st.integers(2023, 2032),
)
def test_a_year_of_vbs_is_what_a_slow_calendar_says(
    hours: tuple[str, ...],
    frequency: int | None,
    weekdays: list[str],
    zone: str | None,
    minutes: int,
    year: int,
) -> None:
    sign = "+" if minutes >= 0 else "-"
    name = zone or f"UTC{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    offset = offset_in(zone) if zone else lambda _: timedelta(minutes=minutes)
    begin = datetime(year, 1, 1, tzinfo=UTC)
    end = datetime(year + 1, 1, 1, tzinfo=UTC)
    is_slot = slow_vbs(hours, frequency=frequency, weekdays=weekdays, offset=offset)
    schedule = read(vbs(hours, frequency=frequency, weekdays=weekdays, time_zone=name))
    check(schedule, walk(begin, end, is_slot), begin, end)
    assert not schedule.is_reckoned


@settings(max_examples=60, deadline=None)
@given(
    unit=st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]),
    interval=st.integers(1, 12),
    days=st.one_of(st.none(), st.lists(st.sampled_from(SHORT), min_size=1, unique=True)),
    hours=st.lists(st.integers(0, 23), min_size=1, max_size=4, unique=True),
    minutes=st.sampled_from([[0], [30], [0, 30]]),
    start=st.datetimes(datetime(2019, 1, 1), datetime(2028, 12, 1)),
)
def test_a_year_of_a_pattern_is_what_a_slow_calendar_says(
    unit: str,
    interval: int,
    days: list[str] | None,
    hours: list[int],
    minutes: list[int],
    start: datetime,
) -> None:
    started = start.replace(tzinfo=UTC, second=0, microsecond=0)
    is_slot = slow_pattern(
        unit=unit, interval=interval, days=days, hours=hours, minutes=minutes, start=started
    )
    text = f"FREQ={unit};INTERVAL={interval}" + (f";BYDAY={','.join(days)}" if days else "")
    text += f";BYHOUR={','.join(map(str, hours))};BYMINUTE={','.join(map(str, minutes))}"
    expected = walk(*YEAR, is_slot)
    try:
        schedule = read(cbr(text, start=f"{start:%Y-%m-%d %H:%M:%S}"))
    except UnreadableSchedule:
        # Every seventh day is never of another weekday, and April has no 31st.
        assert expected == []
        assert interval in (7, 12)
        return
    check(schedule, expected, *YEAR)
    needs_days = days is None and unit != "DAILY"
    assert schedule.is_reckoned == (interval > 1 or needs_days)


def test_patterns_hold_together_and_a_time_that_two_promise_counts_once() -> None:
    schedule = read(cbr(EVERY_DAY, EVERY_3_DAYS, "FREQ=DAILY;BYHOUR=14;BYMINUTE=0"))
    start = at("2019-05-08T06:57")
    every_day = slow_pattern(
        unit="DAILY", interval=1, days=None, hours=[14], minutes=[0], start=start
    )
    every_3_days = slow_pattern(
        unit="DAILY", interval=3, days=None, hours=[6], minutes=[0], start=start
    )
    expected = walk(*YEAR, lambda moment: every_day(moment) or every_3_days(moment))
    check(schedule, expected, *YEAR)
    assert schedule.when == "daily at 14:00 UTC and every 3 days from 2019-05-08 at 06:00 UTC"
    assert schedule.is_reckoned
    assert not read(cbr(EVERY_DAY)).is_reckoned


def test_seconds_of_the_start_are_the_seconds_of_no_run() -> None:
    first = read(cbr(EVERY_3_DAYS)).next_after(at("2019-01-01"))
    assert first == at("2019-05-11T06:00")


def test_nothing_is_promised_before_the_start() -> None:
    schedule = read(cbr(EVERY_DAY, start="2027-03-01T14:00:30+00:00"))
    assert schedule.slots(at("2027-02-01"), at("2027-03-03")) == [
        at("2027-03-01T14:00"),
        at("2027-03-02T14:00"),
    ]
    assert schedule.next_after(at("2026-01-01")) == at("2027-03-01T14:00")
    # Its time of that day is over already.
    later = read(cbr(EVERY_DAY, start="2027-03-01T15:00:00Z"))
    assert later.slots(at("2027-02-01"), at("2027-03-03")) == [at("2027-03-02T14:00")]
    assert later.next_after(at("2026-01-01")) == at("2027-03-02T14:00")


@pytest.mark.parametrize(
    ("name", "is_sunday"), [("UTC-03:30", "2026-12-07T02:00"), ("UTC+03:30", "2026-12-06T02:00")]
)
def test_an_offset_counts_eastward(name: str, is_sunday: str) -> None:
    schedule = read(vbs(("02:00",), weekdays=["SUN"], time_zone=name))
    assert schedule.next_after(at("2026-12-01")) == at(is_sunday)


def test_a_next_run_is_looked_for_over_a_whole_month_and_more() -> None:
    schedule = read(vbs(frequency=30, time_zone="UTC+00:00"))
    assert schedule.next_after(at("2027-02-01T22:00")) == at("2027-03-01T22:00")
    # The local day of the zone lies before that of UTC.
    west = read(vbs(("02:00",), frequency=30, time_zone="UTC-12:00"))
    assert west.next_after(at("2027-02-02T01:00")) == at("2027-02-02T02:00")


@pytest.mark.parametrize(
    "start",
    [
        "2025-03-25T07:59:52Z",
        "2025-03-25 07:59:52",
        "2025-03-25T07:59:52.000+00:00",
        "2025-03-25T09:59:52+02:00",
        " 2025-03-25T07:59:52.951164 ",
    ],
)
def test_each_way_in_which_a_start_was_seen_is_read(start: str) -> None:
    schedule = read(cbr("FREQ=DAILY;INTERVAL=2;BYHOUR=8;BYMINUTE=0", start=start))
    assert schedule.slots(at("2025-01-01"), at("2025-03-28")) == [
        at("2025-03-25T08:00"),
        at("2025-03-27T08:00"),
    ]


def test_a_list_of_hours_is_of_one_local_day() -> None:
    """The example of the manual: 22:00, 00:00 and 02:00 of UTC are one night in UTC+2."""
    spec = vbs(("22:00", "00:00", "02:00"), weekdays=["SUN", "WED"], time_zone="UTC+02:00")
    schedule = read(spec)
    # 2026-12-02 is a Wednesday.
    assert schedule.slots(at("2026-11-30"), at("2026-12-06")) == [
        at("2026-12-01T22:00"),
        at("2026-12-02T00:00"),
        at("2026-12-02T02:00"),
        at("2026-12-05T22:00"),
    ]
    assert schedule.when == "on Wednesday and Sunday (UTC+2) at 22:00, 00:00 and 02:00 UTC"
    assert schedule.longest_gap == timedelta(days=3, hours=20)


@pytest.mark.parametrize(
    ("zone", "day", "hours", "begin", "expected"),
    [
        # From one Saturday over the change of clocks to the Sunday of the next week.
        (
            "Europe/Berlin",
            "SUN",
            ("22:00", "23:00"),
            "2027-03-27",
            ["03-27T23:00", "04-03T22:00", "04-03T23:00"],
        ),
        (
            "Europe/Berlin",
            "SUN",
            ("22:00", "23:00"),
            "2027-10-30",
            ["10-30T22:00", "10-30T23:00", "10-31T22:00", "11-06T23:00", "11-07T22:00"],
        ),
        (
            "America/New_York",
            "MON",
            ("04:00", "05:00"),
            "2027-03-08",
            ["03-08T05:00", "03-09T04:00", "03-15T04:00", "03-15T05:00"],
        ),
        (
            "America/New_York",
            "MON",
            ("04:00", "05:00"),
            "2027-11-01",
            ["11-01T04:00", "11-01T05:00", "11-08T05:00", "11-09T04:00"],
        ),
        (
            "Pacific/Auckland",
            "MON",
            ("11:00", "12:00"),
            "2027-03-28",
            ["03-28T11:00", "03-28T12:00", "04-04T12:00", "04-05T11:00"],
        ),
        (
            "Pacific/Auckland",
            "MON",
            ("11:00", "12:00"),
            "2027-09-19",
            ["09-19T12:00", "09-20T11:00", "09-26T11:00", "09-26T12:00"],
        ),
        (
            "Australia/Lord_Howe",
            "MON",
            ("13:00",),
            "2027-03-28",
            ["03-28T13:00", "04-05T13:00"],
        ),
        (
            "Australia/Lord_Howe",
            "MON",
            ("13:00",),
            "2027-09-27",
            ["09-27T13:00", "10-03T13:00"],
        ),
    ],
)
def test_the_weekday_is_local_in_weeks_in_which_clocks_change(
    zone: str, day: str, hours: tuple[str, ...], begin: str, expected: list[str]
) -> None:
    schedule = read(vbs(hours, weekdays=[day], time_zone=zone))
    slots = schedule.slots(at(begin), at(begin) + 9 * DAY)
    assert slots == [at(f"2027-{text}") for text in expected]
    assert schedule.longest_gap is not None
    assert schedule.longest_gap > timedelta(days=6)


@pytest.mark.parametrize("zone", ZONES)
def test_each_hour_of_a_week_of_change_is_of_the_local_day(zone: str) -> None:
    hours = tuple(f"{hour:02}:00" for hour in range(24))
    offset = offset_in(zone)
    for name in NAMES:
        schedule = read(vbs(hours, weekdays=[name], time_zone=zone))
        is_slot = slow_vbs(hours, frequency=None, weekdays=[name], offset=offset)
        for month in (3, 4, 9, 10, 11):
            begin = datetime(2027, month, 1, tzinfo=UTC)
            end = begin + 31 * DAY
            assert schedule.slots(begin, end) == walk(begin, end, is_slot), (name, month)


@pytest.mark.parametrize("every", range(1, 31))
def test_days_are_counted_anew_from_the_first_of_each_month(every: int) -> None:
    days = []
    for month in range(1, 13):
        last = calendar.monthrange(2028, month)[1]
        days += [date(2028, month, number) for number in range(1, last + 1, every)]
    assert date(2028, 2, 29) in days or 28 % every  # February of a leap year ends on a 29th
    schedule = read(vbs(frequency=every, time_zone="UTC+00:00"))
    assert [slot.date() for slot in schedule.slots(*YEAR)] == days
    gaps = [after - before for before, after in pairwise(schedule.slots(*YEAR))]
    # A year without a 29th of February has another month's end.
    plain = schedule.slots(at("2027-01-01"), at("2028-01-01"))
    gaps += [after - before for before, after in pairwise(plain)]
    assert schedule.longest_gap == max(gaps)
    # In a zone it is the local day that is counted: 22:00 UTC is of the next one in UTC+2.
    local = read(vbs(frequency=every, time_zone="UTC+02:00"))
    assert [slot.date() + DAY for slot in local.slots(at("2027-12-31"), at("2028-12-31"))] == days
    is_daily = every == 1
    assert read(vbs(frequency=every)).is_reckoned != is_daily


def test_days_wins_over_weekdays() -> None:
    schedule = read(vbs(frequency=1, weekdays=["SUN", "WED"], time_zone="Nowhere/At_All"))
    assert schedule.when == "daily at 22:00 UTC"
    assert len(schedule.slots(at("2027-01-01"), at("2027-01-08"))) == 7
    assert not schedule.is_reckoned


@pytest.mark.parametrize(
    ("spec", "when", "gap"),
    [
        (vbs(frequency=1), "daily at 22:00 UTC", DAY),
        (vbs(frequency="1"), "daily at 22:00 UTC", DAY),
        (vbs("22:00", frequency=1), "daily at 22:00 UTC", DAY),
        (vbs(" 9:00, 22:00", frequency=1), "daily at 09:00 and 22:00 UTC", 13 * HALF * 2),
        (vbs(("22:30",), frequency=1), "daily at 22:30 UTC", DAY),
        (vbs(("22:00", "22:00"), frequency=1), "daily at 22:00 UTC", DAY),
        (
            vbs(frequency=3),
            "every 3 days from the first of the month at 22:00 UTC",
            3 * DAY,
        ),
        (
            vbs(frequency=30, time_zone="Europe/Berlin"),
            "every 30 days from the first of the month (Europe/Berlin) at 22:00 UTC",
            # From the 1st of October, whose 22:00 UTC is on the day before, to the 31st in winter.
            31 * DAY,
        ),
        (vbs(weekdays=list(NAMES)), "daily at 22:00 UTC", DAY),
        (vbs(weekdays="sun, WED ,SUN"), "on Wednesday and Sunday at 22:00 UTC", 4 * DAY),
        (vbs(weekdays=["MON"]), "on Monday at 22:00 UTC", 7 * DAY),
        (cbr(EVERY_DAY), "daily at 14:00 UTC", DAY),
        (cbr(EVERY_DAY, start=None), "daily at 14:00 UTC", DAY),
        (cbr(f"{EVERY_DAY};"), "daily at 14:00 UTC", DAY),
        (cbr(EVERY_DAY, time_zone="Nowhere/At_All"), "daily at 14:00 UTC", DAY),
        (cbr(EVERY_3_DAYS), "every 3 days from 2019-05-08 at 06:00 UTC", 3 * DAY),
        (
            cbr("freq=weekly;byday=mo,we;byhour=6;byminute=30"),
            "on Monday and Wednesday at 06:30 UTC",
            5 * DAY,
        ),
        (
            cbr("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=6;BYMINUTE=30"),
            "every 2 weeks from 2019-05-08 on Monday at 06:30 UTC",
            14 * DAY,
        ),
        (
            cbr("FREQ=WEEKLY;BYHOUR=6;BYMINUTE=30"),
            "on Wednesday at 06:30 UTC",
            7 * DAY,
        ),
        (cbr("FREQ=DAILY"), "daily at 06:57 UTC", DAY),
        (
            cbr("FREQ=MONTHLY;BYMONTHDAY=1,15;BYHOUR=6;BYMINUTE=0"),
            "on day 1 and 15 of the month at 06:00 UTC",
            17 * DAY,
        ),
        (
            cbr("FREQ=MONTHLY;BYDAY=1SU;BYHOUR=6;BYMINUTE=0"),
            "on Sunday number 1 at 06:00 UTC",
            35 * DAY,
        ),
        (
            cbr("FREQ=WEEKLY;INTERVAL=53;BYDAY=SU;BYHOUR=6;BYMINUTE=0"),
            "every 53 weeks from 2019-05-08 on Sunday at 06:00 UTC",
            371 * DAY,
        ),
    ],
)
def test_a_schedule_says_when_it_runs_and_its_longest_gap(
    spec: Mapping[str, object], when: str, gap: timedelta
) -> None:
    schedule = read(spec)
    assert schedule.when == when
    assert schedule.longest_gap == gap


@pytest.mark.parametrize(
    ("spec", "quoted"),
    [
        ({}, "does not say when"),
        ({"calendar": "cron"}, "does not say when"),
        ({"calendar": None, "hours": ["22:00"]}, "does not say when"),
        (vbs(None, frequency=1), "at which hours"),
        (vbs([], frequency=1), "at which hours"),
        (vbs("", frequency=1), "at which hours"),
        (vbs(("",), frequency=1), "at which hours"),
        (vbs(("24:00",), frequency=1), "24:00"),
        (vbs(("25:00",), frequency=1), "25:00"),
        (vbs(("22:60",), frequency=1), "22:60"),
        (vbs(("22",), frequency=1), "22"),
        (vbs(("-1:00",), frequency=1), "-1:00"),
        (vbs(("22:00", ""), frequency=1), "no time of the day"),
        (vbs((None,), frequency=1), "null"),
        (vbs((22,), frequency=1), "22"),
        (vbs(22, frequency=1), "22"),
        (vbs({"at": "22:00"}, frequency=1), "22:00"),
        (vbs(frequency=0), "0"),
        (vbs(frequency=31), "31"),
        (vbs(frequency=-1), "-1"),
        (vbs(frequency=True), "true"),
        (vbs(frequency=1.5), "1.5"),
        (vbs(frequency="daily"), "daily"),
        (vbs(frequency="1_0"), "1_0"),
        (vbs(frequency=10**30), "1000"),
        (vbs(), "on which days"),
        (vbs(weekdays=[]), "on which days"),
        (vbs(weekdays=["SUNDAY"]), "SUNDAY"),
        (vbs(weekdays=[7]), "7"),
        (vbs(weekdays=[None]), "null"),
        (vbs(weekdays=["SUN"], time_zone="Mars/Olympus"), "Mars/Olympus"),
        (vbs(weekdays=["SUN"], time_zone="UTC+25:00"), "UTC+25:00"),
        (vbs(weekdays=["SUN"], time_zone="UTC+01:75"), "UTC+01:75"),
        (vbs(weekdays=["SUN"], time_zone=2), "2"),
        (vbs(frequency=2, time_zone="UTC+2 h"), "UTC+2 h"),
        (vbs([f"{n // 60:02}:{n % 60:02}" for n in range(97)], frequency=1), "97 times"),
        (vbs(["22:00"] * 500, frequency=1), "no list"),
        (cbr(), "no pattern"),
        ({"calendar": "rrule", "patterns": None, "start_time": START}, "no pattern"),
        ({"calendar": "rrule", "patterns": EVERY_DAY, "start_time": START}, "no list"),
        (cbr(None), "null"),
        (cbr(5), "5"),
        (cbr(""), "cannot be read"),
        (cbr("every day"), "cannot be read"),
        (cbr("FREQ"), "cannot be read"),
        (cbr("FREQ="), "cannot be read"),
        (cbr("FREQ=DAILY;FREQ=WEEKLY;BYHOUR=1;BYMINUTE=0"), "cannot be read"),
        (cbr("BYHOUR=1;BYMINUTE=0"), "FREQ"),
        (cbr("FREQ=SECONDLY"), "FREQ"),
        (cbr("FREQ=MINUTELY;BYHOUR=1"), "FREQ"),
        (cbr("FREQ=HOURLY"), "FREQ"),
        (cbr("FREQ=YEARLY;BYHOUR=1;BYMINUTE=0"), "FREQ"),
        (cbr("FREQ=FORTNIGHTLY;BYHOUR=1;BYMINUTE=0"), "FREQ"),
        (cbr(f"{EVERY_DAY};UNTIL=20270101T000000Z"), "UNTIL"),
        (cbr(f"{EVERY_DAY};COUNT=3"), "COUNT"),
        (cbr(f"{EVERY_DAY};BYSECOND=7"), "BYSECOND"),
        (cbr(f"{EVERY_DAY}\nEXDATE:20270101T000000Z"), "BYMINUTE"),
        (cbr(f"{EVERY_DAY};WKST=XX"), "cannot be read"),
        (cbr("FREQ=DAILY;BYHOUR=24;BYMINUTE=0"), "24"),
        (cbr("FREQ=DAILY;BYHOUR=-1;BYMINUTE=0"), "-1"),
        (cbr("FREQ=DAILY;BYHOUR=1;BYMINUTE=60"), "60"),
        (cbr("FREQ=DAILY;BYHOUR=1,;BYMINUTE=0"), "BYHOUR"),
        (cbr("FREQ=DAILY;INTERVAL=0;BYHOUR=1;BYMINUTE=0"), "INTERVAL"),
        (cbr("FREQ=DAILY;INTERVAL=9999;BYHOUR=1;BYMINUTE=0"), "9999"),
        (cbr("FREQ=WEEKLY;BYDAY=XX;BYHOUR=1;BYMINUTE=0"), "XX"),
        (cbr("FREQ=WEEKLY;BYDAY=2MO;BYHOUR=1;BYMINUTE=0"), "2MO"),
        (cbr("FREQ=WEEKLY;BYMONTHDAY=2;BYHOUR=1;BYMINUTE=0"), "days of the month"),
        (cbr("FREQ=DAILY;BYMONTHDAY=2;BYHOUR=1;BYMINUTE=0"), "days of the month"),
        (cbr("FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1;BYHOUR=1;BYMINUTE=0"), "days of the month"),
        (cbr("FREQ=MONTHLY;BYMONTHDAY=32;BYHOUR=1;BYMINUTE=0"), "32"),
        (cbr("FREQ=MONTHLY;BYMONTHDAY=0;BYHOUR=1;BYMINUTE=0"), "0"),
        (cbr("FREQ=DAILY;INTERVAL=7;BYDAY=MO;BYHOUR=1;BYMINUTE=0"), "never comes up"),
        (cbr("FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31;BYHOUR=1;BYMINUTE=0",
             start="2027-02-01"), "never comes up"),
        (cbr("FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8;BYMINUTE=0,5,10,15,20,25,30,35,40,45,50,55"),
         "108 times"),
        (cbr(*(f"FREQ=DAILY;BYHOUR={n};BYMINUTE=0" for n in range(25))), "25 patterns"),
        (cbr(*(f"FREQ=DAILY;BYHOUR={n};BYMINUTE=0,10,20,30,40" for n in range(24))), "120 times"),
        (cbr("FREQ=DAILY;BYHOUR=" + "1," * 400 + "1;BYMINUTE=0"), "cannot be read"),
        (cbr(EVERY_3_DAYS, start=None), "does not say"),
        (cbr("FREQ=WEEKLY;BYHOUR=1;BYMINUTE=0", start=None), "does not say"),
        (cbr("FREQ=DAILY;BYHOUR=1", start=None), "does not say"),
        (cbr(EVERY_DAY, start="yesterday"), "yesterday"),
        (cbr(EVERY_DAY, start=5), "5"),
        (cbr(EVERY_DAY, start="0001-01-01T00:00:00Z"), "cannot be true"),
        (cbr(EVERY_DAY, start="0001-01-01T00:00:00+14:00"), "is no time"),
        (cbr(EVERY_DAY, start="9999-12-31T23:59:59Z"), "cannot be true"),
    ],
)  # fmt: skip
def test_what_cannot_be_relied_on_is_refused_in_a_sentence(
    spec: Mapping[str, object], quoted: str
) -> None:
    with pytest.raises(UnreadableSchedule) as refused, few_calls(20_000):
        read(spec)
    sentence = str(refused.value)
    assert quoted in sentence
    assert sentence.endswith(".")
    assert len(sentence) < 200


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([EVERY_DAY, "22:00", "SUN", "UTC+02:00", START, "24:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
PARTS = st.sampled_from(
    [
        *(f"FREQ={unit}" for unit in ("DAILY", "WEEKLY", "MONTHLY", "SECONDLY")),
        *(f"INTERVAL={interval}" for interval in (2, 7, 12, 366)),
        *(f"BYDAY={days}" for days in ("MO", "5MO", "-1SU,MO")),
        *(f"BYMONTHDAY={days}" for days in ("31", "-31,30")),
        *(f"BYHOUR={hours}" for hours in ("0", "23,0", "24")),
        *(f"BYMINUTE={minutes}" for minutes in ("0", "59,1")),
        *("WKST=SU", "WKST=9", "BYSETPOS=1", "COUNT=1"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    spec=st.fixed_dictionaries(
        {"calendar": st.sampled_from(["vbs", "rrule"])},
        optional={
            "hours": JUNK | st.just(["22:00"]),
            "frequency": JUNK,
            "weekdays": JUNK | st.just(["SUN"]),
            "time_zone": JUNK,
            "patterns": JUNK
            | st.lists(st.lists(PARTS, min_size=3, max_size=6).map(";".join), max_size=3),
            "start_time": JUNK | st.just(START),
        },
    )
)
def test_whatever_is_written_is_read_or_refused_and_ends(spec: Mapping[str, object]) -> None:
    try:
        schedule = read(spec)
    except UnreadableSchedule:
        return
    assert schedule.when
    after = schedule.next_after(at("2027-01-01"))
    slots = schedule.slots(at("2027-01-01"), at("2027-02-01"))
    assert len(slots) <= 31 * 96
    if slots:
        assert after is not None
        assert after in (slots[0], slots[1] if len(slots) > 1 else after)


def test_a_schedule_is_reckoned_once_for_all_its_disks() -> None:
    """8,000 disks ask one policy for the same 30 days."""
    schedule = read(cbr(EVERY_DAY, EVERY_3_DAYS))
    begin = at("2027-01-01")
    with few_calls(400_000):
        for _ in range(8000):
            schedule.slots(begin, begin + 30 * DAY)
