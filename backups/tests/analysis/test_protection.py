from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.analysis.facts import Fact, Moment, made_by, moment
from backups.analysis.protection import Knowledge, Standing, last_good, protection, running, why
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
from backups.tests.facts import NOON, fact

S, H = timedelta(seconds=1), timedelta(hours=1)
FOR_EVER = datetime(2100, 1, 1, tzinfo=UTC)
KNOWN = Knowledge(heard_until=FOR_EVER, listed_until=FOR_EVER, good_until=FOR_EVER, followed=True)


def standing(good_at: datetime | None = NOON, rule: Rule = DEFAULT, **words: Any) -> Standing:
    late_at = rule.late_at(good_at) if good_at else None
    plain: dict[str, Any] = {
        "good_at": good_at,
        "good_source": "created_at" if good_at else None,
        "late_at": late_at,
        "overdue_at": late_at + rule.grace if late_at else None,
        "rule": InForce(rule, "default"),
        "knowledge": KNOWN,
    }
    return Standing(**{**plain, **words})


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (timedelta(0), "protected"),
        (24 * H - S, "protected"),
        (24 * H, "late"),
        (24 * H + S, "late"),
        (26 * H - S, "late"),
        (26 * H, "overdue"),
        (26 * H + S, "overdue"),
        (9000 * H, "overdue"),
    ],
)
def test_the_word_changes_at_the_end_of_the_period_and_of_the_grace(
    after: timedelta, expected: str
) -> None:
    assert protection(standing(), NOON + after) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"good_at": None}, "never"),
        ({"good_at": None, "undated": True}, "unknown"),
        ({"deleted_at": NOON}, "deleted"),
        ({"exempt_reason": "a test disk"}, "exempt"),
        ({"exempt_reason": "a test disk", "exempt_until": NOON + S}, "exempt"),
        ({"exempt_reason": "a test disk", "exempt_until": NOON}, "protected"),
        ({"exempt_reason": "", "deleted_at": NOON}, "deleted"),
        ({"knowledge": replace(KNOWN, heard_until=NOON)}, "unknown"),
        ({"knowledge": replace(KNOWN, heard_until=None)}, "unknown"),
        ({"knowledge": replace(KNOWN, heard_until=NOON + S)}, "protected"),
        ({"knowledge": replace(KNOWN, listed_until=NOON)}, "unknown"),
        ({"knowledge": replace(KNOWN, good_until=NOON)}, "unknown"),
        ({"knowledge": replace(KNOWN, good_until=None)}, "unknown"),
        ({"knowledge": replace(KNOWN, followed=False)}, "unknown"),
        ({"knowledge": replace(KNOWN, followed=False), "good_at": NOON - 9000 * H}, "unknown"),
        ({"knowledge": replace(KNOWN, good_until=None), "good_at": None}, "never"),
        ({"knowledge": replace(KNOWN, listed_until=None), "good_at": None}, "unknown"),
        ({"knowledge": replace(KNOWN, followed=False), "exempt_reason": "x"}, "exempt"),
    ],
)
def test_what_is_not_known_is_never_green_and_never_overdue(
    words: dict[str, Any], expected: str
) -> None:
    volume = standing(**words)
    assert protection(volume, NOON) == expected
    assert why(volume, NOON).strip().endswith((".", "disk", "x"))


SECONDS = st.integers(-3 * 86_400, 3 * 86_400).map(lambda n: NOON + timedelta(seconds=n))
MAYBE = st.none() | SECONDS


@given(
    SECONDS,
    st.builds(
        Knowledge, heard_until=MAYBE, listed_until=MAYBE, good_until=MAYBE, followed=st.booleans()
    ),
    SECONDS,
    MAYBE,
)
def test_a_stale_disk_is_never_green(
    good: datetime, known: Knowledge, now: datetime, deleted: datetime | None
) -> None:
    volume = standing(good, knowledge=known, deleted_at=deleted)
    fresh = all(
        at is not None and at > now
        for at in (known.heard_until, known.listed_until, known.good_until)
    )
    if protection(volume, now) == "protected":
        assert fresh
        assert known.followed
        assert now < good + 24 * H


def test_each_word_explains_itself_in_one_sentence() -> None:
    exempt: dict[str, Any] = {"exempt_reason": "scratch space", "exempt_until": NOON + 48 * H}
    assert why(standing(), NOON) == (
        "The last good backup holds 2026-11-24 12:00 UTC (created_at); the next is expected by "
        "2026-11-25 12:00 UTC: "
        "every 1 day with 2 h of grace, the default."
    )
    assert why(standing(), NOON + 25 * H) == (
        "The last good backup holds 2026-11-24 12:00 UTC (created_at); the next was expected by "
        "2026-11-25 12:00 UTC "
        "and has grace until 2026-11-25 14:00 UTC."
    )
    assert why(standing(), NOON + 27 * H).endswith(
        "the next is overdue since 2026-11-25 14:00 UTC: every 1 day with 2 h of grace, the "
        "default."
    )
    assert (
        why(standing(**exempt), NOON)
        == "It needs no backup until 2026-11-26 12:00 UTC: scratch space"
    )
    assert (
        why(standing(good_at=None), NOON)
        == "No backup that could be restored is known, and the cloud's list was read."
    )
    assert why(standing(knowledge=replace(KNOWN, followed=False)), NOON) == (
        "New backups are not followed, so a newer one may be there without being known."
    )


