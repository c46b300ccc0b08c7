"""A new migration only adds: processes of the version before go on with the database that it
leaves, and nobody waits for a lock on a table of many rows.
"""

import inspect
from typing import Any

import pytest
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Value

from backups.shared.online_index import AddIndexOnline

# The last one that was written before this rule; databases of the first version stop all their
# processes for those up to it (CHANGELOG.md).
LAST_BEFORE_THE_RULE = "0011_folded_search"
# Tables that grow with backups, disks or time.
LARGE = frozenset(
    {
        "auditentry",
        "backup",
        "backuptag",
        "body",
        "edit",
        "outcomebucket",
        "policymember",
        "policytask",
        "revision",
        "run",
        "searchtext",
        "volume",
        "volumecontribution",
        "volumetag",
    }
)
# Migrations that break the rule, each with the reason why nobody notices: a column that goes is one
# that the version before does not know any more.
ALLOWED: dict[str, str] = {}
CURE = "CONTRIBUTING.md, “A migration”, says how"


def faults(migration: migrations.Migration, before: ProjectState) -> list[str]:
    """Returns a sentence for each operation that the version before, or somebody who waits, would
    notice. `before`: the models as they were.
    """
    state = before.clone()
    sentences: list[str] = []
    new_models: set[str] = set()
    for operation in migration.operations:
        sentence = _fault(operation, migration, state, new_models)
        if sentence:
            sentences.append(sentence)
        if isinstance(operation, migrations.CreateModel):
            new_models.add(operation.name_lower)
        operation.state_forwards(migration.app_label, state)
    return sentences


def _fault(
    operation: Operation,
    migration: migrations.Migration,
    state: ProjectState,
    new_models: set[str],
) -> str | None:
    name = operation.describe()
    if not operation.reversible:
        return f"{name}: has no way back"
    table = getattr(operation, "model_name_lower", "")
    if table in new_models:
        return None
    if isinstance(operation, migrations.CreateModel):
        return None
    if isinstance(operation, migrations.AddField):
        return _fault_of_new_field(name, operation.field, is_large=table in LARGE)
    if isinstance(operation, migrations.AlterField):
        old = state.models[migration.app_label, table].fields[operation.name]
        return _fault_of_altered_field(name, old, operation.field)
    if isinstance(operation, AddIndexOnline):
        return f"{name}: needs atomic = False" if migration.atomic else None
    if isinstance(operation, migrations.AddIndex):
        return f"{name}: locks all writers out; AddIndexOnline does not" if table in LARGE else None
    if isinstance(operation, migrations.RunPython):
        return _fault_of_code(name, operation, migration)
    if isinstance(operation, migrations.RunSQL):
        return _fault_of_sql(name, operation.sql)
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        return _fault_of_parts(operation, migration, state, new_models)
    if isinstance(operation, HARMLESS):
        return None
    return f"{name}: the version before still uses what it takes away, or may write what it refuses"


HARMLESS = (
    migrations.AlterModelOptions,
    migrations.AlterModelManagers,
    migrations.RemoveIndex,
    migrations.RenameIndex,
    migrations.RemoveConstraint,
)


def _fault_of_new_field(name: str, field: models.Field[Any, Any], *, is_large: bool) -> str | None:
    if field.many_to_many:
        return None
    default = getattr(field, "db_default", models.NOT_PROVIDED)
    has_default = default is not models.NOT_PROVIDED
    if not field.null and not has_default:
        return f"{name}: NOT NULL without a db_default, so the version before cannot insert"
    is_constant = isinstance(default, Value) or not isinstance(default, models.Expression)
    if is_large and not is_constant:
        return f"{name}: a db_default that is no constant writes the whole table anew"
    if is_large and (field.unique or getattr(field, "db_index", False)):
        return f"{name}: makes an index under a lock; leave it out, and AddIndexOnline"
    return None


def _fault_of_altered_field(
    name: str, old: models.Field[Any, Any], new: models.Field[Any, Any]
) -> str | None:
    is_relaxed = _in_database(new) == {**_in_database(old), "null": True}
    if is_relaxed or _in_database(new) == _in_database(old):
        return None
    return f"{name}: another type or a stricter rule; add a field beside it"


