import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backups.vbs import payload
from backups.vbs.redact import redact

SAMPLES = Path(__file__).parent / "samples"
SEED_PAGE = Path(payload.__file__).parent / "seed_page.md"


def load(name: str) -> payload.Backup:
    return payload.decode(json.loads((SAMPLES / name).read_text())["backup"])


def seed_example() -> dict[str, Any]:
    """The example response of the API page, out of its JSON block."""
    text = SEED_PAGE.read_text()
    block = re.search(r"\{\s*\"backup\"\s*:.*?\n\s*```", text, re.DOTALL)
    assert block is not None
    found: dict[str, Any] = json.loads(block[0].rstrip("` \n"))["backup"]
    return found


def test_the_pages_own_example_is_decoded_into_the_words() -> None:
    backup = payload.decode(seed_example())
    assert backup.decode_problems == ()
    assert (backup.status, backup.size, backup.inc, backup.description) == ("error", 1, None, None)
    assert backup.created_at == datetime(2013, 6, 27, 8, 48, 3, tzinfo=UTC)
    assert [link["rel"] for link in backup.links] == ["self", "bookmark"]
    assert backup.metadata == payload.Metadata(
        progress=0,
        type=0,
        bootable=False,
        backup_image_id="58d94782-6509-45ad-9442-970d2a005050",
        service_type="disk",
        deduplicated=False,
        compressed=False,
        encrypted=False,
        unmapped={"BackupSize": 0, "snap_id": "665e411f5d87431ca98c199fbd4a64fd"},
    )


def test_all_keys_are_decoded() -> None:
    metadata = load("01_available_full_all_keys.json").metadata
    assert (metadata.chain_size_mb, metadata.throughput_mb_s, metadata.space_saving_percent) == (642, 1.2, 90)
    assert (metadata.deduplicated, metadata.compressed, metadata.storage_type) == (False, True, 2)
    assert (metadata.host_id, metadata.volume_type, metadata.type) == ("node-0a12", "pool1", 0)


def test_values_outside_their_domain_are_null_with_one_entry_each() -> None:
    backup = load("21_unknown_keys_and_enums.json")
    metadata = backup.metadata
    assert (metadata.deduplicated, metadata.compressed, metadata.service_type) == (None, None, None)
    assert (metadata.space_saving_percent, metadata.progress, metadata.type) == (None, None, 2)
    assert (backup.status, metadata.unmapped) == ("error_restoring", {"XQ": "?"})
    assert sorted(p.split()[0] for p in backup.decode_problems) == ["DL", "SS", "ST", "progress"]


@pytest.mark.parametrize(
    ("given_text", "description", "inc"),
    [
        (None, None, None),
        ('{"DESC": "Backup_Demo", "INC": 1}', "Backup_Demo", 1),
        ('{"DESC": "", "INC": 1}', "", 1),
        ('{"ST":0,"INC":1}', None, 1),
        ("2024", "2024", None),
        ("null", "null", None),
        ('{"a": 1}', '{"a": 1}', None),
        ('{"DESC": "{\\"DESC\\": \\"x\\"}"}', '{"DESC": "x"}', None),
        ("Backup of {prod}", "Backup of {prod}", None),
        ('{"DESC": "cut of', '{"DESC": "cut of', None),
    ],
)
def test_a_description_is_unwrapped_once_and_only_if_it_is_a_wrapper(
    given_text: str | None, description: str | None, inc: int | None
) -> None:
    backup = payload.decode({"description": given_text})
    assert (backup.description, backup.inc, backup.decode_problems) == (description, inc, ())


@pytest.mark.parametrize(
    "text",
    [
        '{"progress": "7"}',
        ' {"progress": 7.0} ',
        'mapping_uuid:a0b1;{"progress": "7"}',
        json.dumps('{"progress": 7}'),
        {"progress": 7},
    ],
)
def test_metadata_is_read_padded_prefixed_doubly_encoded_or_plain(text: Any) -> None:
    backup = payload.decode({"service_metadata": text})
    assert (backup.metadata.progress, backup.decode_problems) == (7, ())


@pytest.mark.parametrize("text", ['{"CS": 5, "VT": "po', "volume_1/20130627/az_nova_backup_1", "[]", 7, "1"])
def test_metadata_that_is_no_object_leaves_all_null_and_says_so(text: Any) -> None:
    backup = payload.decode({"service_metadata": text, "status": "available"})
    assert backup.metadata == payload.Metadata()
    assert len(backup.decode_problems) == 1
    assert backup.decode_problems[0].startswith("service_metadata")
    assert backup.status == "available"


