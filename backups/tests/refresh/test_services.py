"""Two services of one project are one estate: nothing is counted twice, and nothing is lost when
one of them ends.
"""

import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backups.derived import queue, schedules, volumes
from backups.derived.volumes import derive_all, remove
from backups.edits import volume_edits
from backups.edits.common import Actor
from backups.models import (
    FULL_ACCESS,
    Backup,
    Cloud,
    Policy,
    PolicyMember,
    PolicyRevision,
    Run,
    Volume,
)
from backups.refresh import dispatcher, policies, services
from backups.refresh.apply import apply
from backups.refresh.auto_track import doubles_of_other_service, policy_of, track
from backups.refresh.plan import Fetched
from backups.reports import home_counts
from backups.tests.facts import NOON
from backups.tests.otc import configure, silent
from backups.vbs.errors import Gone
from backups.vbs.listed_backup import listed

pytestmark = pytest.mark.django_db
H = timedelta(hours=1)
M = timedelta(minutes=1)
DAY = timedelta(days=1)
PROJECT = "0123456789abcdef0123456789abcdef"
DISKS = 6


@pytest.fixture(autouse=True)
def two_services(settings: Any, tmp_path: Path) -> None:
    entries = silent("otc", vbs_api="vbs", vbs_follow="all")
    entries |= silent("successor", vbs_api="cbr", vbs_follow="all")
    configure(settings, tmp_path, entries)
    for name, url in (("otc", "https://vbs.example/v2"), ("successor", "https://cbr.example/v3")):
        Cloud.objects.create(name=name, follow="all", endpoint=f"{url}/{PROJECT}")
    answer(NOON)
    services.ensure(NOON)


def answer(at: datetime, *names: str) -> None:
    clouds = names or ("otc", "successor")
    rows = Cloud.objects.filter(name__in=clouds)
    rows.update(attempted_at=at, last_good_at=at, backups_listed_at=at, policies_read_at=at)
    Backup.objects.filter(cloud__in=clouds).update(refreshed_at=at, stale_at=at + 12 * H)


def backup(n: int, at: datetime = NOON, *, cloud: str = "otc", **columns: Any) -> Backup:
    plain: dict[str, Any] = {
        "id": uuid.UUID(int=n),
        "cloud_id": cloud,
        "tracked_at": at,
        "refreshed_at": NOON,
        "stale_at": NOON + 12 * H,
        "volume_id": "disk",
        "status": "available",
        "created_at": at,
        "kind": "full",
        "outcome": "good",
    }
    return Backup.objects.create(**{**plain, **columns})


def disk(name: str = "disk", *, cloud: str = "otc", **columns: Any) -> Volume:
    plain = {"first_seen_at": NOON, "derive_at": NOON, "listed_backups": 0}
    return Volume.objects.create(cloud_id=cloud, volume_id=name, **{**plain, **columns})


def in_both(name: str = "disk", **columns: Any) -> None:
    disk(name, **columns)
    disk(name, cloud="successor")


def derive(now: datetime = NOON) -> None:
    for cloud in ("otc", "successor"):
        derive_all(cloud, now)
        queue.derive_due(cloud, now)


def row(cloud: str, name: str = "disk", now: datetime = NOON) -> Any:
    return Volume.objects.with_protection(now).get(cloud=cloud, volume_id=name)


def test_two_services_of_one_project_know_each_other() -> None:
    rows = Cloud.objects.order_by("name").values_list("name", "other_service", "counts_disks")
    assert list(rows) == [("otc", "successor", True), ("successor", "otc", False)]


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://cbr.example/v3/fedcba9876543210fedcba9876543210",
        "https://cbr.example/v3/demo",
        None,
    ],
)
def test_another_project_is_another_estate(endpoint: str | None) -> None:
    Cloud.objects.filter(pk="successor").update(endpoint=endpoint)
    services.ensure(NOON)
    assert not Cloud.objects.filter(other_service__isnull=False).exists()


def test_one_spelling_of_the_project_is_as_good_as_another() -> None:
    hyphenated = str(uuid.UUID(PROJECT)).upper()
    Cloud.objects.filter(pk="successor").update(endpoint=f"https://cbr.example/v3/{hyphenated}/")
    services.ensure(NOON)
    assert Cloud.objects.get(pk="otc").other_service == "successor"