def _in_database(field: models.Field[Any, Any]) -> dict[str, Any]:
    """Returns what of a field the database knows."""
    _, path, args, options = field.deconstruct()
    for python_only in (*field.non_db_attrs, "default"):
        options.pop(python_only, None)
    return {**options, "class": path, "arguments": list(args)}


def _fault_of_code(
    name: str, operation: migrations.RunPython, migration: migrations.Migration
) -> str | None:
    source = inspect.getsource(inspect.getmodule(operation.code) or operation.code)
    if "get_model(" in source and migration.atomic:
        return f"{name}: writes rows in one long transaction; atomic = False, and a batch at a time"
    return None


# Statements that make or change triggers, functions and grants, and small repairs.
SQL_THAT_LOCKS = ("alter table", "create index", "create unique index", "drop", "lock ", "rename")


def _fault_of_sql(name: str, sql: Any) -> str | None:
    statements = (
        [sql]
        if isinstance(sql, str)
        else [part if isinstance(part, str) else part[0] for part in sql]
    )
    for statement in statements:
        text = " ".join(statement.lower().split())
        if text.startswith(SQL_THAT_LOCKS) and "concurrently" not in text:
            return f"{name}: {statement[:60]!r} changes a table under a lock"
    return None


def _fault_of_parts(
    operation: migrations.SeparateDatabaseAndState,
    migration: migrations.Migration,
    state: ProjectState,
    new_models: set[str],
) -> str | None:
    for part in operation.database_operations:
        sentence = _fault(part, migration, state, new_models)
        if sentence:
            return sentence
    return None


@pytest.fixture(scope="module")
def loader() -> MigrationLoader:
    return MigrationLoader(None)


def plan(loader: MigrationLoader) -> list[tuple[str, str]]:
    """Returns the migrations of this project in the order in which they run."""
    (leaf,) = loader.graph.leaf_nodes("backups")
    return [key for key in loader.graph.forwards_plan(leaf) if key[0] == "backups"]


def test_each_new_migration_leaves_the_version_before_alone(loader: MigrationLoader) -> None:
    keys = plan(loader)
    first = keys.index(("backups", LAST_BEFORE_THE_RULE)) + 1
    refused: list[str] = []
    for key in keys[first:]:
        migration = loader.graph.nodes[key]
        before = loader.project_state(key, at_end=False)
        if key[1] not in ALLOWED:
            refused += [f"{key[1]}: {sentence}" for sentence in faults(migration, before)]
    assert refused == [], CURE


def test_each_migration_has_a_way_back(loader: MigrationLoader) -> None:
    for key in plan(loader):
        for operation in loader.graph.nodes[key].operations:
            assert operation.reversible, (key, operation.describe())


def test_migrations_that_read_many_rows_commit_each_batch(loader: MigrationLoader) -> None:
    """Those from before the rule too: a worker that writes such a row waits no longer than that."""
    for key in plan(loader):
        migration = loader.graph.nodes[key]
        for operation in migration.operations:
            if isinstance(operation, migrations.RunPython):
                assert _fault_of_code(key[1], operation, migration) is None


def write_rows(apps: Any, _editor: Any) -> None:
    apps.get_model("backups", "Backup").objects.update(note="")


def concurrently(index: models.Index) -> AddIndexOnline:
    return AddIndexOnline("backup", index)


