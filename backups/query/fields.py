"""The words that a list can be asked by, read off a model's columns, and how a value of each is
written.
"""

import math
import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from django.db import models
from django.utils.dateparse import parse_date, parse_datetime

Kind = Literal["text", "integer", "number", "flag", "instant", "id", "choice"]
MAX_TEXT = 4000  # characters of a value
MAX_REPEATED = 100  # values of one key
BIGINT = 2**63 - 1
_DIGITS = re.compile(r"-?[0-9]{1,19}")
_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][-+]?[0-9]{1,3})?")
_KINDS: tuple[tuple[type[models.Field[Any, Any]], Kind], ...] = (
    (models.UUIDField, "id"),
    (models.BooleanField, "flag"),
    (models.DateTimeField, "instant"),
    (models.FloatField, "number"),
    (models.IntegerField, "integer"),
    (models.TextField, "text"),
    (models.CharField, "text"),
)


class BadValue(ValueError):
    """The text is a sentence for a person, without the word itself."""


@dataclass(frozen=True)
class Word:
    """`choices`: the only values there are, when they are known."""

    name: str
    kind: Kind
    nullable: bool
    choices: tuple[str, ...] = ()

    @property
    def has_span(self) -> bool:
        """Can it be asked from a value on?"""
        return self.kind in ("instant", "integer", "number")

    @property
    def ends(self) -> tuple[str, str] | None:
        """What follows the word in the keys of its span."""
        return (
            (("_after", "_before") if self.kind == "instant" else ("_min", "_max"))
            if self.has_span
            else None
        )

    def read(self, text: str) -> Any:
        """The value that a text stands for. Raises BadValue."""
        if "\x00" in text:
            raise BadValue("holds a NUL, which no value has.")
        if len(text) > MAX_TEXT:
            raise BadValue(f"is longer than {MAX_TEXT} characters.")
        if self.choices:
            if text not in self.choices:
                raise BadValue(f"cannot be “{text[:80]}”. It can be: {', '.join(self.choices)}.")
            return text
        return _READERS[self.kind](text)

    def read_end(self, text: str, *, last: bool) -> Any:
        """The end of a span; a date as the last moment means the whole day."""
        day = parse_day(text) if self.kind == "instant" else None
        if day is not None:
            return day + timedelta(days=1, microseconds=-1) if last else day
        return self.read(text)


def words_of(
    model: type[models.Model], *, hidden: Collection[str], choices: Mapping[str, tuple[str, ...]]
) -> list[Word]:
    """Every column but the hidden ones and those that hold lists or objects, in the order of the
    model.
    """
    found = []
    for field in model._meta.concrete_fields:
        kind = _kind(field)
        if kind is not None and field.name not in hidden:
            given = choices.get(field.name, ())
            found.append(Word(field.name, "choice" if given else kind, field.null, given))
    return found


def _kind(field: "models.Field[Any, Any]") -> Kind | None:
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    return next((kind for cls, kind in _KINDS if isinstance(target, cls)), None)


def parse_day(text: str) -> datetime | None:
    """`2026-11-23` as its first moment in UTC."""
    try:
        day = parse_date(text) if len(text) == 10 else None
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None


def _instant(text: str) -> datetime:
    """ISO 8601; without a zone it is UTC. A `+` that a query turned into a blank is still one."""
    given = re.sub(r" (\d\d:?\d\d)$", r"+\1", text)
    try:
        found = parse_datetime(given)
        if found is not None:
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # in the shape of a time, but on no calendar: refused below like any other word
    if day := parse_day(text):
        return day
    raise BadValue(f"is no time: “{text[:80]}”. Write it like 2026-11-23T19:45:00Z.")


def _integer(text: str) -> int:
    if not _DIGITS.fullmatch(text) or not -BIGINT <= int(text) <= BIGINT:
        raise BadValue(f"is no whole number: “{text[:80]}”.")
    return int(text)


def _number(text: str) -> float:
    found = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(found):
        raise BadValue(f"is no number: “{text[:80]}”.")
    return found


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise BadValue(f"cannot be “{text[:80]}”. It can be: true, false, null.")
    return text == "true"


def _id(text: str) -> uuid.UUID:
    try:
        if len(text) in (32, 36):
            return uuid.UUID(text)
    except ValueError:
        pass  # as long as an ID, but none: refused with the rest
    raise BadValue(f"is no ID: “{text[:80]}”. A UUID has 32 hexadecimal digits.")


_READERS: Mapping[Kind, Any] = {
    "text": str,
    "choice": str,
    "integer": _integer,
    "number": _number,
    "flag": _flag,
    "instant": _instant,
    "id": _id,
}
