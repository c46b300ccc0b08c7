"""Runs whose rows go stay in the counter of the metrics, each once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from backups.derived import queue, twins, volumes
from backups.derived.volumes import derive
from backups.models import FULL_ACCESS, Cloud, Policy, PolicyMember, Run, Volume
from backups.reports import monitoring
from backups.tests.facts import NOON
from backups.tests.policy_rows import DAY, NIGHT, disk_row, members, policy, read_policies, run

pytestmark = pytest.mark.django_db
H = timedelta(hours=1)
TWO_NIGHTS_AGO = NIGHT - 2 * DAY


@pytest.fixture(autouse=True)
def nightly() -> Policy:
    """A policy of one disk with runs that have ended, and some that are in no count yet."""
    for name in ("otc", "cbr"):
        Cloud.objects.create(name=name, follow="all", counts_disks=name == "otc")
    read_policies("otc", "cbr")
    row = policy(1)
    members(row, ["a"])
    for days, outcome in ((35, "failed"), (1, "skipped"), (2, "never_started"), (3, "made")):
        run(row, "a", NIGHT - days * DAY, outcome)
    run(row, "a", NIGHT - DAY + H, "never_started")
    run(row, "a", NIGHT - DAY + 2 * H, "pending")
    return row


def counter() -> dict[str, int]:
    [counted] = [
        one for one in monitoring.policies(NOON, access=FULL_ACCESS) if one.title == "nightly 1"
    ]
    return {outcome: count for outcome, count in counted.ended.items() if count}


BEFORE = {"failed": 1, "skipped": 1, "never_started": 1, "made": 1}


def test_what_is_counted_has_ended() -> None:
    assert counter() == BEFORE


def test_a_disk_that_is_removed_takes_no_run_out_of_the_counter() -> None:
    volumes.remove(Volume.objects.get(), NOON)
    assert not Run.objects.exists()
    assert counter() == BEFORE


def test_a_disk_whose_backups_were_untracked_takes_no_run_out_of_the_counter() -> None:
    Volume.objects.update(derive_at=NOON)
    PolicyMember.objects.all().delete()
    volumes.forget_backups("otc", ["a"], NOON)
    assert not Volume.objects.exists()
    assert counter() == BEFORE


def test_runs_that_are_no_longer_promised_stay_in_the_counter(nightly: Policy) -> None:
    PolicyMember.objects.all().delete()
    Volume.objects.update(derive_at=NOON)
    derive("otc", ["a"], NOON)
    # Of what is older than 30 days nothing is judged any more.
    assert [row.outcome for row in Run.objects.all()] == ["failed"]
    assert counter() == BEFORE
    nightly.refresh_from_db()
    assert nightly.pruned_runs == {"skipped": 1, "never_started": 1, "made": 1}


def two_services(**columns: Any) -> Volume:
    Cloud.objects.filter(pk="otc").update(other_service="cbr")
    Cloud.objects.filter(pk="cbr").update(other_service="otc")
    disk_row("a", also_under="cbr")
    return disk_row("a", cloud="cbr", also_under="otc", counted_under="otc", **columns)


def test_runs_of_a_removed_disk_go_to_its_row_in_the_other_service(nightly: Policy) -> None:
    other = two_services()
    Run.objects.create(volume=other, policy=nightly, slot_at=TWO_NIGHTS_AGO, outcome="made")
    assert counter() == BEFORE
    volumes.remove(Volume.objects.get(cloud="otc"), NOON)
    assert Run.objects.filter(volume=other).count() == 6
    nightly.refresh_from_db()
    assert nightly.pruned_runs == {}


@pytest.mark.parametrize("order", [("otc", "cbr"), ("cbr", "otc")])
def test_a_disk_that_is_counted_under_the_other_service_from_now_on_is_counted_once(
    order: tuple[str, str],
) -> None:
    other = two_services()
    for name in order:
        derive(name, ["a"], NOON)
    before = counter()
    assert before["failed"] == 1
    Cloud.objects.filter(pk="otc").update(counts_disks=False)
    Cloud.objects.filter(pk="cbr").update(counts_disks=True)
    with transaction.atomic():
        twins.place_all(Cloud.objects.get(pk="cbr"), Cloud.objects.get(pk="otc"))
        queue.mark_runs(Volume.objects.all(), NOON)
    for name in order:
        derive(name, ["a"], NOON)
        assert counter() == before
    with transaction.atomic():
        # As at the next slot of its policy.
        queue.mark_runs(Volume.objects.all(), NOON)
    derive(order[0], ["a"], NOON)
    derive(order[1], ["a"], NOON)
    assert counter() == before
    judged = Run.objects.filter(slot_at__gte=NOON - 30 * DAY)
    assert {row.volume_id for row in judged} == {other.pk}
