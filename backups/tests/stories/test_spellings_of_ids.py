"""An ID is an ID in every spelling: in addresses, filters, bodies and forms."""

import csv
import io
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import override_script_prefix
from django.utils import timezone
from django.utils.http import urlencode

from backups.models import Backup, Cloud, SearchText, Volume
from backups.tests.otc import configure, silent
from backups.tests.vbs.test_id_spellings import ID, NOT_ONE, SPELLINGS

pytestmark = [pytest.mark.either, pytest.mark.django_db]
JSON = "application/json"
# The volume of the backup ID has the same ID. That of OTHER is one that its cloud writes without
# hyphens.
OTHER = str(uuid.UUID(int=9))
HEX_VOLUME = "b23b579f08c84228b9b4673c46f0c442"
HYPHENATED_VOLUME = str(uuid.UUID(HEX_VOLUME))
OTHER_SPELLINGS = [spelling for spelling in SPELLINGS if spelling != ID]
NO_IDS = [text for text in NOT_ONE if text and "/" not in text and "\ud800" not in text]
NO_IDS = [text for text in NO_IDS if len(text) < 1000]


@pytest.fixture
def web(client: Client, settings: Any, tmp_path: Path) -> Client:
    configure(settings, tmp_path, silent("otc"))
    Cloud.objects.create(name="otc")
    now = timezone.now()
    for backup_id, volume_id in ((ID, ID), (OTHER, HEX_VOLUME)):
        row = Backup(
            id=uuid.UUID(backup_id),
            cloud_id="otc",
            volume_id=volume_id,
            snapshot_id=volume_id,
            vm_id=volume_id,
            tenant_id=volume_id,
            tracked_at=now,
            next_refresh_at=None,
        )
        row.save()
        SearchText.objects.put([vars(row)])
        Volume.objects.create(cloud_id="otc", volume_id=volume_id, first_seen_at=now)
    client.force_login(User.objects.create_superuser("operator"))
    return client


def listed(answer: Any, key: str = "id") -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row[key] for row in answer.json()["results"]]


@pytest.mark.parametrize("spelling", OTHER_SPELLINGS)
def test_a_page_is_read_at_its_one_address(web: Client, spelling: str) -> None:
    for path in ("/backups/", "/volumes/otc/"):
        address = f"{path}{quote(spelling)}/"
        for read in (web.get, web.head):
            answer = read(f"{address}?live=off&x=%C3%A4+b")
            assert answer.status_code == 302
            assert answer["Location"] == f"{path}{ID}/?live=off&x=%C3%A4+b"
        assert web.get(address)["Location"] == f"{path}{ID}/"
        assert web.get(f"{path}{ID}/").status_code == 200


@pytest.mark.parametrize("behind", [".", ",", ").", ">", "%3E", "*", "%E3%80%82", "%E2%80%9D;"])
@pytest.mark.parametrize("path", [f"/backups/{ID}/", f"/volumes/a%20b%25/{ID}/", "/backups/", "/"])
@pytest.mark.parametrize("prefix", ["", "/vbs"])
def test_what_a_mail_has_behind_a_link_leads_to_its_page(
    web: Client, prefix: str, path: str, behind: str
) -> None:
    with override_script_prefix(f"{prefix}/"):
        answer = web.get(f"{path}{behind}?a=%26", SCRIPT_NAME=prefix)
    assert (answer.status_code, answer["Location"]) == (302, f"{prefix}{path}?a=%26")
    assert web.post(f"{path}{behind}").status_code == 404


@pytest.mark.parametrize(
    "path", ["/nothing/.", "/backups/x/.", "/api/.", "/-a/", "/.a", "/backups/%00"]
)
def test_what_is_no_page_without_its_punctuation_neither_is_404(web: Client, path: str) -> None:
    assert web.get(path).status_code == 404


