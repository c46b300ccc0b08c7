"""Watches in every test that whoever writes what is shown calls `data_changed()` after it.

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
_WRITE = re.compile(
    r'\s*(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM) "?backups_(?P<table>\w+)"?', re.IGNORECASE
)
_SET = re.compile(r"SET (?P<columns>.*?)(?: WHERE| FROM|$)", re.IGNORECASE | re.DOTALL)
_COLUMN = re.compile(r'"?(\w+)"? = ')
PRODUCT = Path(__file__).parent.parent
TESTS = Path(__file__).parent


class DataVersionSpy:
    """`missing`: writes since the last `data_changed()`, each with the line that made it."""

    def __init__(self) -> None:
        self.missing: list[str] = []

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
            self.missing.clear()
        elif _is_shown(write["table"], sql):
            line = _line_of_the_product()
            if line is not None:
                self.missing.append(f"{line}: {sql[:200]}")
        return result


def _is_shown(table: str, sql: str) -> bool:
    if table in NOT_SHOWN:
        return False
    assignments = _SET.search(sql) if sql.lstrip().upper().startswith("UPDATE") else None
    if assignments is None:
        return True
    columns = set(_COLUMN.findall(assignments["columns"]))
    return not columns <= COORDINATION


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
