"""What a list can be filtered and ordered by; each list has one definition."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.db.models import Func, Model, Q, QuerySet

from backups.query.fields import FieldValue, FilterField

ATTENTION = "attention"
Rank = Callable[[datetime], Q]
Condition = Callable[[Sequence[FieldValue | None], datetime], Q]
# So many matches are sorted in Python. Of more than that, an index of the order meets the next page
# soon.
FEW = 2000


@dataclass(frozen=True)
class ComputedField:
    """What no column holds, such as a state that time changes: `condition` asks for the columns and
    the instants that it is made of. `bound`: of a field with spans, one end of them.
    """

    field: FilterField
    condition: Condition
    bound: Callable[[str, FieldValue | None, datetime], Q] | None = None


@dataclass(frozen=True)
class JoinedOrder:
    """An order by a value of another row, which is never null there.

    `relation` leads to the other row, which both conditions and `expression`, the value, call
    `joined`. `joined` is the condition of rows that have the other row, `alone` of those that have
    none.
    """

    field: FilterField
    relation: str
    expression: Func
    joined: Q
    alone: Q


@dataclass(frozen=True)
class ListDefinition:
    """What a list can be filtered and ordered by.

    `orders`: columns, names of `joined_orders`, or "attention". `ranks` then tell what needs
    attention, the worst first; every row has one of them.
    `steady_order`: the one whose values never change, so that no row moves while pages are walked.
    `usual_rank`: the rank that most rows have. The others are few as a rule, so their rows are
    found without their order first.
    `rank_columns`: the column that orders a rank within, the newest first, by the number of the
    rank. It is never null there.
    `with_tags`: the condition of rows that carry one of some tags.
    `containing`: the condition of rows that hold a text, folded.
    """

    name: str
    model: type[Model]
    columns: Mapping[str, FilterField]
    computed: Mapping[str, ComputedField]
    orders: tuple[str, ...]
    default_order: str
    steady_order: str
    ranks: tuple[Rank, ...]
    with_tags: Callable[[Sequence[str]], Q]
    containing: Callable[[str], Q]
    usual_rank: int = -1
    rank_columns: Mapping[int, str] = field(default_factory=dict)
    joined_orders: Mapping[str, JoinedOrder] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steady_order not in self.orders:
            raise ValueError(f"The list of {self.name} cannot be ordered by {self.steady_order}.")
        private = set(self.orders) - set(self.columns) - set(self.joined_orders) - {ATTENTION}
        if private:
            raise ValueError(f"The list of {self.name} orders by {private}, which is not public.")

    @cached_property
    def fields(self) -> Mapping[str, FilterField]:
        """Every field that rows can be filtered by."""
        computed = {name: computed.field for name, computed in self.computed.items()}
        return {**self.columns, **computed}

    @cached_property
    def filter_keys(self) -> tuple[str, ...]:
        """Every key of a query that filters, as the documentation lists them."""
        keys = list(self.fields)
        for field_of_list in self.fields.values():
            keys.extend(field_of_list.name + suffix for suffix in field_of_list.span_suffixes)
        return (*keys, "tag", "q")

    @cached_property
    def orderings(self) -> tuple[str, ...]:
        return tuple(sign + order for order in self.orders for sign in ("", "-"))

    def values_descend(self, ordering: str) -> bool:
        """Tells whether the greatest value of a segment comes first: the newest of a rank does."""
        is_reversed = ordering.startswith("-")
        is_by_rank = ordering.removeprefix("-") == ATTENTION
        return is_reversed != is_by_rank

    def segment_columns(self, ordering: str) -> list[str | None]:
        """Returns the column that orders each segment; None where the primary key alone does."""
        name = ordering.removeprefix("-")
        if name in self.joined_orders:
            return [name, None]
        if name in self.columns:
            return [name, None] if self.columns[name].nullable else [name]
        columns = [self.rank_columns.get(number) for number in range(len(self.ranks))]
        return columns[::-1] if ordering.startswith("-") else columns

    def field_of_order(self, name: str) -> FilterField:
        """Returns the field whose values a column of an order holds."""
        joined = self.joined_orders.get(name)
        return self.columns[name] if joined is None else joined.field

    def rows(self) -> QuerySet[Model]:
        return self.model._default_manager.all()
