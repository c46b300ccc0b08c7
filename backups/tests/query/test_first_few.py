"""The first few of many mistakes, and a count of the rest."""

import pytest

from backups.query.first_few import count_of_rest, first_few


@pytest.mark.parametrize(
    ("mistakes", "named", "rest"),
    [
        (0, 0, None),
        (10, 10, None),
        (11, 11, None),
        (12, 10, "2 more mistakes are not named here."),
        (1_234, 10, "1\u202f224 more mistakes are not named here."),
    ],
)
def test_ten_mistakes_are_named_and_more_than_one_other_is_counted(
    mistakes: int, named: int, rest: str | None
) -> None:
    all_of_them = {f"field {n}": "is wrong" for n in range(mistakes)}
    first, sentence = first_few(all_of_them)
    assert list(first) == list(all_of_them)[:named]
    assert sentence == rest


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (-1, None),
        (0, None),
        (1, "1 more mistake is not named here."),
        (2, "2 more mistakes are not named here."),
    ],
)
def test_the_rest_is_counted_in_a_sentence(count: int, sentence: str | None) -> None:
    assert count_of_rest(count) == sentence
