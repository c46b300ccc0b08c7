"""What came of backups by day, by the pure rules."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backups.analysis.calendar import last_days
from backups.analysis.chains import chains
from backups.analysis.days import Watch, day_states
from backups.analysis.days import last_days as grid_days
from backups.analysis.facts import Fact, outcome
from backups.analysis.outcomes import KEEP_FOR, OutcomeCounts, by_day, count_outcomes, counts_at
from backups.analysis.rules import Rule, by_cron
from backups.tests.facts import NOON, fact

H, DAY, S = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
DAILY = Rule(DAY, 2 * H)
LONG_AGO = NOON - 400 * DAY


@pytest.mark.parametrize(
    ("before", "status", "after"),
    [
        (None, "available", "good"),
        (None, "creating", None),
        (None, "error", "failed"),
        ("good", "deleting", "good"),
        ("failed", "deleting", "failed"),
        (None, "deleting", None),
        ("good", "error", "failed"),
        ("failed", "available", "good"),
        ("good", "error_deleting", "good"),
        (None, "error_restoring", "good"),
        ("good", None, "good"),
    ],
)
def test_what_came_of_a_backup(before: str | None, status: str | None, after: str | None) -> None:
    assert outcome(before, status) == after


def told(
    facts: list[Fact], rule: Rule | None, since: datetime, now: datetime = NOON
) -> dict[int, OutcomeCounts]:
    """What was written at noon, as it counts at `now`."""
    return counts_at(count_outcomes(facts, rule=rule, since=since, now=NOON), now)


def missed_at(
    *hours: float,
    rule: Rule = DAILY,
    since: datetime | None = None,
    until: datetime = NOON,
    failed: tuple[float, ...] = (),
) -> list[datetime]:
    """When one was missed until noon, with good (and failed) backups made at these hours before.

    The disk was seen with its first backup, unless `since` says when.
    """
    since = since or NOON - max(hours, default=0) * H
    facts = [fact(n, NOON - back * H, outcome="good") for n, back in enumerate(hours, 1)]
    facts += [
        fact(-n, NOON - back * H, outcome="failed", status="error")
        for n, back in enumerate(failed, -99)
    ]
    found = told(facts, rule, since, until)
    quarters = [at for at, one in sorted(found.items()) for _ in range(one.missed)]
    return [datetime.fromtimestamp(at * 900, UTC) for at in quarters]


@pytest.mark.parametrize("late", [-S, timedelta(0)])
def test_what_comes_before_its_grace_is_over_is_not_missed(late: timedelta) -> None:
    assert missed_at(38, 10 - late / H, rule=Rule(DAY, 4 * H)) == []


def test_a_second_after_its_grace_it_is_missed() -> None:
    assert missed_at(38, 10 - S / H, rule=Rule(DAY, 4 * H)) == [NOON - 14 * H]


def test_a_day_on_which_one_came_late_or_failed_is_not_missed() -> None:
    assert missed_at(35, 1) == []
    assert missed_at(58, 4, failed=(30,)) == []


def test_each_day_without_a_backup_is_missed_once() -> None:
    assert missed_at(100, 10) == [NOON - 76 * H, NOON - 52 * H, NOON - 28 * H]


def test_gaps_from_before_the_disk_was_seen_prove_nothing_unless_they_last() -> None:
    assert missed_at(100, 10, since=NOON - 49 * H) == [NOON - 52 * H, NOON - 28 * H]
    assert missed_at(100, 10, since=NOON) == []
    assert missed_at(100, since=NOON) == [NOON - 76 * H, NOON - 52 * H, NOON - 28 * H, NOON - 4 * H]


def test_a_disk_that_never_had_one_misses_each_day_since_it_was_seen() -> None:
    assert missed_at(since=NOON - 60 * H) == [NOON - 36 * H, NOON - 12 * H]


def test_nothing_is_missed_where_nothing_is_asked_for() -> None:
    facts = [fact(1, NOON - 90 * H, outcome="good"), fact(2, NOON, outcome="good")]
    assert sum(one.missed for one in told(facts, None, LONG_AGO).values()) == 0


def test_a_rule_in_crons_words_is_missed_by_its_own_clock() -> None:
    nightly = by_cron(cron="0 2 * * *", zone="Europe/Berlin", grace_seconds=3600)
    assert missed_at(60, 1, rule=nightly) == [NOON - 35 * H]


def test_the_open_gap_is_foretold_and_counts_when_its_grace_is_over() -> None:
    found = missed_at(50, until=NOON + 90 * DAY)
    assert found[:3] == [NOON - 26 * H, NOON - 2 * H, NOON + 22 * H]
    assert (found[-1] + 2 * H <= NOON + KEEP_FOR, len(found)) == (True, 34)
    assert missed_at(50, until=NOON + 24 * H - S) == found[:2]
    assert missed_at(50, until=NOON + 24 * H) == found[:3]


@pytest.mark.parametrize(
    "rule",
    [
        Rule(timedelta(minutes=1), timedelta(0)),
        by_cron(cron="* * * * *", zone="UTC", grace_seconds=0),
    ],
)
def test_a_rule_of_minutes_misses_a_day_once(rule: Rule) -> None:
    assert len(missed_at(700, 1, rule=rule, until=NOON)) == 28


def test_what_is_older_than_a_month_is_not_counted() -> None:
    assert (
        count_outcomes(
            [fact(1, NOON - 33 * DAY, outcome="good")], rule=None, since=LONG_AGO, now=NOON
        )
        == {}
    )


@pytest.mark.parametrize(
    ("zone", "hours"),
    [("Europe/Berlin", 25), ("America/New_York", 24), ("Asia/Kathmandu", 24), ("UTC", 24)],
)
def test_a_day_has_the_hours_of_its_zone(zone: str, hours: int) -> None:
    [day] = last_days(datetime(2026, 10, 25, 12, tzinfo=UTC), ZoneInfo(zone), count=1)
    assert (day.day, day.end - day.begin) == (date(2026, 10, 25), hours * H)


def test_days_in_spring_lose_an_hour() -> None:
    [day] = last_days(datetime(2026, 3, 29, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"), count=1)
    assert day.end - day.begin == 23 * H


@pytest.mark.parametrize(
    "zone", ["UTC", "Asia/Kathmandu", "Australia/Eucla", "America/St_Johns", "Pacific/Apia"]
)
def test_every_midnight_lies_on_a_quarter(zone: str) -> None:
    assert [d for d in last_days(NOON, ZoneInfo(zone), count=60) if d.begin.timestamp() % 900] == []


@settings(deadline=None)
@given(
    st.lists(st.integers(-29 * 86_400, 0)),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
)
def test_each_backup_is_in_exactly_one_day(seconds: list[int], zone: str) -> None:
    facts = [fact(n, NOON + at * S, outcome="good") for n, at in enumerate(seconds)]
    found = told(facts, None, LONG_AGO)
    days = by_day(found, last_days(NOON, ZoneInfo(zone), count=31))
    assert sum(day.good for day in days) == len(facts)
    mine = [(NOON + at * S).astimezone(ZoneInfo(zone)).date() for at in seconds]
    assert [day.good for day in days] == [mine.count(day.day) for day in days]


MINUTES = st.integers(-31 * 24 * 60, 0)
RULES = st.one_of(
    st.builds(
        lambda period, grace: Rule(period * H, grace * H),
        period=st.sampled_from([1, 6, 24, 26, 48, 24 * 7]),
        grace=st.integers(0, 30),
    ),
    st.sampled_from(
        [
            by_cron(cron=cron, zone=zone, grace_seconds=7200)
            for cron in ("0 23 * * *", "30 2 * * 1-5", "0 */6 * * *", "0 1 1 * *", "0 1,13 * * 0")
            for zone in ("UTC", "Europe/Berlin", "Pacific/Auckland")
        ]
    ),
)


@settings(deadline=None, max_examples=400)
@given(
    made=st.lists(
        st.tuples(
            MINUTES,
            st.sampled_from(["available", "error", "creating", "deleting", None]),
            st.sampled_from([None, "good", "failed"]),
        ),
        max_size=12,
    ),
    rule=RULES,
    first=st.integers(-31 * 24, 0),
    later=st.integers(0, 29 * 96),
)
def test_home_and_the_grid_of_days_miss_the_same_days(
    made: list[tuple[int, str | None, str | None]], rule: Rule, first: int, later: int
) -> None:
    """Home reads what was written at noon, however long ago that was; the grid looks
    at the disk now.
    """
    since, now = NOON + first * H, NOON + later * 15 * timedelta(minutes=1)
    facts = [
        fact(
            n, NOON + minutes * timedelta(minutes=1), status=status, outcome=outcome(before, status)
        )
        for n, (minutes, status, before) in enumerate(made)
    ]
    home = {
        day.day
        for day in by_day(told(facts, rule, since, now), last_days(now, UTC, count=30))
        if day.missed
    }
    days = grid_days(now, ZoneInfo("UTC"))
    members = [member for chain in chains(facts) for member in chain.members]
    words = day_states(members, Watch(rule, since, now), days=days, zone=ZoneInfo("UTC"), now=now)
    assert home == {day for day, word in zip(days, words, strict=True) if word == "missed"}
