"""The walk through a list by own offset, without a network."""

from typing import Any

import pytest

from backups.vbs.paging import MAX_PAGES, Page, Walk, entry_id


def served(rows: list[dict[str, Any]], offset: int, limit: int, *, cap: int = 1000) -> Page:
    page = rows[offset : offset + min(limit, cap)]
    return Page(page, more=len(page) == min(limit, cap))


def ids(walk: Walk) -> list[str]:
    return [str(entry_id(entry)) for entries in walk for entry in entries]


ROWS = [{"id": f"{n:04}"} for n in range(95)]


@pytest.mark.parametrize("cap", [1000, 50, 17])
def test_every_row_comes_once_whatever_the_servers_own_limit(cap: int) -> None:
    walk = Walk(lambda offset: served(ROWS, offset, 30, cap=cap), limit=30)
    assert ids(walk) == [row["id"] for row in ROWS]
    assert (walk.complete, walk.listed, walk.page_size) == (True, 95, 17 if cap == 17 else None)


def test_rows_that_leave_the_front_make_the_walk_step_back() -> None:
    rows, calls = list(ROWS), 0

    def ask(offset: int) -> Page:
        nonlocal calls
        calls += 1
        if calls == 2:
            del rows[:20]
        return served(rows, offset, 30)

    walk = Walk(ask, limit=30)
    assert sorted(ids(walk)) == [row["id"] for row in ROWS]
    assert walk.complete


def test_the_same_page_again_ends_an_incomplete_walk() -> None:
    walk = Walk(lambda offset: Page(ROWS[:30], more=True), limit=30)
    assert ids(walk) == [row["id"] for row in ROWS[:30]]
    assert not walk.complete


def test_an_empty_page_is_the_last_even_if_it_names_a_next_one() -> None:
    offsets: list[int] = []

    def ask(offset: int) -> Page:
        offsets.append(offset)
        return Page(ROWS[offset:], more=True)

    walk = Walk(ask, limit=1000)
    assert ids(walk) == [row["id"] for row in ROWS]
    assert (walk.complete, offsets) == (True, [0, 94, 95])


def test_a_first_page_without_entries_that_names_a_next_one_is_cut_short() -> None:
    walk = Walk(lambda offset: Page([], more=True), limit=30)
    assert (ids(walk), walk.complete) == ([], False)


def test_a_short_page_of_a_round_length_may_be_cut() -> None:
    walk = Walk(lambda offset: Page(ROWS[offset : offset + 50], more=False), limit=1000)
    assert len(ids(walk)) == 95
    assert walk.complete


def test_new_ids_without_end_are_cut_off() -> None:
    walk = Walk(
        lambda offset: Page([{"id": f"{offset + n}x"} for n in range(2)], more=True), limit=2
    )
    assert len(ids(walk)) == 2 * MAX_PAGES
    assert not walk.complete
