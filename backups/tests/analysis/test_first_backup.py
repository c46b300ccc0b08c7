"""Of a disk's first backup, `incremental` says nothing."""

import uuid
from datetime import timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from backups.analysis.first_backup import kinds
from backups.tests.facts import NOON, fact


def kinds_by_number(*facts: object, flagged: set[int]) -> dict[int, str]:
    ids = {uuid.UUID(int=n) for n in flagged}
    return {pk.int: kind for pk, kind in kinds(facts, ids).items()}  # type: ignore[arg-type]


def test_the_oldest_is_unknown_and_the_others_are_incremental() -> None:
    backups = [fact(1), fact(2), fact(3)]
    for order in permutations(backups):
        by_number = kinds_by_number(*order, flagged={1, 2, 3})
        assert by_number == {1: "unknown", 2: "incremental", 3: "incremental"}


def test_an_older_one_makes_it_incremental_also_when_it_is_gone_or_of_no_kind() -> None:
    older = fact(0, NOON - timedelta(days=9), gone_at=NOON, kind="unknown")
    assert kinds_by_number(fact(1), older, flagged={1}) == {1: "incremental"}


def test_what_stores_nothing_is_no_older_one() -> None:
    for status in ("error", "protecting", "waiting_protect", "creating"):
        backups = [fact(1, status=status), fact(2), fact(3)]
        by_number = kinds_by_number(*backups, flagged={1, 2, 3})
        assert by_number == {1: "unknown", 2: "unknown", 3: "incremental"}


def test_what_is_not_flagged_is_left_alone() -> None:
    assert kinds_by_number(fact(1), fact(2), flagged=set()) == {}


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), max_size=8))
def test_at_most_what_comes_before_the_first_good_one_is_unknown(
    drawn: list[tuple[int, bool, bool]],
) -> None:
    backups = []
    flagged = set()
    for n, (hours, is_failed, is_flagged) in enumerate(drawn):
        at = NOON + timedelta(hours=hours)
        backups.append(fact(n, at, status="error" if is_failed else "available"))
        if is_flagged:
            flagged.add(n)
    by_number = kinds_by_number(*backups, flagged=flagged)
    assert by_number.keys() == flagged
    good = [(backup.at, backup.id) for backup in backups if backup.status == "available"]
    for backup in backups:
        if backup.id.int in flagged:
            has_older = bool(good) and min(good) < (backup.at, backup.id)
            expected = "incremental" if has_older else "unknown"
            assert by_number[backup.id.int] == expected
