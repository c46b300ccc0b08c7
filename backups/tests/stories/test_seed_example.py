"""The example of the API page, from the simulated cloud to list, page and API, in the
words of the contract.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from celery import current_app
from django.test import Client
from django.utils import timezone

from backups.clouds import registry
from backups.simulator import Simulator
from backups.tests.accounts import make_operator
from backups.vbs.clouds import load_clouds

pytestmark = [pytest.mark.either, pytest.mark.django_db]
LINKS = [
    {
        "rel": "self",
        "href": "http://192.168.82.222:8776/v2/b23b579f08c84228b9b4673c46f0c442/backups/1d1139d8-8989-49d3-8aa1-83eb691e6db2",
    },
    {
        "rel": "bookmark",
        "href": "http://192.168.82.222:8776/b23b579f08c84228b9b4673c46f0c442/backups/1d1139d8-8989-49d3-8aa1-83eb691e6db2",
    },
]
WORDS: dict[str, Any] = {
    "id": "1d1139d8-8989-49d3-8aa1-83eb691e6db2",
    "cloud": "otc",
    "status": "error",
    "name": None,
    "size": 1,
    "volume_id": "2748f2f2-4394-4e6e-af8d-8dd34496c024",
    "availability_zone": None,
    "fail_reason": "Connection to swift failed: [Errno 111] ECONNREFUSED",
    "object_count": None,
    "container": "volumebackups",
    "created_at": "2013-06-27T08:48:03Z",
    "updated_at": None,
    "data_timestamp": None,
    "snapshot_id": None,
    "is_incremental": None,
    "has_dependent_backups": None,
    "links": LINKS,
    "tenant_id": "b23b579f08c84228b9b4673c46f0c442",
    "description": None,
    "inc": None,
    "progress": 0,
    "chain_size_mb": None,
    "throughput_mb_s": None,
    "space_saving_percent": None,
    "deduplicated": False,
    "compressed": False,
    "service_type": "disk",
    "bootable": False,
    "type": 0,
    "encrypted": False,
    "cmk_id": None,
    "backup_image_id": "58d94782-6509-45ad-9442-970d2a005050",
    "storage_path": None,
    "storage_unit_path": None,
    "storage_type": None,
    "volume_type": None,
    "vm_id": None,
    "host_id": None,
    "job_id": None,
    "unmapped": {"BackupSize": 0, "snap_id": "665e411f5d87431ca98c199fbd4a64fd"},
    "decode_problems": [],
    "kind": "incremental",
    "kind_source": "type",
    "kind_conflict": False,
    "tracking_state": "fresh",
    "error": None,
    "note": "",
    "tags": [],
}


@pytest.fixture
def operator(
    client: Client, settings: Any, tmp_path: Any, django_capture_on_commit_callbacks: Any
) -> Iterator[Client]:
    """Signed in, the example added by pasting its ID, and asked for over HTTP by a task."""
    current_app.conf.task_always_eager = True
    client.force_login(make_operator("operator"))
    with Simulator(clock=timezone.now, type_full=1) as sim:
        file = tmp_path / "clouds.yaml"
        file.write_text(sim.clouds_yaml("otc"))
        settings.CLOUDS = load_clouds(
            {"OS_CLIENT_CONFIG_FILE": str(file)}, cwd=tmp_path, home=tmp_path
        )
        with django_capture_on_commit_callbacks(execute=True):
            client.post("/backups/add/", {"cloud": "otc", "backup_ids": sim.seed_example_id})
        yield client
        registry.forget_clients()
    current_app.conf.task_always_eager = False


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def test_the_api_gives_every_word_of_the_contract(operator: Client) -> None:
    found = operator.get(f"/api/backups/{WORDS['id']}/").json()
    assert {word: found.get(word, "not there") for word in WORDS} == WORDS
    [listed] = operator.get("/api/backups/").json()["results"]
    assert {word: listed.get(word, "not there") for word in WORDS} == WORDS


def test_the_raw_body_is_the_pages_own_text(operator: Client) -> None:
    body = operator.get(f"/api/backups/{WORDS['id']}/raw/").json()["body"]["backup"]
    assert body["service_metadata"].startswith(' {"bootable": false, "backupurl": "58d94782-')
    assert {word: body[word] for word in ("status", "description", "size", "links", "name")} == {
        "status": "error",
        "description": None,
        "size": 1,
        "links": [{"href": link["href"], "rel": link["rel"]} for link in LINKS],
        "name": None,
    }


def test_its_page_gives_each_fact_under_the_apis_own_key(operator: Client) -> None:
    page = operator.get(f"/backups/{WORDS['id']}/").content.decode()
    pairs = re.findall(
        r'<dt>[^<]*<span class="key">([^<]*)</span>\s*</dt>\s*<dd>(.*?)</dd>', page, re.DOTALL
    )
    facts = {key: text(value) for key, value in pairs}
    assert {key: facts.get(key, "not there") for key in EXPECTED} == EXPECTED
    assert [link["href"] in facts["links"] for link in LINKS] == [True, True]
    assert WORDS["fail_reason"] in text(page)


EXPECTED = {
    "status": "error",
    "progress": "0 %",
    "size": "1 GB",
    "CS": "not supplied",
    "DESC": "not supplied",
    "INC": "not supplied",
    "Type": "0",
    "INC · Type": "incremental from type",
    "ST": "disk",
    "DL": "no",
    "VK · CMKID": "no",
    "bootable": "no",
    "backupurl": "58d94782-6509-45ad-9442-970d2a005050",
    "unmapped": "BackupSize 0 snap_id 665e411f5d87431ca98c199fbd4a64fd",
    "tenant_id": "b23b579f08c84228b9b4673c46f0c442",
}


def test_the_list_gives_status_size_and_what_is_not_supplied(operator: Client) -> None:
    page = operator.get("/backups/").content.decode()
    [row] = re.findall(rf'<tr[^>]*id="b-{WORDS["id"]}".*?</tr>', page, re.DOTALL)
    shown = text(row)
    for words in (
        "error",
        "connection to swift failed: [errno 111]",
        "no name",
        WORDS["id"],
        "otc",
        "incremental",
    ):
        assert words in shown.lower()
    # What it lacks yields its room to the reason; who asks for a column sees that it is lacking.
    asked = operator.get("/backups/?columns=chain_size_mb").content.decode()
    assert asked.count('title="not supplied"') > page.count('title="not supplied"')
    assert re.search(r"<td[^>]*>\s*1\s*</td>", row)
