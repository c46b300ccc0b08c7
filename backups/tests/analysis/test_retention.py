"""Which backups a policy deletes next: by count, by days, never, or by rules of the cloud."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest

from backups.analysis.retention import (
    Going,
    KeptBackup,
    from_json,
    in_words,
    most_kept,
    rule_in_words,
    to_go,
)
from backups.analysis.schedule import read
from backups.vbs.policies import Retention

DAY = timedelta(days=1)
FIRST = datetime(2026, 11, 10, 22, tzinfo=UTC)
NEXT = datetime(2026, 11, 20, 22, tzinfo=UTC)
TEN = [KeptBackup(f"b{n}", FIRST + n * DAY, by_policy=True) for n in range(10)]
DAILY = read({"calendar": "vbs", "hours": ["22:00"], "frequency": 1})


def ids(going: Sequence[Going]) -> list[str]:
    return [each.id for each in going]


@pytest.mark.parametrize(
    ("count", "gone"),
    [(12, []), (11, []), (10, ["b0"]), (8, ["b0", "b1", "b2"]), (1, [f"b{n}" for n in range(10)])],
)
def test_by_count_the_oldest_go_when_the_next_run_makes_one_too_many(
    count: int, gone: list[str]
) -> None:
    going = to_go(Retention(count=count), TEN[::-1], at=NEXT)
    assert ids(going) == gone
    assert {each.goes_at for each in going} <= {NEXT}
    assert not any(each.is_fact for each in going)


def test_only_backups_that_the_policy_made_count_and_go() -> None:
    by_hand = [KeptBackup("hand", FIRST - 90 * DAY, by_policy=False)]
    assert ids(to_go(Retention(count=10), [*by_hand, *TEN], at=NEXT)) == ["b0"]
    assert ids(to_go(Retention(count=11), [*by_hand, *TEN], at=NEXT)) == []
    assert ids(to_go(Retention(days=5), by_hand, at=NEXT)) == []


@pytest.mark.parametrize(
    ("days", "gone", "goes_at"),
    [
        # Each goes its days after it was made: at the next run those whose days are over.
        (10, ["b0"], FIRST + 10 * DAY),
        (9, ["b0", "b1"], FIRST + 9 * DAY),
        # None yet: the oldest is the next.
        (30, ["b0"], FIRST + 30 * DAY),
    ],
)
def test_by_days_each_goes_when_its_days_are_over(
    days: int, gone: list[str], goes_at: datetime
) -> None:
    going = to_go(Retention(days=days), TEN, at=NEXT)
    assert ids(going) == gone
    assert going[0].goes_at == goes_at


def test_the_count_wins_over_the_days() -> None:
    assert ids(to_go(Retention(count=10, days=2), TEN, at=NEXT)) == ["b0"]


def test_the_first_of_each_month_is_kept_beside_the_others() -> None:
    rule = Retention(count=10, keep_first_of_month=True)
    # b0 is the first of November: with nine others and the next one there are ten.
    assert ids(to_go(rule, TEN, at=NEXT)) == []
    assert ids(to_go(rule, [*TEN, KeptBackup("b10", NEXT, by_policy=True)], at=NEXT + DAY)) == [
        "b1"
    ]
    october = KeptBackup("o1", FIRST - 15 * DAY, by_policy=True)
    assert ids(to_go(rule, [october, *TEN], at=NEXT)) == []
    # November of another year is another month.
    year_before = KeptBackup("o2", FIRST - 365 * DAY, by_policy=True)
    assert ids(to_go(rule, [year_before, *TEN], at=NEXT)) == []
    # The next run is the first of December: it pushes none out.
    december = datetime(2026, 12, 1, 22, tzinfo=UTC)
    eleven = [*TEN, KeptBackup("b10", NEXT, by_policy=True)]
    assert ids(to_go(rule, eleven, at=december)) == []
    by_days = Retention(days=5, keep_first_of_month=True)
    assert ids(to_go(by_days, TEN, at=NEXT)) == ["b1", "b2", "b3", "b4", "b5"]


@pytest.mark.parametrize(
    "rule", [Retention(forever=True), Retention(), Retention(per_week=3), Retention(count=3,
     per_year=1)]
)  # fmt: skip
def test_what_is_kept_for_good_or_by_rules_of_the_cloud_is_not_reckoned(rule: Retention) -> None:
    assert to_go(rule, TEN, at=NEXT) == []


def test_what_the_cloud_says_itself_is_the_fact() -> None:
    at = NEXT - timedelta(hours=3)
    backups = [*TEN[:4], TEN[4]._replace(expired_at=at), *TEN[5:]]
    by_cloud = Going("b4", TEN[4].at, at, is_fact=True)
    assert to_go(Retention(per_week=3), backups, at=NEXT) == [by_cloud]
    assert to_go(Retention(forever=True), backups, at=NEXT) == [by_cloud]
    # Also of a backup made by hand.
    by_hand = [KeptBackup("hand", FIRST, by_policy=False, expired_at=at)]
    assert ids(to_go(Retention(), by_hand, at=NEXT)) == ["hand"]
    # It is not reckoned beside that.
    moved = [backup._replace(expired_at=NEXT + 60 * DAY) for backup in TEN]
    going = to_go(Retention(count=8), moved, at=NEXT)
    assert [(each.id, each.is_fact, each.goes_at) for each in going] == [
        ("b0", True, NEXT + 60 * DAY)
    ]


@pytest.mark.parametrize(
    ("rule", "backups", "sentence"),
    [
        (
            Retention(count=10),
            TEN,
            "The newest 10 backups are kept. The backup of 2026-11-10 22:00 UTC is deleted next, "
            "expected on 2026-11-20 22:00 UTC.",
        ),
        (
            Retention(count=9),
            TEN,
            "The newest 9 backups are kept. 2 backups, the oldest of 2026-11-10 22:00 UTC, are "
            "deleted next, expected on 2026-11-20 22:00 UTC.",
        ),
        (
            Retention(count=30),
            TEN,
            "The newest 30 backups are kept. With the next run there are 11, and none goes.",
        ),
        (
            Retention(days=30),
            TEN,
            "Backups are kept for 30 days. The backup of 2026-11-10 22:00 UTC is deleted next, "
            "expected on 2026-12-10 22:00 UTC.",
        ),
        (Retention(forever=True), TEN, "Backups are kept until somebody deletes them."),
        (
            Retention(per_month=6),
            TEN,
            "Backups are kept by the cloud's advanced rules, which are not reckoned here.",
        ),
        (Retention(), TEN, "The cloud does not say how long backups are kept."),
        (
            Retention(count=10),
            [TEN[0]._replace(expired_at=NEXT)],
            "The backup of 2026-11-10 22:00 UTC is deleted on 2026-11-20 22:00 UTC, as the cloud "
            "says.",
        ),
    ],
)
def test_it_is_said_in_words(rule: Retention, backups: Sequence[KeptBackup], sentence: str) -> None:
    assert in_words(rule, backups, at=NEXT) == sentence


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (Retention(count=1), "The newest backup is kept."),
        (Retention(days=1), "Backups are kept for a day."),
        (
            Retention(count=3, keep_first_of_month=True),
            "The newest 3 backups are kept, and beside them the first of each month.",
        ),
    ],
)
def test_the_rule_is_said_in_words(rule: Retention, sentence: str) -> None:
    assert rule_in_words(rule) == sentence


def test_a_stored_rule_is_read_with_keys_that_nobody_knows_left_out() -> None:
    rule = Retention(count=10, per_week=2, keep_first_of_month=True)
    assert from_json(asdict(rule)) == rule
    assert from_json({}) == Retention()
    assert from_json({"count": 3, "hours": 5}) == Retention(count=3)


@pytest.mark.parametrize(
    ("rule", "spec", "most"),
    [
        (Retention(count=10), None, 10),
        (Retention(days=7), {"hours": ["22:00"], "frequency": 1}, 7),
        (Retention(days=7), {"hours": ["22:00", "10:00"], "frequency": 1}, 14),
        (Retention(days=30), {"hours": ["22:00"], "weekdays": ["SUN"]}, 5),
        # Every 10 days: 1, 11, 21, 31 and again the 1st.
        (Retention(days=31), {"hours": ["22:00"], "frequency": 10}, 5),
        (Retention(days=1), {"hours": ["22:00"], "weekdays": ["SUN"]}, 1),
        (Retention(days=401), {"hours": ["22:00"], "frequency": 1}, None),
        (Retention(days=7), None, None),
        (Retention(forever=True), {"hours": ["22:00"], "frequency": 1}, None),
        (Retention(days=7, per_day=1), {"hours": ["22:00"], "frequency": 1}, None),
        (Retention(), {"hours": ["22:00"], "frequency": 1}, None),
    ],
)
def test_how_many_a_policy_comes_to_keep(
    rule: Retention, spec: dict[str, object] | None, most: int | None
) -> None:
    schedule = None if spec is None else read({"calendar": "vbs", **spec})
    assert most_kept(rule, schedule) == most


def test_a_policy_that_starts_later_comes_to_keep_as_many() -> None:
    schedule = read(
        {
            "calendar": "rrule",
            "patterns": ["FREQ=DAILY;BYHOUR=1;BYMINUTE=0"],
            "start_time": "2030-01-01T00:00:00Z",
        }
    )
    assert most_kept(Retention(days=7), schedule) == 7


def test_a_replay_of_forty_days_deletes_what_was_foretold() -> None:
    """A cloud that keeps five, day by day: what is gone after each run was foretold."""
    kept: list[KeptBackup] = []
    for day in range(40):
        at = FIRST + day * DAY
        foretold = set(ids(to_go(Retention(count=5), kept, at=at)))
        before = {backup.id for backup in kept}
        kept.append(KeptBackup(str(day), at, by_policy=True))
        kept = kept[-5:]
        assert before - {backup.id for backup in kept} == foretold
    assert DAILY.next_after(kept[-1].at) == kept[-1].at + DAY


def test_more_days_than_a_calendar_has_delete_nothing() -> None:
    backup = KeptBackup("a", datetime(2026, 11, 23, tzinfo=UTC), by_policy=True)
    retention = Retention(days=9_999_999_999)
    assert to_go(retention, [backup], at=datetime(2026, 11, 24, tzinfo=UTC)) == []
