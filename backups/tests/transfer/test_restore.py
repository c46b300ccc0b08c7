"""Backing up and restoring: every row of every table comes back, or nothing happens at all."""

import gzip
import hashlib
import io
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backups.edits import tokens
from backups.management.commands.up import first_account
from backups.models import (
    AuditCut,
    AuditEntry,
    Backup,
    Cloud,
    DataVersion,
    Edit,
    Heartbeat,
    Revision,
    SearchText,
    Volume,
)
from backups.shared import database_state
from backups.tests.accounts import make_operator
from backups.tests.conftest import spy
from backups.tests.models.test_migrations import FILLED
from backups.tests.run_settings import START
from backups.transfer import dump
from backups.transfer.data_file import DataFileWriter, Header, Table
from backups.transfer.restore import NotRestored, restore, what_is_there
from backups.transfer.tables import LEFT_OUT, LEFT_OUT_APPS, moved_tables, tables

pytestmark = pytest.mark.django_db(transaction=True)
Rows = dict[str, list[tuple[object, ...]]]


def dumped(made_at: datetime = START) -> bytes:
    out = io.BytesIO()
    dump.write(out, made_at=made_at)
    return out.getvalue()


def restored(content: bytes, *, replace: bool = False) -> None:
    restore(io.BytesIO(content), now=START + timedelta(hours=1), replace=replace)


def refused(content: bytes, *, replace: bool = False) -> str:
    with pytest.raises(NotRestored) as refusal:
        restored(content, replace=replace)
    return str(refusal.value)


def all_rows() -> Rows:
    """Returns every row as the product reads it, by Django's own way and not by that of the
    file.
    """
    rows: Rows = {}
    for label, model in moved_tables(apps).items():
        fields = [field.attname for field in model._meta.concrete_fields]
        rows[label] = list(model._base_manager.order_by("pk").values_list(*fields))
    return rows


def table_names() -> list[str]:
    return sorted(connection.introspection.table_names())


def fill(texts: list[str], times: list[datetime], values: list[Any], number: int) -> None:
    """Fills the tables that hold the oddest columns with these."""
    user = make_operator("ada", password="a long password")
    user.groups.add(Group.objects.create(name="people"))
    user.user_permissions.add(Permission.objects.order_by("pk")[3])
    tokens.create(user=user, now=START)
    cloud = Cloud.objects.create(name="otc", error={"a": [1, None]}, quota_gb=number)
    for n, (text, time, value) in enumerate(zip(texts, times, values, strict=True)):
        backup = Backup.objects.create(
            id=uuid.UUID(int=n + 1),
            cloud=cloud,
            name=text,
            note=text,
            size=number,
            links=[value],
            tags=[text],
            unmapped=value,
            created_at=time,
            tracked_at=time,
            throughput_mb_s=0.1 + n,
            claimed_until=START + timedelta(seconds=60),
        )
        SearchText.objects.put([{"id": backup.pk, "name": text}])
        Revision.objects.create(backup=backup, at=time, changes=[value], body='{"a": "\\u0000"}')
        Edit.objects.create(backup=backup, at=time, by="ada", field="note", after=text)
        Volume.objects.create(
            cloud=cloud, volume_id=f"disk-{n}", first_seen_at=time, last_good=backup, label=text
        )


def fill_a_little() -> None:
    fill(["täglich"], [START], [{"b": 1, "a": [True, None, 0.5, "ß"]}], 10**18)


# What a database of either kind takes; backups/vbs/payload.py lets nothing else in.
stored_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
stored_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | stored_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(stored_text, inner, max_size=3),
    max_leaves=6,
).filter(lambda value: value is not None)
stored_time = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
COUNT = 60


@settings(max_examples=1, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    st.lists(stored_text, min_size=COUNT, max_size=COUNT),
    st.lists(stored_time, min_size=COUNT, max_size=COUNT),
    st.lists(stored_json, min_size=COUNT, max_size=COUNT),
    st.sampled_from([10**18, -(10**18), 2**63 - 1]),
)
def test_every_row_comes_back_as_it_was(
    texts: list[str], times: list[datetime], values: list[Any], number: int
) -> None:
    texts[:4] = ["", "a\u0301\u200b", "\U0001f4be Ω ﬁ", "\x01\x7f\ufffe"]
    times[:3] = [START, START.replace(microsecond=1), START.replace(microsecond=120000)]
    fill(texts, times, values, number)
    before, names = all_rows(), table_names()
    content = dumped()
    assert len(before["backups.backup"]) == COUNT

    restored(content, replace=True)

    assert noted_restore() == {"rows": len(rows_of(content)) - 1, "made_at": START.isoformat()}
    assert all_rows() == before
    assert table_names() == names
    # The file of the new rows is the same, so it lost nothing on the second way either.
    assert rows_of(dumped()) == rows_of(content)
    # The next keys are free ones.
    assert Edit.objects.create(
        backup=Backup.objects.first(), at=START, by="eve", field="note"
    ).pk > max(int(str(row[0])) for row in before["backups.edit"])
    make_operator("eve")


