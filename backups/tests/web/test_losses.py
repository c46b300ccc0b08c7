"""If it burned now: on a disk's page, in the list, by tag, and in the API."""

import re
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backups.derived import volumes
from backups.edits import volume_edits
from backups.edits.common import Actor
from backups.models import Backup, Cloud, Role, Volume
from backups.tests.accounts import make_account, make_operator

pytestmark = [pytest.mark.either, pytest.mark.django_db]
URL = "/volumes/loss/"


@pytest.fixture(autouse=True)
def otc() -> None:
    now = timezone.now()
    Cloud.objects.create(
        name="otc", last_good_at=now, attempted_at=now, backups_listed_at=now, follow="all"
    )


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


def volume(volume_id: str, *hours_ago: float, known_days: float = 40, tags: str = "") -> None:
    """A disk with a good backup at each of these hours before now."""
    now = timezone.now()
    rows = []
    for hours in hours_ago:
        row = Backup(
            id=uuid.uuid5(uuid.NAMESPACE_OID, f"{volume_id} {hours}"),
            cloud_id="otc",
            volume_id=volume_id,
            status="available",
            outcome="good",
            kind="full",
            created_at=now - timedelta(hours=hours),
            tracked_at=now - timedelta(hours=hours),
            refreshed_at=now,
            stale_at=now + timedelta(hours=1),
        )
        rows.append(row)
    Backup.objects.bulk_create(rows)
    Volume.objects.create(
        cloud_id="otc",
        volume_id=volume_id,
        first_seen_at=now - timedelta(days=known_days),
        listed_backups=len(rows),
    )
    volumes.derive("otc", [volume_id], now)
    if tags:
        volume_edits.set_tags([("otc", volume_id)], tags.split(), actor=Actor("x", now))


def backup_of(volume_id: str, hours: float) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{volume_id} {hours}"))


def words(answer: Any) -> str:
    text = re.sub(r"<[^>]*>", "", answer.content.decode())
    return " ".join(text.split())


def block(client: Client, volume_id: str) -> str:
    """What the disk's page says under "If it burned now"."""
    return words(client.get(f"/volumes/otc/{volume_id}/")).split("If it burned now", 1)[1][:500]


def rows_of(client: Client) -> Mapping[str, str]:
    """The rows of the table, by their first word."""
    body = client.get(URL).content.decode().split("<tbody>", 1)[1].split("</tbody>", 1)[0]
    rows = {}
    for row in re.findall(r"<tr>.*?</tr>", body, re.DOTALL):
        first, *rest = re.sub(r"<[^>]*>", " ", row).split()
        rows[first] = " ".join(rest)
    return rows


def test_a_disk_page_says_what_would_be_lost_and_links_the_restore_point(web: Client) -> None:
    volume("db", 14, 38, 89, known_days=3.6)
    said = block(web, "db")
    assert "14 h of data would be lost; the rule allows 1 day 2 h." in said
    assert "Worst gap of the 3 days that are known: 2 days 3 h, between the backup of" in said
    page = web.get("/volumes/otc/db/").content.decode()
    burned = page.split('id="burned"', 1)[1].split("</section>", 1)[0]
    linked = re.findall(r'href="/backups/([0-9a-f-]*)/"', burned)
    assert linked == [backup_of("db", 14), backup_of("db", 89), backup_of("db", 38)]


def test_a_disk_that_was_never_backed_up_would_be_lost_whole(web: Client) -> None:
    volume("empty", known_days=10)
    said = block(web, "empty")
    assert "All of it would be lost: no backup that could be restored is known." in said
    assert "Worst gap of the 10 days that are known: 10 days, since the disk was first seen" in said


