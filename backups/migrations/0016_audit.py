"""Who did what, in a table that the database lets grow and nothing else: models/audit.py says why
and how the one way out works.
"""

import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from backups.models.columns import CodePointText

REFUSAL = "rows of backups_auditentry are only added: manage.py prune_audit cuts off old ones"
ON_POSTGRESQL = (
    f"""
CREATE FUNCTION backups_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM backups_auditcut WHERE OLD.at < backups_auditcut.before) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation';
END
$$
""",
    """
CREATE TRIGGER backups_audit_rows BEFORE UPDATE OR DELETE ON backups_auditentry
FOR EACH ROW EXECUTE FUNCTION backups_audit_append_only()
""",
    """
CREATE TRIGGER backups_audit_truncate BEFORE TRUNCATE ON backups_auditentry
FOR EACH STATEMENT EXECUTE FUNCTION backups_audit_append_only()
""",
)
# REPLACE takes a row away without a trigger of DELETE, so an ID that there is cannot come again.
ON_SQLITE = (
    f"""
CREATE TRIGGER backups_audit_no_update BEFORE UPDATE ON backups_auditentry
BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
""",
    f"""
CREATE TRIGGER backups_audit_no_delete BEFORE DELETE ON backups_auditentry
WHEN NOT EXISTS (SELECT 1 FROM backups_auditcut WHERE OLD.at < backups_auditcut.before)
BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
""",
    f"""
CREATE TRIGGER backups_audit_no_replace BEFORE INSERT ON backups_auditentry
WHEN EXISTS (SELECT 1 FROM backups_auditentry WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
""",
)
GONE_ON_POSTGRESQL = (
    "DROP TRIGGER backups_audit_rows ON backups_auditentry",
    "DROP TRIGGER backups_audit_truncate ON backups_auditentry",
    "DROP FUNCTION backups_audit_append_only()",
)
GONE_ON_SQLITE = (
    "DROP TRIGGER backups_audit_no_update",
    "DROP TRIGGER backups_audit_no_delete",
    "DROP TRIGGER backups_audit_no_replace",
)


def make_triggers(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    is_postgresql = editor.connection.vendor == "postgresql"
    for statement in ON_POSTGRESQL if is_postgresql else ON_SQLITE:
        editor.execute(statement)


def drop_triggers(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    is_postgresql = editor.connection.vendor == "postgresql"
    for statement in GONE_ON_POSTGRESQL if is_postgresql else GONE_ON_SQLITE:
        editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("backups", "0015_roles_of_accounts_of_before")]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("actor_kind", models.CharField(max_length=8)),
                ("actor", CodePointText()),
                ("token", models.CharField(blank=True, max_length=16)),
                ("token_name", models.TextField(blank=True)),
                ("client", models.CharField(blank=True, max_length=64)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("verb", models.CharField(max_length=32)),
                ("object_kind", models.CharField(max_length=16)),
                ("object_id", CodePointText()),
                ("cloud", CodePointText(null=True)),
                ("before", models.JSONField(null=True)),
                ("after", models.JSONField(null=True)),
                ("outcome", models.CharField(max_length=8)),
                ("sentence", models.TextField(blank=True)),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "indexes": [
                    models.Index(fields=["-at", "id"], name="audit_at"),
                    models.Index(fields=["object_kind", "object_id", "-at"], name="audit_object"),
                    models.Index(fields=["actor", "-at"], name="audit_actor"),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditCut",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("before", models.DateTimeField()),
                (
                    "nothing",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="backups.auditentry",
                    ),
                ),
            ],
        ),
        migrations.RunPython(make_triggers, drop_triggers),
    ]