def noted_restore() -> object:
    """Takes the row away by which a restore notes itself, as only a cut can."""
    with transaction.atomic():
        opened = AuditCut.objects.create(before=START + timedelta(days=1), nothing_id=0)
        rows = AuditEntry.objects.filter(verb="data.restore")
        [noted] = rows
        rows._raw_delete(rows.db)
        opened.delete()
    return noted.after


def rows_of(content: bytes) -> list[object]:
    return [json.loads(line) for line in gzip.decompress(content).splitlines()[:-1]]


@pytest.mark.either
def test_a_started_installation_takes_a_file_and_goes_on_with_it(client: Client) -> None:
    fill_a_little()
    content = dumped()
    for model in (Edit, Revision, SearchText, Volume, Backup, Cloud, User, Group):
        model.objects.all().delete()
    first_account({"DJANGO_SUPERUSER_PASSWORD": "the password of the first start"})
    Cloud.objects.create(name="made by a worker")
    Heartbeat.objects.create(part="scheduler", at=START)
    client.force_login(User.objects.get())
    assert client.get("/backups/").status_code == 200
    etag = client.get("/api/backups/").headers["ETag"]
    assert what_is_there() == []

    restored(content)

    assert [user.username for user in User.objects.all()] == ["ada"]
    assert [cloud.name for cloud in Cloud.objects.all()] == ["otc"]
    assert not Heartbeat.objects.exists()
    # Who was signed in before is somebody else now.
    assert client.get("/backups/").status_code == 302
    user = User.objects.get()
    assert user.check_password("a long password")
    client.force_login(user)
    answer = client.get("/api/backups/", headers={"If-None-Match": etag})
    assert [backup["name"] for backup in answer.json()["results"]] == ["täglich"]
    # Whatever was counted before, the number is one that no browser has seen.
    assert sum(row.n for row in DataVersion.objects.all()) > 10**15


@pytest.mark.either
def test_what_is_there_is_named_and_stays() -> None:
    fill_a_little()
    content = dumped()
    make_operator("eve")
    before = all_rows()
    assert refused(content) == (
        "the database of DATABASE_URL is not empty, it holds 1 group, 2 accounts, "
        "1 user-group relationship, 1 user-permission relationship, 1 API token, 1 backup, 1 edit, "
        "1 revision, 1 search text, 1 disk: name an empty one, or have all of it replaced with "
        "--replace"
    )
    assert all_rows() == before


@pytest.mark.either
def test_replacing_asks_at_a_terminal_or_is_told_not_to_ask(tmp_path: Path) -> None:
    fill_a_little()
    (tmp_path / "file").write_bytes(dumped())
    before = all_rows()
    with pytest.raises(CommandError, match="--replace asks at a terminal; a script says --noinput"):
        call_command("restore_data", str(tmp_path / "file"), "--replace")
    assert all_rows() == before


@contextmanager
def held() -> Iterator[None]:
    """Somebody else has begun to write."""
    other = connection.copy()
    with other.cursor() as cursor:
        if other.vendor == "postgresql":
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE backups_cloud IN ROW EXCLUSIVE MODE")
        else:
            cursor.execute("BEGIN IMMEDIATE")
        yield
        cursor.execute("ROLLBACK")
    other.close()


@pytest.mark.soak
def test_a_database_that_others_hold_is_left_to_them() -> None:
    fill_a_little()
    content = dumped()
    before = all_rows()
    with held():
        # A copy of it can be made all the same.
        assert rows_of(dumped()) == rows_of(content)
        sentence = refused(content, replace=True)
    assert "stop web, workers and scheduler" in sentence or "is locked" in sentence
    assert all_rows() == before


