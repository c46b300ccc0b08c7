import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backups.vbs import payload

SAMPLES = Path(__file__).parents[1] / "samples"
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
    assert (metadata.chain_size_mb, metadata.throughput_mb_s, metadata.space_saving_percent) == (
        642,
        1.2,
        90,
    )
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


@pytest.mark.parametrize(
    "text", ['{"CS": 5, "VT": "po', "volume_1/20130627/az_nova_backup_1", "[]", 7, "1"]
)
def test_metadata_that_is_no_object_leaves_all_null_and_says_so(text: Any) -> None:
    backup = payload.decode({"service_metadata": text, "status": "available"})
    assert backup.metadata == payload.Metadata()
    assert len(backup.decode_problems) == 1
    assert backup.decode_problems[0].startswith("service_metadata")
    assert backup.status == "available"


@pytest.mark.parametrize("value", ["NaN", "1e400", "1" * 5000, "true", "-1", '"x"', "1.5", "[]"])
def test_a_chain_size_that_is_no_size_is_null(value: str) -> None:
    backup = payload.decode({"service_metadata": f'{{"CS": {value}, "Type": 1}}'})
    assert (backup.metadata.chain_size_mb, backup.metadata.type, len(backup.decode_problems)) == (
        None,
        1,
        1,
    )


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
    assert (
        payload.decode({"description": wrapper, "service_metadata": "{}"}).metadata.service_type
        == "vm"
    )
    assert (
        payload.decode(
            {"description": wrapper, "service_metadata": '{"ST": 4}'}
        ).metadata.service_type
        == "disk_copy"
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
    seen = backup.body_text + repr(backup) + json.dumps(backup.columns(), default=str)
    assert SECRET not in seen
    assert "[redacted]" in backup.body_text


def test_an_empty_key_and_everything_else_is_left_as_it_came() -> None:
    body = {
        "service_metadata": ' {"VK": "", "CS": 1}',
        "description": "the VK of {x}",
        "odd": [1.5, None, {"a": "b"}],
    }
    assert json.loads(payload.decode(body).body_text) == body


@pytest.mark.parametrize(
    "text", [f'{{CS: 1, VK: "{SECRET}"}}', f"{{VK:{SECRET}}}", f'{{"VK": {SECRET}']
)
def test_a_key_is_redacted_in_text_that_is_hardly_json(text: str) -> None:
    backup = payload.decode({"fail_reason": text})
    assert SECRET not in backup.body_text + str(backup.fail_reason)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(json.dumps({"VK": "", "VT": "Pool ä"}), ensure_ascii=False),
        '{"VK":"",  "CS":1.0}',
        '{"VK": null, "CS": 1e2}',
        'the "VK" of it',
        "see VK: none",
    ],
)
def test_a_text_without_key_material_is_kept_to_the_letter(text: str) -> None:
    body = {"service_metadata": text, "fail_reason": text}
    assert json.loads(payload.decode(body).body_text) == body


def test_a_body_nested_deeper_than_python_calls_is_kept_as_it_came() -> None:
    deep: Any = "in"
    for _ in range(290):
        deep = [deep]
    assert json.loads(payload.decode({"name": deep, "VK": SECRET}).body_text) == {
        "name": deep,
        "VK": "[redacted]",
    }


@pytest.mark.parametrize(
    "text", ["1_000", "infinity", "0x10", "١٢", "1e400", "--5", "5 GB", "1e-400000"]
)
def test_only_plain_decimal_text_is_a_number(text: str) -> None:
    backup = payload.decode({"service_metadata": {"CS": text, "AT": text}})
    assert (backup.metadata.chain_size_mb, backup.metadata.throughput_mb_s) == (None, None)
    assert [problem.split()[0] for problem in backup.decode_problems] == ["CS", "AT"]


@pytest.mark.parametrize(
    ("value", "expected"), [("2", 2), (" 2 ", 2), ("2.0", 2), ("+2", 2), (2.0, 2), ("2e0", 2)]
)
def test_a_number_is_the_same_in_each_spelling(value: Any, expected: int) -> None:
    backup = payload.decode({"service_metadata": {"BT": value}})
    assert (backup.metadata.storage_type, backup.decode_problems) == (expected, ())


