"""Databases of earlier versions come through the migrations whole, on SQLite and on PostgreSQL."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.utils import timezone

from backups.models import Backup, Edit, OutcomeBucket, SearchText, StoredDay, Volume
from backups.tests.otc import VOLUME

pytestmark = pytest.mark.django_db(transaction=True)

# A demo database with 22 backups of nine disks, as `manage.py dumpdata` wrote it at commit a2b53ae.
FILLED = Path(__file__).parents[1] / "databases" / "filled_at_a2b53ae.json"
ZEROS = "00000000-0000-0000-0000-000000000000"
RENAMED_MODELS = {"quarter": "outcomebucket", "trace": "volumecontribution"}
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
CHANGED = {("volume", "derive_at")}  # on purpose: all disks are derived anew


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


def test_a_database_filled_at_a2b53ae_comes_through_without_loss(
    before: Apps, client: Client
) -> None:
    dumped = json.loads(FILLED.read_text())
    load(before, dumped)
    migrate_to_the_newest()
    kept: Counter[str] = Counter()
    for item in dumped:
        name = item["model"].removeprefix("backups.")
        if "." in name:
            continue
        model = apps.get_model("backups", RENAMED_MODELS.get(name, name))
        row = model._default_manager.get(pk=item["pk"])
        kept[name] += 1
        for field_name, value in item["fields"].items():
            if (name, field_name) in CHANGED:
                continue
            field: Any = model._meta.get_field(RENAMED_FIELDS.get((name, field_name), field_name))
            assert getattr(row, field.attname) == python_value(field, value), (name, field_name)
    assert kept["backup"] == Backup.objects.count() == 22
    assert kept["edit"] == Edit.objects.count() == 4

    client.force_login(User.objects.get())
    volume = Volume.objects.first()
    assert volume is not None
    of_the_volume = f"/volumes/{volume.cloud_id}/{volume.volume_id}/"
    for path in ("/", "/backups/?status=error", "/volumes/", of_the_volume, "/api/summary/"):
        assert client.get(path).status_code == 200


def load(before: Apps, dumped: list[dict[str, Any]]) -> None:
    """Store dumped rows through models of that time, those that others point to first."""
    order = ["auth.user", "backups.cloud", "backups.cause", "backups.backup", "backups.volume"]
    place = {name: n for n, name in enumerate(order)}
    for item in sorted(dumped, key=lambda item: place.get(item["model"], len(order))):
        app, name = item["model"].split(".")
        model: Any = User if app == "auth" else before.get_model(app, name)
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
