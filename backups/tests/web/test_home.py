"""Home: what it says first, and that its numbers are those of the lists behind them."""

import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backups.derived import findings, volumes
from backups.models import Backup, Cloud, Volume
from backups.models.data_version import data_changed
from backups.tests.accounts import make_operator
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def otc(settings: Any, tmp_path: Any) -> None:
    """A configured cloud that answered a moment ago."""
    configure(settings, tmp_path, silent("otc", vbs_follow="all"))
    now = timezone.now()
    Cloud.objects.create(
        name="otc", last_good_at=now, attempted_at=now, backups_listed_at=now, follow="all"
    )


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


def volume(volume_id: str, *backups: dict[str, Any]) -> list[Backup]:
    """A disk with backups; `hours` is how long ago one was made."""
    now = timezone.now()
    rows = []
    for words in backups:
        made = now - timedelta(hours=words.get("hours", 1))
        same = {
            "cloud_id": "otc",
            "volume_id": volume_id,
            "tracked_at": now,
            "refreshed_at": now,
            "kind": "full",
        }
        same |= {
            "created_at": made,
            "updated_at": made,
            "stale_at": now + timedelta(hours=1),
            "status": "available",
        }
        given = {word: value for word, value in words.items() if word != "hours"}
        rows.append(Backup.objects.create(**({"id": uuid.uuid4()} | same | given)))
    Volume.objects.get_or_create(
        cloud_id="otc",
        volume_id=volume_id,
        defaults={"first_seen_at": now, "name": volume_id, "listed_backups": 0},
    )
    findings.note([row.pk for row in rows], now)
    volumes.derive("otc", [volume_id], now)
    return rows


def words(page: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.content.decode())).split())


def todo(page: Any) -> list[tuple[str, str]]:
    """Each incident: what it is about, and its word, in order."""
    found = re.findall(r'<li id="t-.*?</li>', page.content.decode(), re.DOTALL)
    return [
        (
            re.findall(r'class="what">\s*<a[^>]*>\s*<bdi>([^<]*)', one)[0],
            re.findall(r'class="sub">\s*<b[^>]*>([^<]*)<', one)[0],
        )
        for one in found
    ]


def some_of_everything() -> None:
    volume("fine", {"hours": 2})
    volume(
        "db-01",
        {"hours": 80},
        {"hours": 3, "status": "error", "fail_reason": "quota exceeded", "name": "nightly-7"},
    )
    volume("new-disk")
    volume("mail", {"hours": 20}, {"hours": 2, "status": "error", "name": "mail-1"})
    volume("big", {"hours": 5}, {"hours": 1, "status": "creating", "progress": 30, "name": "slow"})
    Backup.objects.filter(name="slow").update(stuck_at=timezone.now() - timedelta(minutes=5))


def test_what_needs_attention_stands_worst_first_with_reason_next_step_and_time(
    web: Client,
) -> None:
    some_of_everything()
    page = web.get("/")
    assert todo(page) == [
        ("disk db-01", "Overdue"),
        ("disk new-disk", "Never"),
        ("backup mail-1", "Failed"),
        ("backup slow", "Stuck"),
    ]
    text = words(page)
    assert "3 of 5 disks are protected. 4 incidents need attention , 4 new since yesterday." in text
    assert re.search(
        r"Worst: disk db-01 has had no good backup since \w+ [\w:]+( \w+)? : A quota of the "
        r"project is used up \. Next: See which quota the reason names\.",
        text,
    )


def test_incidents_can_be_read_by_when_they_began(web: Client) -> None:
    volume("old", {"hours": 200, "status": "error", "name": "old-1"}, {"hours": 300})
    volume("new", {"hours": 60, "status": "error", "fail_reason": "odd"}, {"hours": 70})
    Volume.objects.filter(volume_id="new").update(exempt_reason="scratch")
    data_changed()
    worst_first = todo(web.get("/"))
    assert [word for _, word in worst_first] == ["Overdue", "Failed"]
    page = web.get("/?incidents=newest")
    assert todo(page) == worst_first[::-1]
    assert "worst first</a>" in page.content.decode()


def test_an_order_of_incidents_that_there_is_not_is_refused_by_name(web: Client) -> None:
    page = web.get("/?incidents=oldest")
    assert page.status_code == 400
    assert "incidents : cannot be “oldest”. It can be: newest." in words(page)


