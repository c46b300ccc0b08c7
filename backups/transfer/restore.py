"""Brings the rows of a file into an empty database, in one transaction: all of it or nothing.

The tables are made anew as they were when the file was written, by the migrations that it names.
The rows come into them, and the later migrations run, as they would have on the old database. So a
file of an older version needs no code of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.apps import apps
from django.apps.registry import Apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.core.management.commands import migrate
from django.db import DataError, Error, IntegrityError, connection, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from backups.models import ObjectKind, Verb
from backups.models.data_version import data_replaced
from backups.shared import audit, bulk, database_state
from backups.transfer.data_file import DAMAGED, DataFileReader, Header, NotReadable, Table
from backups.transfer.tables import columns, kind, moved_tables, tables

# What migrations, the first start and running parts make by themselves, and that somebody signed in
# to it; and one account, which the first start makes.
MADE_BY_A_START = frozenset(
    {
        "auth.permission",
        "backups.auditentry",
        "backups.cloud",
        "backups.cloudcalls",
        "contenttypes.contenttype",
    }
)
ACCOUNT = "auth.user"
# A part of the account, which is counted itself.
OF_ACCOUNT = frozenset({"backups.account", "backups.account_clouds"})
# What people call one and many of them, where it is not as their table.
WORDS = {
    ACCOUNT: ("account", "accounts"),
    "backups.apitoken": ("API token", "API tokens"),
    "backups.body": ("answer of a cloud", "answers of clouds"),
    "backups.externalidentity": ("identity of an account", "identities of accounts"),
    "backups.storedday": ("day of totals", "days of totals"),
    "backups.volume": ("disk", "disks"),
}
ROWS_AT_ONCE = 500
BYTES_AT_ONCE = 4 * 2**20
LOCK_WAIT_MS = 20_000
# SQLSTATE codes of PostgreSQL: deadlock, no lock within the limit; something else depends on it.
_IN_USE = frozenset({"40P01", "55P03"})
_NEEDED = "2BP01"
_TRIGGER_FUNCTIONS = """
SELECT DISTINCT pg_proc.oid::regprocedure::text
FROM pg_trigger JOIN pg_proc ON pg_proc.oid = pg_trigger.tgfoid
WHERE NOT pg_trigger.tgisinternal AND pg_trigger.tgrelid = ANY(%s::regclass[])
"""


class NotRestored(Exception):
    """The text is a sentence without a full stop. The database is as it was."""


def restore(source: BinaryIO, *, now: datetime, replace: bool = False) -> Header:
    """Returns what stood at the top of the file. With `replace`, what is there goes.

    Raises NotRestored.
    """
    problem = database_state.problem(older_is_fine=True)
    if problem is not None:
        raise NotRestored(problem)
    try:
        reader = DataFileReader(source)
        _refuse_newer(reader.header)
        # SQLite changes tables only while it checks no foreign keys, which cannot be said within a
        # transaction.
        with (
            _no_file_of_a_failure(),
            connection.constraint_checks_disabled(),
            transaction.atomic(),
        ):
            _make_room(replace=replace)
            _load(reader, _tables_of(reader.header))
            reader.finish()
            connection.check_constraints()
            _go_on_to_this_version()
            data_replaced(now)
            audit.note(
                Verb.DATA_RESTORE,
                ObjectKind.COMMAND,
                "restore_data",
                after={"rows": reader.header.rows, "made_at": reader.header.made_at},
                at=now,
            )
    except NotReadable as e:
        raise NotRestored(f"the file cannot be restored: {e}") from e
    except Error as e:
        raise NotRestored(_sentence(e)) from e
    return reader.header


def what_is_there() -> list[str]:
    """Returns what people or clouds have brought into the database, as "3 accounts"."""
    if database_state.problem() is not None:
        # It is not set up, or `restore` says what is wrong.
        return []
    contents: list[str] = []
    for label, model in moved_tables(apps).items():
        if label in MADE_BY_A_START or label in OF_ACCOUNT:
            continue
        count = model._base_manager.count()
        if count > (1 if label == ACCOUNT else 0):
            names = (model._meta.verbose_name, model._meta.verbose_name_plural)
            one, many = WORDS.get(label, names)
            contents.append(f"{count:,} {one if count == 1 else many}")
    return contents


def _refuse_newer(header: Header) -> None:
    known = MigrationLoader(None).disk_migrations
    for app, names in header.migrations.items():
        for name in names:
            if (app, name) not in known:
                raise NotReadable(
                    f"a newer version of vbsdash made it ({app}.{name} is not known here): restore "
                    "it with that one"
                )


@contextmanager
def _no_file_of_a_failure() -> Iterator[None]:
    """Takes a database file of SQLite away that was made for nothing."""
    file = Path(connection.settings_dict["NAME"])
    is_made_here = connection.vendor == "sqlite" and not file.exists()
    try:
        yield
    except BaseException:
        if is_made_here:
            connection.close()
            for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
                file.with_name(name).unlink(missing_ok=True)
        raise


def _make_room(*, replace: bool) -> None:
    """Takes the tables away, once nobody else can write into them and nothing is lost."""
    own = _own_tables()
    names = ", ".join(map(connection.ops.quote_name, own))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}")
            if own:
                cursor.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        if own:
            _refuse_contents(replace=replace)
        if connection.vendor == "postgresql":
            cursor.execute(_TRIGGER_FUNCTIONS, [list(map(connection.ops.quote_name, own))])
            functions = [row[0] for row in cursor.fetchall()]
            if own:
                # All in one, so that their order is of no matter; what others have made of them,
                # such as a view, does not go with them.
                cursor.execute(f"DROP TABLE {names}")
            for function in functions:
                cursor.execute(f"DROP FUNCTION {function}")
        else:
            for name in own:
                cursor.execute(f"DROP TABLE {connection.ops.quote_name(name)}")


def _own_tables() -> list[str]:
    """Returns those of this and of other versions, and none of another program."""
    own = set(connection.introspection.django_table_names())
    own.add(MigrationRecorder.Migration._meta.db_table)
    names = connection.introspection.table_names()
    return [name for name in names if name in own or name.startswith("backups_")]


def _refuse_contents(*, replace: bool) -> None:
    problem = database_state.problem()
    if problem is not None:
        # What it holds cannot be counted, and so nobody has agreed to lose it.
        raise NotRestored(problem)
    contents = what_is_there()
    if contents and not replace:
        raise NotRestored(
            f"{database_state.SUBJECT} is not empty, it holds {', '.join(contents)}: name an empty "
            "one, or have all of it replaced with --replace"
        )


def _tables_of(header: Header) -> Apps:
    """Makes the tables as they were; returns their models."""
    executor = MigrationExecutor(connection, _after_each_step)
    targets = _newest(executor.loader.graph, header)
    state = executor.migrate(targets)
    return state.apps


def _newest(graph: MigrationGraph, header: Header) -> list[tuple[str, str]]:
    """Returns of each app the migrations that no other one of the file follows."""
    names: set[tuple[str, str]] = set()
    for app, of_app in header.migrations.items():
        names.update((app, name) for name in of_app)
    newest = []
    for key in sorted(names):
        followers = {node.key for node in graph.node_map[key].children if node.key[0] == key[0]}
        if followers.isdisjoint(names):
            newest.append(key)
    return newest


def _load(reader: DataFileReader, registry: Apps) -> None:
    by_label = tables(registry)
    loaded: list[type[models.Model]] = []
    for table in reader.header.tables:
        model = by_label.get(table.label)
        if model is None or {field.name for field in columns(model)} != set(table.columns):
            raise NotReadable(f"its table {table.label} is none of the version that it names")
        # What a migration brings into a table by itself is in the file too.
        if model._base_manager.exists():
            model._base_manager.all()._raw_delete(connection.alias)
        _load_table(reader, table, model)
        loaded.append(model)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), loaded):
            cursor.execute(statement)


def _load_table(reader: DataFileReader, table: Table, model: type[models.Model]) -> None:
    by_name = {field.name: field for field in columns(model)}
    kinds = [kind(by_name[name]) for name in table.columns]
    batch: list[list[Any]] = []
    size = 0
    for row, length in reader.rows(table):
        batch.append(row)
        size += length
        if len(batch) == ROWS_AT_ONCE or size > BYTES_AT_ONCE:
            _insert(model, table, kinds, batch)
            batch = []
            size = 0
    _insert(model, table, kinds, batch)


def _insert(
    model: type[models.Model], table: Table, kinds: list[str], batch: list[list[Any]]
) -> None:
    if connection.vendor == "sqlite":
        # PostgreSQL reads the texts by itself.
        for position, column_kind in enumerate(kinds):
            if column_kind == "DateTimeField":
                _convert(batch, position, datetime.fromisoformat)
            elif column_kind == "UUIDField":
                _convert(batch, position, UUID)
    try:
        bulk.insert(model, table.columns, batch)
    except (DataError, UnicodeEncodeError, OverflowError) as e:
        raise NotReadable(f"a row of its {table.label} cannot be stored here ({_first(e)})") from e
    except IntegrityError as e:
        raise NotReadable(
            f"the rows of its {table.label} contradict each other ({_first(e)})"
        ) from e


def _convert(batch: list[list[Any]], position: int, converter: Callable[[str], object]) -> None:
    for row in batch:
        if row[position] is None:
            continue
        try:
            row[position] = converter(row[position])
        except (TypeError, ValueError) as e:
            raise NotReadable(DAMAGED) from e


def _go_on_to_this_version() -> None:
    call_command(_Migrate(), interactive=False, verbosity=0)


class _Migrate(migrate.Command):
    """`manage.py migrate`, which also renames what Django keeps of models and permissions."""

    def migration_progress_callback(self, action: str, *args: Any, **options: Any) -> None:
        _after_each_step(action)


def _after_each_step(action: str, *_args: object) -> None:
    """PostgreSQL changes no table while rows of it are still to be checked."""
    if action == "apply_success":
        connection.check_constraints()


def _sentence(error: Error) -> str:
    code = getattr(error.__cause__, "sqlstate", None)
    if code in _IN_USE:
        return f"{database_state.SUBJECT} is in use: stop web, workers and scheduler, and try again"
    if code == _NEEDED:
        return f"something that is not of vbsdash depends on its tables ({_first(error)})"
    if isinstance(error, IntegrityError):
        return f"the rows of the file contradict each other ({_first(error)})"
    return database_state.sentence_of(error) or f"the database refuses it ({_first(error)})"


def _first(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