def test_a_disk_without_a_backup_in_time_says_when_one_is_being_made() -> None:
    late = standing(running=True)
    assert "; one is being made now" not in why(late, NOON + H)
    assert why(late, NOON + 25 * H).endswith(
        "has grace until 2026-11-25 14:00 UTC; one is being made now."
    )
    assert "overdue since 2026-11-25 14:00 UTC; one is being made now: " in why(late, NOON + 27 * H)
    assert why(standing(None, running=True), NOON).endswith("list was read; one is being made now.")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([], None),
        ([fact(1, status="creating")], 1),
        ([fact(1, status="creating"), fact(3, status="creating"), fact(2, status="creating")], 3),
        (
            [fact(1, NOON - H, status="creating")],
            None,
        ),  # begun before the last good one: an old hanger-on
        ([fact(1, status="creating", gone_at=NOON)], None),
        ([fact(1, status="error"), fact(2)], None),
    ],
)
def test_what_is_being_made_now_began_after_the_last_good_one(
    facts: list[Fact], expected: int | None
) -> None:
    found = running(facts, NOON)
    assert (found.id.int if found else None) == expected
    old = fact(1, NOON - H, status="creating")
    assert running([old], None) == old


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            {"data_timestamp": NOON - 33 * S, "updated_at": NOON + H},
            Moment(NOON - 33 * S, "data_timestamp"),
        ),
        ({"data_timestamp": NOON + H, "updated_at": NOON + H}, Moment(NOON + H, "data_timestamp")),
        ({"data_timestamp": NOON + H + S, "updated_at": NOON + H}, Moment(NOON, "created_at")),
        (
            {"data_timestamp": NOON - 24 * H, "updated_at": NOON + H},
            Moment(NOON - 24 * H, "data_timestamp"),
        ),
        ({"data_timestamp": NOON - 24 * H - S, "updated_at": NOON + H}, Moment(NOON, "created_at")),
        ({"data_timestamp": NOON + S}, Moment(NOON + S, "data_timestamp")),
        ({"data_timestamp": None}, Moment(NOON, "created_at")),
        ({"data_timestamp": NOON, "created_at": None}, Moment(NOON, "data_timestamp")),
        ({"created_at": None}, None),
        # a time in the future is no proof of anything
        ({"created_at": NOON + 100_000 * H}, None),
        ({"created_at": NOON + 100_000 * H, "data_timestamp": NOON}, None),
        ({"data_timestamp": NOON + 100_000 * H}, Moment(NOON, "created_at")),
    ],
)
def test_the_moment_is_the_snapshots_when_plausible(
    words: dict[str, Any], expected: Moment | None
) -> None:
    assert moment(fact(1, at=NOON, **words), NOON + 2 * H) == expected


@pytest.mark.parametrize(
    ("words", "good"),
    [
        ({}, True),
        ({"status": "restoring"}, True),
        ({"service_type": "disk_copy"}, True),
        ({"service_type": "vm_copy"}, True),
        ({"service_type": "vm"}, True),
        ({"status": "creating"}, False),
        ({"status": "error"}, False),
        ({"status": "error_restoring"}, False),
        ({"status": "deleting"}, False),
        ({"status": None}, False),
        ({"status": "AVAILABLE"}, False),
        ({"gone_at": NOON}, False),
        ({"created_at": None}, False),
    ],
)
def test_good_is_what_can_be_restored(words: dict[str, Any], good: bool) -> None:
    assert (last_good([fact(1, at=NOON, **words)], NOON) is not None) is good


def test_the_last_good_one_is_the_newest_by_its_moment() -> None:
    facts = [fact(1), fact(3, status="error"), fact(2), fact(4, data_timestamp=NOON + H)]
    found = last_good(facts, NOON + 9 * H)
    assert found is not None
    assert found.fact.id.int == 2
    assert last_good(reversed(facts), NOON + 9 * H) == found
    assert last_good([], NOON) is None


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
    assert refused.value.word == word
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(("period", "grace"), [(59, 0), (60, -1), (10**12, 0), (60, 10**12)])
def test_a_period_out_of_all_proportion_is_refused(period: int, grace: int) -> None:
    with pytest.raises(BadRule):
        by_period(period_seconds=period, grace_seconds=grace)


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
        (90, "90 s"),
        (7200, "2 h"),
        (86_400, "1 day"),
        (93_600, "1 day 2 h"),
        (172_860, "2 days 1 min"),
    ],
)
def test_lengths_are_said_in_two_units(seconds: int, expected: str) -> None:
    assert span(timedelta(seconds=seconds)) == expected


@pytest.mark.parametrize(
    ("name", "service_type", "expected"),
    [
        ("autobk_1a2b", "disk", "policy"),
        ("autobk_1a2b", None, "policy"),
        ("manualbk_12345", "disk", "csbs"),
        ("mine", "vm", "csbs"),
        ("before the release", "disk", "hand"),
        (None, None, "hand"),
    ],
)
def test_names_tell_who_made_a_backup(
    name: str | None, service_type: str | None, expected: str
) -> None:
    assert made_by(name=name, service_type=service_type) == expected


def test_a_stray_fact_without_any_time_is_no_proof() -> None:
    lost: Fact = fact(1, created_at=None, data_timestamp=None)
    assert last_good([lost], NOON) is None
