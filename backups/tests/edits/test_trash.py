"""What is untracked is kept for 30 days and comes back as it was; what is tracked by then is never
overwritten by it.
"""

import json
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import models
from django.utils import timezone

from backups.clouds import registry
from backups.derived import findings, volumes
from backups.edits import backup_edits, tracking, trash
from backups.edits.common import Actor
from backups.edits.pasted_ids import read_ids
from backups.edits.trash_content import PARTS
from backups.models import (
    FULL_ACCESS,
    Access,
    AuditEntry,
    Backup,
    BackupTag,
    Body,
    Cause,
    Edit,
    OutcomeBucket,
    Revision,
    Role,
    SearchText,
    StoredDay,
    TrashedBackup,
    Volume,
)
from backups.models.trash import KEPT_FOR
from backups.refresh import auto_track
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.tasks import keep_house
from backups.tests.otc import configure, silent
from backups.vbs import payload
from backups.vbs.listed_backup import listed

pytestmark = pytest.mark.django_db
IDS = [str(uuid.UUID(int=n)) for n in range(1, 4)]
WEST = Access(Role.OPERATOR, frozenset({"west"}))


@pytest.fixture(autouse=True)
def _clouds(settings: Any, tmp_path: Path) -> None:
    configure(settings, tmp_path, silent("otc", "west"))
    registry.ensure_rows()


def answer(backup_id: str, *, hours_ago: int = 0, **more: Any) -> None:
    """Stores an answer of the cloud for a tracked backup."""
    at = timezone.now() - timedelta(hours=hours_ago)
    body = {
        "id": backup_id,
        "name": f"nightly {backup_id[-1]}",
        "status": "available",
        "volume_id": "disk-1",
        "created_at": "2026-11-20T01:00:00.000000",
        "description": "after the move",
        "service_metadata": json.dumps({"CS": 500, "Type": 1}),
        **more,
    }
    apply("otc", [Fetched(uuid.UUID(backup_id), at, answer=payload.receive(body))])


def have() -> None:
    """Three tracked backups with answers, one of which has failed, history, notes and tags."""
    now = timezone.now()
    tracking.add(cloud="otc", values=IDS, now=now - timedelta(days=9))
    for backup_id in IDS:
        answer(backup_id, hours_ago=2, status="creating", service_metadata=None)
    answer(IDS[0], hours_ago=1)
    answer(IDS[1], hours_ago=1)
    reason = "VolumeBackup.0064: the host is down"
    answer(IDS[2], hours_ago=1, status="error", fail_reason=reason)
    actor = Actor("ada", now)
    fields: backup_edits.BackupFields = {"note": "keep it", "tags": ["db", "legal"]}
    for backup_id in IDS:
        backup_edits.change(uuid.UUID(backup_id), fields, actor=actor)


# Of the engine, which asks soon, and of a cause, which is looked for anew.
NOT_COMPARED = {"next_refresh_at", "claimed_until", "cause_id"}


def everything() -> dict[str, Any]:
    """All rows of what is tracked, and what is derived of it."""
    tables: dict[str, Any] = {}
    model: type[models.Model]
    for model in (Backup, Body, SearchText, Volume):
        rows = list(model._default_manager.order_by("pk").values())
        tables[model.__name__] = [
            {name: value for name, value in row.items() if name not in NOT_COMPARED} for row in rows
        ]
    for model in (Revision, Edit, BackupTag, OutcomeBucket, StoredDay):
        rows = list(model._default_manager.order_by("pk").values())
        tables[model.__name__] = sorted(
            json.dumps({**row, "id": None}, default=str, sort_keys=True) for row in rows
        )
    for row in tables["Volume"]:
        row.pop("id")
    return tables


def pks() -> list[int]:
    return list(TrashedBackup.objects.order_by("pk").values_list("pk", flat=True))


def add(*ids: str, cloud: str = "otc", access: Access = FULL_ACCESS) -> tracking.Added:
    return tracking.add(cloud=cloud, values=ids, now=timezone.now(), access=access)


def test_what_is_untracked_and_restored_is_as_if_nothing_had_been() -> None:
    have()
    before = everything()
    assert tracking.untrack(IDS) == 3
    assert [model.objects.count() for model in (Backup, Body, Revision, Edit, Cause)] == [
        0,
        0,
        0,
        0,
        1,
    ]
    assert not Volume.objects.exists()
    restored = trash.restore(pks(), timezone.now(), access=FULL_ACCESS)
    assert (sorted(restored.ids), restored.elsewhere) == (IDS, [])
    assert everything() == before
    assert not TrashedBackup.objects.exists()
    assert Backup.objects.get(pk=IDS[2]).cause is not None
    assert not Backup.objects.filter(next_refresh_at=None).exists()