def test_a_boolean_is_no_number_and_a_number_no_boolean() -> None:
    backup = payload.decode(
        {"size": True, "is_incremental": 1, "service_metadata": {"DL": False, "bootable": 0}}
    )
    assert (backup.size, backup.is_incremental, backup.metadata.bootable) == (None, None, None)
    assert (backup.metadata.deduplicated, backup.metadata.compressed) == (None, None)
    assert [problem.split()[0] for problem in backup.decode_problems] == [
        "size",
        "is_incremental",
        "DL",
        "bootable",
    ]


def test_only_a_prefix_of_the_metadata_is_taken_for_the_mapping() -> None:
    metadata = payload.decode({"service_metadata": '{"SP": "mapping_uuid:x;y", "CS": 5}'}).metadata
    assert (metadata.storage_path, metadata.chain_size_mb) == ("mapping_uuid:x;y", 5)


@pytest.mark.parametrize(
    ("description", "service_type"),
    [
        ('{"ST": 1, "INC": 1}', "vm"),
        ('{"ST": null, "INC": 1}', None),
        ('{"ST": 9, "INC": 1}', None),
        ('{"ST": 1}', None),
    ],
)
def test_without_metadata_no_service_type_is_assumed(
    description: str, service_type: str | None
) -> None:
    backup = payload.decode({"description": description, "service_metadata": None})
    assert backup.metadata == payload.Metadata(service_type=service_type)


def test_a_description_may_come_as_the_object_itself() -> None:
    backup = payload.decode({"description": {"DESC": "Backup_Demo", "INC": 0}})
    assert (backup.description, backup.inc, backup.decode_problems) == ("Backup_Demo", 0, ())


@pytest.mark.parametrize(
    "key",
    [
        "os-bak-tenant-attr:tenant_id",
        "os-backup-project-attr:tenant_id",
        "os-backup-project-attr:project_id",
    ],
)
def test_the_project_is_read_in_each_of_its_spellings(key: str) -> None:
    backup = payload.decode({key: "b23b579f08c84228b9b4673c46f0c442"})
    assert backup.tenant_id == "b23b579f08c84228b9b4673c46f0c442"
    assert backup.is_vbs is key.startswith("os-bak-tenant-attr")


def test_links_are_pairs_and_what_is_none_is_said() -> None:
    good = {"rel": "self", "href": "http://192.0.2.1/v2/backups/1"}
    odd = payload.decode(
        {"links": [{**good, "type": "json"}, {"rel": "x"}, {"rel": 1, "href": "y"}, "text", None]}
    )
    assert odd.links == [good]
    assert odd.decode_problems[0].endswith("4 of them are not pairs of rel and href")
    many = payload.decode({"links": [good] * 21})
    assert (len(many.links), many.decode_problems) == (
        20,
        ("links has 21 entries; the first 20 are shown",),
    )
    assert payload.decode({"links": good}).links == [good]
    assert payload.decode({"links": None}).decode_problems == ()


@pytest.mark.parametrize("form", [lambda m: m, json.dumps, lambda m: json.dumps(json.dumps(m))])
def test_a_key_that_came_or_went_is_a_change_and_another_key_is_none(form: Any) -> None:
    none, empty, one, other = (
        payload.receive({"service_metadata": form(metadata)}).digest
        for metadata in ({}, {"VK": ""}, {"VK": SECRET}, {"VK": SECRET[::-1]})
    )
    assert len({none, empty, one}) == 3
    assert one == other


def test_a_digest_tells_bodies_apart_but_not_the_order_of_their_keys() -> None:
    body = {"id": "x", "status": "available", "size": 1}
    others: list[dict[str, Any]] = [
        {},
        {"id": "x"},
        {"id": "available", "status": "x", "size": 1},
        {"id": "x", "state": "available", "size": 1},
        *({**body, "size": size} for size in (True, 1.0, "1", None, [1])),
    ]
    assert payload.receive(dict(reversed(body.items()))).digest == payload.receive(body).digest
    assert len({payload.receive(one).digest for one in [body, *others]}) == len(others) + 1
