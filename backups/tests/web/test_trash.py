"""Untracking asks in red, by name, for many by their number; the trash shows what came of it and
gives it back.
"""

import re
import uuid
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backups.clouds import registry
from backups.edits import tracking
from backups.models import Backup, Role, TrashedBackup, Volume
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.tests.accounts import make_account
from backups.tests.otc import configure, silent
from backups.vbs import payload

pytestmark = [pytest.mark.either, pytest.mark.django_db]
IDS = [str(uuid.UUID(int=n)) for n in range(1, 26)]
SAYS = re.compile(r'role="status">([^<]*)<')


@pytest.fixture
def web(client: Client, settings: Any, tmp_path: Path) -> Client:
    """25 tracked backups of a disk with a name, which the cloud has answered for."""
    configure(settings, tmp_path, silent("otc", "west"))
    registry.ensure_rows()
    now = timezone.now()
    tracking.add(cloud="otc", values=IDS, now=now)
    answers = []
    for number, backup_id in enumerate(IDS, start=1):
        body = {"id": backup_id, "name": f"night-{number:02}", "status": "available"}
        answers.append(
            Fetched(uuid.UUID(backup_id), now, payload.receive({**body, "volume_id": "disk-1"}))
        )
    apply("otc", answers)
    Volume.objects.update(name="db-prod-01")
    client.force_login(make_account("ada", role=Role.OPERATOR))
    return client


def text_of(page: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.content.decode())).split())


def bulk(web: Client, ids: list[str], **more: str) -> Any:
    return web.post("/backups/bulk/", {"do": "untrack", "id": ids, **more})


def untracked(web: Client, ids: list[str]) -> str:
    """Untracks them, and returns the act that the message offers to take back."""
    bulk(web, ids, sure="1", typed=str(len(ids)))
    page = web.get("/account/").content.decode()
    acts: list[str] = re.findall(r'name="act" value="([^"]+)"', page)
    return acts[0]


def test_the_page_names_what_is_meant_and_where_it_goes(web: Client) -> None:
    page = bulk(web, IDS[:2])
    text = text_of(page)
    for part in ("Untrack 2 backups?", "night-01", "night-02", "db-prod-01", "For 30 days"):
        assert part in text
    assert 'class="btn btn-danger"' in page.content.decode()
    assert "night-03" not in text
    assert 'name="typed"' not in page.content.decode()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Type the number 25 to show that you mean all of them."),
        ("24", "“24” is not their number: these are 25."),
        ("all", "“all” is not their number: these are 25."),
    ],
)
def test_of_more_than_20_the_number_has_to_be_typed(web: Client, typed: str, sentence: str) -> None:
    asked = bulk(web, IDS)
    assert "Type their number, 25, to go on" in text_of(asked)
    refused = bulk(web, IDS, sure="1", typed=typed)
    assert (refused.status_code, sentence in text_of(refused)) == (400, True)
    assert Backup.objects.count() == 25
    assert bulk(web, IDS, sure="1", typed=" 25 ").status_code == 302
    assert Backup.objects.count() == 0


def test_what_matches_more_by_now_is_asked_about_once_more(web: Client) -> None:
    Backup.objects.exclude(pk__in=IDS[:3]).delete()
    everything = {"do": "untrack", "all": "1", "query": "view=all", "sure": "1"}
    page = web.post("/backups/bulk/", {**everything, "n": "2"})
    assert (page.status_code, "There are 3 by now" in text_of(page)) == (400, True)
    assert Backup.objects.count() == 3
    assert web.post("/backups/bulk/", {**everything, "n": "3"}).status_code == 302


def test_the_message_takes_back_what_this_press_untracked(web: Client) -> None:
    untracked(web, IDS[3:5])
    act = untracked(web, IDS[:3])
    answer = web.post("/trash/restore/", {"act": act})
    assert answer["Location"] == "/backups/?view=all"
    assert "3 backups are tracked again, with their history, tags and notes." in SAYS.findall(
        web.get("/account/").content.decode()
    )
    left = TrashedBackup.objects.values_list("backup_id", flat=True)
    assert sorted(map(str, left)) == IDS[3:5]
    web.post("/trash/restore/", {"act": act})
    assert (
        "Nothing was restored: none of these is in the trash."
        in web.get("/account/").content.decode()
    )