def test_adding_it_again_is_a_way_back_as_well_and_says_so_before() -> None:
    have()
    before = everything()
    tracking.untrack(IDS[:2])
    [verdict] = tracking.preview(cloud="otc", lines=read_ids(IDS[0]))
    assert (verdict.state, verdict.reason) == ("new", tracking.COMES_BACK)
    assert add(*IDS).added == IDS[:2]
    assert everything() == before


def test_restoring_twice_changes_nothing_more() -> None:
    have()
    tracking.untrack(IDS)
    kept = pks()
    trash.restore(kept, timezone.now(), access=FULL_ACCESS)
    before = everything()
    again = trash.restore(kept, timezone.now(), access=FULL_ACCESS)
    assert (again.ids, everything()) == ([], before)


def test_what_is_tracked_again_keeps_what_it_has_and_gets_what_it_lacks() -> None:
    """As when two act at the same time: the entry is there, and so is a row that was answered."""
    have()
    tracking.untrack(IDS)
    kept = list(TrashedBackup.objects.filter(backup_id__in=IDS[:2]).values())
    TrashedBackup.objects.all().delete()
    add(*IDS[:2])
    answer(IDS[0], name="newer")
    actor = Actor("bob", timezone.now())
    backup_edits.change(uuid.UUID(IDS[0]), {"note": "newer"}, actor=actor)
    newer_body = Body.objects.get(pk=uuid.UUID(IDS[0])).text
    for row in kept:
        TrashedBackup.objects.create(**row)
    restored = trash.restore(pks(), timezone.now(), access=FULL_ACCESS)
    assert sorted(restored.ids) == IDS[:2]
    first = Backup.objects.get(pk=IDS[0])
    assert (first.name, first.note, first.tags) == ("newer", "newer", ["db", "legal"])
    assert Body.objects.get(pk=uuid.UUID(IDS[0])).text == newer_body
    assert first.revisions.count() == 3  # two of before, and the one of now
    second = Backup.objects.get(pk=IDS[1])
    assert (second.name, second.note) == ("nightly 2", "keep it")


def test_what_another_cloud_tracks_by_now_stays_in_the_trash() -> None:
    have()
    tracking.untrack(IDS[:1])
    assert add(IDS[0], cloud="west").added == IDS[:1]
    backup = Backup.objects.get(pk=IDS[0])
    assert (backup.cloud_id, backup.note, backup.refreshed_at) == ("west", "", None)
    restored = trash.restore(pks(), timezone.now(), access=FULL_ACCESS)
    assert (restored.ids, [row.name for row in restored.elsewhere]) == ([], ["nightly 1"])
    assert TrashedBackup.objects.count() == 1
    assert Backup.objects.get(pk=IDS[0]).cloud_id == "west"


def test_what_its_cloud_never_answered_for_comes_along_to_the_cloud_that_has_it() -> None:
    add(IDS[0], cloud="west")
    backup_edits.change(
        uuid.UUID(IDS[0]), {"note": "whose is it?"}, actor=Actor("ada", timezone.now())
    )
    tracking.untrack(IDS[:1])
    add(IDS[0], cloud="otc")
    backup = Backup.objects.get(pk=IDS[0])
    assert (backup.cloud_id, backup.note) == ("otc", "whose is it?")
    assert not TrashedBackup.objects.exists()


def test_a_cloud_that_is_configured_no_more_hands_over_what_is_in_the_trash(
    settings: Any, tmp_path: Path
) -> None:
    have()
    tracking.untrack(IDS)
    configure(settings, tmp_path, silent("west"))
    assert add(*IDS, cloud="west").added == IDS
    row = Backup.objects.get(pk=IDS[0])
    assert (row.cloud_id, row.name, row.note, row.error) == ("west", "nightly 1", "keep it", None)
    assert Volume.objects.get(cloud="west", volume_id="disk-1").tracked == 3


def test_what_lies_in_a_closed_cloud_neither_comes_along_nor_is_restored() -> None:
    have()
    tracking.untrack(IDS)
    [verdict] = tracking.preview(cloud="west", lines=read_ids(IDS[0]), access=WEST)
    assert (verdict.state, verdict.reason) == ("new", None)
    assert add(IDS[0], cloud="west", access=WEST).added == IDS[:1]
    assert Backup.objects.get(pk=IDS[0]).note == ""
    assert trash.restore(pks(), timezone.now(), access=WEST).ids == []
    assert TrashedBackup.objects.count() == 3


