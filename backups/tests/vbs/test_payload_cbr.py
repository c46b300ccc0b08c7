"""Backups of CBR: the recorded forms, and whatever else may come."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.vbs import payload
from backups.vbs.decoded_backup import WORDS_OF_CBR

SAMPLES = Path(__file__).parents[1] / "samples" / "cbr"


def body_of(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((SAMPLES / name).read_text())["backup"]
    return body


def test_a_recorded_backup_of_a_disk_is_decoded_into_the_words() -> None:
    backup = payload.decode(body_of("30_cbr_disk_backup.json"))
    assert backup.decode_problems == ()
    assert backup.status == "available"
    assert backup.volume_id == "7a84f97a-0a4b-4d0c-8b2e-5b1f6c3d2e12"
    assert (backup.size, backup.availability_zone) == (10, "ap-southeast-1c")
    assert backup.created_at == datetime(2025, 3, 25, 6, 23, 27, 304116, tzinfo=UTC)
    assert backup.updated_at == datetime(2025, 3, 25, 6, 26, 30, 74761, tzinfo=UTC)
    assert (backup.data_timestamp, backup.expired_at, backup.policy_id) == (None, None, None)
    assert backup.snapshot_id == "25a7e373-1f0d-4b5e-8d2a-3f6b0c9d7e11"
    assert backup.vault_id == "06e844ba-7a77-4f35-9a5a-2c8b1c1d9f13"
    assert backup.tenant_id == "b23b579f08c84228b9b4673c46f0c442"
    assert (backup.is_incremental, backup.inc, backup.is_vbs) == (True, None, False)
    assert (backup.description, backup.fail_reason) == ("", None)
    metadata = backup.metadata
    assert (metadata.service_type, metadata.vm_id, metadata.progress) == ("disk", None, 100)
    assert (metadata.bootable, metadata.encrypted, metadata.chain_size_mb) == (False, False, None)
    assert metadata.unmapped is not None
    assert metadata.unmapped["support_lld"] is True
    assert not {"progress", "snapshot_id", "bootable", "encrypted"} & metadata.unmapped.keys()


def test_a_backup_of_a_server_is_of_no_volume_and_has_one_backup_for_each_disk() -> None:
    body = body_of("31_cbr_server_backup_with_children.json")
    server = payload.decode(body)
    assert server.decode_problems == ()
    assert (server.volume_id, server.metadata.service_type) == (None, "vm")
    assert server.metadata.vm_id == "5d1c8a3e-2b7f-4c9d-a0e1-8f6b5d4c3a17"
    assert server.policy_id == "d3b3a1c0-4e5f-4a6b-8c7d-9e0f1a2b3c18"
    assert server.expired_at == datetime(2025, 4, 19, 1, 59, 51, 413429, tzinfo=UTC)
    assert server.data_timestamp == datetime(2025, 3, 20, 1, 59, 53, tzinfo=UTC)
    disks = [payload.decode(child) for child in payload.children(body)]
    assert [disk.parent_id for disk in disks] == [server.id, server.id]
    assert [disk.metadata.bootable for disk in disks] == [True, False]
    assert [disk.volume_id for disk in disks] == [
        "c0ffee00-1a2b-4c3d-8e4f-5a6b7c8d9e21",
        "c0ffee00-1a2b-4c3d-8e4f-5a6b7c8d9e22",
    ]


def test_a_child_that_does_not_name_its_parent_gets_it() -> None:
    body = body_of("31_cbr_server_backup_with_children.json")
    for child in body["children"]:
        del child["parent_id"]
    assert {child["parent_id"] for child in payload.children(body)} == {body["id"]}


def test_a_list_has_no_children_and_other_shapes_have_none() -> None:
    listed = json.loads((SAMPLES / "32_cbr_list.json").read_text())["backups"]
    assert [payload.children(entry) for entry in listed] == [[], []]
    assert payload.children({"id": "x", "volume_id": "y", "children": [{}]}) == []


def test_incremental_may_stand_among_the_further_words() -> None:
    backup = payload.decode(body_of("33_cbr_waiting_incremental_in_extend_info.json"))
    assert (backup.status, backup.is_incremental) == ("waiting_protect", False)
    assert backup.created_at == datetime(2020, 2, 21, 7, 7, 25, 114000, tzinfo=UTC)
    assert backup.description == "nightly, before the update"


def test_without_further_words_nothing_is_said_of_them() -> None:
    for value in (None, "absent"):
        body = body_of("30_cbr_disk_backup.json")
        body["extend_info"] = value
        if value == "absent":
            del body["extend_info"]
        backup = payload.decode(body)
        assert backup.metadata == payload.Metadata(service_type="disk")
        assert backup.decode_problems == ()


def test_a_resource_that_is_neither_disk_nor_server_is_reported() -> None:
    body = body_of("30_cbr_disk_backup.json")
    body["resource_type"] = "OS::Sfs::Turbo"
    backup = payload.decode(body)
    assert (backup.volume_id, backup.metadata.service_type) == (None, None)
    assert backup.decode_problems == (
        'resource_type "OS::Sfs::Turbo" was not read: it is neither a disk nor a server',
    )


def test_the_provider_tells_where_the_type_is_missing() -> None:
    body = body_of("30_cbr_disk_backup.json")
    del body["resource_type"]
    assert payload.decode(body).volume_id == body["resource_id"]


def test_each_shape_names_the_words_that_it_does_not_supply() -> None:
    ours = payload.decode(body_of("30_cbr_disk_backup.json"))
    assert {"fail_reason", "links", "chain_size_mb", "inc", "type"} <= ours.not_supplied
    assert not ours.not_supplied & {"status", "progress", "service_type", "vault_id", "unmapped"}
    assert ours.not_supplied <= ours.columns().keys()
    vbs = payload.decode({"id": "x", "volume_id": "y"})
    assert vbs.not_supplied == WORDS_OF_CBR
    assert [vbs.columns()[word] for word in WORDS_OF_CBR] == [None] * 4


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = sorted(body_of("31_cbr_server_backup_with_children.json"))


@given(
    st.sampled_from(["30_cbr_disk_backup.json", "31_cbr_server_backup_with_children.json"]),
    st.dictionaries(st.sampled_from([*KEYS, "volume_id"]), json_values, max_size=6),
    st.dictionaries(st.sampled_from(["progress", "snapshot_id", "bootable"]), json_values),
)
def test_decoding_never_raises_and_all_can_be_stored(
    name: str, broken: dict[str, Any], further: dict[str, Any]
) -> None:
    body = body_of(name)
    body["extend_info"] |= further
    body |= broken
    for child in payload.children(body):
        payload.receive(child).decode()
    backup = payload.receive(body).decode()
    assert backup.columns().keys() >= backup.not_supplied
    assert "\\u0000" not in json.dumps([backup.metadata.unmapped, backup.status])
    assert "\0" not in "".join(backup.decode_problems)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2020-02-21T07:07:25.114+00:00", 25.114),
        ("2025-03-25T07:07:25.951164", 25.951164),
        ("2019-05-08 07:07:25", 25.0),
        ("2025-03-20T09:07:25+02:00", 25.0),
        ("2025-03-20T07:07:25Z", 25.0),
    ],
)
def test_times_of_all_forms_are_read(written: str, seconds: float) -> None:
    body = body_of("30_cbr_disk_backup.json")
    body["expired_at"] = written
    at = payload.decode(body).expired_at
    assert at is not None
    assert (at.tzinfo, at.hour, at.minute) == (UTC, 7, 7)
    assert at.second + at.microsecond / 1e6 == pytest.approx(seconds)
