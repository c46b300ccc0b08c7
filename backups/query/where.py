"""A Selection as a condition of the database."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, ForeignKey, Func, Q, QuerySet, TextField
from django.db.models.sql.compiler import SQLCompiler

from backups.query.definition import Listing
from backups.query.selection import Condition, Selection


class Unindexed(Func):
    """The column itself, but SQLite may not use its index: nothing tells it a common value from a
    rare one.
    """

    arity = 1
    template = "%(expressions)s"

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Any:
        return super().as_sql(compiler, connection, template="+%(expressions)s", **context)


def where(
    selection: Selection,
    listing: Listing,
    now: datetime,
    *,
    held: Q,
    unindexed: Collection[str] = (),
) -> Q:
    """`held`: what holds the free text. `unindexed`: words that `with_unindexed` gave a second
    name.
    """
    found = held
    for one in selection.conditions:
        derived = listing.derived.get(one.word)
        found &= derived.where(one.values, now) if derived else _compared(one, unindexed)
    if selection.tags:
        found &= listing.tagged(selection.tags)
    return found


def with_unindexed(
    rows: "QuerySet[Any]", selection: Selection, listing: Listing, *, but: str
) -> tuple[Any, set[str]]:
    """Rows whose conditions, but that on one word, cannot draw the database away from the index of
    the order.
    """
    words = {
        one.word for one in selection.conditions if one.word in listing.columns and one.word != but
    }
    columns = {f"unindexed_{word}": _column(listing, word) for word in words}
    return rows.alias(**columns), words


def _column(listing: Listing, word: str) -> Func:
    field = listing.model._meta.get_field(word)
    return (
        Unindexed(F(word), output_field=TextField())
        if isinstance(field, ForeignKey)
        else Unindexed(F(word))
    )


def _compared(one: Condition, unindexed: Collection[str]) -> Q:
    name = f"unindexed_{one.word}" if one.word in unindexed else one.word
    if one.lookup != "in":
        return Q(**{f"{name}__{one.lookup}": one.values[0]})
    given = [value for value in one.values if value is not None]
    found = Q(**{f"{name}__in": given}) if given else Q()
    return found | Q(**{f"{name}__isnull": True}) if len(given) < len(one.values) else found