@pytest.mark.parametrize("value", ["NaN", "1e400", "1" * 5000, "true", "-1", '"x"', "1.5", "[]"])
def test_a_chain_size_that_is_no_size_is_null(value: str) -> None:
    backup = payload.decode({"service_metadata": f'{{"CS": {value}, "Type": 1}}'})
    assert (backup.metadata.chain_size_mb, backup.metadata.type, len(backup.decode_problems)) == (None, 1, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021-03-08T01:12:09.350610", datetime(2021, 3, 8, 1, 12, 9, 350610, UTC)),
        ("2021-03-08T01:12:09.35061", datetime(2021, 3, 8, 1, 12, 9, 350610, UTC)),
        ("2021-03-08T01:12:09Z", datetime(2021, 3, 8, 1, 12, 9, 0, UTC)),
        ("2021-03-08T01:12:09+02:00", datetime(2021, 3, 7, 23, 12, 9, 0, UTC)),
        ("2016-01-15T01:0807.476Z", None),
        ("0001-01-01T00:00:00", None),
        (7, None),
    ],
)
def test_times_are_utc_and_never_fail_the_record(text: Any, expected: datetime | None) -> None:
    backup = payload.decode({"created_at": text})
    assert (backup.created_at, len(backup.decode_problems)) == (expected, 0 if expected else 1)


def test_st_of_the_description_counts_only_when_the_metadata_has_none() -> None:
    wrapper = '{"ST": 1, "INC": 1}'
    assert payload.decode({"description": wrapper, "service_metadata": "{}"}).metadata.service_type == "vm"
    assert (
        payload.decode({"description": wrapper, "service_metadata": '{"ST": 4}'}).metadata.service_type == "disk_copy"
    )


SECRET = "S3cr3tKeyMaterial"


@pytest.mark.parametrize(
    "metadata",
    [
        json.dumps({"VK": SECRET, "CS": 1}),
        json.dumps({"VK": f'{SECRET}"{SECRET}', "CS": 1}),
        json.dumps({"VK": {"a": [SECRET]}, "CS": 1}),
        json.dumps(json.dumps({"VK": SECRET, "CS": 1})),
        f'{{"CS": 1, "VK": "{SECRET}',
        f"{{'CS': 1, 'VK': '{SECRET}'}}",
        f'mapping_uuid:1;{{"CS": 1, "VK" : "{SECRET}"}}',
        f'{{"CS": 1, "\\u0056K": "{SECRET}"}}',
        {"VK": SECRET, "CS": 1},
        {"VK": [SECRET], "CS": {"VK": SECRET}},
    ],
)
def test_key_material_never_leaves_the_decoder(metadata: Any) -> None:
    backup = payload.decode({"service_metadata": metadata})
    seen = backup.body_text + repr(backup) + json.dumps(backup.words(), default=str)
    assert SECRET not in seen
    assert "[redacted]" in backup.body_text


def test_an_empty_key_and_everything_else_is_left_as_it_came() -> None:
    body = {"service_metadata": ' {"VK": "", "CS": 1}', "description": "the VK of {x}", "odd": [1.5, None, {"a": "b"}]}
    assert json.loads(payload.decode(body).body_text) == body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
METADATA = st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(payload.METADATA_KEYS), JSON))
TEXTS = st.text() | METADATA.map(json.dumps) | METADATA.map(lambda m: f" {json.dumps(m)[:-3]}") | JSON
KEYS = [
    "id",
    "status",
    "name",
    "size",
    "volume_id",
    "availability_zone",
    "fail_reason",
    "object_count",
    "container",
    "created_at",
    "updated_at",
    "data_timestamp",
    "snapshot_id",
    "is_incremental",
    "has_dependent_backups",
    "links",
]
BODIES = st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(KEYS, JSON), "description": TEXTS, "service_metadata": TEXTS}
)


@settings(max_examples=250, deadline=None)
@given(BODIES)
def test_any_body_decodes_and_keeps_its_raw_form(body: dict[str, Any]) -> None:
    backup = payload.decode(body)
    assert json.loads(backup.body_text) == redact(body)
    assert backup.digest == payload.decode(dict(reversed(body.items()))).digest
