import random
import uuid
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.analysis.chains import Chain, chains, total_mb
from backups.analysis.facts import Fact
from backups.tests.facts import NOON, fact


def full(n: int, mb: int | None, **words: Any) -> Fact:
    return fact(n, kind="full", chain_size_mb=mb, **words)


def inc(n: int, mb: int | None, **words: Any) -> Fact:
    return fact(n, kind="incremental", chain_size_mb=mb, **words)


def shape(found: tuple[Chain, ...]) -> list[tuple[bool, int | None, list[int], list[int | None]]]:
    return [
        (
            one.start_tracked,
            one.chain_size_mb,
            [m.id.int for m in one.members],
            [m.increment_mb for m in one.members],
        )
        for one in found
    ]


@pytest.mark.parametrize(
    ("facts", "expected", "total"),
    [
        ([], [], None),
        ([full(1, 500)], [(True, 500, [1], [None])], 500),
        # CS is a total of the chain: the newest member's counts, never the sum
        ([full(1, 500), inc(2, 540), inc(3, 642)], [(True, 642, [1, 2, 3], [None, 40, 102])], 642),
        (
            [full(1, 500), inc(2, 540), full(3, 700)],
            [(True, 540, [1, 2], [None, 40]), (True, 700, [3], [None])],
            1240,
        ),
        ([inc(1, 900), inc(2, 950)], [(False, 950, [1, 2], [None, 50])], 950),
        # a size that was not told makes its own increment and the next one unknown
        (
            [full(1, 500), inc(2, None), inc(3, 600)],
            [(True, 600, [1, 2, 3], [None, None, None])],
            600,
        ),
        ([full(1, None)], [(True, None, [1], [None])], None),
        # a failed one stores nothing: it opens no chain and tells no size
        (
            [full(1, 500), full(2, 9, status="error"), inc(3, 520)],
            [(True, 520, [1, 2, 3], [None, None, 20])],
            520,
        ),
        # one that is being made tells nothing yet
        ([full(1, 500), inc(2, None, status="creating")], [(True, 500, [1, 2], [None, None])], 500),
        # the newest that is still there counts
        ([full(1, 500), inc(2, 600, gone_at=NOON)], [(True, 500, [1, 2], [None, 100])], 500),
        ([full(1, 500, gone_at=NOON)], [(True, None, [1], [None])], None),
        # a kind that nobody knows carries the chain on
        (
            [full(1, 500), fact(2, kind="unknown", chain_size_mb=510)],
            [(True, 510, [1, 2], [None, 10])],
            510,
        ),
        # a shrinking chain was pruned
        ([full(1, 500), inc(2, 450), inc(3, 460)], [(True, 460, [1, 2, 3], [None, None, 10])], 460),
    ],
)
def test_chains_are_as_their_known_answers(
    facts: list[Fact], expected: Any, total: int | None
) -> None:
    found = chains(facts)
    assert (shape(found), total_mb(found)) == (expected, total)


def test_copies_and_vm_backups_have_chains_of_their_own() -> None:
    facts = [
        full(1, 100),
        full(2, 70, service_type="disk_copy"),
        inc(3, 130),
        inc(4, 90, service_type="vm"),
    ]
    found = chains(facts)
    assert [(one.service_type, [m.id.int for m in one.members]) for one in found] == [
        ("disk", [1, 3]),
        ("disk_copy", [2]),
        ("vm", [4]),
    ]
    assert [one.start_tracked for one in found] == [True, True, False]


def test_a_shrinking_chain_is_called_pruned() -> None:
    [one] = chains([full(1, 500), inc(2, 450)])
    assert [member.note for member in one.members] == ["", "pruned: the chain was larger before"]


def test_a_missing_middle_is_a_note() -> None:
    [one] = chains([full(1, 500), inc(2, 540, gone_at=NOON), inc(3, 600)])
    assert (one.chain_size_mb, one.notes) == (600, ("1 of its backups is gone",))
    assert one.members[1].note == "gone: the others can be restored without it"


