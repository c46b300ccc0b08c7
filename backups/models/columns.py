"""Column types of our own."""

from typing import Any, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Coalesce

_Set = TypeVar("_Set", contravariant=True)
_Get = TypeVar("_Get", covariant=True)


class CodePointText(models.TextField[_Set, _Get]):
    """Text that every database compares and sorts by code point: PostgreSQL by COLLATE "C", SQLite
    does so anyway.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        found: dict[str, Any] = dict(super().db_parameters(connection))
        if connection.vendor == "postgresql":
            found["collation"] = "C"
        return found


def unindexed(column: str) -> Coalesce:
    """A column of text as an expression: for what an index on it would find the slow way (SQLite
    knows no better).
    """
    return Coalesce(column, models.Value(""), output_field=models.TextField())
