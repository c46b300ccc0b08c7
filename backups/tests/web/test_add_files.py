"""What is sent to the form that adds: what is wrong stays in it, files are read as pasted text is,
and the export brings notes and tags along.
"""

import json
import re
import uuid
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from backups.clouds import registry
from backups.edits import backup_edits, tracking
from backups.edits.common import Actor
from backups.edits.pasted_notes import Remarks, read_remarks
from backups.models import AuditEntry, Backup, Role, TrashedBackup
from backups.tests.accounts import make_account
from backups.tests.otc import configure, silent
from backups.web import sent_files

pytestmark = [pytest.mark.either, pytest.mark.django_db]
IDS = [str(uuid.UUID(int=n)) for n in range(1, 5)]
NOTE = 'says "keep it",\nfür Ada'


@pytest.fixture
def web(client: Client, settings: Any, tmp_path: Path) -> Client:
    configure(settings, tmp_path, silent("otc"))
    registry.ensure_rows()
    client.force_login(make_account("ada", role=Role.OPERATOR))
    return client


def left_in_field(page: Any) -> str:
    [text] = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", page.content.decode(), re.DOTALL)
    return unescape(text)


def text_of(page: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.content.decode())).split())


def test_only_what_is_wrong_stays_in_the_field_and_the_added_are_linked(web: Client) -> None:
    form = {"cloud": "otc", "backup_ids": f"{IDS[0]}\n{IDS[1][:-2]}\n{IDS[2]}"}
    page = web.post("/backups/add/", form)
    assert (page.status_code, left_in_field(page)) == (200, IDS[1][:-2])
    [address] = re.findall(r'href="(/backups/\?added=[^"]+)"', page.content.decode())
    listed = re.findall(r'<span class="id cut">([0-9a-f-]{36})<', web.get(address).content.decode())
    assert sorted(listed) == [IDS[0], IDS[2]]


def test_a_file_is_read_as_pasted_text_is(web: Client) -> None:
    files = [
        SimpleUploadedFile("ids.csv", f"id,name\n{IDS[0]},ä\n".encode("cp1252")),
        SimpleUploadedFile("ids.txt", f"{IDS[1]}\n".encode("utf-16")),
    ]
    answer = web.post("/backups/add/", {"cloud": "otc", "backup_ids": IDS[2], "file": files})
    assert answer.status_code == 302
    assert sorted(map(str, Backup.objects.values_list("pk", flat=True))) == IDS[:3]


def test_a_file_that_is_too_large_is_refused_in_words_and_the_text_is_kept(
    web: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent_files, "MOST_FILE_BYTES", 2**20)
    file = SimpleUploadedFile("large.csv", b"x" * (2**20 + 1))
    page = web.post("/backups/add/", {"cloud": "otc", "backup_ids": IDS[0], "file": file})
    assert "large.csv is too large: at most 1 MiB at once." in text_of(page)
    assert (left_in_field(page), Backup.objects.count()) == (IDS[0], 0)


def write_remarks() -> None:
    tracking.add(cloud="otc", values=IDS[:2], now=timezone.now())
    actor = Actor("ada", timezone.now())
    fields: backup_edits.BackupFields = {"note": NOTE, "tags": ["gold", "+1, x"]}
    backup_edits.change(uuid.UUID(IDS[0]), fields, actor=actor)
    backup_edits.change(uuid.UUID(IDS[1]), {"note": "=1+1"}, actor=actor)


@pytest.mark.parametrize("path", ["/api/backups.csv", "/api/backups.csv?excel=1", "/api/backups/"])
def test_an_export_brings_notes_and_tags_back_for_what_is_new(web: Client, path: str) -> None:
    write_remarks()
    answer = web.get(path, headers={"Accept-Language": "de"})
    content = answer.getvalue() if answer.streaming else answer.content
    tracking.untrack(IDS)
    TrashedBackup.objects.all().delete()
    form = {"cloud": "otc", "backup_ids": content.decode("utf-8-sig")}
    preview = text_of(web.post("/backups/add/", {**form, "preview": "1"}))
    assert ("With a note and 2 tags." in preview, "With a note." in preview) == (True, True)
    assert web.post("/backups/add/", form).status_code == 302
    first, second = Backup.objects.order_by("pk")
    assert (first.note, sorted(first.tags)) == (NOTE, ["+1, x", "gold"])
    assert (second.note, second.tags) == ("=1+1", [])
    edits = AuditEntry.objects.filter(verb="backup.edit", object_id=IDS[0]).order_by("pk")
    after = {"note": NOTE, "tags": ["+1, x", "gold"]}
    assert list(edits.values_list("actor", "after"))[-1] == ("ada", after)


def test_what_is_there_is_never_overwritten(web: Client) -> None:
    write_remarks()
    tracking.untrack(IDS[1:2])
    text = json.dumps([{"id": one, "note": "new", "tags": ["new"]} for one in IDS[:3]])
    web.post("/backups/add/", {"cloud": "otc", "backup_ids": text})
    rows = Backup.objects.order_by("pk").values_list("note", "tags")
    assert list(rows) == [(NOTE, ["+1, x", "gold"]), ("=1+1", ["new"]), ("new", ["new"])]


def test_what_cannot_be_stored_is_said_before_and_left_out(web: Client) -> None:
    text = json.dumps({"id": IDS[0], "tags": ["x" * 65]})
    form = {"cloud": "otc", "backup_ids": text}
    preview = text_of(web.post("/backups/add/", {**form, "preview": "1"}))
    assert "Without 1 tag: At most 64 characters." in preview
    assert web.post("/backups/add/", form).status_code == 302
    assert Backup.objects.get().tags == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        IDS[0],
        "id,name\nx,y",
        f'{{"id": "{IDS[0]}"',
        f'[["{IDS[0]}"], 3]',
        f'{{"id": "{IDS[0]}", "note": 3, "tags": {{"a": 1}}}}',
        "id,note\n" + '"' * 9,
    ],
)
def test_texts_without_notes_hold_none(text: str) -> None:
    assert read_remarks(text) == {}


def test_tags_are_read_behind_commas_as_well() -> None:
    text = f"ID;Tags\n{IDS[0].upper()};a, b\n{IDS[1]};\n"
    assert read_remarks(text) == {IDS[0]: Remarks("", ("a", "b"))}
