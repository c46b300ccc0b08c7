"""One judgement and one advice of a volume, by the pure rules."""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from backups.analysis import judgement
from backups.analysis.causes import explain
from backups.analysis.facts import Fact
from backups.analysis.judgement import FailedTries, FailureReason, failed_tries, judge
from backups.analysis.protection import Knowledge, Standing, why
from backups.analysis.rules import DEFAULT, InForce
from backups.tests.facts import NOON, fact

H, DAY = timedelta(hours=1), timedelta(days=1)
KNOWN = Knowledge(NOON + 90 * DAY, NOON + 90 * DAY, NOON + 90 * DAY, followed=True)
REFUSED = FailureReason(NOON + 24 * H, "Connection to swift failed: [Errno 111] ECONNREFUSED")


def standing(good_at: datetime | None = NOON, **words: Any) -> Standing:
    return Standing(
        good_at=good_at,
        good_source="created_at" if good_at else None,
        late_at=good_at + 24 * H if good_at else None,
        overdue_at=good_at + 26 * H if good_at else None,
        rule=InForce(DEFAULT, "default", None),
        **{"knowledge": KNOWN, **words},
    )


def failed(n: int, **words: Any) -> Fact:
    return fact(n, status="error", outcome="failed", cause="c1", **words)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([], None),
        ([fact(1)], None),
        ([fact(1), failed(2)], (2, 2)),
        ([fact(1), failed(2), failed(3)], (2, 3)),
        ([failed(1), fact(2)], None),
        ([failed(1), fact(2), failed(3)], (3, 3)),
        ([failed(1), failed(2)], (1, 2)),  # there was never a good one
        ([fact(1), failed(2), fact(3, status="creating")], (2, 2)),
        ([fact(1), failed(2), fact(3, status="deleted", outcome="good")], None),
        ([fact(1), failed(2), failed(3, gone_at=NOON)], (2, 2)),  # it failed, and is not there
        ([fact(1), failed(2, gone_at=NOON)], None),
        ([fact(1), failed(2), fact(3, status="error_deleting", outcome="good")], None),
        ([fact(1), failed(2), fact(3, status="odd")], None),
    ],
)
def test_the_newest_tries_are_told_when_they_failed(
    facts: list[Fact], expected: tuple[int, int] | None
) -> None:
    found = failed_tries(reversed(facts), NOON + 9 * H, good_at=None)
    if expected is None:
        assert found is None
        return
    since, newest = expected
    assert found == FailedTries(NOON + since * H, uuid.UUID(int=newest), "c1")


def test_a_try_in_the_future_counts_from_when_it_was_added() -> None:
    odd = failed(1, created_at=NOON + 900 * DAY, tracked_at=NOON + H)
    assert failed_tries([fact(2), odd], NOON + 9 * H, good_at=None) is None
    found = failed_tries([odd], NOON + 9 * H, good_at=None)
    assert found is not None
    assert found.since == NOON + H


def test_a_try_before_the_moment_of_the_last_good_backup_is_done_with() -> None:
    """That moment may lie after the backup was begun: it is when its data was taken."""
    facts = [fact(1, data_timestamp=NOON + 3 * H), failed(2), failed(4)]
    found = failed_tries(facts, NOON + 9 * H, good_at=NOON + 3 * H)
    assert found == FailedTries(NOON + 4 * H, uuid.UUID(int=4), "c1")
    assert failed_tries(facts[:2], NOON + 9 * H, good_at=NOON + 3 * H) is None


@pytest.mark.parametrize(
    ("volume", "hours", "failure", "expected"),
    [
        (standing(), 1, None, ""),
        (standing(), 25, None, judgement._LATE),
        (standing(), 27, None, judgement.NOT_TRIED),
        (standing(None), 1, None, judgement.NEVER_TRIED),
        (standing(), 1, REFUSED, REFUSED.advice),
        (standing(), 25, REFUSED, REFUSED.advice),
        (standing(), 27, REFUSED, REFUSED.advice),
        (standing(None), 1, REFUSED, REFUSED.advice),
        (standing(running=True), 1, None, ""),
        (standing(running=True), 27, REFUSED, judgement._IS_BEING_MADE),
        (standing(None, running=True), 1, None, judgement._IS_BEING_MADE),
        (standing(knowledge=replace(KNOWN, followed=False)), 27, REFUSED, judgement.UNFOLLOWED),
        (standing(knowledge=replace(KNOWN, listed_until=NOON)), 27, None, judgement._UNKNOWN),
        (standing(deleted_at=NOON), 27, REFUSED, ""),
        (standing(exempt_reason="scratch"), 27, REFUSED, ""),
    ],
)
def test_the_next_step_is_about_what_is_wrong(
    volume: Standing, hours: int, failure: FailureReason | None, expected: str
) -> None:
    assert judge(volume, NOON + hours * H, failure=failure).next == expected


def test_who_fails_each_night_is_told_of_the_failure_and_not_of_its_policy() -> None:
    told = judge(standing(), NOON + 60 * H, failure=REFUSED)
    assert told.protection == "overdue"
    assert told.why == (
        "The last good backup holds 2026-11-24 12:00 UTC (created_at); the next is overdue since "
        "2026-11-25 14:00 UTC: every 1 day with 2 h of grace, the default; every try since "
        f"2026-11-25 12:00 UTC failed: {REFUSED.meaning}."
    )
    assert told.next == explain(status="error", reason=REFUSED.fail_reason).advice
    assert "policy" not in told.next


def test_without_a_failure_the_reason_is_that_of_the_protection_alone() -> None:
    for hours in (1, 25, 27):
        now = NOON + hours * H
        assert judge(standing(), now, failure=None).why == why(standing(), now)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (None, "the cloud gave no reason"),
        ("  ", "the cloud gave no reason"),
        ("quota exceeded", "A quota of the project is used up"),
        ("Something of theirs.", "“Something of theirs”"),
        ("x" * 900, f"“{'x' * 200}…”"),
    ],
)
def test_a_failure_is_told_by_its_meaning_or_else_by_its_own_words(
    reason: str | None, expected: str
) -> None:
    assert FailureReason(NOON, reason).meaning == expected