@pytest.mark.parametrize("cloud", ["otc", "a b", "Zürich 100%", "a%2Fb", "x;y=1&z#?", "(1)+~@:!"])
@pytest.mark.parametrize("prefix", ["", "/vbs", "/für alle"])
def test_whatever_the_cloud_and_the_prefix_a_redirect_leads_to_the_page(
    web: Client, cloud: str, prefix: str
) -> None:
    now = timezone.now()
    Cloud.objects.get_or_create(name=cloud)
    Volume.objects.get_or_create(cloud_id=cloud, volume_id=ID, defaults={"first_seen_at": now})
    odd = f"/volumes/{quote(cloud)}/{ID.upper()}/?a=%26"
    with override_script_prefix(f"{prefix}/"):
        answer = web.get(odd, SCRIPT_NAME=prefix.encode().decode("latin-1"))
    assert (answer.status_code, answer["Location"][-6:]) == (302, "?a=%26")
    assert unquote(answer["Location"]) == f"{prefix}/volumes/{cloud}/{ID}/?a=&"
    at_home = answer["Location"].removeprefix(quote(prefix))
    with override_script_prefix(f"{prefix}/"):
        assert web.get(at_home).status_code == 200


def test_what_a_form_sends_to_another_spelling_is_done(web: Client) -> None:
    braces = quote(f"{{{ID.upper()}}}")
    noted = web.post(f"/backups/{braces}/labels/", {"note": "kept", "tags": "", "version": "1"})
    assert (noted.status_code, noted["Location"]) == (302, f"/backups/{ID}/")
    assert Backup.objects.get(pk=ID).note == "kept"
    assert web.post(f"/backups/{braces}/refresh/")["Location"] == f"/backups/{ID}/"
    for volume_id, stored in ((braces, ID), (HYPHENATED_VOLUME, HEX_VOLUME)):
        form = {"what": "label", "label": "kept", "version": "1"}
        noted = web.post(f"/volumes/otc/{volume_id}/set/", form)
        assert (noted.status_code, noted["Location"]) == (302, f"/volumes/otc/{stored}/")
        assert Volume.objects.get(volume_id=stored).label == "kept"
        asked = web.post(f"/volumes/otc/{volume_id}/refresh/")
        assert (asked.status_code, asked["Location"]) == (302, f"/volumes/otc/{stored}/")
        assert Backup.objects.exclude(next_refresh_at=None).filter(volume_id=stored).exists()
    assert web.post(f"/backups/{braces}/untrack/").status_code == 302
    assert not Backup.objects.filter(pk=ID).exists()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_api_serves_every_spelling_and_answers_in_one(web: Client, spelling: str) -> None:
    address = f"/api/backups/{quote(spelling)}/"
    answer = web.get(address)
    assert (answer.status_code, answer.json()["id"]) == (200, ID)
    assert web.get(f"{address}revisions/").status_code == 200
    assert web.post(f"{address}refresh/").json() == {"queued": 1}
    assert web.patch(address, {"note": "x"}, content_type=JSON).json()["id"] == ID
    volume_address = f"/api/volumes/otc/{quote(spelling)}/"
    volume = web.get(volume_address)
    assert (volume.status_code, volume.json()["volume_id"]) == (200, ID)
    tag = volume["ETag"]
    edited = web.patch(volume_address, {"label": "x"}, JSON, headers={"If-Match": tag})
    assert (edited.status_code, edited.json()["volume_id"]) == (200, ID)
    assert web.delete(address).status_code == 204


def test_a_volume_that_its_cloud_writes_without_hyphens_is_known_with_them(web: Client) -> None:
    at_home = web.get(f"/volumes/otc/{HEX_VOLUME}/")
    assert at_home.status_code == 200
    for spelling in (HYPHENATED_VOLUME, HYPHENATED_VOLUME.upper(), HEX_VOLUME.upper()):
        assert web.get(f"/volumes/otc/{spelling}/")["Location"] == f"/volumes/otc/{HEX_VOLUME}/"
        answer = web.get(f"/api/volumes/otc/{spelling}/")
        assert (answer.json()["volume_id"], answer["ETag"][:3]) == (HEX_VOLUME, '"1-')
        body = {"cloud": "otc", "volume_id": spelling}
        registered = web.post("/api/volumes/", body, content_type=JSON)
        assert (registered.status_code, registered.json()["volume_id"]) == (200, HEX_VOLUME)
        form = web.post("/volumes/register/", body)
        assert (form.status_code, form["Location"]) == (302, f"/volumes/otc/{HEX_VOLUME}/")
    assert Volume.objects.count() == 2


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_volume_is_registered_under_one_spelling(web: Client, spelling: str) -> None:
    Volume.objects.all().delete()
    Backup.objects.all().delete()  # the ID of a backup is none of a volume
    body = {"cloud": "otc", "volume_id": spelling, "label": "db"}
    assert web.post("/api/volumes/", body, content_type=JSON).status_code == 201
    assert web.post("/api/volumes/", body, content_type=JSON).status_code == 200
    form = web.post("/volumes/register/", body)
    assert (form.status_code, form["Location"]) == (302, f"/volumes/otc/{ID}/")
    assert list(Volume.objects.values_list("volume_id", "label")) == [(ID, "db")]


