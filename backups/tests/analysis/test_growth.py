"""What is stored over time, by the pure rules."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backups.analysis.chains import chains, total_mb
from backups.analysis.facts import Fact
from backups.analysis.growth import Change, Point, changes, days_until, jump, points, trend
from backups.tests.facts import NOON, fact

DAY = timedelta(days=1)
TODAY = NOON.date()


def of(*facts: Fact) -> dict[date, Change]:
    return changes(chains(facts), facts, NOON)


def test_a_chain_is_as_large_as_its_newest_member_never_their_sum() -> None:
    found = of(
        fact(1, NOON - 3 * DAY, kind="full", chain_size_mb=500),
        fact(2, NOON - 2 * DAY, chain_size_mb=540),
        fact(3, NOON - DAY, chain_size_mb=530),
    )
    assert [(day, one.mb) for day, one in found.items()] == [
        (TODAY - 3 * DAY, 500),
        (TODAY - 2 * DAY, 40),
        (TODAY - DAY, -10),
    ]


def test_what_is_gone_is_taken_away_on_its_day() -> None:
    found = of(
        fact(1, NOON - 3 * DAY, kind="full", chain_size_mb=500, gone_at=NOON - DAY),
        fact(2, NOON - 2 * DAY, kind="full", chain_size_mb=100),
    )
    assert [(one.mb, one.backups, one.gb) for one in found.values()] == [
        (500, 1, 10),
        (100, 1, 10),
        (-500, -1, -10),
    ]


def test_points_carry_a_day_on_which_nothing_happened() -> None:
    changed = {TODAY - 40 * DAY: Change(5, 1, 1), TODAY - DAY: Change(7, 1, 1)}
    assert points(changed, first=TODAY - 2 * DAY, last=TODAY) == [
        Point(TODAY - 2 * DAY, 5, 1, 1),
        Point(TODAY - DAY, 12, 2, 2),
        Point(TODAY, 12, 2, 2),
    ]


def test_what_happened_on_the_first_day_counts_once() -> None:
    changed = {TODAY - 2 * DAY: Change(5, 1, 10), TODAY - DAY: Change(7, 1, 10)}
    assert points(changed, first=TODAY - DAY, last=TODAY - DAY) == [Point(TODAY - DAY, 12, 2, 20)]
    assert points(changed, first=TODAY - 2 * DAY, last=TODAY - 2 * DAY) == [
        Point(TODAY - 2 * DAY, 5, 1, 10)
    ]


def test_there_is_no_point_before_anything_was_stored() -> None:
    assert [
        one.day for one in points({TODAY - DAY: Change(7, 1, 1)}, first=TODAY - 9 * DAY, last=TODAY)
    ] == [
        TODAY - DAY,
        TODAY,
    ]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_below_three_points_there_is_no_trend(n: int) -> None:
    assert trend([(TODAY + i * DAY, i) for i in range(n)]) is None


def test_a_straight_line_has_its_slope_without_doubt() -> None:
    found = trend([(TODAY + i * DAY, 100 + 7 * i) for i in range(10)])
    assert found is not None
    assert (
        round(found.slope, 6),
        round(found.margin, 6),
        round(found.value, 6),
        found.is_sure,
    ) == (7, 0, 163, True)


def test_noise_gives_the_margin_of_a_textbook() -> None:
    found = trend([(TODAY + i * DAY, y) for i, y in enumerate([1, 3, 2, 5])])
    assert found is not None
    # slope 1.1, residual sum of squares 2.7, two degrees of freedom: 4.30 × √(2.7 / 2 / 5)
    assert (round(found.slope, 3), round(found.margin, 3), found.is_sure) == (1.1, 2.234, False)


@pytest.mark.parametrize(
    ("limit", "slope", "days"),
    [(263, 7, 100 / 7), (163, 7, 0.0), (100, 7, 0.0), (263, -7, None), (263, 0, None)],
)
def test_days_until_a_limit(limit: float, slope: float, days: float | None) -> None:
    found = trend([(TODAY + i * DAY, 163 + slope * i) for i in range(10)])
    assert days_until(limit, 163, found) == (pytest.approx(days) if days is not None else None)


def test_a_trend_that_may_as_well_fall_leads_to_no_limit() -> None:
    assert (
        days_until(50, 5, trend([(TODAY + i * DAY, y) for i, y in enumerate([1, 3, 2, 5])])) is None
    )


def step(*sizes: int) -> list[Point]:
    return [Point(TODAY + n * DAY, mb, 1, 1) for n, mb in enumerate(sizes)]


def test_an_odd_jump_is_said_with_the_usual_value() -> None:
    found = jump(step(1000, 1100, 1210, 1300, 1410, 9410))
    assert found is not None
    assert found.sentence == "It grew by 7.81 GB on 2026-11-29; usually it changes by 105 MB a day."


@pytest.mark.parametrize(
    "sizes",
    [
        (),
        (1,),
        (1000, 9000),
        (1000, 1100, 1200, 1300, 1400, 1500),
        (10, 20, 30, 40, 50, 900),
        (7, 7, 7, 7, 7, 9000),
    ],
)
def test_what_is_usual_small_or_without_a_history_is_no_jump(sizes: tuple[int, ...]) -> None:
    assert jump(step(*sizes)) is None


def test_a_chain_that_jumps_by_a_billion_is_in_no_total() -> None:
    found = of(
        fact(1, NOON - DAY, kind="full", chain_size_mb=500),
        fact(2, NOON, chain_size_mb=500 + 10**9),
    )
    assert sum(one.mb for one in found.values()) == 0


def test_a_time_that_cannot_be_true_is_moved_to_one_that_can() -> None:
    early = fact(1, NOON - 20_000 * DAY, kind="full", chain_size_mb=5, size=10**18)
    late = fact(2, NOON + 90_000 * DAY, kind="full", chain_size_mb=6, size=0)
    assert of(early, late) == {date(2012, 1, 1): Change(5, 1, 32_768), TODAY: Change(6, 1, 0)}


FACTS = st.lists(
    st.builds(
        lambda n, **words: fact(n, NOON + timedelta(hours=words.pop("hours")), **words),
        n=st.integers(1, 10**9),
        hours=st.integers(-2000, 100),
        kind=st.sampled_from(["full", "incremental", "unknown"]),
        status=st.sampled_from(["available", "error", "creating", "deleting", None]),
        service_type=st.sampled_from([None, "disk", "vm"]),
        chain_size_mb=st.none() | st.integers(0, 10**6),
        gone_at=st.none()
        | st.integers(-3000, 200).map(lambda hours: NOON + timedelta(hours=hours)),
    ),
    max_size=12,
    unique_by=lambda one: one.id,
)


@settings(deadline=None)
@given(FACTS, st.randoms())
def test_the_days_add_up_to_what_the_chains_hold_in_any_order(
    facts: list[Fact], random: Any
) -> None:
    found = of(*facts)
    assert sum(one.mb for one in found.values()) == (total_mb(chains(facts)) or 0)
    assert sum(one.backups for one in found.values()) == sum(one.gone_at is None for one in facts)
    random.shuffle(facts)
    assert of(*facts) == found


@settings(deadline=None)
@given(FACTS)
def test_what_is_stored_is_never_below_nothing(facts: list[Fact]) -> None:
    found = points(of(*facts), first=TODAY - 200 * DAY, last=TODAY + 10 * DAY)
    assert [one for one in found if one.mb < 0 or one.backups < 0] == []
