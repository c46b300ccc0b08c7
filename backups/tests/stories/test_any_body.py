"""Whatever JSON a cloud sends as a backup is decoded, stored and read back; nothing of it breaks a
database or a page.

300 generated bodies in `make test`, half of them on each database; 1,000 on each in `make soak`,
10,000 in its long part. Page and API show some.
"""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from backups.edits import tracking
from backups.models import Backup, Body
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.tests.accounts import make_operator
from backups.tests.otc import configure, silent
from backups.vbs import payload
from backups.vbs.json_object import parse_object
from backups.vbs.payload import TENANT_KEYS
from backups.vbs.service_metadata import METADATA_KEYS

pytestmark = pytest.mark.django_db(transaction=True)
# No literal: hypothesis tries a file's literals everywhere.
SECRET = "-".join(["S3cr3t", "key", "material"])
FOUND = uuid.UUID("1d1139d8-8989-49d3-8aa1-83eb691e6db2")

KEYS = [
    *(
        "id",
        "status",
        "name",
        "size",
        "volume_id",
        "availability_zone",
        "fail_reason",
        "object_count",
        "container",
    ),
    *(
        "created_at",
        "updated_at",
        "data_timestamp",
        "snapshot_id",
        "is_incremental",
        "has_dependent_backups",
    ),
    *("links", "metadata", "VK"),
]


def nested(depth: int) -> Any:
    value: Any = "deep"
    for level in range(depth):
        value = [value] if level % 2 else {"in": value}
    return value


