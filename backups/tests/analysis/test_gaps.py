"""What would be lost, and the worst gap between two restore points."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from backups.analysis.facts import Fact
from backups.analysis.gaps import Gap, Loss, loss, worst_gap
from backups.analysis.protection import Knowledge, Standing
from backups.analysis.rules import DEFAULT, InForce, Rule
from backups.tests.facts import NOON, fact

H = timedelta(hours=1)
DAY = timedelta(days=1)
LONG_AGO = NOON - 400 * DAY
LATER = NOON + H
KNOWN = Knowledge(LATER, LATER, LATER, followed=True)


def lost(good_hours_ago: int | None = 14, **words: Any) -> Loss:
    """What would be lost at noon of a disk under the default rule, 24 h and 2 h of grace."""
    good_at = None if good_hours_ago is None else NOON - good_hours_ago * H
    rule: Rule = words.pop("rule", DEFAULT)
    late_at = rule.late_at(good_at) if good_at else None
    standing = Standing(
        good_at=good_at,
        good_source="created_at" if good_at else None,
        late_at=late_at,
        overdue_at=late_at + rule.grace if late_at else None,
        rule=InForce(rule, "default"),
        **{"knowledge": KNOWN} | words,
    )
    return loss(standing, uuid.UUID(int=1) if good_at else None, NOON)


def gap(
    *facts: Fact,
    since: datetime | None = None,
    until: datetime | None = NOON,
    is_followed: bool = True,
) -> Gap | None:
    """Of a disk that was first seen with its first backup, unless `since` says when."""
    since = since or min(one.at for one in facts)
    return worst_gap(facts, since=since, until=until, is_followed=is_followed, now=NOON)


def ends(found: Gap | None) -> tuple[int | None, int | None, float]:
    """The numbers of the two backups beside a gap, and its hours."""
    assert found is not None
    begin = found.begin_id.int if found.begin_id else None
    end = found.end_id.int if found.end_id else None
    return begin, end, found.length / H


def nightly(first: int, last: int) -> list[Fact]:
    """A backup each 24 hours, by days before noon; its number is the number of days."""
    return [fact(days, NOON - days * DAY) for days in range(last, first - 1, -1)]


def test_what_is_newer_than_the_restore_point_would_be_lost() -> None:
    now = lost(14)
    assert (now.seconds, now.allowed_seconds, now.sure) == (14 * 3600, 26 * 3600, True)
    assert (now.restore_point_id, now.restore_point_at) == (uuid.UUID(int=1), NOON - 14 * H)


def test_a_cron_rule_allows_what_lies_between_the_restore_point_and_its_next_time() -> None:
    weekly = Rule(7 * DAY, 2 * H, cron="0 13 * * 2")  # noon is on a Tuesday
    assert lost(14, rule=weekly).allowed_seconds == (14 + 1 + 2) * 3600


def test_without_a_restore_point_all_would_be_lost_and_no_number_is_made_up() -> None:
    now = lost(None)
    assert (now.seconds, now.restore_point_id, now.sure) == (None, None, True)
    assert now.allowed_seconds == 26 * 3600


@pytest.mark.parametrize(
    "knowledge",
    [
        Knowledge(NOON - H, LATER, LATER, followed=True),
        Knowledge(LATER, NOON - H, LATER, followed=True),
        Knowledge(LATER, LATER, NOON - H, followed=True),
        Knowledge(LATER, LATER, LATER, followed=False),
    ],
    ids=["silent", "not listed", "old answer", "not followed"],
)
def test_what_may_be_otherwise_is_not_said_for_sure(knowledge: Knowledge) -> None:
    assert lost(14, knowledge=knowledge).sure is False


def test_of_an_exempt_disk_nothing_is_expected_and_of_a_deleted_one_the_clock_has_stopped() -> None:
    assert lost(14, exempt_reason="scratch").allowed_seconds is None
    gone = lost(14, deleted_at=NOON - 4 * H)
    assert (gone.seconds, gone.as_of, gone.allowed_seconds) == (10 * 3600, NOON - 4 * H, None)


def test_the_worst_gap_stands_between_two_backups() -> None:
    assert ends(gap(*nightly(4, 9), *nightly(0, 1))) == (4, 1, 72)


def test_of_gaps_as_long_the_newer_one_is_told() -> None:
    assert ends(gap(*nightly(0, 9))) == (1, 0, 24)


def test_a_failed_backup_ends_no_gap() -> None:
    failed = fact(50, NOON - 3 * DAY, status="error", outcome="failed")
    assert ends(gap(*nightly(4, 9), failed, *nightly(0, 2))) == (4, 2, 48)


def test_a_backup_that_is_gone_was_good_then() -> None:
    gone = fact(50, NOON - 3 * DAY, status="deleted", outcome="good", gone_at=NOON - H)
    assert ends(gap(*nightly(4, 9), gone, *nightly(0, 1))) == (50, 1, 48)


def test_a_backup_holds_the_moment_of_its_data() -> None:
    late = fact(1, NOON - 20 * H, data_timestamp=NOON - 40 * H)
    assert ends(gap(late, fact(2, NOON - 4 * H))) == (1, 2, 36)


def test_a_gap_that_goes_on_counts_as_far_as_the_evidence_reaches() -> None:
    assert ends(gap(*nightly(3, 9))) == (3, None, 72)
    assert ends(gap(*nightly(3, 9), until=NOON - 30 * H)) == (3, None, 42)


def test_a_gap_that_ended_before_the_ninety_days_is_over() -> None:
    old = [fact(200, NOON - 200 * DAY), fact(100, NOON - 100 * DAY)]
    assert ends(gap(*old, *nightly(0, 80))) == (100, 80, 20 * 24)
    assert ends(gap(*old, *nightly(0, 95))) == (1, 0, 24)
    assert ends(gap(*old, *nightly(0, 95), since=LONG_AGO)) == (1, 0, 24)


def test_before_a_disk_was_known_nothing_is_told_but_what_went_on_then() -> None:
    pruned = [fact(30, NOON - 30 * DAY), fact(12, NOON - 12 * DAY)]
    found = gap(*pruned, *nightly(0, 9), since=NOON - 10 * DAY)
    assert ends(found) == (12, 9, 72)
    assert found
    assert found.known_for == 10 * DAY
    found = gap(*pruned, *nightly(0, 9), since=NOON - 5 * DAY)
    assert ends(found) == (1, 0, 24)


def test_a_disk_without_a_backup_has_a_gap_from_when_it_was_first_seen() -> None:
    assert ends(gap(since=NOON - 10 * DAY)) == (None, None, 240)
    assert ends(gap(*nightly(0, 3), since=NOON - 10 * DAY)) == (None, 3, 168)


@pytest.mark.parametrize(("since", "until"), [(LONG_AGO, None), (NOON, NOON), (LATER, NOON)])
def test_where_nothing_is_known_there_is_no_gap_and_no_zero(
    since: datetime, until: datetime | None
) -> None:
    assert gap(*nightly(0, 9), since=since, until=until) is None


def test_a_gap_is_not_sure_where_a_backup_may_lie_in_it() -> None:
    known = gap(*nightly(0, 9))
    not_followed = gap(*nightly(0, 9), is_followed=False)
    undated = gap(*nightly(0, 9), fact(50, created_at=None, tracked_at=NOON))
    assert [found.sure for found in (known, not_followed, undated) if found] == [True, False, False]
