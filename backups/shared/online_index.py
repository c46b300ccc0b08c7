"""An index that is made while others go on writing."""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import AddIndex
from django.db.migrations.state import ProjectState


class AddIndexOnline(AddIndex):
    """Adds an index to a table of many rows, in a migration with `atomic = False`.

    PostgreSQL makes it CONCURRENTLY; SQLite has one writer in any case. Unlike the operation of
    django.contrib.postgres it works on both, and once more after it was killed, which leaves an
    index that is not valid. Inside of a transaction, as a restore is one, it is made like any
    other: there nobody goes on writing, and PostgreSQL knows no CONCURRENTLY.
    """

    atomic = False

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        connection = schema_editor.connection
        if connection.vendor == "postgresql" and not connection.in_atomic_block:
            name = schema_editor.quote_name(self.index.name)
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            schema_editor.execute(self.index.create_sql(model, schema_editor, concurrently=True))
        else:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
