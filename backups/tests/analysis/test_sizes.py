"""Sizes as people read them."""

import re

import pytest

from backups.analysis.sizes import GB, MB, TB, in_unit, size, unit_for, unit_of_all


@pytest.mark.parametrize(
    ("mb", "expected"),
    [
        (0, "0 MB"),
        (1, "1 MB"),
        (1023, "1\u202f023 MB"),
        (1024, "1 GB"),
        (1500, "1.46 GB"),
        (144_343, "141 GB"),
        (1024**2, "1 TB"),
        (1_237_319, "1.18 TB"),
        (1023 * 1024, "1\u202f023 GB"),
        (10**15, "909 EB"),
        (-1500, "-1.46 GB"),
        (0.4, "0.40 MB"),
    ],
)
def test_a_size_has_the_unit_that_keeps_it_short_and_three_digits_that_count(
    mb: float, expected: str
) -> None:
    assert size(mb) == expected


def test_one_unit_of_a_column_is_that_of_its_largest_size() -> None:
    assert unit_of_all([1, None, 1024**2, 20]) == TB
    assert unit_of_all([None]) == unit_of_all([]) == MB
    assert unit_for(-2048) == GB


def test_a_size_that_cannot_be_true_leaves_the_others_of_its_column_readable() -> None:
    assert unit_of_all([10**15, 40_000]) == TB
    assert in_unit(10**15, TB) == "953\u202f674\u202f316"


@pytest.mark.parametrize("mb", [1, 5, 77, 500, 1024, 40_000, 900_000])
def test_what_is_more_than_nothing_never_reads_as_0(mb: int) -> None:
    written = in_unit(mb, TB)
    assert re.search("[1-9]", written), written


def test_small_sizes_beside_a_large_one_keep_two_digits() -> None:
    assert [in_unit(mb, TB) for mb in (40_000, 12_000, 500, 1, -1, 0)] == [
        "0.038",
        "0.011",
        "0.00048",
        "<0.0001",
        ">-0.0001",
        "0",
    ]