TEXTS = st.text(max_size=40) | st.sampled_from(
    [
        *(
            "",
            " ",
            "\x00",
            "a\x00b",
            "\ud800",
            "\udfff\ud800",
            "ok\ud83d",
            "\u202e",
            "null",
            "2024",
            "NaN",
            "1e400",
        ),
        *(
            "true",
            "1_000",
            "infinity",
            "-1",
            "1" * 5000,
            "x" * 70_000,
            "{",
            "[" * 2000,
            f"{{'VK': '{SECRET}'}}",
        ),
        *(
            "2016-01-15T01:0807.476Z",
            "2021-03-08T01:12:09.35061",
            "9999-12-31T23:59:59-23:59",
            "0001-01-01T00:00:00",
        ),
        *(
            "2021-03-08T24:00:00",
            "2021-13-40T00:00:00",
            "1969-12-31T23:59:59",
            "2021-03-08T01:12:09.123456789Z",
        ),
    ]
)
WORDS = st.text(max_size=20) | st.sampled_from(["VK", "DESC", "\x00", "\ud800", "k" * 600])
NUMBERS = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        [
            0,
            1,
            7,
            140,
            -1,
            2**31,
            2**63 - 1,
            2**63,
            -(2**63),
            10**30,
            10**400,
            1e308,
            5e-324,
            -0.0,
            1.5,
            100.0,
        ]
    )
)
VALUES = st.none() | st.booleans() | NUMBERS | TEXTS
JSON = st.recursive(
    VALUES | st.sampled_from([nested(30), nested(250)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
KEY_MATERIAL = st.sampled_from([SECRET, f'{SECRET}"\\{SECRET}', [SECRET], {"a": SECRET}, "", None])
METADATA = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(sorted(METADATA_KEYS | {"snap_id", "BackupSize", "\x00", "ST "}), JSON),
        "VK": KEY_MATERIAL,
    },
)
WRAPPER = st.fixed_dictionaries(
    {}, optional={"DESC": JSON, "INC": VALUES, "ST": VALUES, "VK": KEY_MATERIAL}
)


def inner(objects: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The object as itself, as text, padded, prefixed, encoded twice, or cut."""
    texts = objects.map(json.dumps)
    cut = st.tuples(texts, st.integers(1, 60)).map(lambda pair: pair[0][: -pair[1]])
    forms: list[Callable[[str], str]] = [
        lambda t: f" {t} ",
        lambda t: f"mapping_uuid:a0b1;{t}",
        json.dumps,
        lambda t: "[" + t + "]",
    ]
    return (
        objects
        | texts
        | cut
        | st.tuples(texts, st.sampled_from(forms)).map(lambda pair: pair[1](pair[0]))
    )


LINKS = st.lists(
    st.fixed_dictionaries({}, optional={"rel": VALUES, "href": VALUES}) | VALUES, max_size=25
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(KEYS, JSON),
        **dict.fromkeys(TENANT_KEYS, JSON),
        "links": LINKS | JSON,
        "description": inner(WRAPPER) | JSON,
        "service_metadata": inner(METADATA) | JSON,
        "\x00odd\ud800": JSON,
    },
)


ODD: list[dict[str, Any]] = [
    {},
    {"service_metadata": json.dumps({"VK": SECRET, "CS": 10**30, "progress": 140, "DL": 7})},
    {"name": "\x00\ud800", "links": nested(250), "status": "x" * 70_000, "description": "\ud800"},
]
Stored = Callable[[dict[str, Any]], tuple[Backup, Any]]


@pytest.fixture
def stored(settings: Any, tmp_path: Any) -> Stored:
    """Takes a body in as an answer of the cloud; gives the row and the stored body."""
    configure(settings, tmp_path, silent("otc"))
    now = timezone.now()
    tracking.add(cloud="otc", values=[str(FOUND)], now=now)
    times = iter(range(1, 1_000_000))

    def send(body: dict[str, Any]) -> tuple[Backup, Any]:
        envelope: dict[str, Any] = parse_object(json.dumps({"backup": body}).encode())
        at = now + timedelta(milliseconds=next(times))
        assert (
            apply("otc", [Fetched(FOUND, at, answer=payload.receive(envelope["backup"]))]).good == 1
        )
        row = Backup.objects.get(pk=FOUND)
        assert row.refreshed_at == at
        return row, json.loads(Body.objects.get(pk=FOUND).text)

    return send


def without_key(value: Any) -> Any:
    """What must be left of a body, said independently of the code: structures and texts that are
    JSON, VK replaced.
    """
    if isinstance(value, dict):
        return {
            k: "[redacted]" if k == "VK" and v not in (None, "") else without_key(v)
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [without_key(item) for item in value]
    if isinstance(value, str) and "VK" in value:
        try:
            return without_key(json.loads(value))
        except (ValueError, RecursionError):
            return "a text that holds a key and is no JSON"
    return value


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


def survives(send: Stored, body: dict[str, Any]) -> None:
    row, kept = send(body)
    assert without_key(kept) == without_key(body)
    decoded = payload.decode(kept).columns()
    read_back = {word: getattr(row, word) for word in decoded}
    # PostgreSQL keeps a number in JSON by its digits, and 1e16 as a whole one.
    for columns in (read_back, decoded):
        columns["unmapped"] = json.loads(json.dumps(columns["unmapped"]), parse_int=float)
    assert read_back == decoded
    seen = json.dumps(
        [kept, {f.name: str(getattr(row, f.name)) for f in Backup._meta.concrete_fields}]
    )
    assert SECRET not in seen
    null = {problem.split()[0] for problem in row.decode_problems}
    assert len(row.decode_problems) == len(null), row.decode_problems


def shows(send: Stored, operator: Client, body: dict[str, Any]) -> None:
    _, kept = send(body)
    answers = [operator.get(f"{path}/") for path in (f"/backups/{FOUND}", f"/api/backups/{FOUND}")]
    raw = operator.get(f"/api/backups/{FOUND}/raw/")
    assert [answer.status_code for answer in (*answers, raw)] == [200, 200, 200]
    assert raw.json()["body"]["backup"] == kept
    assert not any(SECRET in answer.text for answer in (*answers, raw))


def generated(count: int) -> Callable[[Any], Any]:
    """Run a test on so many bodies, three odd ones among them each time."""

    def decorate(test: Any) -> Any:
        for body in ODD:
            test = example(body=body)(test)
        return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))(
            given(body=BODIES)(test)
        )

    return decorate


@generated(150)
def test_a_generated_body_is_decoded_stored_and_read_back(
    stored: Stored, body: dict[str, Any]
) -> None:
    survives(stored, body)


@pytest.mark.either
@generated(20)
def test_a_generated_body_is_shown_by_page_and_api(
    stored: Stored, operator: Client, body: dict[str, Any]
) -> None:
    shows(stored, operator, body)


@pytest.mark.soak
@pytest.mark.long
@generated(10_000)
def test_ten_thousand_generated_bodies_are_decoded_stored_and_read_back(
    stored: Stored, body: dict[str, Any]
) -> None:
    survives(stored, body)


@pytest.mark.soak
@pytest.mark.long
@generated(400)
def test_four_hundred_generated_bodies_are_shown(
    stored: Stored, operator: Client, body: dict[str, Any]
) -> None:
    shows(stored, operator, body)
