"""The filters of a query as a condition of the database."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import F, Model, Q, QuerySet

from backups.models.columns import UnindexedInSQLite
from backups.query.definition import ListDefinition
from backups.query.fields import column_of
from backups.query.list_query import Comparison, ListQuery


def condition(
    query: ListQuery,
    definition: ListDefinition,
    now: datetime,
    *,
    text_condition: Q,
    unindexed_columns: Collection[str] = (),
) -> Q:
    """Returns what the rows of a query fulfil.

    `text_condition`: what those with its free text fulfil. `unindexed_columns`: the columns that
    `with_unindexed_columns` gave a second name.
    """
    result = text_condition
    for comparison in query.comparisons:
        computed = definition.computed.get(comparison.field)
        if computed is not None and computed.bound is not None and comparison.lookup != "in":
            result &= computed.bound(comparison.lookup, comparison.values[0], now)
        elif computed is not None:
            result &= computed.condition(comparison.values, now)
        elif comparison.field in unindexed_columns:
            result &= _compared(f"unindexed_{comparison.field}", comparison)
        else:
            result &= _compared(comparison.field, comparison)
    if query.tags:
        result &= definition.with_tags(query.tags)
    return result


def with_unindexed_columns(
    rows: QuerySet[Model], query: ListQuery, definition: ListDefinition, *, but: str
) -> tuple[QuerySet[Model], set[str]]:
    """Gives each column that a query compares, except `but`, a second name without an index.

    So no comparison can draw SQLite away from the index of the order (see `UnindexedInSQLite`).
    Returns the rows and the columns.
    """
    columns = set()
    for comparison in query.comparisons:
        if comparison.field in definition.columns and comparison.field != but:
            columns.add(comparison.field)
    for column in columns:
        value_field = column_of(definition.model, column)
        expression = UnindexedInSQLite(F(column), output_field=value_field)
        rows = rows.alias(**{f"unindexed_{column}": expression})
    return rows, columns


def _compared(name: str, comparison: Comparison) -> Q:
    if comparison.lookup != "in":
        return Q(**{f"{name}__{comparison.lookup}": comparison.values[0]})
    values = [value for value in comparison.values if value is not None]
    equal = Q(**{f"{name}__in": values}) if values else Q()
    if len(values) == len(comparison.values):
        return equal
    return equal | Q(**{f"{name}__isnull": True})
