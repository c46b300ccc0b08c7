"""Which way of asking is cheaper: pages of the whole list, or one GET per backup. Pure.

Measured with bare loops on one core (design): a GET costs about 1,200 µs of CPU, a page 17 µs per
entry. A call costs the cloud something too, and the budget: a page counts as several GETs because
it makes the server work harder.
"""

from math import ceil
from typing import Literal

GET_CPU, ENTRY_CPU = 1_200.0, 17.0  # µs of ours, fetching alone
CALL_COST = 5_000.0  # µs that a call is worth to us when there is no budget
PAGE_WEIGHT = 3.0  # GETs that a page of 1,000 stands for
FEWEST = 20  # due backups for which a list is worth while

Way = Literal["list", "singles"]


def cheaper(*, due: int, listed: int, page_size: int, per_second: float) -> Way:
    """`due`: backups to ask about that lists serve; `listed`: entries of the whole list;
    `per_second` 0: none.
    """
    if due < FEWEST:
        return "singles"
    call = CALL_COST if not per_second else max(CALL_COST, 1_000_000 / per_second)
    pages = max(1, ceil(listed / max(1, page_size)))
    by_list = pages * PAGE_WEIGHT * call + listed * ENTRY_CPU
    by_singles = due * (call + GET_CPU)
    return "list" if by_list < by_singles else "singles"