REFUSED = {
    "a column that goes": migrations.RemoveField("backup", "note"),
    "a table that goes": migrations.DeleteModel("SavedView"),
    "a column of another name": migrations.RenameField("backup", "note", "remark"),
    "a table of another name": migrations.RenameModel("SavedView", "NamedView"),
    "a table that is called otherwise": migrations.AlterModelTable("savedview", "views"),
    "NOT NULL": migrations.AddField("cloud", "x", models.IntegerField(default=0)),
    "another type": migrations.AlterField("backup", "size", models.FloatField(null=True)),
    "a null that is refused": migrations.AlterField("backup", "name", models.TextField()),
    "a default of each row": migrations.AddField(
        "backup", "x", models.FloatField(db_default=models.functions.Random())
    ),
    "a new index at once": migrations.AddField(
        "body", "x", models.TextField(null=True, db_index=True)
    ),
    "an index under a lock": migrations.AddIndex("backup", models.Index("note", name="x")),
    "a rule for old rows": migrations.AddConstraint(
        "backup", models.CheckConstraint(condition=models.Q(size__gte=0), name="x")
    ),
    "an index in a transaction": concurrently(models.Index("note", name="x")),
    "many rows in a transaction": migrations.RunPython(write_rows, migrations.RunPython.noop),
    "code without a way back": migrations.RunPython(migrations.RunPython.noop),
    "SQL without a way back": migrations.RunSQL("SELECT 1"),
    "SQL that drops": migrations.RunSQL("ALTER TABLE backups_backup DROP COLUMN note", ""),
    "parts that drop": migrations.SeparateDatabaseAndState(
        [migrations.RemoveField("backup", "note")], []
    ),
}
ACCEPTED = {
    "a column that may be null": migrations.AddField("backup", "x", models.TextField(null=True)),
    "a column with a default": migrations.AddField(
        "backup", "x", models.BooleanField(default=False, db_default=False)
    ),
    "a table": migrations.CreateModel("Audit", [("id", models.BigAutoField(primary_key=True))]),
    "a null that is allowed": migrations.AlterField("backup", "note", models.TextField(null=True)),
    "a word in the admin": migrations.AlterField(
        "backup", "size", models.BigIntegerField(null=True, verbose_name="GB")
    ),
    "an index of a small table": migrations.AddIndex("cloud", models.Index("error", name="x")),
    "a trigger": migrations.RunSQL("CREATE TRIGGER x", "DROP TRIGGER x"),
    "a column that code forgets first": migrations.SeparateDatabaseAndState(
        [], [migrations.RemoveField("backup", "note")]
    ),
}


def migration_of(operation: Operation, *, atomic: bool = True) -> migrations.Migration:
    attributes = {"operations": [operation], "atomic": atomic}
    migration: migrations.Migration = type("New", (migrations.Migration,), attributes)(
        "9999_new", "backups"
    )
    return migration


@pytest.mark.parametrize("name", REFUSED)
def test_the_rule_refuses(name: str, loader: MigrationLoader) -> None:
    now = loader.project_state()
    assert len(faults(migration_of(REFUSED[name]), now)) == 1


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_rule_accepts(name: str, loader: MigrationLoader) -> None:
    now = loader.project_state()
    assert faults(migration_of(ACCEPTED[name]), now) == []


def test_the_rule_accepts_rows_and_indexes_outside_of_a_transaction(
    loader: MigrationLoader,
) -> None:
    now = loader.project_state()
    for name in ("an index in a transaction", "many rows in a transaction"):
        assert faults(migration_of(REFUSED[name], atomic=False), now) == []


@pytest.mark.django_db(transaction=True)
def test_an_index_is_made_online_again_after_it_was_killed(loader: MigrationLoader) -> None:
    operation = concurrently(models.Index("host_id", name="backup_host_for_a_test"))
    before = loader.project_state()
    after = before.clone()
    operation.state_forwards("backups", after)

    def has_index() -> bool:
        with connection.cursor() as cursor:
            constraints = connection.introspection.get_constraints(cursor, "backups_backup")
        return "backup_host_for_a_test" in constraints

    with connection.schema_editor(atomic=False) as editor:
        operation.database_forwards("backups", editor, before, after)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE pg_index SET indisvalid = false"
                " WHERE indexrelid = 'backup_host_for_a_test'::regclass"
            )
        with connection.schema_editor(atomic=False) as editor:
            operation.database_forwards("backups", editor, before, after)
    assert has_index()
    with connection.schema_editor(atomic=False) as editor:
        operation.database_backwards("backups", editor, after, before)
    assert not has_index()
