"""Column types and expressions of our own."""

from typing import Any, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Func
from django.db.models.functions import Coalesce
from django.db.models.sql.compiler import SQLCompiler

_Set = TypeVar("_Set", contravariant=True)
_Get = TypeVar("_Get", covariant=True)


class CodePointText(models.TextField[_Set, _Get]):
    """Text that every database compares and sorts by code point: PostgreSQL by COLLATE "C", SQLite
    does so anyway.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters: dict[str, Any] = dict(super().db_parameters(connection))
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"
        return parameters


class EmptyIsNull(Func):
    """A column of text, NULL where it is empty. The text stands in the template, for an index of an
    expression with a parameter is none that SQLite uses.
    """

    arity = 1
    template = "NULLIF(%(expressions)s, '')"
    output_field = CodePointText()


class OtherRow(models.ForeignObject[Any, Any]):
    """The row of another table that has the same values in some columns; it is joined by them and
    has no column of its own. What makes them unique there is a constraint of expressions, which
    Django's check does not look at.
    """

    # of a key in the database; SQLite's editor of tables asks each field with another row for it
    db_constraint = False

    def _check_unique_target(self) -> list[Any]:
        return []


# How a condition on a column is kept from the index of that column.
#
# SQLite keeps no statistics that tell a common value from a rare one. It takes the index of a
# column with few values, such as `cloud`, and then reads and sorts half of the table, where the
# index of the order would have met the page after a few rows. A unary plus in front of the column
# takes its indexes out of the choice. Measured with 100,000 backups: a page and its count by two
# common values (`status=available` and half of the clouds, or `size_min`) take less than half of
# the time that they take without it; by a single value they take 10 to 30 ms more. PostgreSQL has
# statistics, so filters give it the column as it is.
#
# Where reports know that another index leads to few rows, PostgreSQL gets an expression as well:
# the running ones of 100,000 backups take 38 ms with it there, 77 ms without.


class UnindexedInSQLite(Func):
    """A column for which SQLite, and no other database, may not use an index."""

    arity = 1
    template = "%(expressions)s"

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Any:
        return super().as_sql(compiler, connection, template="+%(expressions)s", **context)


def unindexed(column: str) -> Coalesce:
    """Returns a column of text, never null, for which no database uses an index."""
    return Coalesce(column, models.Value(""), output_field=models.TextField())
