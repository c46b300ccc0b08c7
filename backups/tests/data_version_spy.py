"""Watches in every test that whoever writes what is shown calls `data_changed()` after it, or
`data_touched()` where only times of answers were written.

Writes of tests themselves do not count, nor those of tables and columns that no page,
call or metric shows.
"""

import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from backups.clouds import cloud_health

# Tables that are not shown, or not on anything that has an ETag.
NOT_SHOWN = {
    "heartbeat",
    "process",
    "apitoken",
    "budgetwindow",
    "cloudcalls",
    "body",
    "searchtext",
    "edit",
    "usersession",
    # It is made with its account; when somebody last signed in by it is on no page.
    "externalidentity",
    # Its own list has an ETag of its own rows.
    "auditentry",
    "auditcut",
}
# Columns by which workers divide the work among themselves.
COORDINATION = {
    "claimed_until",
    "sweep_until",
    "probe_until",
    "signing_in_until",
    "volumes_due_at",
    "quota_due_at",
    "walk_asked_at",
    "derive_at",
}
# What a refresh that finds nothing new writes; whether it was new is for its own tests.
TOUCHED = {
    "refreshed_at",
    "attempted_at",
    "next_refresh_at",
    "stale_at",
    "refresh_interval",
    "unchanged_polls",
    "changed_at",
    "failures",
    "error",
    "missed_at",
    "gone_at",
    "unlisted_at",
    "seen_vbs",
    "type_votes_0",
    "type_votes_1",
    *cloud_health.COLUMNS,
}
_WRITE = re.compile(
    r'\s*(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM) "?backups_(?P<table>\w+)"?', re.IGNORECASE
)
_SET = re.compile(r"\sSET\s(?P<columns>.*?)(?:\sWHERE|\sFROM|$)", re.IGNORECASE | re.DOTALL)
_COLUMN = re.compile(r'"?(\w+)"? = ')
PRODUCT = Path(__file__).parent.parent
TESTS = Path(__file__).parent


class DataVersionSpy:
    """`missing`: writes since the last `data_changed()`, each with the line that made it."""

    def __init__(self) -> None:
        self._writes: list[tuple[str, bool]] = []  # and whether `data_touched()` is enough

    @property
    def missing(self) -> list[str]:
        return [write for write, _may_be_touch in self._writes]

    def forget_all(self) -> None:
        self._forget(is_touch=False)

    def watch(self, connection: BaseDatabaseWrapper, **_options: Any) -> None:
        """Receives `connection_created`."""
        if self._note not in connection.execute_wrappers:
            connection.execute_wrappers.append(self._note)

    def _note(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        result = execute(sql, params, many, context)
        write = _WRITE.match(sql)
        if write is None or context["cursor"].rowcount == 0:
            return result
        if write["table"] == "dataversion":
            # Rows that are made first are raised right after it.
            if sql.lstrip().upper().startswith("UPDATE"):
                # Both databases are told from which shard on.
                self._forget(is_touch=0 not in tuple(params or ()))
        elif _is_shown(write["table"], sql):
            line = _line_of_the_product()
            if line is not None:
                columns = _columns_set(sql)
                may_be_touch = bool(columns) and columns <= TOUCHED
                self._writes.append((f"{line}: {sql[:200]}", may_be_touch))
        return result

    def _forget(self, *, is_touch: bool) -> None:
        """Forgets the writes that this raising of a count tells of."""
        if is_touch:
            self._writes = [(write, may_be) for write, may_be in self._writes if not may_be]
        else:
            self._writes = []


def _is_shown(table: str, sql: str) -> bool:
    if table in NOT_SHOWN:
        return False
    columns = _columns_set(sql)
    return not columns or not columns <= COORDINATION


def _columns_set(sql: str) -> set[str]:
    """Returns the columns that an UPDATE writes; none of an INSERT or a DELETE."""
    assignments = _SET.search(sql) if sql.lstrip().upper().startswith("UPDATE") else None
    return set(_COLUMN.findall(assignments["columns"])) if assignments else set()


def _line_of_the_product() -> str | None:
    """Returns where in the product the write was made; None when a test itself made it."""
    for frame, number in traceback.walk_stack(sys._getframe(1)):
        file = Path(frame.f_code.co_filename)
        if file == Path(__file__):
            continue
        if TESTS in file.parents:
            return None
        if "migrations" in file.parts:
            # They run before the new version serves anything.
            return None
        if PRODUCT in file.parents and "models" not in file.parts:
            return f"{file.relative_to(PRODUCT)}:{number}"
    return None
