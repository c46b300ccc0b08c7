"""Databases of earlier versions come through the migrations whole, on SQLite and on PostgreSQL."""

import importlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from backups.derived import queue
from backups.management.commands.bench import CLOUDS_FILE
from backups.models import (
    Backup,
    Body,
    OutcomeBucket,
    Revision,
    SavedView,
    SearchText,
    StoredDay,
    Volume,
)
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.tests.otc import VOLUME
from backups.vbs import payload
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.clouds import load_clouds

pytestmark = pytest.mark.django_db(transaction=True)

# A demo database, as `manage.py dumpdata` wrote it at commit a2b53ae: 46 backups, among them those
# of the samples and odd ones, which the code of then had taken from a cloud.
FILLED = Path(__file__).parents[1] / "databases" / "filled_at_a2b53ae.json"
ZEROS = "00000000-0000-0000-0000-000000000000"
RENAMED_MODELS = {"stamp": "dataversion", "quarter": "outcomebucket", "trace": "volumecontribution"}
RENAMED_FIELDS = {
    ("quarter", "quarter"): "quarter_hour",
    ("trace", "quarters"): "outcomes",
    ("cloud", "reading"): "type_interpretation",
    ("cloud", "openings"): "breaker_openings",
    ("backup", "flight"): "running",
    ("backup", "unchanged_looks"): "unchanged_polls",
    ("edit", "word"): "field",
    ("volume", "force_period_seconds"): "effective_period_seconds",
    ("volume", "force_grace_seconds"): "effective_grace_seconds",
    ("volume", "force_cron"): "effective_cron",
    ("volume", "force_zone"): "effective_zone",
}
# On purpose: all disks are derived anew, and the text of free search is folded further.
CHANGED = {("volume", "derive_at")}
REWRITTEN = {"searchtext"}
TWIN = "ab01cdef-1234-4abc-8def-0123456789ab"  # also known in upper case
REMOVED_VOLUMES = {
    68: "../../admin/",
    69: ZEROS,
    71: TWIN.upper(),
    74: "null",
    75: "unknown",
}
EDITS_OF_REMOVED_VOLUMES = {12, 13, 14, 15}
REPAIRED_FIELDS = {
    ("0984594a-67ab-5cd9-86dc-cd6b9b134bd9", "volume_id"),  # ../../admin/
    ("0984594a-67ab-5cd9-86dc-cd6b9b134bd9", "snapshot_id"),
    ("0984594a-67ab-5cd9-86dc-cd6b9b134bd9", "decode_problems"),
    ("3b35af67-2e3a-5148-bf78-50f590dbd253", "volume_id"),  # null
    ("3b35af67-2e3a-5148-bf78-50f590dbd253", "decode_problems"),
    ("58c0b626-7b90-58b0-b5c5-0d037aa05655", "snapshot_id"),  # an empty text
    ("63ce25b2-2824-5bbd-a86a-b6456aab91fb", "volume_id"),  # in upper case
    ("6b419b48-b978-52b2-9674-76c277a08557", "volume_id"),  # zeros
    ("6b419b48-b978-52b2-9674-76c277a08557", "decode_problems"),
    ("82aa6551-06de-59d8-a5fd-b5f818d6420a", "volume_id"),  # unknown
    ("82aa6551-06de-59d8-a5fd-b5f818d6420a", "decode_problems"),
}
GONE = {uuid.UUID("a0b1c2d3-0000-4000-8000-000000000003")}
PASSWORD = "first-password-1"
# Of that database alone.
KEY = "vbs_iWYP_SekUs16U1-vhaiRawH43hxoCDipSHHevOwG11I"
KEY_OF_A_READER = "vbs_svm7fGX5zPWma7v1wUJtSySKvSHZYL1VK1ywr1brZQg"
CURSOR = (
    "WyJiYWNrdXBzIiwgIi1jcmVhdGVkX2F0IiwgMCwgMCwgIjIwMjYtMTEtMjlUMTU6MjA6MT"
    "EuNDk2NzE5KzAwOjAwIiwgImM3N2JjNjUwLTgxMTctNTdiMC1hNDE4LWY0OGE0YzhlMzBi"
    "NCJd"
)
AFTER_THE_CURSOR = "c77bc650-8117-57b0-a418-f48a4c8e30b4"


@pytest.fixture
def before() -> Iterator[Apps]:
    """The models as they were at a2b53ae, over empty tables of that time."""
    yield migrate("0002_revision_index")
    call_command("flush", verbosity=0, interactive=False)