def test_a_disk_of_both_is_counted_once_with_the_evidence_of_both() -> None:
    in_both()
    backup(1, NOON - 40 * H)
    backup(2, NOON - 2 * H, cloud="successor")
    derive()
    for cloud in ("otc", "successor"):
        volume = row(cloud)
        assert (volume.protection, volume.last_good_id) == ("protected", uuid.UUID(int=2))
        assert (volume.tracked, volume.known_backups) == (2, 2)
    assert [volume.cloud_id for volume in Volume.objects.counted()] == ["otc"]
    assert row("successor").counted_under == "otc"
    assert row("otc").also_under == "successor"


def test_the_runs_of_a_disk_of_both_are_stored_once() -> None:
    in_both()
    derive()
    slot_at = NOON - 2 * H
    words = {"enabled": True, "schedule": {"calendar": "vbs", "hours": ["10:00"], "frequency": 1}}
    policy = Policy.objects.create(
        cloud_id="otc",
        policy_id="p1",
        api="vbs",
        first_seen_at=NOON - DAY,
        seen_at=NOON,
        **words,
    )
    PolicyRevision.objects.create(policy=policy, since=NOON - DAY, **words)
    PolicyMember.objects.create(
        policy=policy, volume_id="disk", source="task", since=NOON - DAY, seen_at=NOON
    )
    backup(1, slot_at, name="autobk_1a2b")
    derive()
    assert [run.volume.cloud_id for run in Run.objects.filter(slot_at=slot_at)] == ["otc"]
    Cloud.objects.filter(pk="otc").update(service_ended_at=NOON)
    services.ensure(NOON)
    derive()
    derive()
    assert [run.volume.cloud_id for run in Run.objects.filter(slot_at=slot_at)] == ["successor"]


def test_one_who_may_see_the_successor_alone_sees_the_disk_there() -> None:
    in_both()
    derive()
    access = FULL_ACCESS.within(frozenset({"successor"}))
    seen = Volume.objects.visible_to(access).counted(access)
    assert [volume.cloud_id for volume in seen] == ["successor"]


def test_one_backup_seen_through_both_is_one() -> None:
    in_both()
    backup(1, NOON - 2 * H, snapshot_id="snap", chain_size_mb=500)
    backup(2, NOON - 2 * H + M, cloud="successor", snapshot_id="snap")
    derive()
    assert Backup.objects.get(pk=uuid.UUID(int=2)).same_as == uuid.UUID(int=1)
    volume = row("otc")
    assert (volume.tracked, volume.chain_size_mb) == (1, 500)


def test_a_backup_in_one_service_is_news_for_the_disk_of_the_other() -> None:
    in_both()
    derive()
    assert row("otc").protection == "never"
    backup(1, NOON, cloud="successor")
    queue.mark("successor", ["disk"], NOON)
    queue.derive_due("successor", NOON)
    assert row("otc").protection == "protected"


def test_while_one_of_them_is_silent_a_disk_is_not_called_unprotected() -> None:
    in_both()
    derive()
    assert row("otc").protection == "never"
    Cloud.objects.filter(pk="successor").update(last_good_at=NOON - H)
    assert row("otc").protection == "unknown"
    Cloud.objects.filter(pk="successor").update(service_ended_at=NOON - DAY)
    assert row("otc").protection == "never"


def test_when_a_service_ends_its_disks_are_counted_under_the_other_and_what_was_set_moves() -> None:
    in_both(label="database", version=2, rule_period_seconds=3600, rule_grace_seconds=60)
    disk("only-in-vbs")
    backup(1, NOON - 2 * H, cloud="successor")
    derive()
    Cloud.objects.filter(pk="otc").update(service_ended_at=NOON, last_good_at=NOON - H)
    services.ensure(NOON)
    derive()
    counted = Volume.objects.counted().order_by("volume_id").values_list("cloud", "volume_id")
    assert list(counted) == [("successor", "disk"), ("otc", "only-in-vbs")]
    volume = row("successor")
    assert (volume.label, volume.rule_from, volume.effective_period_seconds) == (
        "database",
        "disk",
        3600,
    )
    assert row("otc", "only-in-vbs").protection == "unknown"
    assert row("otc").protection == "unknown"


def test_an_entry_that_is_taken_out_hands_its_disks_over(settings: Any, tmp_path: Path) -> None:
    in_both()
    derive()
    configure(settings, tmp_path, silent("successor", vbs_api="cbr", vbs_follow="all"))
    services.ensure(NOON)
    derive()
    assert [volume.cloud_id for volume in Volume.objects.counted()] == ["successor"]


def test_a_disk_whose_other_row_goes_is_counted_again(
    django_capture_on_commit_callbacks: Any,
) -> None:
    in_both()
    derive()
    with django_capture_on_commit_callbacks(execute=True):
        remove(Volume.objects.get(cloud="otc"), NOON)
    assert row("successor").counted_under is None


