import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backups.analysis.days import DayState, Run, Watch, day_states, days_in_words, last_days, runs
from backups.analysis.rules import DEFAULT, Rule, by_cron
from backups.web import status

UTC_ZONE, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WEEK = last_days(NOW, UTC_ZONE, 7)  # 17 to 23 November
LONG_AGO = datetime(2026, 11, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class One:
    at: datetime
    kind: str = "incremental"
    status: str | None = "available"
    outcome: str | None = None


def at(day: int, hour: int = 1, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def week(
    *backups: One,
    rule: Rule | None = DEFAULT,
    since: datetime = LONG_AGO,
    until: datetime | None = NOW,
) -> tuple[DayState, ...]:
    return day_states(backups, Watch(rule, since, until), days=WEEK, zone=UTC_ZONE, now=NOW)


def nightly(*days: int) -> list[One]:
    return [One(at(day)) for day in days]


def test_each_backup_names_its_day_and_the_best_wins() -> None:
    found = week(
        One(at(17), "full"),
        One(at(18)),
        One(at(19), "unknown"),
        One(at(20), status="error"),
        *(One(at(21, 1), status="error"), One(at(21, 5), "full")),
        One(at(22), status="frozen_by_admin"),
        One(at(23, 11), status="creating"),
    )
    assert found == ("full", "incremental", "good", "failed", "full", "unknown", "flight")


@pytest.mark.parametrize(
    "status", ["deleting", "deleted", "error_deleting", "error_restoring", "restoring"]
)
def test_a_backup_that_was_made_stays_a_good_day_whatever_became_of_it(status: str) -> None:
    assert week(One(at(17), "full", status))[0] == "full"


def test_a_day_without_a_backup_that_was_due_is_missed() -> None:
    assert week(*nightly(17, 18, 20, 21, 22, 23)) == (
        *(
            "incremental",
            "incremental",
            "missed",
            "incremental",
            "incremental",
            "incremental",
            "incremental",
        ),
    )


def test_each_further_day_is_missed_too() -> None:
    assert week(*nightly(17, 18))[2:] == ("missed",) * 5


def test_what_is_within_its_grace_is_not_missed_yet() -> None:
    late = One(NOW - timedelta(hours=25))
    assert week(*nightly(17, 18, 19, 20, 21), late)[6] == "idle"
    over = One(NOW - timedelta(hours=26))
    assert week(*nightly(17, 18, 19, 20, 21), over)[6] == "missed"


def test_a_backup_that_came_after_midnight_but_within_its_grace_was_not_missed() -> None:
    evening = [One(at(day, 23, 30)) for day in (17, 18)]
    after = One(at(20, 0, 30))
    assert week(*evening, after, *nightly(21, 22, 23))[2:4] == ("idle", "incremental")


def test_a_weekly_rule_leaves_the_days_between_idle() -> None:
    rule = by_cron(cron="0 1 * * 0", zone="UTC", grace_seconds=7200)  # 22 November is a Sunday
    assert week(One(at(15), "full"), rule=rule) == ("idle",) * 5 + ("missed", "idle")
    assert week(One(at(15), "full"), One(at(22, 2), "full"), rule=rule)[5] == "full"


def test_a_disk_that_was_never_backed_up_misses_from_the_day_it_is_known() -> None:
    assert week(since=at(19, 9)) == ("none", "none", "idle", "missed", "missed", "missed", "missed")


def test_a_gap_from_before_the_disk_was_known_here_proves_nothing_unless_it_lasts() -> None:
    assert week(*nightly(17, 20, 22, 23), since=at(21, 12)) == (
        *("incremental", "none", "none", "incremental", "missed", "incremental", "incremental"),
    )
    assert week(*nightly(17, 18), since=at(22, 12))[2:] == ("missed",) * 5


def test_nothing_is_due_for_an_exempt_disk() -> None:
    assert week(rule=None) == ("idle",) * 7


def test_days_that_the_evidence_does_not_reach_are_not_known() -> None:
    assert week(*nightly(17, 18), until=at(19, 2)) == (
        "incremental",
        "incremental",
        *("unknown",) * 5,
    )
    assert week(until=None) == ("unknown",) * 7


def test_what_was_missed_while_the_evidence_lasted_stays_missed() -> None:
    assert week(*nightly(17, 18), until=at(19, 9))[2:] == ("missed", *("unknown",) * 4)


@pytest.mark.parametrize("status", ["error", "deleting", "error_deleting"])
def test_a_failed_backup_is_not_whitewashed_by_being_deleted(status: str) -> None:
    found = week(
        *nightly(17), One(at(18), status=status, outcome="failed"), *nightly(19, 20, 21, 22)
    )
    assert found[:3] == ("incremental", "failed", "incremental")


def test_evidence_of_a_few_minutes_ago_is_enough_for_today() -> None:
    assert week(*nightly(17, 18, 19, 20, 21, 22), until=NOW - timedelta(minutes=20))[6] == "missed"


def test_a_day_is_a_day_of_the_reader() -> None:
    # 00:30 of the 20th in Berlin.
    late_evening = One(datetime(2026, 11, 19, 23, 30, tzinfo=UTC), "full")
    found = day_states(
        [late_evening],
        Watch(None, at(1), NOW),
        days=last_days(NOW, BERLIN, 7),
        zone=BERLIN,
        now=NOW,
    )
    assert found.index("full") == 3


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_the_days_on_which_clocks_change_miss_like_others(day: date) -> None:
    now = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=3)
    days = last_days(now, BERLIN, 7)
    good = One(
        datetime(days[0].year, days[0].month, days[0].day, 12, tzinfo=BERLIN).astimezone(UTC)
    )
    found = day_states([good], Watch(DEFAULT, good.at, now), days=days, zone=BERLIN, now=now)
    assert found == ("incremental", *("missed",) * 5, "idle")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 30 * 1440), st.sampled_from(["available", "error", "creating", None])
        ),
        max_size=20,
    )
)
def test_the_order_of_backups_changes_nothing_and_more_good_ones_never_miss_more(
    found: list[tuple[int, str]],
) -> None:
    backups = [One(NOW - timedelta(minutes=minutes), "full", status) for minutes, status in found]
    shuffled = random.Random(1).sample(backups, len(backups))
    assert week(*backups) == week(*shuffled)
    better = [*backups, One(NOW - timedelta(hours=3), "full")]
    assert week(*better).count("missed") <= week(*backups).count("missed")


