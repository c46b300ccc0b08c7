"""A list's query as a Selection. A repeated key means OR; an unknown word or a bad value is never
ignored.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from backups.query.definition import Listing
from backups.query.fields import MAX_REPEATED, BadValue, Word
from backups.query.first_few import REST, first_few

MAX_Q = 200
MAX_TAG = 64
LONGEST_ADDRESS = 8_000  # characters of a query; servers take no longer ones
MAX_NAMED = 80  # of a key, in a sentence about it
SPANS = {
    "_after": ("gte", False),
    "_min": ("gte", False),
    "_before": ("lte", True),
    "_max": ("lte", True),
}


class BadFilter(ValueError):
    """`problems`: a sentence for each of the first keys, and one for all others; `rest`: the query
    without them.
    """

    def __init__(self, problems: Mapping[str, str], rest: str) -> None:
        named, others = first_few(problems)
        self.problems = {key[:MAX_NAMED]: sentence for key, sentence in named.items()}
        if others:
            self.problems[REST] = others
        self.rest = rest if len(rest) <= LONGEST_ADDRESS else ""
        super().__init__(" ".join(self.problems.values()))


@dataclass(frozen=True)
class Condition:
    """One word compared: `in` some values, where None is null, or `gte`/`lte` one."""

    word: str
    lookup: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Selection:
    """`given`: the values of each filtering key as they were written, for forms, chips and
    links.
    """

    conditions: tuple[Condition, ...] = ()
    tags: tuple[str, ...] = ()
    q: str = ""
    ordering: str = ""
    given: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Does it leave anything out?"""
        return bool(self.conditions or self.tags or self.q)


def parse(
    query: QueryDict, listing: Listing, *, beside: Collection[str] = (), blank_is_any: bool = False
) -> Selection:
    """Read filters, `q`, `tag` and `ordering`; `beside` are keys that mean something else. Raises
    BadFilter.

    `blank_is_any`: an empty value filters nothing, as an untouched form sends it; else it is the
    empty text.
    """
    reading = _Reading(listing)
    for key in query:
        values = query.getlist(key)
        if blank_is_any:
            values = [value.strip() for value in values if value.strip()]
        if key not in beside and values:
            reading.take(key, values)
    if reading.problems:
        raise BadFilter(reading.problems, without(query, *reading.problems))
    return Selection(
        tuple(reading.conditions),
        reading.tags,
        reading.q,
        reading.ordering or listing.default_order,
        reading.given,
    )


def without(query: QueryDict, *keys: str) -> str:
    """The query string without these keys and without the place in the pages."""
    rest = query.copy()
    for key in {*keys, "cursor"}:
        rest.pop(key, None)
    return rest.urlencode()


def query_of(text: str) -> QueryDict:
    """The query of a list that a form carries along. Raises BadFilter for one that no address can
    hold.
    """
    if len(text) > LONGEST_ADDRESS:
        raise BadFilter({"query": f"query is longer than {LONGEST_ADDRESS:,} characters."}, "")
    return QueryDict(text)


class _Reading:
    """What has been read of one query."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self.problems: dict[str, str] = {}  # by the whole key
        self.conditions: list[Condition] = []
        self.tags: tuple[str, ...] = ()
        self.q = self.ordering = ""
        self.given: dict[str, tuple[str, ...]] = {}

    def take(self, key: str, values: list[str]) -> None:
        try:
            if len(values) > MAX_REPEATED:
                raise BadValue(
                    f"stands {len(values):,} times; at most {MAX_REPEATED} values are taken."
                )
            self._take(key, values)
        except BadValue as e:
            self.problems[key] = f"{key[:MAX_NAMED]} {e}"
        else:
            if key != "ordering":
                self.given[key] = tuple(values)

    def _take(self, key: str, values: list[str]) -> None:
        if key == "ordering":
            self.ordering = self._order(values)
        elif key == "q":
            self.q = _text(values[-1], MAX_Q)
        elif key in ("tag", "tags"):
            self.tags = tuple(_text(value, MAX_TAG) for value in values)
        elif (word := self._listing.words.get(key)) is not None:
            self.conditions.append(Condition(key, "in", tuple(_values(word, values))))
        else:
            self.conditions.append(self._span(key, values))

    def _span(self, key: str, values: list[str]) -> Condition:
        name, _, end = key.rpartition("_")
        word = self._listing.words.get(name)
        if word is None or word.ends is None or f"_{end}" not in word.ends:
            raise BadValue(
                f"is no filter of this list. There are: {', '.join(self._listing.keys)}."
            )
        if len(values) > 1:
            raise BadValue("stands twice: a span has one end on each side.")
        lookup, last = SPANS[f"_{end}"]
        return Condition(name, lookup, (word.read_end(values[0], last=last),))

    def _order(self, values: list[str]) -> str:
        if len(values) > 1 or values[0] not in self._listing.orderings:
            raise BadValue(
                f"cannot be “{', '.join(values)[:80]}”. It can be: "
                f"{', '.join(self._listing.orderings)}."
            )
        return values[0]


def _values(word: Word, values: list[str]) -> Iterator[Any]:
    for value in values:
        yield None if value == "null" and word.nullable else word.read(value)


def _text(value: str, most: int) -> str:
    if "\x00" in value or len(value) > most:
        raise BadValue(
            f"holds what nothing here can hold: write at most {most} characters and no NUL."
        )
    return value