def test_where_disks_are_counted_changes_at_one_moment() -> None:
    in_both("a")
    in_both("b")
    derive()
    Cloud.objects.filter(pk="otc").update(service_ended_at=NOON)
    services.ensure(NOON)
    # Nothing was derived yet.
    assert {volume.cloud_id for volume in Volume.objects.counted()} == {"successor"}


def test_a_disk_that_the_other_service_shows_is_not_counted_twice_from_its_birth() -> None:
    disk("new")
    volumes.ensure_volumes("successor", ["new"], NOON)
    backup(1, cloud="successor", volume_id="new")
    volumes.ensure_volumes("successor", ["new"], NOON)
    assert [volume.cloud_id for volume in Volume.objects.counted()] == ["otc"]


def test_what_was_set_later_on_the_other_row_stays() -> None:
    in_both(label="old", version=2)
    derive()
    Cloud.objects.filter(pk="otc").update(service_ended_at=NOON)
    services.ensure(NOON)
    actor = Actor("anna", NOON + H)
    volume_edits.set_label([("successor", "disk")], "new", actor=actor)
    Cloud.objects.filter(pk="otc").update(service_ended_at=None)
    services.ensure(NOON)
    assert row("otc").label == "new"


def test_what_is_tracked_through_one_service_is_not_tracked_through_the_other() -> None:
    in_both()
    backup(1, NOON - 2 * H, snapshot_id="snap")
    entry = {
        "id": str(uuid.UUID(int=2)),
        "volume_id": "disk",
        "status": "available",
        "created_at": (NOON - 2 * H + M).isoformat(),
        "snapshot_id": "snap",
    }
    entries = {uuid.UUID(int=2): listed(entry)}
    assert doubles_of_other_service("successor", entries) == {uuid.UUID(int=2)}
    assert track("successor", entries, policy_of("successor"), NOON) == []
    Cloud.objects.filter(pk="otc").update(service_ended_at=NOON)
    assert track("successor", entries, policy_of("successor"), NOON) == [uuid.UUID(int=2)]


def test_backups_of_a_service_that_ended_move_where_they_are_listed() -> None:
    backup(1, NOON - 2 * H)
    entries = {uuid.UUID(int=1): listed({"id": str(uuid.UUID(int=1)), "volume_id": "disk"})}
    assert track("successor", entries, policy_of("successor"), NOON) == []
    Cloud.objects.filter(pk="otc").update(service_ended_at=NOON)
    assert track("successor", entries, policy_of("successor"), NOON) == [uuid.UUID(int=1)]
    assert Backup.objects.get().cloud_id == "successor"


def test_that_cbr_does_not_know_a_backup_of_vbs_makes_it_not_gone() -> None:
    backup(1, NOON - DAY, cloud="successor")
    backup(2, NOON - DAY, cloud="successor", vault_id="vault")
    for minutes in (0, 1):
        at = NOON + minutes * M
        unknown = Gone("Backup does not exist.", http_status=404)
        apply("successor", [Fetched.failed(uuid.UUID(int=n), at, unknown) for n in (1, 2)])
    rows = Backup.objects.order_by("pk").values_list("gone_at", "error__class")
    assert list(rows) == [(None, "rejected"), (NOON + M, "gone")]


def test_the_list_of_the_service_that_is_behind_is_read_less_often() -> None:
    Cloud.objects.filter(pk="otc").update(newest_created_at=NOON - 2 * H)
    Cloud.objects.filter(pk="successor").update(newest_created_at=NOON - H)
    assert not services.leads(Cloud.objects.get(pk="otc"))
    assert services.leads(Cloud.objects.get(pk="successor"))
    Cloud.objects.update(walked_at=NOON)
    answer(NOON - 5 * M)
    wanted = {"sweep", "look_for_new"}
    needs = [need.cloud for need in dispatcher.needs(NOON) if need.work in wanted]
    assert needs == ["successor"]
    # Once both show everything, the successor leads.
    Cloud.objects.update(newest_created_at=NOON - H)
    assert services.leads(Cloud.objects.get(pk="successor"))
    assert not services.leads(Cloud.objects.get(pk="otc"))


