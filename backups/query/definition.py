"""What one list can be asked: its words, its orders, its free text. Pages and API read the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import models
from django.db.models import Q

from backups.query.fields import Word

Rank = Callable[[datetime], Q]
# so many matches are sorted in Python; of more than that an index of the order meets the next page
# soon
FEW = 2000


@dataclass(frozen=True)
class Derived:
    """A state that time changes: never a column, so it is asked for by the instants at which it
    changes.
    """

    word: Word
    where: Callable[[Sequence[str], datetime], Q]


@dataclass(frozen=True)
class Listing:
    """`orders` are columns, or "attention": `ranks` then tell what needs a look, the worst first,
    and leave none out.

    `usual`: the rank that most rows have; the others are few as a rule, so they are found without
    their order first.
    `since`: the column that orders a rank within, the longest wait first; it is never null there.
    `tagged` finds the primary keys of what carries one of some tags; `search` those that hold a
    text, case folded.
    """

    name: str
    model: type[models.Model]
    columns: Mapping[str, Word]
    derived: Mapping[str, Derived]
    orders: tuple[str, ...]
    default_order: str
    ranks: tuple[Rank, ...]
    tagged: Callable[[Sequence[str]], Q]
    search: Callable[[str], Q]
    usual: int = -1
    since: Mapping[int, str] = field(default_factory=dict)

    @cached_property
    def words(self) -> Mapping[str, Word]:
        """Every word that a row can be asked by."""
        return {**self.columns, **{name: one.word for name, one in self.derived.items()}}

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Every key of a query that filters, as the documentation lists them."""
        spans = (word.name + end for word in self.columns.values() for end in word.ends or ())
        return (*self.words, *spans, "tag", "q")

    @cached_property
    def orderings(self) -> tuple[str, ...]:
        return tuple(sign + word for word in self.orders for sign in ("", "-"))

    def segment_words(self, ordering: str) -> list[str | None]:
        """The column that orders each segment of an order; None where the primary key alone
        does.
        """
        word = ordering.lstrip("-")
        if word in self.columns:
            return [word, None] if self.columns[word].nullable else [word]
        found = [self.since.get(at) for at in range(len(self.ranks))]
        return found[::-1] if ordering.startswith("-") else found

    def rows(self) -> "models.QuerySet[Any]":
        return self.model._default_manager.all()
