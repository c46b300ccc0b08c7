"""An order as segments that follow each other: nulls come last whichever way the rest goes, then
the ID decides.

Within a segment a place is found by an index that ends in the primary key, so the last page costs
what the first does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from backups.query.cursor import Cursor, Place
from backups.query.definition import FEW, Listing

Row = dict[str, Any]


@dataclass(frozen=True)
class Segment:
    """Rows `where`, by `word` (or by the primary key alone), one way or the other; `rare`: few as a
    rule.
    """

    where: Q
    word: str | None = None
    descending: bool = False
    rare: bool = False


def segments(listing: Listing, ordering: str, now: datetime) -> list[Segment]:
    word, descending = ordering.lstrip("-"), ordering.startswith("-")
    words = listing.segment_words(ordering)
    if word == "attention":
        numbered = list(enumerate(rank_conditions(listing, now)))
        ranks = numbered[::-1] if descending else numbered
        return [
            Segment(one, by, descending, at != listing.usual)
            for by, (at, one) in zip(words, ranks, strict=True)
        ]
    if len(words) == 1:
        return [Segment(Q(), word, descending)]
    return [
        Segment(Q(**{f"{word}__isnull": False}), word, descending),
        Segment(Q(**{f"{word}__isnull": True})),
    ]


def rank_conditions(listing: Listing, now: datetime) -> list[Q]:
    """A condition for each rank that no other rank fulfils."""
    found, before = [], Q()
    for rank in listing.ranks:
        own = rank(now)
        found.append(own & ~before if before else own)
        before |= own
    return found


def rank(listing: Listing, ordering: str, now: datetime) -> Case:
    """The number of the segment that a row belongs to, for the order by attention."""
    last = len(listing.ranks) - 1
    numbered = [When(one(now), then=Value(at)) for at, one in enumerate(listing.ranks)]
    found = Case(*numbered, default=Value(last), output_field=IntegerField())
    if ordering.startswith("-"):
        flipped = [When(one(now), then=Value(last - at)) for at, one in enumerate(listing.ranks)]
        found = Case(*flipped, default=Value(0), output_field=IntegerField())
    return found


def walk(
    rows: "QuerySet[Any]", order: list[Segment], cursor: Cursor, most: int, *words: str
) -> list[tuple[int, Row]]:
    """At most `most` rows on from a cursor, each with the number of its segment, in the direction
    of the cursor.
    """
    found: list[tuple[int, Row]] = []
    for at, query in _queries(rows, order, cursor):
        page = (
            query
            if not order[at].rare
            else _rare(rows, query, order[at], cursor.backwards, most - len(found))
        )
        found += [(at, row) for row in page.values(*words)[: most - len(found)]]
        if len(found) == most:
            break
    return found


def _rare(
    rows: "QuerySet[Any]", query: "QuerySet[Any]", segment: Segment, back: bool, most: int
) -> "QuerySet[Any]":
    """Few rows by their keys: asked for in order, a database walks all rows in the hope to meet
    them soon.
    """
    few = list(query.order_by().values_list("pk", segment.word or "pk")[: FEW + 1])
    if len(few) > FEW:
        return query
    few.sort(key=lambda pair: pair[0], reverse=back)
    if segment.word is not None:
        few.sort(key=lambda pair: pair[1], reverse=back != segment.descending)
    return (
        _sorted(rows.filter(pk__in=[pk for pk, _ in few[:most]]), segment, back)
        if few
        else rows.none()
    )


def _queries(
    rows: "QuerySet[Any]", order: list[Segment], cursor: Cursor
) -> Iterator[tuple[int, "QuerySet[Any]"]]:
    """First the rest of the rows that tie with the place, then what lies beyond, then the other
    segments.
    """
    back, place = cursor.backwards, cursor.place
    numbered = list(enumerate(order))
    for at, segment in reversed(numbered) if back else numbered:
        mine = rows.filter(segment.where)
        if place is None or (at < place.segment if back else at > place.segment):
            yield at, _sorted(mine, segment, back)
        elif at == place.segment:
            beside = mine.filter(pk__lt=place.pk) if back else mine.filter(pk__gt=place.pk)
            if segment.word is None:
                yield at, _sorted(beside, segment, back)
            else:
                yield (
                    at,
                    beside.filter(**{segment.word: place.value}).order_by("-pk" if back else "pk"),
                )
                beyond = "lt" if back != segment.descending else "gt"
                yield (
                    at,
                    _sorted(
                        mine.filter(**{f"{segment.word}__{beyond}": place.value}), segment, back
                    ),
                )


def _sorted(rows: "QuerySet[Any]", segment: Segment, back: bool) -> "QuerySet[Any]":
    word = (
        []
        if segment.word is None
        else [f"-{segment.word}" if back != segment.descending else segment.word]
    )
    return rows.order_by(*word, "-pk" if back else "pk")


def place_of(segment: int, row: Row, words: list[str | None]) -> Place:
    """`words`: of the segments of the order."""
    word = words[segment]
    return Place(segment, row[word] if word else None, row["pk"])
