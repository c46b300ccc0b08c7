"""The backups of a server's disks, which the answer about the server's backup holds."""

import json
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from backups.clouds import registry
from backups.derived.redecode import redecode
from backups.edits.tracking import refresh_now, untrack
from backups.models import Backup, Body, Cloud, Revision, Volume
from backups.refresh import auto_track, claims
from backups.refresh.apply import apply
from backups.refresh.auto_track import AutoTrackPolicy
from backups.refresh.plan import Fetched
from backups.shared.server_backups import asked_in_place
from backups.tests.otc import configure, silent, track
from backups.vbs import payload
from backups.vbs.errors import Gone, Unavailable
from backups.vbs.listed_backup import listed

pytestmark = [pytest.mark.either, pytest.mark.django_db]
SAMPLES = Path(__file__).parents[1] / "samples" / "cbr"
BODY: dict[str, Any] = json.loads(
    (SAMPLES / "31_cbr_server_backup_with_children.json").read_text()
)["backup"]
SERVER = uuid.UUID(BODY["id"])
BOOT, DATA = [uuid.UUID(child["id"]) for child in BODY["children"]]
DISKS = [child["resource_id"] for child in BODY["children"]]


@pytest.fixture(autouse=True)
def tracked(settings: Any, tmp_path: Path) -> Any:
    configure(settings, tmp_path, silent("otc", vbs_api="cbr"))
    registry.ensure_rows()
    track([str(SERVER)])
    yield
    registry.forget_clients()


def answered(minutes: float = 0, **changes: Any) -> None:
    """The cloud answers about the server's backup, so many minutes from now."""
    at = timezone.now() + timedelta(minutes=minutes)
    body = json.loads(json.dumps({**BODY, **changes}))
    apply("otc", [Fetched(SERVER, at, payload.receive(body))])


def failed(minutes: float, error: Any, pk: uuid.UUID = SERVER) -> None:
    apply("otc", [Fetched.failed(pk, timezone.now() + timedelta(minutes=minutes), error)])


def children() -> list[Backup]:
    return list(Backup.objects.filter(parent_id=str(SERVER)).order_by("created_at", "size"))


def test_each_disk_has_a_row_that_is_as_fresh_as_the_servers_and_never_due() -> None:
    answered()
    server = Backup.objects.get(pk=SERVER)
    assert (server.volume_id, server.service_type, server.is_incremental) == (None, "vm", False)
    assert {child.pk for child in children()} == {BOOT, DATA}
    for child in children():
        assert child.next_refresh_at is None
        assert child.stale_at == server.stale_at
        assert (child.status, child.kind) == ("available", "full")
        assert child.policy_id == server.policy_id
        assert json.loads(Body.objects.get(pk=child.pk).text)["id"] == str(child.pk)
    protected = Volume.objects.filter(last_good_id__in=[BOOT, DATA])
    assert sorted(protected.values_list("volume_id", flat=True)) == sorted(DISKS)
    assert not Volume.objects.filter(volume_id="").exists()
    answered(7)  # Nothing has changed, but that it is known still.
    server.refresh_from_db()
    assert {child.stale_at for child in children()} == {server.stale_at}
    assert {child.next_refresh_at for child in children()} == {None}
    assert {child.unchanged_polls for child in children()} == {1}
    assert Revision.objects.filter(backup=BOOT).count() == 1


def test_a_list_without_children_erases_nothing() -> None:
    answered()
    at = timezone.now() + timedelta(minutes=1)
    empty = payload.receive({**BODY, "children": []})
    applied = apply("otc", [Fetched(SERVER, at, empty, listed=True)])
    assert applied.doubtful == [SERVER]
    assert len(children()) == 2
    assert {child.next_refresh_at for child in children()} == {None}


def test_what_the_answer_names_no_more_is_asked_about_itself_and_may_be_gone() -> None:
    answered()
    answered(1, children=BODY["children"][:1])
    data = Backup.objects.get(pk=DATA)
    assert data.next_refresh_at is not None
    assert Backup.objects.get(pk=BOOT).next_refresh_at is None
    failed(2, Gone("none", http_status=404), DATA)
    failed(4, Gone("none", http_status=404), DATA)
    data.refresh_from_db()
    assert data.gone_at is not None
    answered(5, children=BODY["children"][:1], name="other")
    data.refresh_from_db()
    assert data.gone_at is not None
    answered(6)
    assert Backup.objects.filter(pk=DATA, gone_at=None, next_refresh_at=None).exists()


def test_a_child_that_answers_for_itself_is_not_asked_again() -> None:
    answered()
    Backup.objects.filter(pk=BOOT).update(next_refresh_at=timezone.now())
    at = timezone.now() + timedelta(minutes=1)
    apply("otc", [Fetched(BOOT, at, payload.receive(BODY["children"][0]))])
    assert Backup.objects.get(pk=BOOT).next_refresh_at is None


