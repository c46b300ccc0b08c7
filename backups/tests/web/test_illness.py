"""The banner of each page: which part of vbsdash does not work, and since when."""

import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from backups.models import Backup, Cloud
from backups.reports import readiness
from backups.reports.readiness import OK, Readiness
from backups.shared.heartbeat import QUEUES, beat
from backups.tests.accounts import make_operator
from backups.tests.otc import configure, silent, track
from backups.tests.waiting import wait_until
from backups.web import illness
from backups.web.illness import Watched

pytestmark = pytest.mark.django_db
WELL = dict.fromkeys(("database", "migrations", "disk", "broker", "scheduler", "worker", "lag"), OK)
BROKER = "The broker cannot be used (nothing comes from it): see CELERY_BROKER_URL."


@pytest.fixture(autouse=True)
def at_half_past_two(clock: time_machine.Traveller) -> None:
    """The banners below say so."""
    clock.move_to(datetime(2026, 11, 25, 14, 30, tzinfo=UTC))


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


def banner(answer: Any) -> str:
    """The words of it."""
    match = re.search(r'<div id="illness" role="status">(.*?)</div>', answer.content.decode(), re.S)
    assert match is not None
    return " ".join(re.sub("<[^>]+>", "", match[1]).split())


@pytest.mark.parametrize("path", ["/", "/backups/", "/clouds/", "/account/", "/volumes/rules/"])
def test_each_page_names_the_part_and_since_when(
    web: Client, clock: time_machine.Traveller, path: str
) -> None:
    broken = Readiness({**WELL, "broker": BROKER})
    illness.note(broken, timezone.now())
    clock.shift(timedelta(minutes=5))
    illness.note(broken, timezone.now())
    assert banner(web.get(path)) == f"Broker, since today 14:30: {BROKER}"
    illness.note(Readiness(WELL), timezone.now())
    assert banner(web.get(path)) == ""


def test_of_several_the_one_that_explains_the_others_is_named(web: Client) -> None:
    now = timezone.now()
    parts = {**WELL, "broker": BROKER, "worker": "No worker.", "lag": "Late."}
    illness.note(Readiness(parts, since={"worker": now - timedelta(hours=1)}), now)
    assert banner(web.get("/")) == f"Broker, since today 14:30: {BROKER} 2 more: /readyz"


def test_what_only_warns_is_shown_as_that(web: Client) -> None:
    state = Readiness(WELL, warnings={"clock": "The clock of this host is 60 s behind."})
    illness.note(state, timezone.now())
    page = web.get("/")
    assert banner(page) == "Clock, since today 14:30: The clock of this host is 60 s behind."
    assert 'class="ill ill-warn"' in page.content.decode()


def test_nobody_reads_of_it_before_signing_in(client: Client) -> None:
    illness.note(Readiness({**WELL, "broker": BROKER}), timezone.now())
    assert "CELERY_BROKER_URL" not in client.get("/accounts/login/").content.decode()


def test_an_open_page_gets_it_with_its_next_poll(web: Client) -> None:
    tag = re.search(r'data-etag="([^"]+)"', web.get("/").content.decode())
    assert tag is not None
    headers = {"HX-Request": "true", "If-None-Match": f'"{tag[1]}"'}
    assert web.get("/", headers=headers).status_code == 304
    illness.note(Readiness({**WELL, "broker": BROKER}), timezone.now())
    answer = web.get("/", headers=headers)
    assert (answer.status_code, banner(answer)) == (200, f"Broker, since today 14:30: {BROKER}")
    assert 'hx-select-oob="#attention-n,#alarms-n,#illness"' in web.get("/").content.decode()


@pytest.fixture
def lively() -> None:
    for part in ("scheduler", *QUEUES):
        beat(part)


def test_a_disk_that_is_nearly_full_is_named(lively: None, client: Client, settings: Any) -> None:
    settings.EMBEDDED_BROKER = True
    assert client.get("/readyz").json()["parts"]["disk"] == "ok"
    settings.LEAST_FREE_BYTES = 2**60
    answer = client.get("/readyz")
    sentence = answer.json()["parts"]["disk"]
    assert answer.status_code == 503
    assert re.fullmatch(
        r"The disk of /\S+ has \d+ MiB left, less than 1099511627776 MiB: make room on it\.",
        sentence,
    )


def test_a_migration_that_is_missing_is_named(lively: None, client: Client) -> None:
    assert client.get("/readyz").json()["parts"]["migrations"] == "ok"
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("backups", "0002_revision_index")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["migrations"] == (
        "The database lacks 1 migration, first backups.0002_revision_index: run manage.py migrate."
    )


def test_a_newer_database_only_warns_as_in_each_rolling_upgrade(
    lively: None, client: Client
) -> None:
    MigrationRecorder(connection).record_applied("backups", "9999_of_tomorrow")
    answer = client.get("/readyz")
    assert answer.json()["parts"]["migrations"] == "ok"
    assert answer.json()["warnings"]["migrations"] == (
        "The database is of a newer version of vbsdash (backups.9999_of_tomorrow) than this "
        "process: start the new version here too."
    )


def test_a_late_cloud_is_named_since_its_oldest_was_due_and_a_silent_one_is_not(
    lively: None, settings: Any, tmp_path: Path
) -> None:
    now = timezone.now()
    configure(settings, tmp_path, silent("otc", "gone"))
    track(["1d1139d8-8989-49d3-8aa1-83eb691e6db2"])
    due_at = now - timedelta(minutes=6)
    Backup.objects.update(next_refresh_at=due_at)
    state = readiness.check(now)
    assert (
        state.parts["lag"]
        == "Backups have been due for over 5 minutes in 1 cloud: see the page Clouds."
    )
    assert state.since["lag"] == due_at
    Cloud.objects.filter(pk="otc").update(attempted_at=now, error={"class": "unavailable"})
    assert readiness.check(now).parts["lag"] == "ok"


@pytest.mark.django_db(transaction=True)
def test_a_web_process_checks_itself_from_its_first_request_on() -> None:
    served: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        served.append(environ["PATH_INFO"])
        return []

    watched = Watched(application)
    before = threading.active_count()
    try:
        for path in ("/", "/backups/"):
            watched({"PATH_INFO": path}, lambda *_: None)
        assert (served, threading.active_count()) == (["/", "/backups/"], before + 1)
        # There is no scheduler beside this test.
        wait_until(lambda: illness.current() is not None)
    finally:
        watched.close()
