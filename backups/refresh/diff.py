"""Compares two answers about a backup, column by column. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TypedDict

from backups.vbs import payload

_NOT_STORED = frozenset({"id", "metadata", "is_vbs", "not_supplied", "raw"})


def _decoded_columns() -> tuple[str, ...]:
    own = [field.name for field in fields(payload.Backup) if field.name not in _NOT_STORED]
    metadata = [field.name for field in fields(payload.Metadata)]
    return (*own, *metadata, "kind", "kind_source", "kind_conflict")


# Every stored column that the contents of an answer decide.
DECODED_COLUMNS = _decoded_columns()

# These move while a backup runs: a revision of nothing else needs no body.
PROGRESS_COLUMNS = frozenset({"progress", "throughput_mb_s", "updated_at"})


class FieldChange(TypedDict):
    """One entry of `Revision.changes`; `word` is the column, the values are JSON."""

    word: str
    before: object
    after: object


@dataclass(frozen=True)
class Difference:
    """What a revision records.

    `is_never_pruned`: it is kept whatever its age. `needs_body`: the whole answer is stored too.
    """

    changes: list[FieldChange]
    is_never_pruned: bool
    needs_body: bool

    @property
    def columns(self) -> frozenset[str]:
        return frozenset(change["word"] for change in self.changes)


def difference(
    before: Mapping[str, object] | None, after: Mapping[str, object]
) -> Difference | None:
    """Returns what changed in the decoded columns, None when nothing did.

    `before` is None for the first answer: then each column that says something is a change.
    """
    changes: list[FieldChange] = []
    columns: set[str] = set()
    for column in DECODED_COLUMNS:
        value = after[column]
        if before is None:
            previous = None
            has_changed = value is not None and value is not False and value != []
        else:
            previous = before[column]
            has_changed = value != previous
        if has_changed:
            columns.add(column)
            changes.append({"word": column, "before": _json(previous), "after": _json(value)})
    if not changes:
        return None
    return Difference(
        changes,
        is_never_pruned=before is None or "status" in columns,
        needs_body=not columns <= PROGRESS_COLUMNS,
    )


def tracking_state_change(before: str, after: str) -> Difference:
    """Returns the change of `tracking_state` that an answer of the cloud caused."""
    change: FieldChange = {"word": "tracking_state", "before": before, "after": after}
    return Difference([change], is_never_pruned=True, needs_body=False)


def _json(value: object) -> object:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
