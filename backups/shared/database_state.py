"""Whether the database can be used by this version of vbsdash; what is wrong, and the cure, as a
sentence.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from django.db import Error, InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

SUBJECT = "the database of DATABASE_URL"
MIGRATE = "run manage.py migrate"
NO_ANSWER = "The database does not answer."
# SQLSTATE codes of PostgreSQL for a table, a column and a schema that do not exist.
_NOT_MIGRATED = frozenset({"42P01", "42703", "3F000"})
# The first pattern that the reason holds decides. The texts are those of SQLite and of libpq.
_CURES = (
    (r"invalid response to SSL", "correct its host and port: what answers is no PostgreSQL"),
    (r"session is|hot standby mode", "correct its hosts, or target_session_attrs"),
    (r"definition of service", "correct the name of its service, or PGSERVICEFILE"),
    (r"not a database", "name another file, or restore it from a backup"),
    (r"authentication failed|no password|pg_hba\.conf|role \"", "correct its user and password"),
    (r"database \".*\" does not exist", "create it, or correct its name"),
    (r"translate host name|resolve host", "correct its host"),
    (r"permission denied", "give its user the right to read and write all of it"),
    (r"readonly|read-only", "give vbsdash the right to write it"),
    (r"startup parameter", "let PgBouncer pass it: ignore_startup_parameters in its settings"),
    (r"lock timeout", "end the session that holds it, or try again"),
    (r"statement timeout", "try again, or name a longer statement_timeout in its options"),
    (r"is locked", "stop the program that holds it, or try again"),
    (r"unable to open", "create its folder, and give vbsdash the right to write there"),
    (r"disk is full|No space left", "make room on its disk"),
    (r"malformed|disk I/O", "restore it from a backup"),
    (r"SSL|sslmode|certificate", "correct sslmode and the certificates"),
    (r"invalid .* value|unrecognized|could not parse", "correct the options of its address"),
    (r"too many (clients|connections)|connection slots", "allow it more connections"),
)
_USUAL_CURE = "start it, or correct the address"
# What went on for longer than this process lets it (vbsdash/process_role.py), by SQLSTATE.
_PASSED_LIMITS = {
    "55P03": "another session holds what was needed",
    "57014": "the question took too long",
    "25P03": "a transaction rested for too long",
}
LOCK_NOT_AVAILABLE = "55P03"
# SQLite has one writer at a time.
_SQLITE_IS_LOCKED = "database is locked"
# How the codes begin that mean: no connection, no such user, no such database, no right, no room,
# shut down; and read only.
_UNUSABLE = ("08", "28", "3D", "42501", "53", "57P", "25006", *_PASSED_LIMITS)


class NotSetUp(Exception):
    """The text is the sentence, without a full stop at its end."""


def check(*, older_is_fine: bool = False, newer_is_fine: bool = False) -> None:
    """Raises NotSetUp where migrations are missing, or are those of a newer version; Django's Error
    where the database does not answer.
    """
    if _lacks_file():
        # To ask SQLite would make the file.
        applied = {}
    else:
        executor = MigrationExecutor(connection)
        applied = executor.loader.applied_migrations
    if not applied:
        if older_is_fine:
            return
        raise NotSetUp(f"{SUBJECT} is not set up (no such table: django_migrations): {MIGRATE}")
    missing = _missing(executor)
    if missing and not older_is_fine:
        raise NotSetUp(f"{SUBJECT} is of an older version ({_first(missing)} missing): {MIGRATE}")
    newer: list[str] = []
    for app, name in sorted(applied):
        is_ours = app in executor.loader.migrated_apps
        if is_ours and (app, name) not in executor.loader.disk_migrations:
            newer.append(f"{app}.{name}")
    if newer and not newer_is_fine:
        raise NotSetUp(
            f"{SUBJECT} is of a newer version ({_first(newer)} not known here): start the version "
            "that migrated it, or restore a backup of before"
        )


def missing_migrations() -> list[str]:
    """Returns the migrations that a database of an older version has not got; none of a database
    that is not set up at all.
    """
    if _lacks_file():
        return []
    executor = MigrationExecutor(connection)
    return _missing(executor) if executor.loader.applied_migrations else []


def _missing(executor: MigrationExecutor) -> list[str]:
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def problem(*, older_is_fine: bool = False, newer_is_fine: bool = False) -> str | None:
    """Returns what is wrong as a sentence without a full stop; None where all is well."""
    try:
        check(older_is_fine=older_is_fine, newer_is_fine=newer_is_fine)
    except NotSetUp as e:
        return str(e)
    except Error as e:
        reason = _reason(e)
        return sentence_of(e) or f"{SUBJECT} cannot be used ({reason}): {_cure(reason)}"
    return None


def _lacks_file() -> bool:
    if connection.vendor != "sqlite":
        return False
    file = Path(connection.settings_dict["NAME"])
    return file.parent.is_dir() and not file.exists() and not _is_in_memory(file)


def _is_in_memory(file: Path) -> bool:
    return file.name == ":memory:" or file.name.startswith("file:")


def sentence_of(error: Exception) -> str | None:
    """Returns what an error says of the database as a whole; None where it is a fault of
    vbsdash.
    """
    code = sqlstate(error)
    reason = _reason(error)
    if _is_not_migrated(error):
        return f"{SUBJECT} is not set up ({reason}): {MIGRATE}"
    is_unusable = not code and type(error).__name__ == "OperationalError"
    is_broken = not code and reason.endswith(("not a database", "malformed"))
    if is_unusable or is_broken or code.startswith(_UNUSABLE):
        return f"{SUBJECT} cannot be used ({reason}): {_cure(reason)}"
    return None


def busy_reason(error: Exception) -> str | None:
    """Returns why the database is too busy for what was asked, in some words; None where that is
    not what went wrong.
    """
    if _reason(error) == _SQLITE_IS_LOCKED:
        return _PASSED_LIMITS[LOCK_NOT_AVAILABLE]
    return _PASSED_LIMITS.get(sqlstate(error))


def sentence_for_people(error: BaseException | None) -> str | None:
    """Returns what a page or call says that failed by the database as a whole, without names of
    hosts and users; None where it is a fault of vbsdash.
    """
    if not isinstance(error, Error):
        return None
    reason = busy_reason(error)
    if reason is not None:
        return f"The database is busy ({reason}): try again in a moment."
    if _is_not_migrated(error):
        return f"The database is not set up for this version of vbsdash: {MIGRATE}."
    is_away = isinstance(error, InterfaceError | OperationalError)
    return NO_ANSWER if is_away or sentence_of(error) is not None else None


def cure_of(error: Exception) -> str:
    """Returns what may cure an error, without what the error tells of hosts and users."""
    return MIGRATE if _is_not_migrated(error) else _cure(_reason(error))


def _is_not_migrated(error: Exception) -> bool:
    lacks_table = _reason(error).startswith(("no such table", "no such column"))
    return lacks_table or sqlstate(error) in _NOT_MIGRATED


def sqlstate(error: Exception) -> str:
    """Returns the code of PostgreSQL; an empty text for any other error."""
    return getattr(error.__cause__, "sqlstate", None) or ""


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _cure(reason: str) -> str:
    for pattern, cure in _CURES:
        if re.search(pattern, reason):
            return cure
    return _USUAL_CURE


def _first(names: Sequence[str]) -> str:
    """Returns the first of some migrations, how many others there are, and the verb."""
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{names[0]} and {len(names) - 1} more are"