def test_a_silent_copy_of_an_incident_stands_in_the_page_for_the_ticket(web: Client) -> None:
    [row, _] = volume(
        "db-01", {"hours": 3, "status": "error", "fail_reason": "a <b> of theirs"}, {"hours": 80}
    )
    page = web.get("/").content.decode()
    [ticket_id] = re.findall(r'data-copy="(ticket-[^"]*)"', page)
    [ticket] = re.findall(rf'<pre id="{ticket_id}"[^>]*><bdi>(.*?)</bdi></pre>', page, re.DOTALL)
    assert f"- {row.pk}: error, made " in unescape(ticket)
    assert "“a <b> of theirs”" in unescape(ticket)
    assert "<b>" not in ticket


def test_a_failure_that_a_good_backup_followed_asks_for_nothing(web: Client) -> None:
    volume("mail", {"hours": 20, "status": "error"}, {"hours": 2})
    assert todo(web.get("/")) == []


def test_every_number_is_the_row_count_of_the_list_it_leads_to(web: Client) -> None:
    some_of_everything()
    volume(
        "odd",
        {"status": "frozen_by_admin"},
        {"status": None},
        {"refreshed_at": None, "stale_at": None, "status": None},
    )
    volume("gone", {"gone_at": timezone.now()})
    Backup.objects.filter(status="frozen_by_admin").update(
        stale_at=timezone.now() - timedelta(minutes=1)
    )
    page = web.get("/").content.decode()
    tiles = re.findall(r'<li>\s*<a href="([^"]*)">\s*<b>([\d,]+)</b>', page)
    bar = re.findall(
        r'<li>\s*<a href="(/volumes/[^"]*)"\s+title="[^"]*">.*?<b>(\d+)</b>', page, re.DOTALL
    )
    assert len(tiles) >= 7
    assert len(bar) >= 3
    for link, n in [*tiles, *bar]:
        listed = web.get(unescape(link)).content.decode()
        rows = re.findall(r'<tr role="row"\s+id="b-|name="volume"', listed)
        assert (link, len(rows)) == (link, int(n))


def test_a_calm_day_has_nothing_red_on_it(web: Client) -> None:
    volume("fine", {"hours": 2})
    page = web.get("/")
    assert "All 1 disk with a rule is protected. Nothing needs attention." in words(page)
    assert not re.search(r"\b(is|st|note|f)-(fail|warn|unk)\b", page.content.decode())


def test_a_cloud_that_does_not_answer_is_said_with_what_is_not_known(web: Client) -> None:
    volume("fine", {"hours": 2})
    since = timezone.now() - timedelta(hours=2)
    error = {
        "class": "unavailable",
        "http_status": None,
        "code": None,
        "message": "It is silent.",
        "since": since.isoformat(),
    }
    Cloud.objects.update(last_good_at=since, error=error)
    page = web.get("/")
    assert todo(page) == [("otc", "Not reachable")]
    assert "otc does not answer since" in words(page)
    assert "1 backup not known now , because otc does not answer" in words(page)
    assert "0 of 1 disk are protected" in words(page)


def test_without_a_backup_the_first_steps_are_shown(web: Client) -> None:
    assert "No backup is tracked yet." in words(web.get("/"))


@pytest.mark.parametrize("path", ["/", "/volumes/", "/volumes/otc/db-01/", "backup"])
def test_a_poll_with_nothing_new_renders_nothing(web: Client, path: str) -> None:
    [row] = volume("db-01", {"hours": 2})
    address = f"/backups/{row.pk}/" if path == "backup" else path
    [tag] = re.findall(r'data-etag="([^"]*)"', web.get(address).content.decode())
    poll = {"HX-Request": "true", "If-None-Match": f'"{tag}"'}
    with CaptureQueriesContext(connection) as asked:
        assert web.get(address, headers=poll).status_code == 304
    assert len(asked) <= 6
    Backup.objects.update(status="error")
    data_changed()
    assert web.get(address, headers=poll).status_code == 200


def test_every_page_names_in_its_navigation_how_many_things_need_attention(
    web: Client, django_assert_num_queries: Any
) -> None:
    volume("db-01", {"hours": 80})

    def read(path: str) -> list[str]:
        return re.findall(r'title="(\d+) incidents?"', web.get(path).content.decode())

    assert read("/account/") == ["1"]
    # Session, user, role, reader, tokens, sessions, views, and two for the alarms that wait: the
    # count of incidents is remembered.
    with django_assert_num_queries(9):
        read("/account/")
    volume("db-02", {"hours": 80}, {"hours": 90, "status": "error_deleting"})
    assert (read("/"), read("/account/")) == (["2"], ["2"])
