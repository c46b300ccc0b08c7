from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.analysis.facts import Fact, Moment, moment
from backups.analysis.protection import Knowledge, Standing, last_good, protection, running, why
from backups.analysis.rules import DEFAULT, InForce, Rule
from backups.tests.facts import NOON, fact

S, H = timedelta(seconds=1), timedelta(hours=1)
FOR_EVER = datetime(2100, 1, 1, tzinfo=UTC)
KNOWN = Knowledge(
    answering_until=FOR_EVER, listed_until=FOR_EVER, good_until=FOR_EVER, followed=True
)


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
        ({"knowledge": replace(KNOWN, answering_until=NOON)}, "unknown"),
        ({"knowledge": replace(KNOWN, answering_until=None)}, "unknown"),
        ({"knowledge": replace(KNOWN, answering_until=NOON + S)}, "protected"),
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
        Knowledge,
        answering_until=MAYBE,
        listed_until=MAYBE,
        good_until=MAYBE,
        followed=st.booleans(),
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
        for at in (known.answering_until, known.listed_until, known.good_until)
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


def test_a_stray_fact_without_any_time_is_no_proof() -> None:
    lost: Fact = fact(1, created_at=None, data_timestamp=None)
    assert last_good([lost], NOON) is None
