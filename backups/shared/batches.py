"""Splits many IDs or rows into parts that one query takes."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

IDS_PER_QUERY: Final = 500  # SQLite and PostgreSQL both take it

Item = TypeVar("Item")


def in_batches(items: Sequence[Item], size: int = IDS_PER_QUERY) -> Iterator[Sequence[Item]]:
    """Yields parts of at most `size`, in their order."""
    for first in range(0, len(items), size):
        yield items[first : first + size]