def migrate(name: str) -> Apps:
    executor = MigrationExecutor(connection)
    executor.migrate([("backups", name)])
    return MigrationExecutor(connection).loader.project_state([("backups", name)]).apps


def migrate_to_the_newest() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes("backups"))


def test_a_database_filled_at_a2b53ae_comes_through_without_loss(before: Apps) -> None:
    dumped = json.loads(FILLED.read_text())
    load(before, dumped)
    migrate_to_the_newest()
    lost: set[tuple[str, object]] = set()
    changed: set[tuple[str, object, str]] = set()
    for item in dumped:
        app, name = item["model"].split(".")
        model = apps.get_model(app, RENAMED_MODELS.get(name, name))
        row = model._default_manager.filter(pk=item["pk"]).first()
        if row is None:
            lost.add((name, item["pk"]))
            continue
        for field_name, value in item["fields"].items():
            field: Any = model._meta.get_field(RENAMED_FIELDS.get((name, field_name), field_name))
            if field.many_to_many or name in REWRITTEN or (name, field_name) in CHANGED:
                continue
            if getattr(row, field.attname) != python_value(field, value):
                changed.add((name, item["pk"], field_name))
    assert {pk for name, pk in lost if name == "volume"} == set(REMOVED_VOLUMES)
    assert {pk for name, pk in lost if name == "trace"} == set(REMOVED_VOLUMES)
    assert {pk for name, pk in lost if name not in ("volume", "trace")} == EDITS_OF_REMOVED_VOLUMES
    assert {(pk, field) for name, pk, field in changed if name == "backup"} == REPAIRED_FIELDS
    # What the removed disks had brought into the totals of their days is taken out of these.
    assert {(name, field) for name, _, field in changed if name != "backup"} == {
        ("quarter", "missed"),
        ("storedday", "mb"),
        ("storedday", "gb"),
        ("storedday", "backups"),
    }
    assert min(OutcomeBucket.objects.values_list("missed", flat=True)) >= 0
    assert Backup.objects.count() == 46


def test_what_was_stored_at_a2b53ae_is_used_as_before(
    before: Apps, client: Client, settings: Any, tmp_path: Path
) -> None:
    settings.CLOUDS = demo_cloud(tmp_path)
    dumped = json.loads(FILLED.read_text())
    load(before, dumped)
    migrate_to_the_newest()
    now = timezone.now()

    # People and scripts come in with the passwords and keys of then.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    signed_in = client.post("/accounts/login/", {"username": "admin", "password": PASSWORD})
    assert (signed_in.status_code, signed_in.headers["Location"]) == (302, "/")
    key = {"Authorization": f"Bearer {KEY}"}
    reader = {"Authorization": f"Bearer {KEY_OF_A_READER}"}
    assert client.get("/metrics", headers=reader).status_code == 200
    script = Client()
    assert post(script, headers=reader) == 403
    assert post(script, headers=key) == 400

    # Views, cursors, notes and what changed are read as they were written.
    views = {view.name: view.query for view in SavedView.objects.all()}
    assert len(views) == 6
    for query in views.values():
        assert client.get(f"/backups/?{query}").status_code == 200, query
    assert client.get("/backups/").headers["Location"] == f"/backups/?{views['failed']}"
    page = script.get(f"/api/backups/?limit=3&ordering=-created_at&cursor={CURSOR}", headers=key)
    assert [row["id"] for row in page.json()["results"]][:1] == [AFTER_THE_CURSOR]
    for item in dumped:
        if item["model"] == "backups.revision":
            path = f"/api/backups/{item['fields']['backup']}/revisions/"
            changes = [row["changes"] for row in script.get(path, headers=key).json()["results"]]
            assert item["fields"]["changes"] in changes

    # An answer that is equal to the stored one is no news: nothing is written anew at an upgrade.
    bodies = [body for body in Body.objects.all() if body.backup_id not in GONE]
    revisions = Revision.objects.count()
    answers = [payload.receive(json.loads(body.text)) for body in bodies]
    digests = dict(Backup.objects.values_list("pk", "digest"))
    for body, answer in zip(bodies, answers, strict=True):
        assert digests[body.backup_id] == answer.digest, body.text
    apply(
        "demo",
        [
            Fetched(body.backup_id, now, answer=answer)
            for body, answer in zip(bodies, answers, strict=True)
        ],
    )
    assert Revision.objects.count() == revisions

    # All disks are derived anew, and their totals hold no less than nothing.
    queue.derive_due("demo", now)
    assert not Volume.objects.filter(derive_at__lte=now).exists()
    assert not OutcomeBucket.objects.filter(Q(good__lt=0) | Q(failed__lt=0) | Q(missed__lt=0))
    volume = Volume.objects.get(volume_id=TWIN)
    of_the_volume = f"/volumes/{volume.cloud_id}/{volume.volume_id}/"
    for path in ("/", "/volumes/", of_the_volume, "/failures/", "/clouds/", "/api/summary/"):
        assert client.get(path).status_code == 200, path
    for pk in Backup.objects.filter(pk__startswith="0").values_list("pk", flat=True):
        assert client.get(f"/backups/{pk}/").status_code == 200, pk