def test_two_fulls_in_one_second_are_two_chains_by_their_ids() -> None:
    at = NOON
    facts = [full(2, 20, at=at), full(1, 10, at=at), inc(3, 25, at=at)]
    assert shape(chains(facts)) == [(True, 10, [1], [None]), (True, 25, [2, 3], [None, 5])]


def test_an_absurd_size_is_shown_as_odd_and_counted_nowhere() -> None:
    found = chains([full(1, 500, size=500), full(2, 500, size=500), inc(3, 500 + 10**9, size=500)])
    assert [(one.chain_size_mb, one.odd) for one in found] == [(500, False), (500 + 10**9, True)]
    assert total_mb(found) == 500
    assert "odd" in found[1].notes[0]


@pytest.mark.parametrize(("size_gb", "most_mb"), [(10, 215_040), (500, 10_752_000)])
def test_a_chain_is_odd_when_it_is_larger_than_twenty_backups_of_a_full_disk_and_one_more(
    size_gb: int, most_mb: int
) -> None:
    [largest] = chains([full(1, most_mb, size=size_gb)])
    [larger] = chains([full(1, most_mb + 1, size=size_gb)])
    assert (largest.odd, larger.odd) == (False, True)


def test_what_has_no_time_stands_where_it_was_added() -> None:
    lost = inc(9, 90, created_at=None, tracked_at=NOON + timedelta(hours=1, minutes=30))
    [one] = chains([full(1, 50), inc(2, 60), lost])
    assert [member.id.int for member in one.members] == [1, 9, 2]
    assert one.members[1].note == "the cloud gave no time: it stands where it was added"


def test_a_disk_with_fifty_thousand_backups_is_told() -> None:
    facts = [full(n, n) if n % 7 == 0 else inc(n, n) for n in range(50_000)]
    found = chains(facts)
    assert (len(found), sum(len(one.members) for one in found)) == (7143, 50_000)


SIZES = st.one_of(st.none(), st.integers(0, 3000), st.integers(0, 2**63 - 1))
FACTS = st.builds(
    lambda n, kind, at, mb, status, service, gone: fact(
        0,
        id=uuid.UUID(int=n),
        kind=kind,
        at=NOON + timedelta(seconds=at or 0),
        created_at=None if at is None else NOON + timedelta(seconds=at),
        chain_size_mb=mb,
        status=status,
        service_type=service,
        gone_at=NOON if gone else None,
    ),
    st.integers(0, 2**128 - 1),
    st.sampled_from(["full", "incremental", "unknown"]),
    st.one_of(st.none(), st.integers(0, 20)),
    SIZES,
    st.sampled_from(["available", "error", "creating", "restoring", "moving_to_cold_tier", None]),
    st.sampled_from(["disk", "vm", "disk_copy", "vm_copy", None]),
    st.booleans(),
)
VOLUMES = st.lists(FACTS, max_size=25, unique_by=lambda one: one.id)


@given(VOLUMES)
def test_each_backup_is_in_exactly_one_chain(facts: list[Fact]) -> None:
    members = [member.id for one in chains(facts) for member in one.members]
    assert sorted(members) == sorted(one.id for one in facts)


@given(VOLUMES, st.randoms(use_true_random=False))
def test_the_order_in_which_backups_come_changes_nothing(
    facts: list[Fact], dice: random.Random
) -> None:
    shuffled = list(facts)
    dice.shuffle(shuffled)
    assert chains(shuffled) == chains(facts)


@given(VOLUMES)
def test_a_total_never_exceeds_the_sum_of_the_newest_chain_sizes(facts: list[Fact]) -> None:
    found = chains(facts)
    told = {one.id: one for one in facts}
    newest = 0
    for chain in found:
        there = [
            told[m.id]
            for m in chain.members
            if not m.gone and m.status not in ("error", "creating")
        ]
        newest += (there[-1].chain_size_mb or 0) if there else 0
    assert (total_mb(found) or 0) <= newest


@given(VOLUMES)
def test_an_increment_is_never_negative(facts: list[Fact]) -> None:
    assert all((member.increment_mb or 0) >= 0 for one in chains(facts) for member in one.members)
