"""An order as segments that follow each other: nulls come last whichever way the rest goes, then
the ID decides.

Within a segment a place is found by an index that ends in the primary key, so the last page costs
what the first does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Case, IntegerField, Model, Q, QuerySet, Value, When

from backups.query.cursor import Cursor, Place
from backups.query.definition import ATTENTION, FEW, ListDefinition

Row = dict[str, Any]


class PlacedRow(NamedTuple):
    place: Place
    row: Row


@dataclass(frozen=True)
class Segment:
    """Rows that fulfil `condition`, ordered by `column` (or by the primary key alone), one way or
    the other. `is_rare`: there are few of them as a rule.
    """

    condition: Q
    column: str | None = None
    descending: bool = False
    is_rare: bool = False


def segments(definition: ListDefinition, ordering: str, now: datetime) -> list[Segment]:
    column = ordering.removeprefix("-")
    descending = definition.values_descend(ordering)
    if column == ATTENTION:
        ranks = []
        for number, condition in enumerate(rank_conditions(definition, now)):
            is_rare = number != definition.usual_rank
            rank_column = definition.rank_columns.get(number)
            ranks.append(Segment(condition, rank_column, descending, is_rare))
        return ranks[::-1] if ordering.startswith("-") else ranks
    joined = definition.joined_orders.get(column)
    if joined is not None:
        return [Segment(joined.joined, column, descending), Segment(joined.alone)]
    if not definition.columns[column].nullable:
        return [Segment(Q(), column, descending)]
    return [
        Segment(Q(**{f"{column}__isnull": False}), column, descending),
        Segment(Q(**{f"{column}__isnull": True})),
    ]


def rank_conditions(definition: ListDefinition, now: datetime) -> list[Q]:
    """Returns a condition for each rank that no other rank fulfils."""
    conditions = []
    worse = Q()
    for rank in definition.ranks:
        condition = rank(now)
        conditions.append(condition & ~worse if worse else condition)
        worse |= condition
    return conditions


def segment_number(definition: ListDefinition, ordering: str, now: datetime) -> Case:
    """Returns the number of the segment that a row belongs to in the order by attention."""
    numbers = list(range(len(definition.ranks)))
    if ordering.startswith("-"):
        numbers.reverse()
    whens = []
    for rank, number in zip(definition.ranks, numbers, strict=True):
        whens.append(When(rank(now), then=Value(number)))
    return Case(*whens, default=Value(numbers[-1]), output_field=IntegerField())


def place_of(segment: int, row: Row, column: str | None) -> Place:
    """Returns the place of a row; `column` orders its segment."""
    return Place(segment, row[column] if column else None, row["pk"])


def rows_from(
    rows: QuerySet[Model], order: list[Segment], cursor: Cursor, limit: int, *columns: str
) -> list[PlacedRow]:
    """Returns at most `limit` rows on from a cursor, in the direction of the cursor.

    `columns` have `pk` and those that order the segments.
    """
    placed: list[PlacedRow] = []
    for number, query in _queries(rows, order, cursor):
        segment = order[number]
        missing = limit - len(placed)
        page = _few_sorted(rows, query, segment, cursor, missing) if segment.is_rare else query
        placed.extend(
            PlacedRow(place_of(number, row, segment.column), row)
            for row in page.values(*columns)[:missing]
        )
        if len(placed) == limit:
            break
    return placed


def _few_sorted(
    rows: QuerySet[Model],
    query: QuerySet[Model],
    segment: Segment,
    cursor: Cursor,
    limit: int,
) -> QuerySet[Model]:
    """Names the rows of a rare segment by their keys, when they are few.

    Asked for in order, a database walks all rows in the hope to meet the rare ones soon.
    """
    few = list(query.order_by().values_list("pk", segment.column or "pk")[: FEW + 1])
    if len(few) > FEW:
        return query
    if not few:
        return rows.none()
    few.sort(key=lambda pair: pair[0], reverse=cursor.backwards)
    if segment.column is not None:
        few.sort(key=lambda pair: pair[1], reverse=cursor.backwards != segment.descending)
    pks = [pk for pk, _ in few[:limit]]
    return _sorted(rows.filter(pk__in=pks), segment, cursor)


def _queries(
    rows: QuerySet[Model], order: list[Segment], cursor: Cursor
) -> Iterator[tuple[int, QuerySet[Model]]]:
    """Yields the number of a segment and its rows on from the cursor.

    First the rows that tie with the place, then what lies beyond in its segment,
    then the other segments.
    """
    place = cursor.place
    numbers = list(range(len(order)))
    if cursor.backwards:
        numbers.reverse()
    if place is not None:
        numbers = numbers[numbers.index(place.segment) :]
    for number in numbers:
        segment = order[number]
        in_segment = rows.filter(segment.condition)
        if place is None or number != place.segment:
            yield number, _sorted(in_segment, segment, cursor)
            continue
        if cursor.backwards:
            by_key = in_segment.filter(pk__lt=place.pk)
        else:
            by_key = in_segment.filter(pk__gt=place.pk)
        if segment.column is None:
            yield number, _sorted(by_key, segment, cursor)
            continue
        if not _is_key(segment, rows):
            ties = by_key.filter(**{segment.column: place.value})
            yield number, ties.order_by("-pk" if cursor.backwards else "pk")
        lookup = "lt" if cursor.backwards != segment.descending else "gt"
        beyond = in_segment.filter(**{f"{segment.column}__{lookup}": place.value})
        yield number, _sorted(beyond, segment, cursor)


def _sorted(rows: QuerySet[Model], segment: Segment, cursor: Cursor) -> QuerySet[Model]:
    by_key = "-pk" if cursor.backwards else "pk"
    if segment.column is None:
        return rows.order_by(by_key)
    descending = cursor.backwards != segment.descending
    by_column = f"-{segment.column}" if descending else segment.column
    if _is_key(segment, rows):
        return rows.order_by(by_column)
    return rows.order_by(by_column, by_key)


def _is_key(segment: Segment, rows: QuerySet[Model]) -> bool:
    """Is a segment ordered by the primary key itself? Then no two of its rows tie."""
    key = rows.model._meta.pk
    return key is not None and segment.column == key.name