def test_what_is_not_followed_is_said_to_be_not_known_and_never_zero(web: Client) -> None:
    volume("db", 14, known_days=1)
    volume_edits.set_follow([("otc", "db")], False, actor=Actor("x", timezone.now()))
    said = block(web, "db")
    assert "14 h of data would be lost, as far as is known; the rule allows 1 day 2 h." in said
    assert "New backups are not followed, so a newer one may be there" in said
    one = web.get("/api/volumes/otc/db/").json()
    assert (one["loss"]["sure"], one["loss"]["seconds"]) == (False, 14 * 3600)
    Backup.objects.update(tracked_at=timezone.now() - timedelta(days=2))
    assert web.get("/api/volumes/otc/db/").json()["worst_gap"] is None
    assert "Worst gap of 90 days: not known, because new backups are not followed." in block(
        web, "db"
    )


def test_the_list_of_disks_has_both_as_columns(web: Client) -> None:
    volume("db", 30, 100, 124, known_days=5)
    volume("empty")
    page = web.get("/volumes/").content.decode()
    rows = re.findall(r"<tr.*?</tr>", page.split("<tbody", 1)[1], re.DOTALL)
    texts = [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]
    assert "30 h of 1 day 2 h 2 days 22 h" in texts[0]
    assert "all of it 40 days goes on" in texts[1]


def test_each_tag_says_its_worst_disk_and_how_many_have_no_restore_point(web: Client) -> None:
    volume("fine", 5, tags="gold")
    volume("worse", 50, tags="gold silver")
    volume("empty", tags="silver")
    volume("scratch", 900, tags="gold")
    exempt = Volume.objects.filter(volume_id="scratch")
    exempt.update(exempt_reason="scratch")
    rows = rows_of(web)
    assert list(rows) == ["all", "gold", "silver"]
    assert rows["all"].startswith("disks 3 2 d worse ")
    assert rows["gold"].startswith("2 2 d worse ")
    assert rows["silver"].startswith("2 2 d worse ")
    assert [row.split()[-2:] for row in rows.values()] == [["1", "0"], ["0", "0"], ["1", "0"]]
    said = words(web.get(URL))
    assert "If it burned now, 2 d of data would be lost at worst: of worse; 1 disk would" in said


def test_each_number_of_the_table_is_its_list(web: Client) -> None:
    volume("a", 5, tags="gold")
    volume("b", 50, tags="gold")
    volume("c", tags="gold")
    volume("d", 50)
    volume("e", 50, tags="gold")
    volume_edits.set_follow([("otc", "e")], False, actor=Actor("x", timezone.now()))
    Volume.objects.filter(volume_id="a").update(exempt_reason="scratch")
    page = web.get(URL).content.decode()
    links = re.findall(r'href="(/volumes/\?[^"]*protection[^"]*)"[^>]*>(\d+)</a>', page)
    assert len(links) == 7
    for url, number in links:
        listed = web.get(url.replace("&amp;", "&")).content.decode()
        assert (url, listed.count('name="volume"')) == (url, int(number))


def test_nothing_of_a_cloud_that_is_not_open_is_told(client: Client) -> None:
    volume("secret", 50, tags="gold")
    client.force_login(make_account("nobody", role=Role.VIEWER, clouds=[]))
    assert list(rows_of(client)) == ["all"]
    assert "secret" not in words(client.get(URL))


def test_the_api_has_loss_and_worst_gap_with_the_backups_beside_it(web: Client) -> None:
    volume("db", 14, 38, 89)
    now = timezone.now()
    [one] = web.get("/api/volumes/").json()["results"]
    detail = web.get("/api/volumes/otc/db/").json()
    assert {key: detail[key] for key in one} == one
    loss = one["loss"]
    assert (loss["seconds"], loss["allowed_seconds"], loss["sure"]) == (50_400, 93_600, True)
    assert loss["restore_point_id"] == one["last_good_id"] == backup_of("db", 14)
    assert loss["restore_point_at"] == one["last_good_at"]
    at = f"{now:%Y-%m-%dT%H:%M:%S}"
    assert loss["as_of"].startswith(at)
    gap = one["worst_gap"]
    assert gap["known_seconds"] == 40 * 86_400
    assert (gap["from_id"], gap["to_id"]) == (None, backup_of("db", 89))
    assert gap["to"] == (now - timedelta(hours=89)).isoformat().replace("+00:00", "Z")
