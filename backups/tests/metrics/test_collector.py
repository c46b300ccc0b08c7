"""What a Prometheus gets: the contract's names with true values, and no more than
its token may see.
"""

import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from backups.edits import tokens
from backups.models import Backup, Cloud, CloudCalls, Heartbeat, Policy, Process, Run, Volume
from backups.refresh import housekeeping
from backups.shared import processes
from backups.tests.accounts import make_operator
from backups.tests.otc import configure, silent
from backups.tests.policy_rows import disk_row, members, policy, read_policies, run

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
COSTS = {
    "cpu_seconds_total": 2.5,
    "resident_memory_bytes": 6e7,
    "start_time_seconds": 1.7e9,
    "open_fds": 20.0,
}
LABELS = (
    *("cloud", "volume_id", "name", "status", "protection", "tracking_state", "outcome", "class"),
    *("part", "host", "pid", "schedule", "policy"),
)
Scraped = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture(autouse=True)
def two_clouds(settings: Any, tmp_path: Path) -> None:
    configure(settings, tmp_path, silent("otc", vbs_follow="all") | silent("other"))


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def known(now: datetime) -> datetime:
    """Two clouds; `otc` answered a minute ago, `other` refuses; three
    disks with different fates.
    """
    heard = {"last_good_at": now, "attempted_at": now, "backups_listed_at": now, "follow": "all"}
    budget = {"minute": now.replace(second=0, microsecond=0), "calls_this_minute": 150}
    Cloud.objects.create(name="otc", **heard, **budget)
    error = {
        "class": "unauthorized",
        "http_status": 401,
        "code": None,
        "message": "no",
        "since": "2026-01-01T00:00:00Z",
    }
    Cloud.objects.create(
        name="other", attempted_at=now, error=error, last_good_at=now - DAY, follow="none"
    )
    CloudCalls.objects.create(cloud_id="otc", class_name="ok", n=1234)
    CloudCalls.objects.create(cloud_id="other", class_name="unauthorized", n=7)
    good = backup(now, volume="disk-1", status="available", made=now - DAY / 2)
    older = backup(now, volume="disk-2", status="available", made=now - 3 * DAY)
    backup(now, volume="disk-2", status="error", made=now - DAY)
    backup(now, volume="disk-1", status="creating", made=now - timedelta(minutes=5))
    Backup.objects.create(id=uuid.uuid4(), cloud_id="other", tracked_at=now)
    volume(
        "disk-1",
        now,
        last_good=good,
        last_good_at=now - DAY / 2,
        late_at=now + DAY,
        name='db "01"\n',
        chain_size_mb=642,
    )
    volume(
        "disk-2",
        now,
        last_good=older,
        last_good_at=now - 3 * DAY,
        late_at=now - 2 * DAY,
        chain_size_mb=8,
    )
    volume("disk-3", now, label="never", name="web")
    volume("disk-4", now, exempt_reason="scratch")
    promise(now)
    Process.objects.create(host="h", pid=2, part="worker", at=now, figures=COSTS)
    Heartbeat.objects.create(part="scheduler", at=now)
    return now


def promise(now: datetime) -> None:
    """A policy that has two of the disks, one that is off, and what came of runs."""
    read_policies("otc", at=now)
    nightly = policy(1, name="nightly", pruned_runs={"made": 100, "skipped": 2})
    policy(2, name="twin", enabled=False)
    policy(3, name="twin", deleted_at=now, pruned_runs={"failed": 1})
    members(nightly, ["disk-1", "disk-2"])
    Volume.objects.filter(volume_id="disk-3").update(schedule_read="none")
    for hours, of_first, of_second in (
        (50, "made", "never_started"),
        (26, "made", "skipped"),
        (2, "never_started", "pending"),
    ):
        for disk, outcome in (("disk-1", of_first), ("disk-2", of_second)):
            run(nightly, disk, now - timedelta(hours=hours), outcome)


def backup(now: datetime, *, volume: str, status: str, made: datetime) -> Backup:
    times = {"tracked_at": now, "refreshed_at": now, "stale_at": now + DAY, "created_at": made}
    return Backup.objects.create(
        id=uuid.uuid4(), cloud_id="otc", volume_id=volume, status=status, **times
    )


def volume(volume_id: str, now: datetime, **words: Any) -> None:
    overdue = {"overdue_at": words["late_at"] + timedelta(hours=2)} if "late_at" in words else {}
    Volume.objects.create(
        cloud_id="otc", volume_id=volume_id, first_seen_at=now, listed_backups=0, **overdue, **words
    )


def key(**words: Any) -> str:
    user, _ = User.objects.get_or_create(username="prometheus")
    return tokens.create(user=user, read_only=True, now=timezone.now(), **words).key


