"""The engine against the simulator over loopback HTTP."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from backups.clouds import registry
from backups.edits import tracking
from backups.models import Backup, Body, Cloud
from backups.refresh import list_sweep, single_gets
from backups.refresh.claims import CLAIM, claim_due
from backups.refresh.schedule import CONFIRM_GONE
from backups.simulator import Fault, Simulator
from backups.tests.otc import VOLUME, running

pytestmark = pytest.mark.django_db


@pytest.fixture
def sim(settings: Any, tmp_path: Any) -> Iterator[Simulator]:
    """A simulated cloud `otc`, configured."""
    with running(settings, tmp_path) as sim:
        yield sim


def ask(*ids: str) -> None:
    """Track these and let a worker's round happen."""
    now = timezone.now()
    tracking.add(cloud="otc", values=ids, now=now)
    tracking.refresh_now(ids, now)
    single_gets.refresh_due("otc")


def cloud_error() -> dict[str, Any]:
    """What is wrong with the cloud; empty when nothing is."""
    return Cloud.objects.get(pk="otc").error or {}


def one(backup_id: str) -> Any:
    return Backup.objects.with_tracking_state(timezone.now()).get(pk=backup_id)


def test_the_pages_example_is_fetched_decoded_and_kept(sim: Simulator) -> None:
    ask(sim.seed_example_id)
    row = one(sim.seed_example_id)
    assert (row.status, row.size, row.chain_size_mb, row.progress) == ("error", 1, None, 0)
    assert (row.description, row.inc, row.service_type, row.encrypted) == (
        None,
        None,
        "disk",
        False,
    )
    assert (row.tracking_state, row.error, row.claimed_until) == ("fresh", None, None)
    assert [link["rel"] for link in row.links] == ["self", "bookmark"]
    assert json.loads(Body.objects.get(pk=row.pk).text)["id"] == sim.seed_example_id
    cloud = Cloud.objects.get(pk="otc")
    assert (cloud.error, cloud.seen_vbs, cloud.catalog_type) == (None, True, "vbsv2")


@pytest.mark.either
def test_each_sample_survives_the_whole_way(sim: Simulator, sample: dict[str, Any]) -> None:
    sim.add(sample)
    ask(sample["id"])
    assert one(sample["id"]).status == sample["status"]
    assert json.loads(Body.objects.get(pk=sample["id"]).text)["id"] == sample["id"]


def test_a_backup_is_gone_only_after_a_second_look(sim: Simulator) -> None:
    missing = str(uuid.uuid4())
    ask(missing)
    first = one(missing)
    assert (first.tracking_state, first.error, first.status) == ("pending", None, None)
    assert timedelta(0) < first.next_refresh_at - first.attempted_at <= CONFIRM_GONE
    ask(missing)
    second = one(missing)
    assert (second.tracking_state, second.error["class"], second.error["http_status"]) == (
        "gone",
        "gone",
        404,
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *[(code, "unavailable") for code in (408, 429, 500, 501, 502, 503, 504)],
        *[(code, "rejected") for code in (400, 403, 405, 406, 407, 409, 413)],
        (401, "unauthorized"),
    ],
)
@pytest.mark.either
def test_every_status_code_leaves_what_was_known_and_says_why(
    sim: Simulator, status: int, expected: str
) -> None:
    ask(sim.seed_example_id)
    sim.fault(Fault(kind="status", status=status, path="/backups/"))
    ask(sim.seed_example_id)
    row = one(sim.seed_example_id)
    assert (row.status, row.claimed_until) == ("error", None)
    assert row.next_refresh_at > timezone.now()
    error = row.error or cloud_error()
    assert (error["class"], error["http_status"]) == (expected, status)
    assert error["message"]
    sim.clear_faults()
    ask(sim.seed_example_id)
    assert (one(sim.seed_example_id).error, Cloud.objects.get(pk="otc").error) == (None, None)


def test_a_cloud_that_is_down_loses_nothing(sim: Simulator) -> None:
    sim.stop()
    ask(sim.seed_example_id, str(uuid.uuid4()))
    assert set(Backup.objects.values_list("status", "claimed_until", "refreshed_at")) == {
        (None, None, None)
    }
    assert cloud_error()["class"] == "unavailable"


def test_a_refused_sign_in_is_not_repeated(sim: Simulator) -> None:
    sim.fault(Fault(kind="refused_sign_in"))
    tracking.add(cloud="otc", values=[sim.seed_example_id], now=timezone.now())
    for _ in range(3):
        single_gets.refresh_due("otc")
        Backup.objects.update(next_refresh_at=timezone.now())
    assert len([call for call in sim.requests if call.method == "POST"]) == 1
    cloud = Cloud.objects.get(pk="otc")
    assert (cloud_error()["class"], one(sim.seed_example_id).error) == ("unauthorized", None)
    assert registry.is_sign_in_paused(cloud, timezone.now())
    assert not registry.is_sign_in_paused(cloud, timezone.now() + timedelta(hours=1, seconds=1))


def test_an_expired_token_is_renewed_once(sim: Simulator) -> None:
    ask(sim.seed_example_id)
    sim.fault(Fault(kind="expired_token"))
    ask(sim.seed_example_id)
    assert one(sim.seed_example_id).error is None
    assert one(sim.seed_example_id).unchanged_polls == 1  # it was answered
    assert len([call for call in sim.requests if call.method == "POST"]) == 2


def test_a_claim_is_taken_once_and_runs_out(sim: Simulator) -> None:
    now = timezone.now()
    tracking.add(cloud="otc", values=[sim.seed_example_id], now=now)
    assert [str(one) for one in claim_due("otc", now, most=5).ids] == [sim.seed_example_id]
    assert claim_due("otc", now, most=5).ids == []
    later = now + CLAIM + timedelta(seconds=1)
    assert [str(one) for one in claim_due("otc", later, most=5).ids] == [sim.seed_example_id]


def test_an_unchanged_answer_writes_no_body(sim: Simulator) -> None:
    ask(sim.seed_example_id)
    received = Body.objects.get().received_at
    ask(sim.seed_example_id)
    assert Body.objects.get().received_at == received
    assert one(sim.seed_example_id).unchanged_polls == 1


def test_following_tracks_what_the_cloud_lists(sim: Simulator, settings: Any) -> None:
    made = sim.create(VOLUME, seconds=60)
    registry.ensure_rows()
    list_sweep.sweep("otc")
    assert Backup.objects.count() == 0
    settings.CLOUDS = {"otc": replace(settings.CLOUDS["otc"], follow="all")}
    list_sweep.sweep("otc")
    assert {str(pk) for pk in Backup.objects.values_list("pk", flat=True)} == {
        made,
        sim.seed_example_id,
    }
