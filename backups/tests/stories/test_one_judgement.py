"""One judgement, one advice: home, a disk's page, those of its backups and the API say of a disk
the same, in the same words.
"""

import re
import uuid
from html import unescape
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.test import Client

from backups.analysis.causes import explain
from backups.models import Backup, Volume
from backups.tests.web.test_home import otc, volume, web

__all__ = ["otc", "web"]
pytestmark = [pytest.mark.either, pytest.mark.django_db]
REASON = "Connection to swift failed: [Errno 111] ECONNREFUSED"


def fail(hours: float) -> dict[str, Any]:
    return {"hours": hours, "status": "error", "fail_reason": REASON}


# Of each disk its backups, and words that only its next step has.
DISKS: dict[str, tuple[tuple[dict[str, Any], ...], str]] = {
    "fails-each-night": (({"hours": 100}, fail(50), fail(26), fail(2)), "object store"),
    "policy-is-off": (({"hours": 100},), "backup policy still runs"),
    "never": ((), "Put it into a backup policy"),
    "never-works": ((fail(30), fail(5)), "object store"),
    "late-and-fails": (({"hours": 25}, fail(1)), "object store"),
    "late": (({"hours": 25},), "before the grace ends"),
    "protected-and-fails": (({"hours": 20}, fail(1)), "object store"),
    "being-made": (
        ({"hours": 100}, fail(30), {"hours": 0.1, "status": "creating", "progress": 5}),
        "a backup is being made now",
    ),
}


def words(client: Client, address: str) -> str:
    page = client.get(address).content.decode()
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def disks(web: Client) -> dict[str, list[Backup]]:
    return {name: volume(name, *backups) for name, (backups, _) in DISKS.items()}


def test_every_place_says_the_same_of_a_disk(web: Client, disks: dict[str, list[Backup]]) -> None:
    told = {
        disk["volume_id"]: disk for disk in web.get("/api/volumes/?limit=500").json()["results"]
    }
    attention = web.get("/api/summary/").json()["attention"]
    of_disks = {item["id"]: item for item in attention if item["what"] == "volume"}
    assert set(of_disks) == {
        *("fails-each-night", "policy-is-off", "never", "never-works", "being-made")
    }
    for name, (_, next_words) in DISKS.items():
        disk = told[name]
        assert next_words in disk["next"], name
        assert ("every try since" in disk["why"]) == (disk["failing_id"] is not None), name
        own_page = words(web, f"/volumes/otc/{name}/")
        assert squeezed(disk["why"]) in own_page, name
        assert squeezed(disk["next"]) in own_page, name
        if name in of_disks:
            item = of_disks[name]
            assert (item["why"], item["next"]) == (disk["why"], disk["next"])
        if disk["failing_id"]:
            page = words(web, f"/backups/{disk['failing_id']}/")
            assert f"Its disk: {disk['protection']}. {squeezed(disk['why'])}" in page
            assert squeezed(disk["next"]) in page
            if name != "being-made":
                assert disk["next"] == explain(status="error", reason=REASON).advice


def test_home_gives_the_advice_of_the_failure_and_not_of_a_policy(
    web: Client, disks: dict[str, list[Backup]]
) -> None:
    page = web.get("/").content.decode()
    cards = re.findall(r'<li id="t-.*?</li>', page, re.DOTALL)
    [failing] = [card for card in cards if "have had no good backup since" in squeezed_html(card)]
    text = squeezed_html(failing)
    assert text.startswith("Overdue 3 disks have had no good backup since")
    assert "could not reach the object store" in text
    assert "policy" not in text


def squeezed_html(html: str) -> str:
    return squeezed(unescape(re.sub(r"<[^>]*>", " ", html)))


def test_the_incidents_of_the_api_count_what_their_lists_hold(
    web: Client, disks: dict[str, list[Backup]]
) -> None:
    volume("moves-not", {"hours": 3}, {"hours": 2, "status": "creating", "progress": 7})
    Backup.objects.filter(volume_id="moves-not", status="creating").update(
        stuck_at=Backup.objects.values_list("created_at", flat=True).first()
    )
    volume("unfollowed", {"hours": 3})
    Volume.objects.filter(volume_id="unfollowed").update(follow=False)
    volume("odd", {"hours": 3}, {"hours": 5, "status": "error_deleting"})
    volume("restored", {"hours": 3}, {"hours": 5, "status": "error_restoring"})
    found = web.get("/api/summary/").json()["incidents"]
    assert [incident["kind"] for incident in found] == [
        *("backups_fail", "no_backups", "no_backups", "restores_fail", "stuck"),
        *("deletions_fail", "unknown"),
    ]
    for incident in found:
        for of in ("volumes", "backups"):
            query = incident[f"{of}_query"]
            assert bool(query) == bool(incident[of]), incident["kind"]
            if query:
                rows = web.get(f"/api/{of}/", dict(parse_qsl(query))).json()["results"]
                assert len(rows) == incident[of], (incident["kind"], of)
        assert incident["next"]
        assert incident["ticket"].startswith(incident["title"])
        for backup_id in incident["backup_ids"]:
            assert uuid.UUID(backup_id)
            assert backup_id in incident["ticket"]
    failing = found[0]
    assert (failing["volumes"], failing["backups"], failing["new"]) == (3, 8, False)
    assert failing["title"].startswith("3 disks have had no good backup: The backup service could")


def test_an_incident_is_new_for_a_day_and_keeps_its_id(web: Client) -> None:
    volume("mail", {"hours": 20}, fail(1))
    [first] = web.get("/api/summary/").json()["incidents"]
    assert (first["new"], first["volumes"], first["backups"]) == (True, 0, 1)
    assert "1 new since yesterday" in words(web, "/")
    volume("mail-2", {"hours": 90}, fail(60), fail(30))
    [grown] = web.get("/api/summary/").json()["incidents"]
    assert grown["id"] == first["id"]
    assert (grown["new"], grown["volumes"], grown["backups"]) == (False, 1, 3)
    assert "new since yesterday" not in words(web, "/")
