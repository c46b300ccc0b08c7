"""What came of backups by day, by the pure rules."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backups.analysis.calendar import last_days
from backups.analysis.outcomes import KEPT, Tally, by_day, outcome, quarter, tallies
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


def missed_at(*hours: float, rule: Rule = DAILY, since: datetime = LONG_AGO, until: datetime = NOON) -> list[datetime]:
    """When one was missed until noon, with good backups made at these hours before."""
    facts = [fact(n, NOON - back * H, outcome="good") for n, back in enumerate(hours, 1)]
    found = tallies(facts, rule=rule, since=since, now=NOON)
    quarters = [at for at, one in sorted(found.items()) for _ in range(one.missed) if at <= quarter(until)]
    return [datetime.fromtimestamp(at * 900, UTC) for at in quarters]


@pytest.mark.parametrize("late", [-S, timedelta(0)])
def test_what_comes_before_its_grace_is_over_is_not_missed(late: timedelta) -> None:
    assert missed_at(30, 4 - late / H) == []


def test_a_second_after_its_grace_it_is_missed() -> None:
    assert missed_at(30, 4 - S / H) == [NOON - 4 * H]


def test_each_day_without_a_backup_is_missed_once() -> None:
    assert missed_at(100, 10) == [NOON - 74 * H, NOON - 50 * H, NOON - 26 * H]


def test_gaps_before_the_disk_was_seen_prove_nothing() -> None:
    assert missed_at(100, 10, since=NOON - 49 * H) == [NOON - 26 * H]


def test_failed_backups_fill_no_gap() -> None:
    facts = [
        fact(1, NOON - 50 * H, outcome="good"),
        fact(2, NOON - 26 * H, outcome="failed", status="error"),
        fact(3, NOON - H, outcome="good"),
    ]
    found = tallies(facts, rule=DAILY, since=LONG_AGO, now=NOON)
    assert [at for at, one in found.items() if one.missed and at <= quarter(NOON)] == [quarter(NOON - 24 * H)]
    assert found[quarter(NOON - 26 * H)] == Tally(failed=1)


def test_nothing_is_missed_where_nothing_is_asked_for() -> None:
    facts = [fact(1, NOON - 90 * H, outcome="good"), fact(2, NOON, outcome="good")]
    assert sum(one.missed for one in tallies(facts, rule=None, since=LONG_AGO, now=NOON).values()) == 0


def test_a_rule_in_crons_words_is_missed_by_its_own_clock() -> None:
    nightly = by_cron(cron="0 2 * * *", zone="Europe/Berlin", grace_seconds=3600)
    assert missed_at(60, 1, rule=nightly) == [NOON - 58 * H, NOON - 34 * H, NOON - 10 * H]


def test_the_open_gap_is_foretold() -> None:
    found = missed_at(50, until=NOON + 90 * DAY)
    assert found[:3] == [NOON - 24 * H, NOON, NOON + 24 * H]
    assert (found[-1] <= NOON + KEPT, len(found)) == (True, 33)


def test_a_rule_of_minutes_drowns_nobody() -> None:
    often = Rule(timedelta(minutes=1), timedelta(0))
    assert len(missed_at(700, 1, rule=often, until=NOON + 90 * DAY)) == 200


def test_what_is_older_than_a_month_is_not_counted() -> None:
    assert tallies([fact(1, NOON - 33 * DAY, outcome="good")], rule=None, since=LONG_AGO, now=NOON) == {}


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


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Australia/Eucla", "America/St_Johns", "Pacific/Apia"])
def test_every_midnight_lies_on_a_quarter(zone: str) -> None:
    assert [d for d in last_days(NOON, ZoneInfo(zone), count=60) if d.begin.timestamp() % 900] == []


@settings(deadline=None)
@given(st.lists(st.integers(-29 * 86_400, 0)), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]))
def test_each_backup_is_in_exactly_one_day(seconds: list[int], zone: str) -> None:
    facts = [fact(n, NOON + at * S, outcome="good") for n, at in enumerate(seconds)]
    found = tallies(facts, rule=None, since=LONG_AGO, now=NOON)
    days = by_day(found, last_days(NOON, ZoneInfo(zone), count=31))
    assert sum(day.good for day in days) == len(facts)
    mine = [(NOON + at * S).astimezone(ZoneInfo(zone)).date() for at in seconds]
    assert [day.good for day in days] == [mine.count(day.day) for day in days]