def test_today_of_an_overdue_disk_is_told_apart_from_a_day_on_which_nothing_was_due() -> None:
    backups = nightly(17, 18)
    watch = Watch(DEFAULT, LONG_AGO, NOW, is_overdue=True)
    noon = NOW - timedelta(hours=11)  # before anything is due today
    states = day_states(backups, watch, days=WEEK, zone=UTC_ZONE, now=noon)
    assert states[5:] == ("missed", "overdue")
    assert week(*backups, until=NOW)[6] == "missed"


def test_days_before_the_first_knowledge_are_not_known_and_never_missed() -> None:
    states = week(*nightly(20, 21, 22, 23), since=at(21))
    assert states[:3] == ("none",) * 3
    assert days_in_words(states) == "3 not known of 7 days"


def test_days_in_words_count_what_is_wrong() -> None:
    states: list[DayState] = ["full", "failed", "missed", "missed", "unknown", "none", "idle"]
    assert days_in_words(states) == "1 failed, 2 missed, 2 not known of 7 days"
    assert days_in_words(["full", "idle"]) == "none failed or missed of 2 days"
    assert days_in_words(["missed", "overdue"]) == "1 missed of 2 days; overdue today"


def test_equal_days_in_a_row_are_one_run() -> None:
    assert runs(["full", "idle", "idle", "full"]) == (
        Run("full", 0, 1),
        Run("idle", 1, 2),
        Run("full", 3, 1),
    )
    assert runs([]) == ()


def test_every_word_has_a_cell_of_its_own() -> None:
    assert set(get_args(DayState)) == set(status.DAYS)
