"""A backup in flight, by the pure rules: since when, how fast, until when, and from when
on it is stuck.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.analysis.running import (
    NO_PACE,
    Pace,
    RunningBackup,
    Sample,
    Slowness,
    observe,
    pace,
    slowness,
    stuck_at,
    usual,
)
from backups.tests.facts import NOON

S, M, H, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def flight(*seen: tuple[float, int], status: str = "creating") -> RunningBackup:
    """Begun at noon; `seen`: minutes after noon, percent."""
    return RunningBackup(
        status, NOON, tuple(Sample(NOON + minutes * M, percent) for minutes, percent in seen)
    )


@pytest.mark.parametrize(
    ("status", "created_at", "since"),
    [
        ("creating", NOON - H, NOON - H),
        ("creating", NOON + 4 * M, NOON),  # the cloud's clock is ahead
        ("creating", NOON + 6 * M, NOON),  # a time that cannot be believed
        ("creating", None, NOON),
        ("restoring", NOON - DAY, NOON),  # created_at tells of the backup, not of its restore
        ("deleting", NOON - DAY, NOON),
    ],
)
def test_a_flight_begins_when_the_cloud_says_or_when_it_was_seen(
    status: str, created_at: datetime | None, since: datetime
) -> None:
    assert observe(
        None, status=status, progress=None, created_at=created_at, at=NOON
    ) == RunningBackup(status, since)


@pytest.mark.parametrize(
    "status", ["available", "error", "error_restoring", "error_deleting", "odd", "", None]
)
def test_what_is_in_no_flight_has_none(status: str | None) -> None:
    assert observe(flight((1, 5)), status=status, progress=5, created_at=NOON, at=NOON + H) is None


def test_a_progress_seen_again_is_no_sample_and_another_status_begins_anew() -> None:
    first = observe(flight((1, 5)), status="creating", progress=5, created_at=NOON, at=NOON + 2 * M)
    assert first == flight((1, 5))
    assert (
        observe(first, status="creating", progress=None, created_at=NOON, at=NOON + 3 * M) == first
    )
    second = observe(first, status="creating", progress=9, created_at=NOON, at=NOON + 3 * M)
    assert second == flight((1, 5), (3, 9))
    third = observe(second, status="deleting", progress=None, created_at=NOON, at=NOON + H)
    assert third == RunningBackup("deleting", NOON + H)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ((), NO_PACE),
        (((10, 40),), NO_PACE),
        (((10, 40), (10, 50)), NO_PACE),  # both at once
        (((0, 0), (10, 20)), Pace(2.0, NOON + 50 * M)),
        (((0, 0), (10, 20), (20, 30)), Pace(1.5, NOON + 20 * M + 70 / 1.5 * M)),
        (((0, 90), (10, 20)), NO_PACE),  # it began anew
        (((0, 90), (10, 20), (20, 30)), Pace(1.0, NOON + 90 * M)),
        (((0, 0), (10, 100)), Pace(10.0, None)),  # it should be done already
        (((0, 10), (9, 92)), Pace(9.11, None)),
    ],
)
def test_pace_and_end_come_from_two_samples_at_least(
    seen: tuple[tuple[float, int], ...], expected: Pace
) -> None:
    found = pace(flight(*seen), NOON + 20 * M)
    assert found.percent_per_minute == expected.percent_per_minute
    assert found.eta == expected.eta or abs(found.eta - expected.eta) < S  # type: ignore[operator]


@pytest.mark.parametrize(
    ("seen", "usual", "after"),
    [
        ((), None, 2 * H),
        ((), 10 * M, 2 * H),  # the floor
        ((), 40 * M, 2 * H),
        ((), 40 * M + S, 2 * H + 3 * S),
        ((), 3 * H, 9 * H),
        (((5, 0),), 3 * H, 9 * H),  # 0 may mean that the cloud tells none
        (((5, 1),), 3 * H, 5 * M + H),
        (((200, 1),), 10 * M, 210 * M),  # too long, and watched for a while
        (((1500, 1),), 10 * M, DAY),
        (((5, 1), (50, 2)), 3 * H, 50 * M + H),
        (((5, 1), (90, 99)), None, 150 * M),  # it moves, however long it takes
        (((5, 1), (900, 2)), 10 * M, 960 * M),
    ],
)
def test_stuck_is_an_hour_without_progress_or_without_any_three_times_the_usual_length(
    seen: tuple[tuple[float, int], ...], usual: timedelta | None, after: timedelta
) -> None:
    assert stuck_at(replace(flight(*seen), usual=usual)) == NOON + after


def test_progress_clears_a_stuck_flight_by_itself() -> None:
    still = flight((5, 40))
    assert stuck_at(still) == NOON + 65 * M
    moved = observe(still, status="creating", progress=41, created_at=NOON, at=NOON + 70 * M)
    assert moved is not None
    assert stuck_at(moved) == NOON + 130 * M


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ((), None),
        ((10 * M, 20 * M), None),  # fewer than three tell nothing
        ((10 * M, 20 * M, 90 * M), 20 * M),
        ((10 * M, 20 * M, 30 * M, 40 * M), 25 * M),
        ((10 * M, 20 * M, -M, 0 * M, 8 * DAY), None),  # lengths that cannot be are not counted
        ((10 * M, 20 * M, 30 * M, 8 * DAY), 20 * M),
    ],
)
def test_the_usual_length_is_the_median_of_three_at_least(
    lengths: tuple[timedelta, ...], expected: timedelta | None
) -> None:
    assert usual([(NOON, NOON + length) for length in lengths]) == expected
    assert (
        usual([(None, NOON), (NOON, None), *((NOON, NOON + length) for length in lengths)])
        == expected
    )


def test_a_flight_is_kept_as_json_to_the_microsecond() -> None:
    known = flight((1.25, 5), (7.5, 8))
    assert RunningBackup.of_json(known.as_json()) == known
    assert RunningBackup.of_json(None) is None
    with_usual = replace(known, usual=40 * M)
    assert RunningBackup.of_json(with_usual.as_json()) == with_usual


def slow_after(minutes_a_percent: float, *, usual: timedelta | None) -> Slowness | None:
    """Of a backup that was seen at 10 and at 20 percent of a steady pace."""
    seen = ((10 * minutes_a_percent, 10), (20 * minutes_a_percent, 20))
    return slowness(replace(flight(*seen), usual=usual))


@pytest.mark.parametrize(
    ("minutes_a_percent", "usual", "times"),
    [
        (1, 100 * M, None),  # as usual
        (1.4, 100 * M, None),
        (1.5, 100 * M, 1.5),
        (4, 100 * M, 4.0),
        (0.5, 20 * M, 2.5),  # thirty minutes longer
        (0.4, 20 * M, None),  # twice as long, which is but twenty minutes
        (4, None, None),  # nobody knows what is usual
    ],
)
def test_slow_is_what_moves_and_will_take_half_as_long_again_as_usual(
    minutes_a_percent: float, usual: timedelta | None, times: float | None
) -> None:
    found = slow_after(minutes_a_percent, usual=usual)
    assert (found.times_as_long if found else None) == times


def test_slow_says_its_pace_and_the_usual_one() -> None:
    assert slow_after(4, usual=100 * M) == Slowness(0.25, 1.0, 4.0)


@pytest.mark.parametrize("seen", [(), ((5, 1),), ((5, 40), (10, 2))])
def test_without_a_pace_nothing_is_slow(seen: tuple[tuple[float, int], ...]) -> None:
    assert slowness(replace(flight(*seen), usual=M)) is None


LOOKS = st.lists(st.tuples(st.integers(1, 7200), st.none() | st.integers(0, 100)), max_size=20)


@given(LOOKS, st.integers(0, 86_400))
def test_whatever_is_seen_the_pace_is_forward_and_the_end_to_come(
    polls: list[tuple[int, int | None]], later: int
) -> None:
    found, at = None, NOON
    for seconds, progress in polls:
        at += seconds * S
        found = observe(found, status="creating", progress=progress, created_at=NOON, at=at)
    if found is None:
        return
    assert len(found.samples) <= 6
    assert all(a.at < b.at and a.percent != b.percent for a, b in pairwise(found.samples))
    told = pace(found, at + later * S)
    assert (told.percent_per_minute is None) <= (told.eta is None)  # no end without a pace
    assert told.percent_per_minute is None or told.percent_per_minute >= 0
    assert told.eta is None or told.eta > at + later * S
    assert NOON < stuck_at(found) <= max(NOON + 2 * H, at + H)
    assert RunningBackup.of_json(found.as_json()) == found


@given(st.integers(1, 99), st.integers(1, 99), st.integers(60, 86_400))
def test_a_steady_flight_ends_when_its_pace_says(first: int, step: int, seconds: int) -> None:
    last = min(100, first + step)
    seen = RunningBackup("creating", NOON, (Sample(NOON, first), Sample(NOON + seconds * S, last)))
    end = NOON + seconds * S + (100 - last) * seconds / (last - first) * S
    found = pace(seen, NOON + seconds * S)
    assert found.percent_per_minute == pytest.approx(60 * (last - first) / seconds, abs=0.006)
    assert found.eta == (pytest.approx(end, abs=S) if last < 100 else None)