def scrape(client: Client, **words: Any) -> Scraped:
    """Every series by name and label values, as the OpenMetrics parser reads them."""
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {key(**words)}"})
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (
        200,
        "application/openmetrics-text",
    )
    found: Scraped = {}
    for family in text_string_to_metric_families(answer.content.decode()):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            labels = tuple(sample.labels[name] for name in LABELS if name in sample.labels)
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_the_names_of_the_contract_hold_what_the_database_holds(
    client: Client, known: datetime
) -> None:
    found = scrape(client)
    assert found["vbsdash_backups"] == {
        ("otc", "available"): 2,
        ("otc", "creating"): 1,
        ("otc", "error"): 1,
        ("other", "not_seen"): 1,
    }
    volumes = {labels: n for labels, n in found["vbsdash_volumes"].items() if n}
    assert volumes == {("otc", word): 1 for word in ("protected", "overdue", "never", "exempt")}
    assert found["vbsdash_cloud_up"] == {("otc",): 1, ("other",): 0}
    assert found["vbsdash_cloud_requests_total"] == {
        ("otc", "ok"): 1234,
        ("other", "unauthorized"): 7,
    }
    assert (
        found["vbsdash_cloud_breaker_open"]["otc",],
        found["vbsdash_cloud_paused"]["other",],
    ) == (0, 0)
    assert found["vbsdash_refresh_lag_seconds"] == {("otc",): 0, ("other",): 0}
    assert found["vbsdash_chain_size_bytes"] == {("otc",): 650 * 1024 * 1024}


def test_each_disk_that_counts_has_its_series_and_a_stamp_only_if_it_has_a_backup(
    client: Client, known: datetime
) -> None:
    found = scrape(client)
    one, two, three = (
        ("otc", "disk-1", 'db "01"\n'),
        ("otc", "disk-2", ""),
        ("otc", "disk-3", "never"),
    )
    stamps = found["vbsdash_volume_last_good_timestamp_seconds"]
    assert {labels: round(at) for labels, at in stamps.items()} == {
        one: round((known - DAY / 2).timestamp()),
        two: round((known - 3 * DAY).timestamp()),
    }
    assert found["vbsdash_volume_protected"] == {one: 1, two: 0, three: 0}
    assert found["vbsdash_volume_never_backed_up"] == {three: 1}
    assert found["vbsdash_volume_last_outcome_good"] == {one: 1, two: 0}


def test_a_disk_of_which_nothing_is_known_is_neither_protected_nor_not(
    client: Client, known: datetime
) -> None:
    Cloud.objects.filter(name="otc").update(last_good_at=known - DAY)
    found = scrape(client)
    assert "vbsdash_volume_protected" not in found
    assert "vbsdash_volume_never_backed_up" not in found
    assert found["vbsdash_volumes"]["otc", "unknown"] == 3


def test_what_flies_and_how_the_last_ones_ended_is_told_by_cloud(
    client: Client, known: datetime
) -> None:
    found = scrape(client)
    assert found["vbsdash_backups_in_flight"] == {("otc",): 1, ("other",): 0}
    assert 300 <= found["vbsdash_in_flight_oldest_age_seconds"]["otc",] < 360
    newest = {
        labels: round(at) for labels, at in found["vbsdash_last_backup_timestamp_seconds"].items()
    }
    assert newest == {
        ("otc", "good"): round((known - DAY / 2).timestamp()),
        ("otc", "failed"): round((known - DAY).timestamp()),
    }
    assert found["vbsdash_backups_tracking"]["otc", "fresh"] == 4
    assert found["vbsdash_backups_tracking"]["other", "pending"] == 1


def test_a_token_of_one_cloud_gets_the_series_of_that_cloud_alone(
    client: Client, known: datetime
) -> None:
    found = scrape(client, clouds=["other"])
    named = {
        labels[0] for name, rows in found.items() if name.startswith("vbsdash_") for labels in rows
    }
    assert named == {"other"}


def test_disks_can_be_switched_off(client: Client, known: datetime, settings: Any) -> None:
    settings.METRICS_PER_DISK = False
    assert [name for name in scrape(client) if name.startswith("vbsdash_volume_")] == []


def test_processes_are_those_that_were_heard_of_lately(client: Client, known: datetime) -> None:
    ended = Process(
        host="h", pid=1, part="worker", at=known - DAY, figures={"cpu_seconds_total": 1.0}
    )
    ended.save()
    found = scrape(client)
    assert found["vbsdash_process_cpu_seconds_total"]["worker", "h", "2"] == 2.5
    assert ("worker", "h", "1") not in found["vbsdash_process_cpu_seconds_total"]
    assert found["process_resident_memory_bytes"][()] > 10_000_000


