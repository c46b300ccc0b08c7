"""How often a disk should be backed up: by a period, by cron, and whose rule is the nearest."""

from datetime import UTC, datetime, timedelta

import pytest

from backups.analysis.rules import (
    DEFAULT,
    BadRule,
    InForce,
    Rule,
    by_cron,
    by_period,
    nearest,
    span,
)

H = timedelta(hours=1)
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("0 2 * * *", "UTC", "2026-11-24T02:00:30Z", "2026-11-25T02:00:00Z"),
        ("0 2 * * *", "UTC", "2026-11-24T01:59:30Z", "2026-11-24T02:00:00Z"),
        ("0 2 * * *", BERLIN, "2026-11-24T12:00:00Z", "2026-11-25T01:00:00Z"),
        ("0 2 * * *", BERLIN, "2026-07-24T12:00:00Z", "2026-07-25T00:00:00Z"),
        # 2026-03-29 has no 02:30 in Berlin: the run comes when the clocks have jumped, as Debian's
        # cron does it
        ("30 2 * * *", BERLIN, "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
        ("0 4 * * *", BERLIN, "2026-03-28T12:00:00Z", "2026-03-29T02:00:00Z"),
        # 2026-10-25 has 02:30 twice in Berlin: the first counts
        ("30 2 * * *", BERLIN, "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
        ("30 2 * * *", BERLIN, "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
        ("0 22 * * FRI", "UTC", "2026-11-24T02:00:00Z", "2026-11-27T22:00:00Z"),
    ],
)
def test_cron_says_when_the_next_is_expected(
    cron: str, zone: str, after: str, expected: str
) -> None:
    rule = by_cron(cron=cron, zone=zone, grace_seconds=7200)
    assert rule.late_at(datetime.fromisoformat(after)) == datetime.fromisoformat(expected)


def test_a_day_of_23_or_25_hours_moves_a_period_not_at_all() -> None:
    before = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert DEFAULT.late_at(before) == before + timedelta(hours=24)


@pytest.mark.parametrize(
    ("cron", "longest"),
    [
        ("0 2 * * *", 24 * H),
        ("0 2 * * 1-5", 72 * H),
        ("* * * * *", timedelta(minutes=1)),
        ("0 0 1 * *", 31 * 24 * H),
        ("0 22 * * SAT", 168 * H),
    ],
)
def test_the_period_of_a_cron_rule_is_its_longest_gap(cron: str, longest: timedelta) -> None:
    assert by_cron(cron=cron, zone="UTC", grace_seconds=0).period == longest


@pytest.mark.parametrize(
    ("cron", "zone", "word"),
    [
        ("", "UTC", "cron"),
        ("0 2 * *", "UTC", "cron"),
        ("0 0 2 * * *", "UTC", "cron"),
        ("61 * * * *", "UTC", "cron"),
        ("0 0 30 2 *", "UTC", "cron"),
        ("@daily", "UTC", "cron"),
        ("0 " + ",".join("0123456789" * 9) + " * * *", "UTC", "cron"),
        ("0 2 * * *", "Mars/Olympus", "zone"),
        ("0 2 * * *", "../../etc/passwd", "zone"),
        ("0 2 * * *", "", "zone"),
        ("0 2 * * *", "Europe", "zone"),
        ("0 2 * * *", "A\x00B", "zone"),
    ],
)
def test_a_bad_cron_rule_is_refused_in_a_sentence(cron: str, zone: str, word: str) -> None:
    with pytest.raises(BadRule) as refused:
        by_cron(cron=cron, zone=zone, grace_seconds=0)
    assert refused.value.field == word
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(("period", "grace"), [(59, 0), (60, -1), (10**12, 0), (60, 10**12)])
def test_a_period_out_of_all_proportion_is_refused(period: int, grace: int) -> None:
    with pytest.raises(BadRule):
        by_period(period_seconds=period, grace_seconds=grace)


def test_the_shortest_and_the_longest_period_are_taken() -> None:
    ten_years = 3660 * 86_400
    assert by_period(period_seconds=60, grace_seconds=0) == Rule(timedelta(minutes=1), 0 * H)
    longest = by_period(period_seconds=ten_years, grace_seconds=ten_years)
    assert longest == Rule(timedelta(days=3660), timedelta(days=3660))
    with pytest.raises(BadRule, match=r"from 60 to 316224000\.$"):
        by_period(period_seconds=ten_years + 1, grace_seconds=0)


def test_the_nearest_rule_is_in_force_and_of_tags_the_strictest() -> None:
    day, week, cloud = (Rule(hours * H, 2 * H) for hours in (24, 168, 48))
    tags = {"weekly": week, "b": day, "a": day}
    assert nearest(volume=week, tags=tags, cloud=cloud) == InForce(week, "disk")
    assert nearest(volume=None, tags=tags, cloud=cloud) == InForce(day, "tag", "a")
    assert nearest(volume=None, tags={}, cloud=cloud) == InForce(cloud, "cloud")
    assert nearest(volume=None, tags={}, cloud=None) == InForce(Rule(24 * H, 2 * H), "default")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7200, "2 h"),
        (86_400, "1 day"),
        (93_600, "1 day 2 h"),
        (172_860, "2 days 1 min"),
    ],
)
def test_lengths_are_said_in_two_units(seconds: int, expected: str) -> None:
    assert span(timedelta(seconds=seconds)) == expected


def test_the_next_three_times_follow_now_by_cron_and_whole_periods_after_the_last() -> None:
    now = datetime(2026, 10, 24, 12, tzinfo=UTC)
    by_night = by_cron(cron="30 2 * * *", zone=BERLIN, grace_seconds=0)
    # The clocks go back on the 25th.
    assert [f"{at:%d %H:%M}" for at in by_night.next_times(now)] == [
        "25 00:30",
        "26 01:30",
        "27 01:30",
    ]
    daily = by_period(period_seconds=86_400, grace_seconds=0)
    assert daily.next_times(now) == [now + 24 * H, now + 48 * H, now + 72 * H]
    last = now - 50 * H
    assert daily.next_times(now, last=last) == [last + 72 * H, last + 96 * H, last + 120 * H]
    # One that is due this very moment is due no more in the future.
    assert daily.next_times(now, last=now - 24 * H)[0] == now + 24 * H
