"""Parses the query string of a list. A repeated key means OR; an unknown key or an invalid
value is never ignored.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from django.http import QueryDict

from backups.analysis.numbers import thousands
from backups.query.definition import ListDefinition
from backups.query.fields import MAX_REPEATED, FieldValue, FilterField, InvalidValue
from backups.query.first_few import REST, first_few
from backups.vbs.folding import fold

Lookup = Literal["in", "gte", "lte"]
MAX_Q = 200  # characters of a free text
MAX_TAG = 64  # characters
LONGEST_ADDRESS = 8_000  # characters of a query; servers take no longer ones
MAX_NAMED = 80  # characters of a key, in a sentence about it
SPAN_LOOKUPS: Mapping[str, Lookup] = {
    "_after": "gte",
    "_min": "gte",
    "_before": "lte",
    "_max": "lte",
}


class InvalidQuery(ValueError):
    """`errors`: a sentence for each of the first keys, and one for all others. `valid_part`: the
    query without those keys, empty when no address can hold it.
    """

    def __init__(self, errors: Mapping[str, str], valid_part: str) -> None:
        named, others = first_few(errors)
        self.errors = {key[:MAX_NAMED]: sentence for key, sentence in named.items()}
        if others:
            self.errors[REST] = others
        self.valid_part = valid_part if len(valid_part) <= LONGEST_ADDRESS else ""
        super().__init__(" ".join(self.errors.values()))


@dataclass(frozen=True)
class Comparison:
    """One field compared: `in` some values, where None is null, or `gte`/`lte` one."""

    field: str
    lookup: Lookup
    values: tuple[FieldValue | None, ...]


@dataclass(frozen=True)
class ListQuery:
    """`raw_values`: the values of each filtering key as they were written, for
    forms, chips and links.
    """

    comparisons: tuple[Comparison, ...] = ()
    tags: tuple[str, ...] = ()
    q: str = ""
    ordering: str = ""
    raw_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Does it filter anything out?"""
        return bool(self.comparisons or self.tags or self.q)


def parse(
    query: QueryDict,
    definition: ListDefinition,
    *,
    ignored_keys: Collection[str] = (),
    blank_is_any: bool = False,
) -> ListQuery:
    """Parses filters, `q`, `tag` and `ordering`. Raises InvalidQuery.

    `ignored_keys` mean something else to the caller. `blank_is_any`: an empty value filters
    nothing, as an untouched form sends it; else it is the empty text.
    """
    parser = _Parser(definition)
    for key in query:
        values = query.getlist(key)
        if blank_is_any:
            values = [value.strip() for value in values if value.strip()]
        if key not in ignored_keys and values:
            parser.add(key, values)
    if parser.errors:
        raise InvalidQuery(parser.errors, without(query, *parser.errors))
    return ListQuery(
        comparisons=tuple(parser.comparisons),
        tags=parser.tags,
        q=parser.q,
        ordering=parser.ordering,
        raw_values=parser.raw_values,
    )


def without(query: QueryDict, *keys: str) -> str:
    """Returns the query string without these keys and without the place in the pages."""
    remaining = query.copy()
    for key in {*keys, "cursor"}:
        remaining.pop(key, None)
    return remaining.urlencode()


def query_of(text: str) -> QueryDict:
    """Returns the query of a list that a form carries along. Raises InvalidQuery for one that no
    address can hold.
    """
    if len(text) > LONGEST_ADDRESS:
        raise InvalidQuery(
            {"query": f"query is longer than {thousands(LONGEST_ADDRESS)} characters."}, ""
        )
    return QueryDict(text)


class _Parser:
    """Collects what the keys of one query ask for."""

    def __init__(self, definition: ListDefinition) -> None:
        self._definition = definition
        self.errors: dict[str, str] = {}  # by the whole key
        self.comparisons: list[Comparison] = []
        self.tags: tuple[str, ...] = ()
        self.q = ""
        self.ordering = definition.default_order
        self.raw_values: dict[str, tuple[str, ...]] = {}

    def add(self, key: str, values: list[str]) -> None:
        try:
            if len(values) > MAX_REPEATED:
                count = thousands(len(values))
                raise InvalidValue(
                    f"stands {count} times; at most {MAX_REPEATED} values are taken."
                )
            self._add(key, values)
        except InvalidValue as e:
            self.errors[key] = f"{key[:MAX_NAMED]} {e}"
        else:
            if key != "ordering":
                self.raw_values[key] = tuple(values)

    def _add(self, key: str, values: list[str]) -> None:
        if key == "ordering":
            self.ordering = self._ordering(values)
        elif key == "q":
            self.q = _free_text(values[-1])
        elif key in ("tag", "tags"):
            self.tags = tuple(_short_text(value, MAX_TAG) for value in values)
        elif key in self._definition.fields:
            field = self._definition.fields[key]
            parsed: dict[FieldValue | None, None] = {}
            for value in values:
                parsed.update(dict.fromkeys(_values_or_null(field, value)))
            self.comparisons.append(Comparison(key, "in", tuple(parsed)))
        else:
            self.comparisons.append(self._span(key, values))

    def _span(self, key: str, values: list[str]) -> Comparison:
        name, _, end = key.rpartition("_")
        suffix = f"_{end}"
        field = self._definition.fields.get(name)
        if field is None or suffix not in field.span_suffixes:
            keys = ", ".join(self._definition.filter_keys)
            raise InvalidValue(f"is no filter of this list. There are: {keys}.")
        if len(values) > 1:
            raise InvalidValue("stands twice: a span has one end on each side.")
        lookup = SPAN_LOOKUPS[suffix]
        bound = field.parse_bound(values[0], is_upper=lookup == "lte")
        return Comparison(name, lookup, (bound,))

    def _ordering(self, values: list[str]) -> str:
        orderings = self._definition.orderings
        if len(values) > 1 or values[0] not in orderings:
            raise InvalidValue(
                f"cannot be “{', '.join(values)[:80]}”. It can be: {', '.join(orderings)}."
            )
        return values[0]


def _values_or_null(field: FilterField, text: str) -> tuple[FieldValue | None, ...]:
    if text == "null" and field.nullable:
        return (None,)
    return field.parse_equal(text)


def _free_text(value: str) -> str:
    """Returns the text to search for; the empty one, which filters nothing, when none of it can be
    seen.
    """
    text = _short_text(value, MAX_Q)
    return text if fold(text) else ""


def _short_text(value: str, max_length: int) -> str:
    if "\x00" in value or len(value) > max_length:
        raise InvalidValue(
            f"holds what nothing here can hold: write at most {max_length} characters and no NUL."
        )
    return value
