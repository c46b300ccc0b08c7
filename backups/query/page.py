"""One page of a list, at the cost of the page: few matches are gathered and sorted, many are walked
along an index.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet

from backups.query.cursor import Cursor, Place
from backups.query.definition import FEW, Listing
from backups.query.order import Row, Segment, place_of, rank, segments, walk
from backups.query.selection import Selection
from backups.query.where import where, with_unindexed


@dataclass(frozen=True)
class Page:
    """`rows` hold the words asked for. `previous` and `next` are cursors as text, None at the
    ends.
    """

    rows: list[Row]
    previous: str | None
    next: str | None
    matching: int | None


class Pages:
    """The pages of one selection of a list; `now` decides what time alone changes.

    `few`: so many matches at most are gathered and sorted; 0 walks the index always.
    """

    def __init__(
        self,
        listing: Listing,
        selection: Selection,
        now: datetime,
        *,
        rows: "QuerySet[Any] | None" = None,
        few: int = FEW,
    ) -> None:
        self._listing, self._selection, self._now, self._most = listing, selection, now, few
        self._rows = listing.rows() if rows is None else rows

    @property
    def matching(self) -> "QuerySet[Any]":
        """All rows of the selection, in no order."""
        return self._rows.filter(
            where(self._selection, self._listing, self._now, held=self._held)
        ).order_by()

    @cached_property
    def _held(self) -> Q:
        """What holds the free text; looked for once."""
        return self._listing.search(self._selection.q) if self._selection.q else Q()

    def page(self, cursor: Cursor | None, size: int, *words: str, count: bool = False) -> Page:
        """`count`: say how many rows match in all."""
        cursor = cursor or Cursor(backwards=False, place=None)
        few = self._few if self._selection.any and self._most else None
        if few is not None:
            found, more = self._slice(few, cursor, size)
            rows = self._fetch([place.pk for place in found], words)
            return self._page(rows, found, cursor, more, len(few))
        got = walk(self._dense, self._order, cursor, size + 1, "pk", *self._key, *words)
        more, got = len(got) > size, got[:size]
        if cursor.backwards:
            got.reverse()
        places = [place_of(at, row, self._words) for at, row in got]
        rows = [{word: row[word] for word in words} for _, row in got]
        return self._page(
            rows, places, cursor, more, self._unindexed("").count() if count else None
        )

    @cached_property
    def _order(self) -> list[Segment]:
        return segments(self._listing, self._selection.ordering, self._now)

    @cached_property
    def _words(self) -> list[str | None]:
        return self._listing.segment_words(self._selection.ordering)

    @cached_property
    def _key(self) -> list[str]:
        """The columns that a place needs."""
        return list(dict.fromkeys(word for word in self._words if word is not None))

    @property
    def _dense(self) -> "QuerySet[Any]":
        """The rows when many match: the index of the order leads."""
        return self._unindexed(self._selection.ordering.lstrip("-"))

    def _unindexed(self, but: str) -> "QuerySet[Any]":
        """The rows of the selection, found without the indexes of its words but of this one;
        counted by the narrowest index that has them all.
        """
        rows, words = with_unindexed(self._rows, self._selection, self._listing, but=but)
        found: QuerySet[Any] = rows.filter(
            where(self._selection, self._listing, self._now, held=self._held, unindexed=words)
        )
        return found.order_by()

    @cached_property
    def _few(self) -> list[Place] | None:
        """The places of all matches in order, or None when there are many."""
        word = self._selection.ordering.lstrip("-")
        if word in self._listing.columns:
            rows: Any = self.matching.values("pk", word)[: self._most + 1]
            found = [place_of(int(row[word] is None), row, self._words) for row in rows]
        else:
            ranked = self.matching.annotate(
                rank=rank(self._listing, self._selection.ordering, self._now)
            )
            rows = ranked.values("pk", "rank", *self._key)[: self._most + 1]
            found = [place_of(row["rank"], row, self._words) for row in rows]
        return None if len(found) > self._most else self._sort(found)

    def _sort(self, places: list[Place]) -> list[Place]:
        places.sort(key=lambda place: place.pk)
        found = []
        for at, word in enumerate(self._words):
            mine = [place for place in places if place.segment == at]
            if word is not None:
                mine.sort(key=lambda place: place.value, reverse=self._descends)
            found += mine
        return found

    def _slice(self, places: list[Place], cursor: Cursor, size: int) -> tuple[list[Place], bool]:
        key = self._position
        if cursor.backwards:
            end = (
                len(places)
                if cursor.place is None
                else bisect_left(places, key(cursor.place), key=key)
            )
            return places[max(0, end - size) : end], end > size
        start = 0 if cursor.place is None else bisect_right(places, key(cursor.place), key=key)
        return places[start : start + size], start + size < len(places)

    def _position(self, place: Place) -> tuple[Any, ...]:
        if place.value is None:
            return (place.segment, 0, place.pk)
        return (
            (place.segment, _Flipped(place.value), place.pk)
            if self._descends
            else (place.segment, place.value, place.pk)
        )

    @property
    def _descends(self) -> bool:
        return self._selection.ordering.startswith("-")

    def _fetch(self, pks: Sequence[Any], words: Sequence[str]) -> list[Row]:
        rows = {
            row["pk"]: row for row in self._rows.filter(pk__in=pks).order_by().values("pk", *words)
        }
        return [{word: rows[pk][word] for word in words} for pk in pks if pk in rows]

    def _page(
        self, rows: list[Row], places: list[Place], cursor: Cursor, more: bool, matching: int | None
    ) -> Page:
        """There is something before a page that began at a place, and behind one that was reached
        from behind.
        """
        before = more if cursor.backwards else cursor.place is not None
        behind = more if not cursor.backwards else cursor.place is not None
        first, last = (places[0], places[-1]) if places else (cursor.place, cursor.place)
        return Page(
            rows,
            self._write(Cursor(True, first)) if before else None,
            self._write(Cursor(False, last)) if behind else None,
            matching,
        )

    def _write(self, cursor: Cursor) -> str:
        return cursor.write(self._listing, self._selection.ordering)


class _Flipped:
    """A value that sorts the other way round."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Flipped") -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Flipped) and bool(self.value == other.value)
