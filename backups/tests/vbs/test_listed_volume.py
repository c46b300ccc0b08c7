"""What a list of volumes says beside names and sizes."""

import pytest

from backups.vbs.listed_volume import decode_entry

VOLUME = "3d0f6a52-77c1-4b0e-9a44-0c6b2f1d9e10"
SERVER = "5b1d0a3e-2d0f-4e9e-8a44-0c6b2f1d9e11"
POLICY = "7c2e1b4f-3e1f-4f0f-9b55-1d7c3f2e0f22"


def test_servers_and_policy_of_a_volume_are_read() -> None:
    attachments = [{"server_id": SERVER, "device": "/dev/vda"}, {"server_id": SERVER}]
    entry = {"id": VOLUME, "attachments": attachments, "metadata": {"policy": POLICY}}
    volume = decode_entry(entry)
    assert volume is not None
    assert (volume.server_ids, volume.policy_id) == ((SERVER,), POLICY)


@pytest.mark.parametrize("attachments", [None, "none", 7, {}])
def test_what_is_no_list_of_attachments_says_nothing(attachments: object) -> None:
    volume = decode_entry({"id": VOLUME, "attachments": attachments, "metadata": attachments})
    assert volume is not None
    assert (volume.server_ids, volume.policy_id) == (None, None)


def test_a_volume_of_no_server_has_none() -> None:
    volume = decode_entry({"id": VOLUME, "attachments": [None, {"server_id": ""}]})
    assert volume is not None
    assert volume.server_ids == ()