class Killed(Exception):
    pass


@pytest.mark.soak
@pytest.mark.parametrize(
    ("before_it", "name"),
    [
        ("0002_revision_index", "0003_ids_that_cannot_be_one"),
        ("0006_newest_backups_listed", "0007_one_spelling_of_ids"),
        ("0010_data_version", "0011_folded_search"),
    ],
)
def test_a_migration_of_many_rows_that_was_killed_is_run_again(
    before: Apps, before_it: str, name: str
) -> None:
    dumped = json.loads(FILLED.read_text())
    load(before, dumped)
    old = migrate(before_it)
    (operation,) = importlib.import_module(f"backups.migrations.{name}").Migration.operations
    writes = 1
    while is_killed_before_write(writes, lambda: operation.code(old, connection.schema_editor())):
        writes *= 2
    assert writes > 1
    migrate_to_the_newest()

    assert not Volume.objects.filter(pk__in=REMOVED_VOLUMES)
    for pk, field in REPAIRED_FIELDS:
        if field == "decode_problems":
            problems = Backup.objects.get(pk=pk).decode_problems
            (first,) = [text for text in problems if text.startswith("volume_id ")]
            assert first.endswith(" was not read: it cannot be an ID")
    # The days lack exactly what the removed disks had brought: neither nothing nor twice.
    for item in dumped:
        if item["model"] == "backups.storedday":
            day = item["fields"]["day"]
            expected = item["fields"]["mb"] - sum(mb_of_removed_volumes(dumped, day))
            assert StoredDay.objects.get(pk=item["pk"]).mb == expected


def is_killed_before_write(number: int, work: Callable[[], None]) -> bool:
    """Runs `work` until it is about to write for the `number`th time; returns False when it ends
    before that.
    """
    left = number

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal left
        if sql.startswith(("UPDATE", "DELETE", "INSERT")):
            left -= 1
            if left == 0:
                raise Killed
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        try:
            work()
        except Killed:
            return True
    return False


def mb_of_removed_volumes(dumped: list[dict[str, Any]], day: int) -> Iterator[int]:
    for item in dumped:
        if item["model"] == "backups.trace" and item["pk"] in REMOVED_VOLUMES:
            yield item["fields"]["days"].get(str(day), [0])[0]


def post(script: Client, *, headers: dict[str, str]) -> int:
    path = "/api/backups/refresh/"
    return script.post(path, {}, content_type="application/json", headers=headers).status_code


def demo_cloud(folder: Path) -> Mapping[str, CloudConfig]:
    (folder / "clouds.yaml").write_text(CLOUDS_FILE.replace("bench:", "demo:"))
    return load_clouds(
        {"OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml")}, cwd=folder, home=folder
    )


def load(before: Apps, dumped: list[dict[str, Any]]) -> None:
    """Store dumped rows through models of that time, those that others point to first."""
    order = ["auth.user", "backups.cloud", "backups.cause", "backups.backup", "backups.volume"]
    place = {name: n for n, name in enumerate(order)}
    for item in sorted(dumped, key=lambda item: place.get(item["model"], len(order))):
        app, name = item["model"].split(".")
        model: Any = (before if app == "backups" else apps).get_model(app, name)
        values = {model._meta.pk.attname: model._meta.pk.to_python(item["pk"])}
        for field_name, value in item["fields"].items():
            field = model._meta.get_field(field_name)
            if not field.many_to_many:
                values[field.attname] = python_value(field, value)
        model.objects.create(**values)


def python_value(field: Any, value: Any) -> Any:
    return field.target_field.to_python(value) if field.is_relation else field.to_python(value)