def test_children_of_a_backup_that_is_gone_are_asked_about_and_come_back_with_it() -> None:
    answered()
    failed(1, Gone("none", http_status=404))
    failed(3, Gone("none", http_status=404))
    server = Backup.objects.get(pk=SERVER)
    assert server.gone_at is not None
    # The cloud has said nothing of them yet.
    assert {child.gone_at for child in children()} == {None}
    assert None not in {child.next_refresh_at for child in children()}
    assert asked_in_place([BOOT, DATA]) == {}
    failed(4, Gone("none", http_status=404), BOOT)
    failed(6, Gone("none", http_status=404), BOOT)
    assert Backup.objects.get(pk=BOOT).gone_at is not None
    assert Backup.objects.get(pk=DATA).gone_at is None
    answered(10)
    assert {child.gone_at for child in children()} == {None}
    assert {child.next_refresh_at for child in children()} == {None}
    assert Volume.objects.filter(last_good_id__in=[BOOT, DATA]).count() == 2


def test_an_error_leaves_children_as_they_are_until_they_turn_stale() -> None:
    answered()
    before = [child.stale_at for child in children()]
    failed(1, Unavailable("away", http_status=503))
    assert [child.stale_at for child in children()] == before
    assert {child.gone_at for child in children()} == {None}


def test_a_wish_for_a_child_asks_for_the_whole() -> None:
    answered()
    now = timezone.now() + timedelta(minutes=1)
    assert refresh_now([str(BOOT), str(DATA)], now) == 2
    assert list(Backup.objects.due("otc", now).values_list("pk", flat=True)) == [SERVER]
    assert asked_in_place([BOOT, SERVER]) == {BOOT: SERVER}
    assert claims.claim_due("otc", now, most=5).ids == [SERVER]


def test_children_leave_with_the_servers_backup() -> None:
    answered()
    assert untrack([str(SERVER)]) == 3
    assert not Backup.objects.exists()


def test_a_child_in_the_trash_stays_there_and_one_of_another_cloud_too() -> None:
    answered()
    untrack([str(BOOT)])
    Cloud.objects.create(name="other")
    Backup.objects.filter(pk=DATA).update(cloud="other", parent_id=None)
    answered(1, name="renamed")
    assert not Backup.objects.filter(pk=BOOT).exists()
    assert Backup.objects.get(pk=DATA).name != "renamed"


def test_children_of_a_backup_that_is_not_tracked_are_not_either() -> None:
    Backup.objects.all().delete()
    answered()
    assert not Backup.objects.exists()


def test_odd_children_do_no_harm() -> None:
    odd = [*BODY["children"], {"id": "../x"}, {}, 7, None, {"id": BODY["children"][0]["id"]}]
    answered(children=odd)
    assert Backup.objects.filter(pk__in=[BOOT, DATA]).count() == 2
    answered(1, children=None)
    answered(2, children="none")
    assert Backup.objects.count() == 3


def test_what_is_stored_is_read_anew_as_it_was() -> None:
    answered()
    assert redecode("otc") == 0
    assert [child.parent_id for child in children()] == [str(SERVER)] * 2


def test_a_reason_from_elsewhere_is_kept() -> None:
    answered()
    Backup.objects.filter(pk=SERVER).update(fail_reason="BackupService.6215: the disk is away")
    answered(1, status="error")
    server = Backup.objects.get(pk=SERVER)
    assert (server.status, server.fail_reason) == (
        "error",
        "BackupService.6215: the disk is away",
    )
    assert redecode("otc") == 0
    changes = Revision.objects.filter(backup=SERVER).latest("at", "id").changes
    assert "fail_reason" not in {change["word"] for change in changes}


def test_a_new_backup_of_a_server_is_tracked_for_the_sake_of_its_disks() -> None:
    answered()
    new = {uuid.UUID(int=77): listed({**BODY, "id": str(uuid.UUID(int=77)), "children": []})}
    now = timezone.now()
    for mode, switches, volumes, is_wanted in [
        ("none", {}, frozenset[str](), False),
        ("disks", {}, frozenset({DISKS[1]}), True),
        ("disks", {}, frozenset({"another"}), False),
        ("none", {DISKS[0]: True}, frozenset[str](), True),
        ("all", {}, frozenset[str](), True),
    ]:
        policy = AutoTrackPolicy(mode, switches, volumes)
        assert bool(auto_track.track("otc", new, policy, now)) is is_wanted, mode
        Backup.objects.filter(pk=uuid.UUID(int=77)).delete()


def test_the_cloud_is_read_as_cbr() -> None:
    answered()
    cloud = Cloud.objects.get(pk="otc")
    config = registry.configured()["otc"]
    assert registry.api(cloud, config) == "cbr"
    assert registry.type_interpretation(cloud, config) == "cbr"
    assert cloud.type_interpretation == "cbr"
