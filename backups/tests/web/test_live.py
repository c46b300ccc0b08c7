"""When a page that keeps itself up to date is answered anew: by what it shows, not by what a
refresh has touched.
"""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backups.models import Backup, Cloud, Role, Volume
from backups.models.data_version import data_changed, data_touched
from backups.tests.accounts import make_account
from backups.tests.otc import configure, silent
from backups.web.live import count_passed

pytestmark = pytest.mark.django_db
PATHS = ("/", "/backups/", "/backups/?status=available", "/volumes/", "/failures/")
ONE_BACKUP = f"/backups/{uuid.UUID(int=1)}/"


@pytest.fixture(autouse=True)
def estate(settings: Any, tmp_path: Any) -> None:
    """A cloud that answered a moment ago; sixty backups, one of which is on no first page."""
    configure(settings, tmp_path, silent("otc", vbs_follow="all"))
    now = timezone.now()
    Cloud.objects.create(
        name="otc", last_good_at=now, attempted_at=now, backups_listed_at=now, follow="all"
    )
    rows = []
    for number in range(60):
        made = now - timedelta(hours=number + 1)
        rows.append(
            Backup(
                id=uuid.UUID(int=number + 1),
                cloud_id="otc",
                volume_id="d-0",
                name=f"b{number}",
                status="available",
                kind="full",
                created_at=made,
                tracked_at=now,
                refreshed_at=now - timedelta(minutes=9),
                stale_at=now + timedelta(days=1),
            )
        )
    Backup.objects.bulk_create(rows)
    Volume.objects.create(cloud_id="otc", volume_id="d-0", first_seen_at=now, listed_backups=60)
    data_changed()


def person(name: str, role: Role = Role.OPERATOR) -> Client:
    client = Client()
    client.force_login(make_account(name, role=role))
    return client


class Page:
    """A page that a browser has open."""

    def __init__(self, client: Client, path: str) -> None:
        self._client = client
        self._path = path
        self._note(client.get(path).content.decode())

    def _note(self, text: str) -> None:
        [self.etag] = re.findall(r'data-etag="([^"]*)"', text)

    def poll(self) -> int:
        headers = {"HX-Request": "true", "If-None-Match": f'"{self.etag}"'}
        answer = self._client.get(self._path, headers=headers)
        if answer.status_code == 200:
            self._note(answer.content.decode())
        return answer.status_code


def touch(**which: Any) -> None:
    """Does what a refresh does to backups that it finds unchanged."""
    now = timezone.now()
    Backup.objects.filter(**which).update(
        refreshed_at=now, attempted_at=now, stale_at=now + timedelta(days=1)
    )
    Cloud.objects.update(last_good_at=now, attempted_at=now)
    data_touched()


@pytest.mark.parametrize("path", [*PATHS, "/volumes/otc/d-0/", ONE_BACKUP, "/volumes/loss/"])
def test_backups_elsewhere_that_were_only_found_unchanged_make_no_new_page(
    clock: Any, path: str
) -> None:
    page = Page(person("one"), path)
    clock.shift(7)
    touch(name="b59")
    assert [page.poll(), page.poll()] == [304, 304]


def test_a_row_that_was_asked_about_again_is_shown_with_its_new_age() -> None:
    page = Page(person("one"), "/backups/")
    touch(name="b3")
    assert [page.poll(), page.poll()] == [200, 304]


def test_home_tells_within_a_minute_that_a_cloud_has_answered_again(clock: Any) -> None:
    page = Page(person("one"), "/")
    clock.shift(20)
    touch(name="b59")
    assert page.poll() == 304
    clock.shift(45)
    touch(name="b59")
    assert [page.poll(), page.poll()] == [200, 304]


@pytest.mark.parametrize("path", ["/", "/backups/", "/backups/?tracking_state=fresh", "/volumes/"])
def test_what_turns_stale_is_shown_at_that_very_moment(clock: Any, path: str) -> None:
    Backup.objects.filter(name="b0").update(stale_at=timezone.now() + timedelta(seconds=100))
    data_changed()
    page = Page(person("one"), path)
    clock.shift(99)
    assert page.poll() == 304
    clock.shift(1)
    assert [page.poll(), page.poll()] == [200, 304]


@pytest.mark.parametrize("path", ["/backups/", "/volumes/", ONE_BACKUP])
def test_what_turns_stale_elsewhere_makes_no_new_page(clock: Any, path: str) -> None:
    # The first one that is stale is an incident, whose count stands on each page.
    Backup.objects.filter(name="b58").update(stale_at=timezone.now())
    Backup.objects.filter(name="b59").update(stale_at=timezone.now() + timedelta(seconds=100))
    data_changed()
    page = Page(person("one"), path)
    clock.shift(101)
    assert [page.poll(), page.poll()] == [304, 304]


def test_an_instant_counts_as_passed_from_its_very_microsecond_on() -> None:
    now = datetime(2026, 11, 30, 12, 0, 5, tzinfo=UTC)
    instants = [
        now,
        now - timedelta(days=400),
        now + timedelta(microseconds=1),
        now.replace(hour=0),
    ]
    text = repr({"instants": instants, "name": "datetime.datetime()", "day": now.date()})
    assert count_passed(text, now) == 3
    assert count_passed(text, now + timedelta(microseconds=1)) == 4


@pytest.mark.parametrize("path", PATHS)
def test_a_write_that_a_page_does_not_show_is_looked_at_once_and_makes_no_new_page(
    path: str,
) -> None:
    page = Page(person("one"), path)
    Backup.objects.filter(name="b59").update(storage_path="elsewhere")
    data_changed()
    assert page.poll() == 304
    with CaptureQueriesContext(connection) as asked:
        assert page.poll() == 304
    # Session, account, role, reader, the version of the data, and the clouds.
    assert len(asked) == 6


def test_a_write_that_a_page_shows_makes_a_new_one_for_each_reader() -> None:
    pages = [Page(person(name), "/backups/") for name in ("one", "two")]
    Backup.objects.filter(name="b0").update(status="error")
    data_changed()
    assert [page.poll() for page in pages] == [200, 200]
    assert [page.poll() for page in pages] == [304, 304]


def test_a_page_of_another_reader_is_never_confirmed() -> None:
    operator = Page(person("one"), "/backups/")
    viewer = Page(person("two", Role.VIEWER), "/backups/")
    operator.etag, viewer.etag = viewer.etag, operator.etag
    assert [operator.poll(), viewer.poll()] == [200, 200]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("path", "fewer"), [("/", 19), ("/volumes/", 14), ("/backups/", 4)])
def test_the_second_reader_asks_for_less_and_after_a_write_nobody_does(
    path: str, fewer: int
) -> None:
    clients = [person("one"), person("two")]
    for client in clients:
        client.get("/account/password/")
    data_changed()
    counts = []
    for client in (*clients, clients[0]):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path).status_code == 200
        counts.append(len(asked))
        if len(counts) == 2:
            data_changed()
    assert (counts[0] - counts[1], counts[2] - counts[0]) == (fewer, 0)
