"""Names the first few of many mistakes and counts the rest, so that no answer
grows with the question.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Final, TypeVar

from backups.analysis.numbers import thousands

MOST_NAMED: Final = 10
REST: Final = "…"  # stands where the name of the rest would

T = TypeVar("T")


def first_few(mistakes: Mapping[str, T]) -> tuple[dict[str, T], str | None]:
    """Returns the first ten by name, and a sentence about all others, None when there are none.

    Eleven are named all: the eleventh may be a sentence about others already.
    """
    if len(mistakes) <= MOST_NAMED + 1:
        return dict(mistakes), None
    first = dict(islice(mistakes.items(), MOST_NAMED))
    return first, count_of_rest(len(mistakes) - len(first))


def count_of_rest(count: int) -> str | None:
    if count <= 0:
        return None
    return f"{thousands(count)} more mistake{' is' if count == 1 else 's are'} not named here."
