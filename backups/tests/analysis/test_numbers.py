import pytest

from backups.analysis.numbers import thousands


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, None, "0"),
        (999, None, "999"),
        (1_240, None, "1\u202f240"),
        (-1_234_567, None, "-1\u202f234\u202f567"),
        (1_240.5, None, "1\u202f240.5"),
        (1_240.567, 2, "1\u202f240.57"),
    ],
)
def test_thousands_are_set_apart_by_a_narrow_space(
    value: float, decimals: int | None, text: str
) -> None:
    assert thousands(value, decimals=decimals) == text
