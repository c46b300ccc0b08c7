"""Disks that are registered by hand: only what can be one, and they can be removed again."""

import uuid
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backups.clouds import registry
from backups.derived import volumes
from backups.edits import tracking, volume_edits
from backups.edits.common import Actor
from backups.models import AuditEntry, Backup, OutcomeBucket, Role, Volume
from backups.tests.accounts import make_account
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]
DISK, TRACKED, TRASHED = (str(uuid.UUID(int=n)) for n in (9, 1, 2))
JSON = "application/json"
PAGE = f"/volumes/otc/{DISK}/"
CALL = f"/api/volumes/otc/{DISK}/"


@pytest.fixture
def web(client: Client, settings: Any, tmp_path: Path) -> Client:
    """A disk that was registered with a label, by an operator who sees all clouds."""
    configure(settings, tmp_path, silent("otc", vbs_follow="all"))
    registry.ensure_rows()
    client.force_login(make_account("ada", role=Role.OPERATOR))
    answer = client.post(
        "/api/volumes/", {"cloud": "otc", "volume_id": DISK, "label": "tape"}, JSON
    )
    assert answer.status_code == 201
    return client


@pytest.mark.parametrize(
    ("volume_id", "sentence"),
    [
        ("vol-9", "“vol-9” is no ID of a disk: that is a UUID, as 3f1c0c8e-"),
        (TRACKED, f"{TRACKED} is the ID of a backup, and of no disk."),
        (TRASHED, f"{TRASHED} is the ID of a backup, and of no disk."),
    ],
)
def test_only_the_id_of_a_disk_is_taken(web: Client, volume_id: str, sentence: str) -> None:
    tracking.add(cloud="otc", values=[TRACKED, TRASHED], now=timezone.now())
    tracking.untrack([TRASHED])
    form = {"cloud": "otc", "volume_id": volume_id}
    answer = web.post("/api/volumes/", form, JSON)
    assert answer.status_code == 400
    assert sentence in answer.json()["errors"]["volume_id"][0]
    page = web.post("/volumes/register/", form)
    assert (page.status_code, sentence in unescape(page.content.decode())) == (400, True)
    assert Volume.objects.count() == 1


def test_what_a_cloud_itself_names_is_known_whatever_its_shape(web: Client) -> None:
    Volume.objects.create(cloud_id="otc", volume_id="vol-9", first_seen_at=timezone.now())
    answer = web.post("/api/volumes/", {"cloud": "otc", "volume_id": "vol-9"}, JSON)
    assert answer.status_code == 200


def test_it_can_be_removed_with_all_that_was_set_and_missed(web: Client) -> None:
    now = timezone.now()
    Volume.objects.update(first_seen_at=now - timedelta(days=4))
    volume_edits.set_tags([("otc", DISK)], ["gold"], actor=Actor("ada", now))
    volumes.derive("otc", [DISK], now)
    assert sum(OutcomeBucket.objects.values_list("missed", flat=True)) > 0
    assert "Yes, remove it" in web.get(PAGE).content.decode()
    assert web.post(f"{PAGE}remove/")["Location"] == "/volumes/"
    assert (web.get(PAGE).status_code, Volume.objects.exists()) == (404, False)
    assert sum(OutcomeBucket.objects.values_list("missed", flat=True)) == 0
    entry = AuditEntry.objects.get(verb="volume.remove")
    assert (entry.actor, entry.object_id, entry.before) == ("ada", DISK, {"label": "tape"})


def test_the_api_removes_it_once(web: Client) -> None:
    assert web.delete(f"/api/volumes/otc/{uuid.UUID(DISK).hex}/").status_code == 204
    assert web.delete(CALL).status_code == 404


@pytest.mark.parametrize(
    ("known_by", "sentence"),
    [
        ("backup", "1 backup of it is tracked: untrack it first."),
        ("disks", "Its cloud names it in the list of disks, and would do so again."),
        ("backups", "Its cloud lists backups of it."),
    ],
)
def test_what_more_than_a_person_makes_known_stays(
    web: Client, known_by: str, sentence: str
) -> None:
    now = timezone.now()
    if known_by == "backup":
        Backup.objects.create(id=TRACKED, cloud_id="otc", volume_id=DISK, tracked_at=now)
    elif known_by == "disks":
        Volume.objects.update(listed_at=now)
    else:
        Volume.objects.update(listed_backups=2)
    answer = web.delete(CALL)
    assert (answer.status_code, answer.json()["detail"]) == (409, sentence)
    web.post(f"{PAGE}remove/")
    assert f"This disk stays. {sentence}" in web.get("/account/").content.decode()
    assert Volume.objects.count() == 1
    assert not AuditEntry.objects.filter(verb="volume.remove").exists()


def test_who_does_not_see_its_cloud_cannot_remove_it(web: Client) -> None:
    web.force_login(make_account("eve", role=Role.OPERATOR, clouds=["west"]))
    assert [web.delete(CALL).status_code, web.post(f"{PAGE}remove/").status_code] == [404, 404]
    assert Volume.objects.count() == 1