def test_a_process_notes_what_it_costs_at_most_every_15_seconds(now: datetime) -> None:
    processes._noted = -1000.0
    processes.note("web", now)
    processes.note("web", now + timedelta(seconds=1))
    [noted] = processes.running(now)
    assert (noted.part, noted.figures["resident_memory_bytes"] > 10_000_000) == ("web", True)
    assert Process.objects.get().at == now


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (None, "Write: Authorization: Bearer KEY."),
        ("Basic dTpw", "Write: Authorization: Bearer KEY."),
        ("Bearer vbs_wrong", "This token is not known."),
    ],
)
def test_without_a_token_nothing_is_told(client: Client, header: str | None, sentence: str) -> None:
    client.force_login(make_operator("operator"))  # a session is no token
    answer = client.get("/metrics", headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.content.decode().startswith(sentence)


def test_who_asks_for_plain_text_alone_gets_the_older_format(
    client: Client, known: datetime
) -> None:
    headers = {"Authorization": f"Token {key()}", "Accept": "text/plain;version=0.0.4"}
    answer = client.get("/metrics", headers=headers)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# EOF" not in answer.content.decode()


def test_nothing_tracked_and_nothing_known_is_an_empty_scrape_and_no_error(client: Client) -> None:
    found = scrape(client)
    assert {labels[0] for labels in found["vbsdash_volumes"]} == {"otc", "other"}
    assert set(found["vbsdash_volumes"].values()) == {0}


def test_a_scrape_asks_the_database_as_often_for_one_disk_as_for_four(
    client: Client, known: datetime, django_assert_num_queries: Any
) -> None:
    headers = {"Authorization": f"Bearer {key()}"}
    client.get("/metrics", headers=headers)
    for _ in range(2):
        with django_assert_num_queries(QUERIES):
            client.get("/metrics", headers=headers)
        Volume.objects.exclude(volume_id="disk-1").delete()
        Backup.objects.exclude(volume_id="disk-1").delete()


QUERIES = 21


def test_promised_runs_are_counted_by_policy_and_outcome(client: Client, known: datetime) -> None:
    scraped = scrape(client)
    runs = scraped["vbsdash_runs_total"]
    assert runs["otc", "made", "nightly"] == 100 + 2
    assert runs["otc", "skipped", "nightly"] == 2 + 1
    # One that never started may yet have started late, for a day.
    assert runs["otc", "never_started", "nightly"] == 1
    assert ("otc", "pending", "nightly") not in runs
    assert runs["otc", "failed", "twin (policy-3)"] == 1
    last_day = scraped["vbsdash_runs_last_day"]
    assert last_day["otc", "never_started", "nightly"] == 1
    assert last_day["otc", "pending", "nightly"] == 1
    assert last_day["otc", "made", "nightly"] == 0
    assert ("otc", "made", "twin (policy-3)") not in last_day
    enabled = scraped["vbsdash_policy_enabled"]
    assert enabled == {("otc", "nightly"): 1, ("otc", "twin (policy-2)"): 0}


def test_disks_are_told_by_their_schedule(client: Client, known: datetime) -> None:
    scraped = scrape(client)
    scheduled = {labels[1]: value for labels, value in scraped["vbsdash_volume_scheduled"].items()}
    assert sorted(scheduled.values()) == [0, 1, 1]
    counts = scraped["vbsdash_volumes_by_schedule"]
    words = ("scheduled", "off", "none", "unknown")
    assert [counts["otc", word] for word in words] == [2, 0, 1, 0]
    assert [counts["other", word] for word in words] == [0, 0, 0, 0]
    # Once the policies were not read for hours, nobody can say.
    Cloud.objects.update(policies_read_at=known - DAY)
    scraped = scrape(client)
    assert scraped["vbsdash_volumes_by_schedule"]["otc", "unknown"] == 3
    assert "vbsdash_volume_scheduled" not in scraped


def test_a_counter_of_runs_does_not_go_back_when_rows_are_pruned(
    client: Client, known: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "ROWS_PER_DELETE", 2)
    monkeypatch.setattr(housekeeping, "PAUSE_S", 0)
    Run.objects.update(slot_at=F("slot_at") - 39 * DAY)
    before = scrape(client)["vbsdash_runs_total"]
    housekeeping.prune(known)
    assert Run.objects.count() == 2
    assert scrape(client)["vbsdash_runs_total"] == before
    housekeeping.prune(known + DAY)
    assert not Run.objects.exists()
    assert scrape(client)["vbsdash_runs_total"] == before


def test_a_run_that_two_services_show_is_counted_once(client: Client, known: datetime) -> None:
    before = scrape(client)["vbsdash_runs_total"]
    nightly = Policy.objects.get(name="nightly")
    disk_row("disk-1", cloud="other", also_under="otc", counted_under="otc")
    twin = Volume.objects.get(cloud="other", volume_id="disk-1")
    Run.objects.create(
        volume=twin, policy=nightly, slot_at=known - timedelta(hours=50), outcome="made"
    )
    assert scrape(client)["vbsdash_runs_total"] == before


def test_a_service_that_ended_is_told(client: Client, known: datetime) -> None:
    assert scrape(client)["vbsdash_cloud_service_ended"] == {("otc",): 0, ("other",): 0}
    Cloud.objects.filter(pk="other").update(service_ended_at=known)
    assert scrape(client)["vbsdash_cloud_service_ended"] == {("otc",): 0, ("other",): 1}
