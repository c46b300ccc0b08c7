"""The database lets the record of who did what grow, and nothing else; raw SQL is refused too."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from backups.models import AuditCut, AuditEntry, ObjectKind, Verb
from backups.shared import audit, audit_cut
from backups.tasks import keep_house

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def note(number: int, *, age: timedelta = timedelta(0)) -> None:
    at = timezone.now() - age
    audit.note(Verb.BACKUP_TRACK, ObjectKind.BACKUP, f"b{number}", cloud="otc", at=at)


def rows() -> list[tuple[Any, ...]]:
    return list(AuditEntry.objects.order_by("pk").values_list())


def refused(statement: str) -> str:
    with (
        pytest.raises(IntegrityError) as refusal,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    return str(refusal.value)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE backups_auditentry SET actor = 'eve'",
        "UPDATE backups_auditentry SET outcome = outcome WHERE object_id = 'b1'",
        "DELETE FROM backups_auditentry",
        "DELETE FROM backups_auditentry WHERE object_id = 'b1'",
    ],
)
def test_no_row_is_changed_or_deleted_by_raw_sql(statement: str) -> None:
    note(1)
    note(2)
    before = rows()
    assert "rows of backups_auditentry are only added" in refused(statement)
    assert (rows(), len(before)) == (before, 2)


def test_no_row_is_replaced_or_emptied_away() -> None:
    note(1)
    before = rows()
    pk = AuditEntry.objects.get().pk
    if connection.vendor == "postgresql":
        statement = "TRUNCATE backups_auditentry, backups_auditcut"
    else:
        columns = [str(field.column) for field in AuditEntry._meta.concrete_fields][1:]
        names = ", ".join(columns)
        statement = (
            f"REPLACE INTO backups_auditentry (id, {names})"
            f" SELECT {pk}, {names} FROM backups_auditentry"
        )
    assert "rows of backups_auditentry are only added" in refused(statement)
    assert rows() == before


def test_code_of_ours_cannot_delete_by_accident() -> None:
    note(1)
    for act in (AuditEntry.objects.all().delete, AuditEntry.objects.get().delete):
        with pytest.raises(IntegrityError), transaction.atomic():
            act()
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEntry.objects.update(actor="eve")
    assert AuditEntry.objects.count() == 1


def test_a_cut_takes_what_is_older_and_notes_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_cut, "ROWS_PER_CUT", 2)
    monkeypatch.setattr(audit_cut, "PAUSE_S", 0)
    for number in range(5):
        note(number, age=10 * DAY)
    note(5, age=DAY)
    now = timezone.now()
    assert audit_cut.cut(before=now - 2 * DAY, now=now) == 5
    young, *cuts = AuditEntry.objects.order_by("pk")
    assert young.object_id == "b5"
    before = (now - 2 * DAY).isoformat()
    assert [cut.after for cut in cuts] == [{"deleted": n, "before": before} for n in (2, 2, 1)]
    assert {(cut.verb, cut.actor_kind, cut.cloud) for cut in cuts} == {
        ("audit.prune", "system", None)
    }
    assert not AuditCut.objects.exists()
    assert audit_cut.cut(before=now - 2 * DAY, now=now) == 0
    assert AuditEntry.objects.count() == 4


def test_even_within_a_cut_younger_rows_stay() -> None:
    note(1)
    now = timezone.now()
    opened = AuditCut.objects.create(before=now - DAY, nothing_id=0)
    rows = AuditEntry.objects.filter(object_id="b1")
    with pytest.raises(IntegrityError), transaction.atomic():
        rows._raw_delete(rows.db)
    opened.delete()
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_way_out_cannot_be_left_open() -> None:
    note(1, age=DAY)
    with pytest.raises(IntegrityError):
        AuditCut.objects.create(before=timezone.now(), nothing_id=0)
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditCut.objects.create(before=timezone.now(), nothing_id=0)
    assert not AuditCut.objects.exists()
    assert "only added" in refused("DELETE FROM backups_auditentry")
    now = timezone.now()
    assert audit_cut.cut(before=now, now=now) == 1
    assert [row.verb for row in AuditEntry.objects.all()] == ["audit.prune"]


@pytest.mark.either
def test_the_command_cuts_by_a_day_and_refuses_what_is_none_or_to_come(capsys: Any) -> None:
    note(1, age=10 * DAY)
    note(2)
    day = timezone.now() - 5 * DAY
    call_command("prune_audit", before=f"{day:%Y-%m-%d}")
    assert capsys.readouterr().out == f"1 rows of before {day:%Y-%m-%d} are deleted\n"
    assert [row.object_id for row in AuditEntry.objects.order_by("pk")] == ["b2", "prune_audit"]
    with pytest.raises(CommandError, match="'yesterday' is no day; write it as 2026-01-31"):
        call_command("prune_audit", before="yesterday")
    with pytest.raises(CommandError, match="This time is not over yet"):
        call_command("prune_audit", before=f"{timezone.now() + 2 * DAY:%Y-%m-%d}")


@pytest.mark.either
def test_the_scheduler_cuts_by_the_setting(settings: Any) -> None:
    settings.AUDIT_DAYS = 30
    note(1, age=31 * DAY)
    note(2, age=29 * DAY)
    keep_house()
    assert [row.object_id for row in AuditEntry.objects.order_by("pk")] == ["b2", "prune_audit"]