def test_one_backup_goes_to_the_trash_and_its_address_leads_back(web: Client) -> None:
    address = f"/backups/{IDS[0]}/"
    web.post(f"{address}untrack/")
    page = web.get(address)
    assert (page.status_code, "ada untracked it" in text_of(page)) == (404, True)
    [pk] = re.findall(r'name="pk" value="(\d+)"', page.content.decode())
    assert web.post("/trash/restore/", {"pk": pk})["Location"] == address
    assert web.get(address).status_code == 200


def test_what_is_in_the_trash_is_nowhere_else(web: Client) -> None:
    untracked(web, IDS[1:])
    for path in ("", "raw/", "revisions/"):
        assert web.get(f"/api/backups/{IDS[1]}/{path}").status_code == 404
    assert [row["id"] for row in web.get("/api/backups/").json()["results"]] == IDS[:1]
    assert web.get("/api/summary/").json()["backups"]["total"] == 1
    assert web.get("/api/backups.csv").getvalue().count(b"night-") == 1
    volume = web.get("/api/volumes/otc/disk-1/").json()
    assert (volume["tracked"], len(volume["chains"])) == (1, 1)
    ids = web.post("/api/backups/refresh/", {"ids": IDS}, "application/json").json()
    assert ids == {"queued": 1}


def test_the_api_untracks_as_ever_and_adding_again_restores(web: Client) -> None:
    assert web.delete(f"/api/backups/{IDS[0]}/").status_code == 204
    assert web.delete(f"/api/backups/{IDS[0]}/").status_code == 404
    answer = web.post("/api/backups/", {"cloud": "otc", "ids": IDS[:1]}, "application/json")
    expected = {"added": IDS[:1], "already_tracked": [], "invalid": []}
    assert (answer.status_code, answer.json()) == (201, expected)
    assert web.get(f"/api/backups/{IDS[0]}/").json()["name"] == "night-01"


def test_the_list_says_who_and_until_when_and_can_be_searched(web: Client) -> None:
    untracked(web, IDS[:2])
    until = timezone.now() + timedelta(days=30)
    page = web.get("/trash/")
    for part in ("night-01", "night-02", "db-prod-01", "by ada", "2 matching"):
        assert part in text_of(page)
    assert page.content.decode().count(f'datetime="{until:%Y-%m-%dT%H:%M:%S}') == 2
    found = text_of(web.get("/trash/", {"q": "NIGHT-02"}))
    assert ("night-02" in found, "night-01" in found) == (True, False)
    assert "Nothing in the trash matches." in text_of(web.get("/trash/", {"by": "bob"}))
    assert web.get("/trash/", {"colour": "red"}).status_code == 400
    assert web.get("/trash/", {"tag": "x"}).status_code == 400


def test_some_or_all_that_match_are_restored(web: Client) -> None:
    untracked(web, IDS[:4])
    pk = TrashedBackup.objects.get(backup_id=IDS[0]).pk
    assert web.post("/trash/restore/", {"pk": [pk, "x"]})["Location"] == f"/backups/{IDS[0]}/"
    web.post("/trash/restore/", {"all": "1", "query": "q=night-03"})
    left = TrashedBackup.objects.values_list("backup_id", flat=True)
    assert sorted(map(str, left)) == [IDS[1], IDS[3]]
    assert web.post("/trash/restore/", {"all": "1", "query": "x=y"}).status_code == 400
    web.post("/trash/restore/", {"all": "1", "query": ""})
    assert not TrashedBackup.objects.exists()


def test_what_stays_because_another_cloud_tracks_it_is_named(web: Client) -> None:
    untracked(web, IDS[:1])
    tracking.add(cloud="west", values=IDS[:1], now=timezone.now())
    web.post("/trash/restore/", {"all": "1", "query": ""})
    assert (
        "Tracked by another cloud meanwhile, so it stays here: night-01."
        in web.get("/trash/").content.decode()
    )


def test_who_sees_another_cloud_only_finds_nothing_here(web: Client) -> None:
    act = untracked(web, IDS[:1])
    web.force_login(make_account("eve", role=Role.OPERATOR, clouds=["west"]))
    assert "The trash is empty" in text_of(web.get("/trash/"))
    assert "night-01" not in text_of(web.get(f"/backups/{IDS[0]}/"))
    for form in ({"act": act}, {"all": "1", "query": ""}, {"pk": TrashedBackup.objects.get().pk}):
        web.post("/trash/restore/", form)
        assert TrashedBackup.objects.count() == 1
