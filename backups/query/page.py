"""One page of a list, at the cost of the page: few matches are gathered and sorted, many are walked
along an index.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol, TypeVar

from django.db.models import Case, F, FilteredRelation, Model, Q, QuerySet, When

from backups.query.conditions import condition, with_unindexed_columns
from backups.query.cursor import FIRST, Cursor, Place
from backups.query.definition import FEW, ListDefinition
from backups.query.list_query import ListQuery
from backups.query.order import Row, Segment, place_of, rows_from, segment_number, segments

KEYS_AT_ONCE = 2000  # fetched from the database
Result = TypeVar("Result")


class Kept(Protocol):
    """Knows results of before. `what` names the one that is wanted of this query; `ordering`: in
    which order, where that matters.
    """

    def __call__(
        self, what: object, compute: Callable[[], Result], *, ordering: str = ""
    ) -> Result: ...


def nothing_kept(what: object, compute: Callable[[], Result], *, ordering: str = "") -> Result:
    return compute()


@dataclass(frozen=True)
class LeftOut:
    """Rows that a list leaves out, and the condition of all others. There are few as a rule, and
    an index of them alone finds them.
    """

    rows: Q
    others: Q


@dataclass(frozen=True)
class Page:
    """`rows` hold the columns that were asked for. `previous` and `next` are cursors as text, None
    at the ends. `matching`: how many rows match in all, None where nobody counted them.
    """

    rows: list[Row]
    previous: str | None
    next: str | None
    matching: int | None


@dataclass(frozen=True)
class _Found:
    """A page without its rows, by their keys."""

    pks: list[Any]
    previous: str | None
    next: str | None
    matching: int | None


class Pages:
    """The pages of one query of a list; `now` decides what time alone changes.

    `few`: so many matches at most are gathered and sorted; 0 walks the index always. `kept`: who
    may know already how many there are, and which ones are on a page; then only its rows are read.
    `left_out`: rows that are on no page and in no count.
    """

    def __init__(
        self,
        definition: ListDefinition,
        query: ListQuery,
        now: datetime,
        *,
        rows: QuerySet[Model] | None = None,
        few: int = FEW,
        kept: Kept = nothing_kept,
        left_out: LeftOut | None = None,
    ) -> None:
        self._definition = definition
        self._query = query
        self._now = now
        self._all_rows = definition.rows() if rows is None else rows
        self._left_out = left_out
        self._rows = self._all_rows.filter(left_out.others) if left_out else self._all_rows
        self._few = few
        self._kept = kept

    @property
    def matching(self) -> QuerySet[Model]:
        """All rows of the query, in no order."""
        return self._matching(self._rows)

    def _matching(self, rows: QuerySet[Model]) -> QuerySet[Model]:
        return rows.filter(
            condition(self._query, self._definition, self._now, text_condition=self._text_condition)
        ).order_by()

    @cached_property
    def _rows_to_order(self) -> QuerySet[Model]:
        """The rows with what they are ordered by; whoever only counts them needs no other row."""
        joined = self._definition.joined_orders.get(self._ordered_by)
        if joined is None:
            return self._rows
        # Under a name of its own the join is one by all columns: Django shortens others, and
        # SQLite then does not know the expression as that of the index.
        rows = self._rows.annotate(joined=FilteredRelation(joined.relation))
        named: QuerySet[Model] = rows.annotate(**{self._ordered_by: joined.expression})
        return named

    def ordered_keys(self) -> Iterator[Any]:
        """Yields the primary keys of all matches in their order, as one statement finds them: a row
        that moves while the rest is read is neither lost nor met twice.
        """
        ordering = self._query.ordering
        rows = self._matching(self._rows_to_order)
        if self._is_by_one_value:
            column = F(self._ordered_by)
            order = [
                column.desc(nulls_last=True) if self._descending else column.asc(nulls_last=True)
            ]
        else:
            rows = rows.alias(rank=segment_number(self._definition, ordering, self._now))
            order = [F("rank").asc()]
            in_rank = Case(
                *(
                    When(rank=number, then=name)
                    for number, name in enumerate(self._segment_columns)
                    if name is not None
                )
            )
            order.append(in_rank.desc() if self._descending else in_rank.asc())
        keys = rows.order_by(*order, "pk").values_list("pk", flat=True)
        return keys.iterator(chunk_size=KEYS_AT_ONCE)

    def page(self, cursor: Cursor | None, size: int, *columns: str, count: bool = False) -> Page:
        """Returns the page at a cursor, the first one without. `count`: fill in `matching`."""
        read: list[Page] = []

        def find() -> _Found:
            page, places = self._read_page(cursor or FIRST, size, columns, count=count)
            read.append(page)
            pks = [place.pk for place in places]
            return _Found(pks, page.previous, page.next, page.matching)

        found = self._kept(("page", cursor, size, count), find, ordering=self._query.ordering)
        if read:
            return read[0]
        rows = self.rows_of(found.pks, columns)
        return Page(rows, found.previous, found.next, found.matching)

    def _read_page(
        self, cursor: Cursor, size: int, columns: Sequence[str], *, count: bool
    ) -> tuple[Page, list[Place]]:
        matching = self._kept("count", self._count) if count else None
        are_many = matching is not None and matching > self._few
        every_place = None if are_many else self._sorted_places
        if every_place is not None:
            places, has_more = self._slice(every_place, cursor, size)
            rows = self.rows_of([place.pk for place in places], columns)
            return self._page(rows, places, cursor, has_more, len(every_place)), places
        placed = rows_from(
            self._without_indexes(self._rows_to_order, but=self._ordered_by),
            self._segments,
            cursor,
            size + 1,
            "pk",
            *self._place_columns,
            *columns,
        )
        has_more = len(placed) > size
        placed = placed[:size]
        if cursor.backwards:
            placed.reverse()
        rows = []
        places = []
        for place, row in placed:
            places.append(place)
            rows.append({column: row[column] for column in columns})
        return self._page(rows, places, cursor, has_more, matching), places

    def _count(self) -> int:
        """Counts the matches; few of them are gathered anyway."""
        every_place = self._sorted_places
        if every_place is not None:
            return len(every_place)
        # The narrowest index that has all columns of the query is what counts best. What is left
        # out is counted by itself, for its column is in none of them.
        all_matches = self._without_indexes(self._all_rows, but="").count()
        if self._left_out is None:
            return all_matches
        left_out = self._all_rows.filter(self._left_out.rows)
        return max(0, all_matches - self._without_indexes(left_out, but="").count())

    @cached_property
    def _text_condition(self) -> Q:
        """What rows with the free text fulfil. It may cost a query, so it is kept."""
        return self._definition.containing(self._query.q) if self._query.q else Q()

    @cached_property
    def _segments(self) -> list[Segment]:
        return segments(self._definition, self._query.ordering, self._now)

    @cached_property
    def _segment_columns(self) -> list[str | None]:
        return self._definition.segment_columns(self._query.ordering)

    @cached_property
    def _place_columns(self) -> list[str]:
        """The columns that a place is made of, beside the key."""
        return list(dict.fromkeys(column for column in self._segment_columns if column))

    @property
    def _ordered_by(self) -> str:
        return self._query.ordering.removeprefix("-")

    @property
    def _is_by_one_value(self) -> bool:
        """Is the order one by a column, and not by ranks?"""
        is_joined = self._ordered_by in self._definition.joined_orders
        return is_joined or self._ordered_by in self._definition.columns

    @property
    def _descending(self) -> bool:
        return self._definition.values_descend(self._query.ordering)

    def _without_indexes(self, rows: QuerySet[Model], *, but: str) -> QuerySet[Model]:
        """Returns the rows of the query, found without the indexes of its columns
        but of this one.
        """
        rows, columns = with_unindexed_columns(rows, self._query, self._definition, but=but)
        return rows.filter(
            condition(
                self._query,
                self._definition,
                self._now,
                text_condition=self._text_condition,
                unindexed_columns=columns,
            )
        ).order_by()

    @cached_property
    def _sorted_places(self) -> list[Place] | None:
        """The places of all matches in order; None when they are not filtered, or many."""
        if not self._query.any or not self._few:
            return None
        ordering = self._query.ordering
        ordered_by = self._ordered_by
        places = []
        if self._is_by_one_value:
            rows = self._matching(self._rows_to_order)
            for row in rows.values("pk", ordered_by)[: self._few + 1]:
                is_null = row[ordered_by] is None
                places.append(Place(int(is_null), row[ordered_by], row["pk"]))
        else:
            number = segment_number(self._definition, ordering, self._now)
            ranked = self.matching.annotate(rank=number)
            for row in ranked.values("pk", "rank", *self._place_columns)[: self._few + 1]:
                column = self._segment_columns[row["rank"]]
                places.append(place_of(row["rank"], row, column))
        return None if len(places) > self._few else self._sorted(places)

    def _sorted(self, places: list[Place]) -> list[Place]:
        places.sort(key=lambda place: place.pk)
        result = []
        for number, column in enumerate(self._segment_columns):
            in_segment = [place for place in places if place.segment == number]
            if column is not None:
                in_segment.sort(key=lambda place: place.value, reverse=self._descending)
            result += in_segment
        return result

    def _slice(self, places: list[Place], cursor: Cursor, size: int) -> tuple[list[Place], bool]:
        """Returns the places of a page, and whether there are more beyond it."""
        if cursor.backwards:
            end = len(places)
            if cursor.place is not None:
                end = bisect_left(places, self._sort_key(cursor.place), key=self._sort_key)
            return places[max(0, end - size) : end], end > size
        start = 0
        if cursor.place is not None:
            start = bisect_right(places, self._sort_key(cursor.place), key=self._sort_key)
        return places[start : start + size], start + size < len(places)

    def _sort_key(self, place: Place) -> tuple[Any, ...]:
        if place.value is None:
            return (place.segment, 0, place.pk)
        if self._descending:
            return (place.segment, _Descending(place.value), place.pk)
        return (place.segment, place.value, place.pk)

    def rows_of(self, pks: Sequence[object], columns: Sequence[str]) -> list[Row]:
        """Returns the rows of these keys, in their order, without those that were just deleted."""
        by_pk = {}
        for row in self._rows.filter(pk__in=pks).order_by().values("pk", *columns):
            by_pk[row["pk"]] = {column: row[column] for column in columns}
        return [by_pk[pk] for pk in pks if pk in by_pk]

    def _page(
        self,
        rows: list[Row],
        places: list[Place],
        cursor: Cursor,
        has_more: bool,
        matching: int | None,
    ) -> Page:
        # There is something before a page that began at a place, and behind one that was reached
        # from behind.
        began_at_a_place = cursor.place is not None
        has_previous = has_more if cursor.backwards else began_at_a_place
        has_next = began_at_a_place if cursor.backwards else has_more
        first = places[0] if places else cursor.place
        last = places[-1] if places else cursor.place
        return Page(
            rows=rows,
            previous=self._write(Cursor(True, first)) if has_previous else None,
            next=self._write(Cursor(False, last)) if has_next else None,
            matching=matching,
        )

    def _write(self, cursor: Cursor) -> str:
        return cursor.write(self._definition, self._query.ordering)


class _Descending:
    """A value that sorts the other way round."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Descending") -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.value == other.value)