@pytest.mark.parametrize("unknown", [uuid.UUID(int=5), uuid.UUID(int=0)])
def test_an_id_that_nobody_knows_is_a_404_in_every_spelling(
    web: Client, unknown: uuid.UUID
) -> None:
    for spelling in (str(unknown), unknown.hex.upper(), f"{{{unknown}}}", unknown.urn):
        quoted = quote(spelling)
        for path in ("/backups/", "/api/backups/", "/volumes/otc/", "/api/volumes/otc/"):
            assert web.get(f"{path}{quoted}/").status_code == 404
        assert web.post(f"/api/backups/{quoted}/refresh/").status_code == 404
        assert web.post(f"/volumes/otc/{quoted}/set/", {"what": "note"}).status_code in (400, 404)


@pytest.mark.parametrize("text", NO_IDS)
def test_what_is_no_id_is_no_address(web: Client, text: str) -> None:
    for path in ("/backups/", "/api/backups/"):
        for below in ("", "refresh/", "labels/", "raw/"):
            assert web.get(f"{path}{quote(text)}/{below}").status_code == 404
    assert web.get(f"/volumes/otc/{quote(text)}/").status_code == 404
    assert web.get(f"/api/volumes/otc/{quote(text)}/").status_code == 404


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_list_is_filtered_by_every_spelling(web: Client, spelling: str) -> None:
    for key in ("id", "volume_id", "snapshot_id", "vm_id", "tenant_id", "q"):
        query = urlencode({key: spelling})
        assert listed(web.get(f"/api/backups/?{query}")) == [ID]
        assert listed(web.get(f"/api/backups/?{query}&ordering=volume_id")) == [ID]
        rows = list(csv.DictReader(io.StringIO(text_of(web.get(f"/api/backups.csv?{query}")))))
        assert [row["id"] for row in rows] == [ID]
        page = web.get(f"/backups/?{query}").content.decode()
        assert (f"/backups/{ID}/" in page, f"/backups/{OTHER}/" in page) == (True, False)


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def test_filters_by_several_spellings_are_one_or(web: Client) -> None:
    several = urlencode({"id": [ID.upper(), uuid.UUID(OTHER).urn, ID]}, doseq=True)
    assert sorted(listed(web.get(f"/api/backups/?{several}"))) == sorted([ID, OTHER])
    Backup.objects.filter(pk=OTHER).update(snapshot_id=None)
    or_null = urlencode({"snapshot_id": [f"{{{ID}}}", "null"]}, doseq=True)
    assert sorted(listed(web.get(f"/api/backups/?{or_null}"))) == sorted([ID, OTHER])
    assert listed(web.get("/api/backups/?snapshot_id=null")) == [OTHER]
    assert listed(web.get("/api/backups/?snapshot_id=")) == []