@pytest.mark.parametrize("ids_agree", [True, False])
def test_a_move_from_vbs_to_cbr_day_by_day_makes_no_number_jump(*, ids_agree: bool) -> None:
    """A disk a day moves: from then on CBR makes its backups, and shows those of before too, under
    their own IDs or under others. In the end the old service vanishes.
    """
    number = 0
    for n in range(DISKS):
        in_both(f"disk-{n}")
    for day in range(DISKS + 3):
        now = NOON + day * DAY
        for n in range(DISKS):
            number += 1
            is_moved = n < day
            cloud = "successor" if is_moved else "otc"
            backup(
                number,
                now - 2 * H,
                cloud=cloud,
                volume_id=f"disk-{n}",
                snapshot_id=f"snap-{number}",
                chain_size_mb=None if is_moved else 100,
                kind="incremental" if day else "full",
            )
            if is_moved and n == day - 1:
                show_moved(f"disk-{n}", ids_agree=ids_agree)
        if day == DISKS + 1:
            Cloud.objects.filter(pk="otc").update(service_ended_at=now)
        is_ended = day > DISKS
        answer(now, *(("successor",) if is_ended else ()))
        services.ensure(now)
        derive(now)
        derive(now)
        counts = home_counts.count_volumes(Volume.objects.counted(), now)
        by_protection = [(count.protection, count.count) for count in counts]
        assert (day, by_protection) == (day, [("protected", DISKS)])
        stored = [volume.chain_size_mb for volume in Volume.objects.counted()]
        assert (day, stored) == (day, [100] * DISKS)


def show_moved(volume_id: str, *, ids_agree: bool) -> None:
    """Lets CBR show the backups of before; a vault says how much is stored of the disk."""
    Volume.objects.filter(volume_id=volume_id).update(vault_mb=100)
    if ids_agree:
        # They are tracked where they were seen first.
        return
    for row in Backup.objects.filter(volume_id=volume_id, cloud="otc"):
        at = row.created_at
        assert at is not None
        backup(
            row.pk.int + 1_000_000,
            at + M,
            cloud="successor",
            volume_id=volume_id,
            snapshot_id=row.snapshot_id,
            kind=row.kind,
        )


def promise(cloud: str, *names: str, api: str = "vbs") -> None:
    """Lets a policy of a cloud have exactly these disks."""
    source = "vault" if api == "cbr" else "task"
    policy = Policy.objects.create(
        cloud_id=cloud,
        policy_id="p1",
        api=api,
        enabled=True,
        claimed=None if api == "cbr" else len(names),
        first_seen_at=NOON - DAY,
        seen_at=NOON,
    )
    for name in names:
        PolicyMember.objects.create(
            policy=policy, volume_id=name, source=source, since=NOON - DAY, seen_at=NOON
        )


def words(now: datetime = NOON) -> dict[str, str]:
    # The type checker knows no annotation.
    rows: Any = Volume.objects.filter(cloud="otc").with_schedule(now)
    return dict(rows.values_list("volume_id", "schedule"))


def test_what_one_service_does_not_promise_the_other_may() -> None:
    for name in ("old", "new", "neither"):
        in_both(name)
    promise("otc", "old")
    promise("successor", "new", api="cbr")
    schedules.note("otc", NOON)
    assert words() == {"old": "scheduled", "new": "scheduled", "neither": "none"}
    for columns in (
        {"policies_read_at": None},
        {"policies_read_at": NOON - 3 * H},
        {"is_configured": False},
    ):
        Cloud.objects.filter(pk="successor").update(**columns)
        open_words = {"old": "scheduled", "new": "unknown", "neither": "unknown"}
        # By what was stored before, and as it is stored anew.
        assert words() == open_words
        schedules.note("otc", NOON)
        assert words() == open_words
        stored = Volume.objects.filter(cloud="otc").values_list("volume_id", "schedule_read")
        assert dict(stored) == open_words
        Cloud.objects.filter(pk="successor").update(policies_read_at=NOON, is_configured=True)
        schedules.note("otc", NOON)
    Cloud.objects.filter(pk="successor").update(service_ended_at=NOON)
    assert words() == {"old": "scheduled", "new": "unknown", "neither": "none"}
    schedules.note("otc", NOON)
    assert words() == {"old": "scheduled", "new": "none", "neither": "none"}


def test_words_follow_when_policies_are_not_read_any_more() -> None:
    in_both("old")
    promise("otc", "old")
    schedules.note("otc", NOON)
    assert words() == {"old": "scheduled"}
    later = NOON + 4 * H
    # Nobody answers there.
    assert policies.read("otc", later) == 0
    assert words(later) == {"old": "unknown"}
    assert set(Volume.objects.values_list("schedule_read", flat=True)) == {"unknown"}