def of_an_older_version() -> bytes:
    """Returns the rows of `FILLED` as a file of that day, which knew two migrations of ours."""
    dumped_rows = json.loads(FILLED.read_text())
    loader = MigrationLoader(connection)
    state = loader.project_state([("backups", "0002_revision_index"), *of_django(loader)])
    listed: list[Table] = []
    rows: list[list[object]] = []
    for label, model in moved_tables(state.apps).items():
        fields = list(model._meta.concrete_fields)
        of_table = []
        for item in dumped_rows:
            if item["model"] == label:
                values = {model._meta.pk.name: item["pk"], **item["fields"]}
                of_table.append([values[field.name] for field in fields])
        listed.append(Table(label, tuple(field.name for field in fields), len(of_table)))
        rows += of_table
    names = {app: [name] for app, name in of_django(loader)}
    out = io.BytesIO()
    writer = DataFileWriter(out)
    # It names all of them; the newest ones alone decide.
    names["backups"] = ["0001_initial", "0002_revision_index"]
    writer.header(Header(START.isoformat(), names, tuple(listed)))
    for row in rows:
        writer.row(row)
    writer.finish()
    return out.getvalue()


def of_django(loader: MigrationLoader) -> list[tuple[str, str]]:
    return [key for key in loader.graph.leaf_nodes() if key[0] in ("admin", "auth", "contenttypes")]


@pytest.mark.either
def test_a_file_of_an_older_version_comes_through_the_later_migrations() -> None:
    names = table_names()
    restored(of_an_older_version(), replace=True)
    assert (Backup.objects.count(), Edit.objects.count(), User.objects.count()) == (46, 11, 1)
    # Columns that came later are filled as migrations fill them.
    assert Volume.objects.filter(derive_at__isnull=False).count() == Volume.objects.count() == 20
    assert SearchText.objects.count() == 46
    assert table_names() == names
    assert database_state.problem() is None
    assert Permission.objects.filter(codename="view_dataversion").count() == 1


def cut(lines: list[bytes]) -> list[bytes]:
    return lines[:-3]


def of_a_newer_version(lines: list[bytes]) -> list[bytes]:
    return [lines[0].replace(b'"0001_initial"', b'"0001_initial","9999_later"', 1), *lines[1:]]


def with_another_column(lines: list[bytes]) -> list[bytes]:
    return [lines[0].replace(b'"throughput_mb_s"', b'"throughput"'), *lines[1:]]


def with_a_lost_row(lines: list[bytes]) -> list[bytes]:
    """The cloud goes, its backup stays; all sums are right."""
    header = json.loads(lines[0])
    place = 1
    for table in header["tables"]:
        if table["table"] == "backups.cloud":
            table["rows"] = 0
            break
        place += table["rows"]
    return whole([json.dumps(header).encode() + b"\n", *lines[1:place], *lines[place + 1 : -1]])


def whole(lines: list[bytes]) -> list[bytes]:
    end = {
        "rows": len(lines) - 1,
        "sha256": hashlib.sha256(b"".join(lines)).hexdigest(),
    }
    return [*lines, json.dumps(end).encode() + b"\n"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (cut, "the file cannot be restored: it is cut off: the end is missing"),
        (
            of_a_newer_version,
            "the file cannot be restored: a newer version of vbsdash made it (admin.9999_later is "
            "not known here): restore it with that one",
        ),
        (
            with_another_column,
            "the file cannot be restored: its table backups.backup is none of the version that it "
            "names",
        ),
        (with_a_lost_row, "contradict each other ("),
    ],
)
@pytest.mark.soak
def test_a_file_that_cannot_be_restored_changes_nothing(
    change: Callable[[list[bytes]], list[bytes]], sentence: str
) -> None:
    fill_a_little()
    before, names, version = all_rows(), table_names(), list(DataVersion.objects.values_list())
    lines = gzip.decompress(dumped()).splitlines(keepends=True)
    assert sentence in refused(gzip.compress(b"".join(change(lines))), replace=True)
    # What was rolled back needs no new number.
    spy.forget_all()
    assert (all_rows(), table_names()) == (before, names)
    assert list(DataVersion.objects.values_list()) == version


def test_each_table_is_moved_or_named_as_left_out() -> None:
    left_out = sorted(set(tables(apps)) - set(moved_tables(apps)))
    assert {label for label in left_out if label.split(".")[0] not in LEFT_OUT_APPS} == LEFT_OUT
    assert {"auth.user_groups", "backups.backup", "backups.apitoken"} <= set(moved_tables(apps))