def test_ids_that_cannot_be_one_are_taken_away_and_what_was_set_is_printed(
    before: Apps, capsys: pytest.CaptureFixture[str]
) -> None:
    now = timezone.now()
    old = models_of(before)
    cloud = old.Cloud.objects.create(name="otc", follow="all")
    for n, volume_id in enumerate(["x\ny", ZEROS, VOLUME]):
        old.Backup.objects.create(
            id=uuid.UUID(int=n),
            cloud=cloud,
            tracked_at=now,
            volume_id=volume_id,
            snapshot_id="../../admin/" if n == 2 else None,
        )
        volume = old.Volume.objects.create(cloud=cloud, volume_id=volume_id, first_seen_at=now)
        old.Trace.objects.create(
            volume=volume, digest="d", quarters={"7 3": [1, 0, 0]}, days={"9": [10, 1, 1]}
        )
        if volume_id == "x\ny":
            old.Edit.objects.create(
                volume=volume, at=now, by="operator", word="note", after="of the ledger"
            )
    old.Quarter.objects.create(cloud=cloud, quarter=7, counts_from=3, good=3, failed=0, missed=0)
    old.StoredDay.objects.create(cloud=cloud, day=9, mb=30, backups=3, gb=3)

    migrate_to_the_newest()

    assert list(Volume.objects.values_list("volume_id", flat=True)) == [VOLUME]
    assert list(Backup.objects.order_by("id").values_list("volume_id", "snapshot_id")) == [
        (None, None),
        (None, None),
        (VOLUME, None),
    ]
    assert [len(row.decode_problems) for row in Backup.objects.order_by("id")] == [1, 1, 1]
    assert list(StoredDay.objects.values_list("mb", "backups", "gb")) == [(10, 1, 1)]
    assert [row.good for row in OutcomeBucket.objects.all()] == [1]
    printed = capsys.readouterr().out
    assert "otc: 'x\\ny' cannot be the ID of a disk and was removed." in printed
    assert 'It was set: note by operator: "of the ledger"' in printed


def test_ids_of_disks_are_brought_into_one_spelling(
    before: Apps, capsys: pytest.CaptureFixture[str]
) -> None:
    now = timezone.now()
    old = models_of(before)
    twin = str(uuid.UUID(int=0xABCDEF))
    cloud = old.Cloud.objects.create(name="otc")
    for n, volume_id in enumerate([VOLUME.upper(), twin, twin.upper(), "unknown"]):
        old.Backup.objects.create(
            id=uuid.UUID(int=n + 1), cloud=cloud, volume_id=volume_id, tracked_at=now
        )
        volume = old.Volume.objects.create(cloud=cloud, volume_id=volume_id, first_seen_at=now)
        if volume_id == twin.upper():
            old.Edit.objects.create(
                volume=volume, at=now, by="operator", word="note", after="of the twin"
            )

    migrate_to_the_newest()

    assert sorted(Volume.objects.values_list("volume_id", "derive_at")) == sorted(
        [(VOLUME, now), (twin, now)]
    )
    assert list(Backup.objects.order_by("id").values_list("volume_id", flat=True)) == [
        VOLUME,
        twin,
        twin,
        None,
    ]
    printed = capsys.readouterr().out
    assert (
        f"otc: '{twin.upper()}' is the disk {twin} in another spelling and was removed." in printed
    )
    assert 'It was set: note by operator: "of the twin"' in printed


def test_free_search_finds_old_backups_by_what_people_see(before: Apps) -> None:
    old = models_of(before)
    cloud = old.Cloud.objects.create(name="otc")
    now = timezone.now()
    for n in range(1002):
        name = f"ta\u0308glich {n}"
        row = old.Backup.objects.create(
            id=uuid.UUID(int=n + 1), cloud=cloud, tracked_at=now, name=name
        )
        if n:
            # As earlier versions folded it. One row has none.
            old.SearchText.objects.create(backup=row, text=f"{name}\n{row.pk}")

    migrate_to_the_newest()

    for n in (0, 1, 1001):
        rows = SearchText.objects.holding(f"T\u00c4GLICH {n}\u200b")
        assert uuid.UUID(int=n + 1) in set(rows.values_list("backup", flat=True))


def models_of(before: Apps) -> SimpleNamespace:
    return SimpleNamespace(
        **{model.__name__: model for model in before.get_app_config("backups").get_models()}
    )
