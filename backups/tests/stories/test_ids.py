"""IDs of disks, projects and snapshots: what cannot be one is no key, has no page, and is refused
where it is typed.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from backups.edits import tracking, volume_edits
from backups.edits.common import Actor
from backups.models import Backup, Volume
from backups.refresh import list_sweep, single_gets, volume_list
from backups.simulator import Simulator
from backups.tests.accounts import make_operator
from backups.tests.otc import VOLUME, configure, running, silent
from backups.vbs import payload
from backups.vbs.ids import RULE, why_no_id
from backups.vbs.listed_volume import decode

ZEROS = "00000000-0000-0000-0000-000000000000"
PLACEHOLDERS = [
    ZEROS,
    f"urn:uuid:{ZEROS}",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "0" * 32,
    "0",
    "0x0",
    "0.0",
    "null",
    "None",
    "NULL",
    "nil",
    "undefined",
    "unknown",
    "NA",
    "n.a",
    "NaN",
    "not-set",
    "unset",
    "empty",
    "False",
]
NO_IDS = [
    "x\ny",
    "a\tb",
    "a b",
    " a",
    "a\x00",
    "../../../admin/",
    "a/b",
    ".",
    "..",
    "-",
    "a%2Fb",
    "ü",
    "\ud800",
    "x" * 256,
]
IDS = [VOLUME, "b23b579f08c84228b9b4673c46f0c442", "node-0a12", "v1", "vol_1.2:3", "x" * 255]


@pytest.mark.parametrize("value", IDS)
def test_what_can_be_an_id_has_an_address(value: str) -> None:
    assert why_no_id(value) is None
    assert reverse("volume", args=("otc", value)) == f"/volumes/otc/{value}/"
    assert reverse("api-volume", args=("otc", value)) == f"/api/volumes/otc/{value}/"


@pytest.mark.parametrize("value", [*NO_IDS, ""])
def test_what_cannot_be_an_id_has_none(value: str) -> None:
    assert why_no_id(value) == RULE
    for page in ("volume", "volume_set", "volume_refresh", "api-volume"):
        with pytest.raises(NoReverseMatch):
            reverse(page, args=("otc", value))


@pytest.mark.parametrize("value", [*PLACEHOLDERS, *NO_IDS])
@pytest.mark.parametrize("key", ["volume_id", "snapshot_id", "os-bak-tenant-attr:tenant_id"])
def test_an_answer_with_such_an_id_says_so_and_has_none(key: str, value: str) -> None:
    found = payload.decode({"id": str(uuid.uuid4()), key: value, "name": "kept"})
    word = "tenant_id" if key.endswith("tenant_id") else key
    assert (getattr(found, word), found.name, found.raw[key]) == (None, "kept", value)
    assert [problem.split()[0] for problem in found.decode_problems] == [key]


@pytest.mark.parametrize("key", ["backupurl", "VMID", "OMID", "ebk_T_I", "CMKID"])
def test_metadata_knows_placeholders_too(key: str) -> None:
    found = payload.decode({"service_metadata": json.dumps({key: ZEROS})})
    metadata = found.metadata
    assert {
        metadata.backup_image_id,
        metadata.vm_id,
        metadata.host_id,
        metadata.job_id,
        metadata.cmk_id,
    } == {None}
    assert found.decode_problems == (f'{key} "{ZEROS}" was not read: it stands for none',)


@pytest.mark.parametrize(
    ("found", "encrypted"),
    [
        ({"CMKID": ZEROS}, False),
        ({"CMKID": "null"}, False),
        ({"CMKID": ""}, False),
        ({"CMKID": "a key\n"}, True),
        ({"CMKID": VOLUME}, True),
        ({"VK": "x" * 64}, True),
    ],
)
def test_a_key_that_stands_for_none_encrypts_nothing(
    found: dict[str, str], encrypted: bool
) -> None:
    assert payload.decode({"service_metadata": json.dumps(found)}).metadata.encrypted is encrypted


def test_the_first_key_that_names_a_project_counts() -> None:
    keys = {"os-bak-tenant-attr:tenant_id": "0" * 32, "os-backup-project-attr:project_id": "p1"}
    found = payload.decode(keys)
    assert found.tenant_id == "p1"
    assert [problem.split()[0] for problem in found.decode_problems] == [
        "os-bak-tenant-attr:tenant_id"
    ]


@pytest.mark.django_db
def test_a_uuid_in_upper_case_is_the_same_disk(
    sim: Simulator, client: Client, admin_user: User
) -> None:
    sim.add_volume({"id": VOLUME.upper(), "name": "db", "size": 1})
    tracked = sim.add({"id": str(uuid.UUID(int=7)), "volume_id": VOLUME, "status": "available"})
    tracking.add(cloud="otc", values=[tracked], now=timezone.now())
    single_gets.refresh_these("otc", [uuid.UUID(tracked)])
    volume_list.read("otc", timezone.now())
    assert not volume_edits.register("otc", VOLUME.upper(), actor=Actor("operator", timezone.now()))
    [volume] = Volume.objects.filter(volume_id__iexact=VOLUME)
    assert (volume.volume_id, volume.name, volume.tracked) == (VOLUME, "db", 1)
    client.force_login(admin_user)
    for address in (f"/volumes/otc/{VOLUME.upper()}/", f"/api/volumes/otc/{VOLUME.upper()}/"):
        assert client.get(address, follow=True).status_code == 200


@pytest.mark.django_db
def test_a_backup_with_an_id_of_zeros_is_not_tracked(sim: Simulator) -> None:
    sim.add({"id": ZEROS, "volume_id": VOLUME, "status": "available"})
    list_sweep.sweep("otc")
    added = tracking.add(cloud="otc", values=[ZEROS], now=timezone.now())
    assert [one.reason for one in added.invalid] == ["Not a backup ID: it stands for none."]
    assert not Backup.objects.filter(pk=uuid.UUID(ZEROS)).exists()


def test_an_empty_disk_is_worth_a_word_and_an_empty_key_of_the_metadata_is_none() -> None:
    assert payload.decode({"volume_id": ""}).decode_problems == (
        'volume_id "" was not read: it is empty',
    )
    assert (
        payload.decode({"snapshot_id": "", "service_metadata": '{"VMID": ""}'}).decode_problems
        == ()
    )
    assert payload.decode({"volume_id": None}).decode_problems == ()


def test_a_list_of_disks_names_only_what_can_be_one() -> None:
    odd = [{"id": value, "name": "n"} for value in (*PLACEHOLDERS, *NO_IDS)]
    assert [one.id for one in decode([*odd, {"id": VOLUME}])] == [VOLUME]


@pytest.fixture
def sim(settings: Any, tmp_path: Any) -> Iterator[Simulator]:
    with running(settings, tmp_path, entry={"vbs_follow": "all"}) as sim:
        yield sim


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


@pytest.mark.django_db
@pytest.mark.parametrize("volume_id", [ZEROS, "a\nb", "", "../../../admin/", 7])
def test_backups_of_unknown_origin_make_no_disk_and_are_counted(
    sim: Simulator, web: Client, volume_id: Any
) -> None:
    bodies = [
        {"id": str(uuid.UUID(int=n)), "volume_id": volume_id, "status": "available"}
        for n in (1, 2, 3)
    ]
    ids = [sim.add(body) for body in bodies]
    tracking.add(cloud="otc", values=ids, now=timezone.now())
    single_gets.refresh_these("otc", [uuid.UUID(one) for one in ids])

    assert list(Backup.objects.values_list("volume_id", "status")) == [(None, "available")] * 3
    assert not Volume.objects.exists()
    page = " ".join(web.get("/volumes/").content.decode().split())
    assert "3 backups</a> are of unknown origin" in page
    listed = web.get(
        "/backups/?volume_id=null&tracking_state=fresh&tracking_state=stale"
    ).content.decode()
    assert listed.count("unknown origin</span>") == 3
    assert "unknown origin</span>" in web.get(f"/backups/{ids[0]}/").content.decode()
    answer = web.get(f"/api/backups/{ids[0]}/").json()
    assert answer["volume_id"] is None
    assert len(answer["decode_problems"]) == 1
    assert web.get(f"/api/backups/{ids[0]}/raw/").json()["body"]["backup"]["volume_id"] == volume_id


@pytest.mark.django_db
@pytest.mark.parametrize("volume_id", ["x\ny", "../../../admin/", ZEROS, "a/b", "x" * 256])
def test_a_disk_is_registered_only_by_an_id(
    web: Client, settings: Any, tmp_path: Any, volume_id: str
) -> None:
    configure(settings, tmp_path, silent("otc"))
    asked = {"cloud": "otc", "volume_id": volume_id}

    answer = web.post("/api/volumes/", asked, content_type="application/json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["volume_id"])
    page = web.post("/volumes/register/", asked)
    assert page.status_code == 400
    assert 'class="invalid-feedback"' in page.content.decode()

    assert not Volume.objects.exists()
    for path in ("/", "/volumes/", "/api/volumes/"):
        assert web.get(path).status_code == 200


@pytest.mark.django_db
def test_the_clouds_list_is_asked_only_for_an_id(sim: Simulator, web: Client) -> None:
    page = web.get("/backups/add/discover/", {"cloud": "otc", "volume_id": "a/b"})
    assert "“a/b” is no ID of a disk" in page.content.decode()
    answer = web.get("/api/clouds/otc/backups/", {"volume_id": "a/b"})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["volume_id"])
    assert not [request for request in sim.requests if "/backups/" in request.path]
