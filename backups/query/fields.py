"""Fields that a list can be filtered by, and how a value of each kind is written in a URL."""

import math
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from django.db import models
from django.utils.dateparse import parse_date, parse_datetime

from backups.query.public_fields import FOREIGN_IDS
from backups.vbs.id_spellings import read_uuid, stored_spellings
from backups.vbs.id_text import why_no_backup_id

FieldKind = Literal["text", "integer", "number", "flag", "instant", "id", "foreign_id", "choice"]
FieldValue: TypeAlias = str | int | float | bool | datetime | uuid.UUID
MAX_TEXT = 4000  # characters of a value
MAX_REPEATED = 100  # values of one key
BIGINT = 2**63 - 1
_DIGITS = re.compile(r"-?[0-9]{1,19}")
_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][-+]?[0-9]{1,3})?")
# A UUIDField and a BooleanField come before the classes of fields that they resemble.
_KINDS: tuple[tuple[type["models.Field[Any, Any]"], FieldKind], ...] = (
    (models.UUIDField, "id"),
    (models.BooleanField, "flag"),
    (models.DateTimeField, "instant"),
    (models.FloatField, "number"),
    (models.IntegerField, "integer"),
    (models.TextField, "text"),
    (models.CharField, "text"),
)


class InvalidValue(ValueError):
    """The text is a sentence for a person, without the name of the field at its beginning."""


@dataclass(frozen=True)
class FilterField:
    """A field that a list can be filtered by. `choices`: its only values, when they are known."""

    name: str
    kind: FieldKind
    nullable: bool
    choices: tuple[str, ...] = ()

    @property
    def span_suffixes(self) -> tuple[str, ...]:
        """What follows the name in the two keys of a span; empty when there is none."""
        if self.kind == "instant":
            return ("_after", "_before")
        if self.kind in ("integer", "number"):
            return ("_min", "_max")
        return ()

    def parse(self, text: str) -> FieldValue:
        """Returns the value that a text stands for. Raises InvalidValue."""
        if "\x00" in text:
            raise InvalidValue("holds a NUL, which no value has.")
        if len(text) > MAX_TEXT:
            raise InvalidValue(f"is longer than {MAX_TEXT} characters.")
        if self.choices:
            if text not in self.choices:
                choices = ", ".join(self.choices)
                raise InvalidValue(f"cannot be “{text[:80]}”. It can be: {choices}.")
            return text
        return _PARSERS[self.kind](text)

    def parse_equal(self, text: str) -> tuple[FieldValue, ...]:
        """Returns the values that a filter by this text looks for: of the ID of something else all
        spellings in which the cloud may have written it. Raises InvalidValue.
        """
        value = self.parse(text)
        if self.kind == "foreign_id":
            return stored_spellings(text)
        return (value,)

    def parse_bound(self, text: str, *, is_upper: bool) -> FieldValue:
        """Returns one end of a span; a date as the upper end means the whole day."""
        day = parse_day(text) if self.kind == "instant" else None
        if day is None:
            return self.parse(text)
        return day + timedelta(days=1, microseconds=-1) if is_upper else day


def filter_fields(
    model: type[models.Model],
    columns: Iterable[str],
    *,
    choices: Mapping[str, tuple[str, ...]],
) -> dict[str, FilterField]:
    """Returns those of these columns that hold one value, no list and no object, by name."""
    fields = {}
    for name in columns:
        nullable = model._meta.get_field(name).null
        kind = _kind(column_of(model, name))
        if name in choices:
            fields[name] = FilterField(name, "choice", nullable, choices[name])
        elif name in FOREIGN_IDS:
            fields[name] = FilterField(name, "foreign_id", nullable)
        elif kind is not None:
            fields[name] = FilterField(name, kind, nullable)
    return fields


def column_of(model: type[models.Model], name: str) -> "models.Field[Any, Any]":
    """Returns the field that the values of a column belong to: of a foreign key, its target."""
    field = model._meta.get_field(name)
    if isinstance(field, models.ForeignKey):
        field = field.target_field
    if not isinstance(field, models.Field):
        raise TypeError(f"{name} is no column.")
    return field


def _kind(column: "models.Field[Any, Any]") -> FieldKind | None:
    for field_class, kind in _KINDS:
        if isinstance(column, field_class):
            return kind
    return None


def parse_day(text: str) -> datetime | None:
    """Returns the first moment of `2026-11-23` in UTC; None when it is no day."""
    if len(text) != 10:
        return None
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None


def _parse_instant(text: str) -> datetime:
    """Returns the time that ISO 8601 names; without a zone it is UTC."""
    # The `+` of a zone that was not escaped came out of the query as a blank.
    with_plus = re.sub(r" (\d\d:?\d\d)$", r"+\1", text)
    try:
        instant = parse_datetime(with_plus)
        if instant is not None:
            if instant.tzinfo is None:
                return instant.replace(tzinfo=UTC)
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        # It has the shape of a time but is on no calendar: refused below with the rest.
        pass
    day = parse_day(text)
    if day is not None:
        return day
    raise InvalidValue(f"is no time: “{text[:80]}”. Write it like 2026-11-23T19:45:00Z.")


def _parse_integer(text: str) -> int:
    if not _DIGITS.fullmatch(text) or not -BIGINT <= int(text) <= BIGINT:
        raise InvalidValue(f"is no whole number: “{text[:80]}”.")
    return int(text)


def _parse_number(text: str) -> float:
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise InvalidValue(f"is no number: “{text[:80]}”.")
    return number


def _parse_flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise InvalidValue(f"cannot be “{text[:80]}”. It can be: true, false, null.")
    return text == "true"


def _parse_id(text: str) -> uuid.UUID:
    value = read_uuid(text)
    if value is None:
        raise InvalidValue(f"cannot be “{text[:80]}”. {why_no_backup_id(text)}")
    return value


_PARSERS: Mapping[FieldKind, Callable[[str], FieldValue]] = {
    "text": str,
    "choice": str,
    "integer": _parse_integer,
    "number": _parse_number,
    "flag": _parse_flag,
    "instant": _parse_instant,
    "id": _parse_id,
    "foreign_id": str,
}