def test_what_is_untracked_twice_is_kept_once_with_the_history_of_both_times() -> None:
    have()
    tracking.untrack(IDS[:1])
    kept = TrashedBackup.objects.values().get()
    TrashedBackup.objects.all().delete()
    add(IDS[0])
    answer(IDS[0], name="newer")
    TrashedBackup.objects.create(**kept)
    assert tracking.untrack(IDS[:1]) == 1
    trash.restore(pks(), timezone.now(), access=FULL_ACCESS)
    backup = Backup.objects.get(pk=IDS[0])
    assert (backup.name, backup.note, backup.revisions.count()) == ("newer", "keep it", 3)


def test_a_list_that_is_followed_takes_nothing_out_of_the_trash() -> None:
    have()
    tracking.untrack(IDS)
    policy = auto_track.AutoTrackPolicy("all", {}, frozenset())
    entries = {uuid.UUID(IDS[0]): listed({"volume_id": "disk-1"}), uuid.UUID(int=9): listed({})}
    assert auto_track.track("otc", entries, policy, timezone.now()) == [uuid.UUID(int=9)]


def test_the_trash_is_purged_after_30_days_and_each_purge_is_an_act() -> None:
    have()
    tracking.untrack(IDS)
    now = timezone.now()
    TrashedBackup.objects.filter(backup_id=IDS[0]).update(
        trashed_at=now - KEPT_FOR - timedelta(seconds=1)
    )
    TrashedBackup.objects.filter(backup_id=IDS[1]).update(trashed_at=now - KEPT_FOR)
    keep_house()
    assert sorted(map(str, TrashedBackup.objects.values_list("backup_id", flat=True))) == IDS[1:]
    purges = AuditEntry.objects.filter(verb="backup.purge")
    assert list(purges.values_list("object_id", "cloud")) == [(IDS[0], "otc")]


def test_each_way_in_and_out_is_an_act() -> None:
    have()
    tracking.untrack(IDS)
    trash.restore(pks()[:1], timezone.now(), access=FULL_ACCESS)
    acts = AuditEntry.objects.filter(object_id=IDS[0], verb__startswith="backup.")
    verbs = list(acts.order_by("pk").values_list("verb", flat=True))
    assert verbs == ["backup.track", "backup.edit", "backup.untrack", "backup.restore"]


def test_a_text_of_another_version_is_read_by_the_names_of_its_columns() -> None:
    have()
    tracking.untrack(IDS[:1])
    row = TrashedBackup.objects.get()
    document = json.loads(row.content)
    document["backup"]["no_more"] = 7
    del document["backup"]["chain_size_mb"]
    document["parts"]["revision"][0]["no_more"] = 7
    del document["parts"]["revision"][0]["keep"]
    del document["parts"]["edit"]
    row.content = json.dumps(document)
    row.save()
    trash.restore([row.pk], timezone.now(), access=FULL_ACCESS)
    backup = Backup.objects.get(pk=IDS[0])
    assert (backup.name, backup.note, backup.chain_size_mb) == ("nightly 1", "keep it", None)
    assert backup.digest is None  # the next answer is read whole
    assert backup.revisions.count() == 2


def test_all_that_hangs_on_a_backup_is_kept_or_follows_of_it() -> None:
    follows = {"SearchText", "BackupTag"}
    hanging = {
        relation.related_model.__name__
        for relation in Backup._meta.related_objects
        if relation.on_delete is models.CASCADE
    }
    assert hanging - follows == {part.__name__ for part in PARTS}


def test_the_trash_holds_no_key_material() -> None:
    add(IDS[0])
    answer(IDS[0], service_metadata=json.dumps({"VK": "c2VjcmV0LWtleQ"}))
    tracking.untrack(IDS[:1])
    assert "c2VjcmV0LWtleQ" not in TrashedBackup.objects.get().content
    assert "[redacted]" in TrashedBackup.objects.get().content


def test_kinds_are_judged_by_what_is_in_force_when_they_come_back(
    settings: Any, tmp_path: Path
) -> None:
    add(IDS[0])
    answer(IDS[0], service_metadata=json.dumps({"Type": 1}))
    tracking.untrack(IDS[:1])
    configure(settings, tmp_path, silent("otc", vbs_type_full="0"))
    trash.restore(pks(), timezone.now(), access=FULL_ACCESS)
    assert Backup.objects.get().kind == "incremental"


def test_findings_and_volumes_are_those_of_what_is_tracked() -> None:
    have()
    tracking.untrack(IDS[:2])
    volume = Volume.objects.get()
    assert (volume.tracked, volume.last_good_id) == (1, None)
    trash.restore(pks(), timezone.now(), access=FULL_ACCESS)
    volume.refresh_from_db()
    assert (volume.tracked, str(volume.last_good_id)) == (3, IDS[1])
    assert findings.note([uuid.UUID(backup_id) for backup_id in IDS], timezone.now()) == 0
    assert volumes.derive("otc", ["disk-1"], timezone.now()) == 0