@pytest.mark.parametrize("spelling", [HYPHENATED_VOLUME, HEX_VOLUME.upper(), f"{{{HEX_VOLUME}}}"])
def test_an_id_that_its_cloud_writes_without_hyphens_is_filtered_by(
    web: Client, spelling: str
) -> None:
    for key in ("volume_id", "snapshot_id", "tenant_id"):
        assert listed(web.get("/api/backups/", {key: spelling})) == [OTHER]
    assert listed(web.get("/api/volumes/", {"volume_id": spelling}), "volume_id") == [HEX_VOLUME]
    assert listed(web.get("/api/volumes/", {"q": spelling}), "volume_id") == [HEX_VOLUME]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_volumes_are_filtered_and_set_by_every_spelling(web: Client, spelling: str) -> None:
    for key in ("volume_id", "q"):
        assert listed(web.get("/api/volumes/", {key: spelling}), "volume_id") == [ID]
    query = urlencode({"volume_id": spelling})
    form = {"all": "1", "query": query, "what": "label", "label": "db"}
    assert web.post("/volumes/set/", form).status_code == 302
    form = {"volume": f"otc/{spelling}", "what": "add_tags", "tags": "kept"}
    assert web.post("/volumes/set/", form).status_code == 302
    changed = Volume.objects.filter(label="db")
    assert list(changed.values_list("volume_id", "tags")) == [(ID, ["kept"])]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_many_backups_are_named_by_every_spelling(web: Client, spelling: str) -> None:
    body = {"ids": [spelling, ID]}
    query = urlencode({"volume_id": spelling})
    assert web.post("/api/backups/refresh/", body, content_type=JSON).json() == {"queued": 1}
    filtered = web.post(f"/api/backups/refresh/?{query}", content_type=JSON)
    assert filtered.json() == {"queued": 1}
    tagged = web.post("/api/backups/tag/", {**body, "add": ["a"]}, content_type=JSON)
    assert tagged.json() == {"changed": 1}
    ticked = {"do": "tag", "tag": "b", "id": [spelling, ID]}
    assert web.post("/backups/bulk/", ticked).status_code == 302
    exported = web.post("/backups/bulk/", {"do": "export", "id": [spelling, ID]})
    assert exported["Location"] == f"/api/backups.csv?id={ID}"
    selected = {"do": "tag", "tag": "c", "all": "1", "query": urlencode({"id": spelling})}
    assert web.post("/backups/bulk/", selected).status_code == 302
    assert Backup.objects.get(pk=ID).tags == ["a", "b", "c"]
    assert Backup.objects.get(pk=OTHER).tags == []
    assert web.post("/api/backups/untrack/", body, content_type=JSON).json() == {"untracked": 1}
    assert [str(pk) for pk in Backup.objects.values_list("pk", flat=True)] == [OTHER]


@pytest.mark.parametrize("text", [*NO_IDS, "x" * 5000, "\ud800", "a\x00"])
def test_a_body_with_what_is_no_id_is_refused_by_its_place(web: Client, text: str) -> None:
    for path in ("refresh", "tag", "untrack"):
        body = {"ids": [ID, text]} | ({"add": ["x"]} if path == "tag" else {})
        answer = web.post(f"/api/backups/{path}/", body, content_type=JSON)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["ids.1"])
    assert Backup.objects.count() == 2
    assert Backup.objects.get(pk=ID).tags == []


@pytest.mark.parametrize("text", NO_IDS)
def test_a_filter_with_what_is_no_id_is_refused_or_finds_nothing(web: Client, text: str) -> None:
    answer = web.get("/api/backups/", {"id": text})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["id"])
    assert listed(web.get("/api/backups/", {"volume_id": text})) == []


def test_a_letter_of_another_script_is_named_in_filters_and_bodies(web: Client) -> None:
    cyrillic = ID.replace(ID[-1], "а")
    place = cyrillic.index("а") + 1
    sentence = f"“а” at place {place} is CYRILLIC SMALL LETTER A (U+0430), not “a”."
    asked = web.get("/api/backups/", {"id": cyrillic})
    assert sentence in asked.json()["errors"]["id"][0]
    sent = web.post("/api/backups/refresh/", {"ids": [cyrillic]}, content_type=JSON)
    assert sent.json()["errors"] == {"ids.0": [f"Not a backup ID: {sentence}"]}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_admin_finds_every_spelling(web: Client, spelling: str) -> None:
    page = web.get("/admin/backups/backup/", {"q": spelling}).content.decode()
    assert (f"/{ID}/change/" in page, f"/{OTHER}/change/" in page) == (True, False)
    assert f"/{OTHER}/change/" in web.get("/admin/backups/backup/?q=").content.decode()


def test_a_saved_view_keeps_what_was_written_and_finds_it(web: Client) -> None:
    query = urlencode({"volume_id": f"{{{ID.upper()}}}"})
    body = {"query": query, "is_default": True}
    assert web.put("/api/views/mine/", body, content_type=JSON).status_code in (200, 201)
    page = web.get("/backups/", follow=True)
    assert f"/backups/{ID}/" in page.content.decode()
    assert f"/backups/{OTHER}/" not in page.content.decode()


@pytest.mark.parametrize(
    ("zone", "status"),
    [("America/New York", 200), ("Etc/GMT 5", 200), ("etc/gmt+5", 200), ("GMT+5 or so", 400)],
)
def test_a_zone_may_have_lost_its_plus_or_its_underscore(
    web: Client, zone: str, status: int
) -> None:
    assert web.get("/api/summary/", {"zone": zone}).status_code == status
