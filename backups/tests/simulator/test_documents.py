"""The simulator against the API page, the API facts and the samples (`backups/vbs/API.md`)."""

import json
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import requests

from backups.simulator import Fault, Simulator
from backups.simulator.errors import FORMS
from backups.tests.run_settings import LIMIT_S
from backups.tests.sample_bodies import SAMPLES

SEED_PAGE = Path(__file__).parents[2] / "vbs" / "seed_page.md"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
VOLUME = "3d0f6a52-77c1-4b0e-9a44-0c6b2f1d9e10"
ERRORS = sorted((SAMPLES / "errors").glob("*.json"))


class Asker:
    """A plain HTTP client with a good token."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.session = requests.Session()
        self.token = simulator.issue_token()

    def get(self, path: str, *, base: str | None = None, **headers: str) -> requests.Response:
        headers = {"X-Auth-Token": self.token} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        url = (self.simulator.vbs_endpoint if base is None else base) + path
        return self.session.get(url, headers=headers, timeout=LIMIT_S, allow_redirects=False)

    def ids(self, query: str) -> list[str]:
        return [entry["id"] for entry in self.get(f"/backups/detail?{query}").json()["backups"]]


@contextmanager
def asking(**options: Any) -> Iterator[Asker]:
    """A simulator with these options and a client of it."""
    with Simulator(clock=lambda: NOW, **options) as simulator:
        asker = Asker(simulator)
        yield asker
        asker.session.close()


@pytest.fixture(params=[{}])
def ask(request: pytest.FixtureRequest) -> Iterator[Asker]:
    with asking(**request.param) as asker:
        yield asker


def options(**words: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("ask", [words], indirect=True, ids=[""])


def body(number: int, **more: Any) -> dict[str, Any]:
    created = f"2026-11-{number:02d}T01:00:00.000000"
    return {
        "id": f"a0b1c2d3-0000-4000-8000-{number:012d}",
        "created_at": created,
        "volume_id": VOLUME,
        **more,
    }


def page_example() -> str:
    page = SEED_PAGE.read_text()
    start = page.index("    ```\n    {\n") + len("    ```\n")
    return textwrap.dedent(page[start : page.index("    ```", start)]).strip()


def test_the_pages_example_is_served_byte_for_byte(ask: Asker) -> None:
    answer = ask.get(f"/backups/{ask.simulator.seed_example_id}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.text == page_example()


def test_the_pages_example_stands_in_the_list_too(ask: Asker) -> None:
    assert ask.get("/backups/detail").json() == {"backups": [json.loads(page_example())["backup"]]}


def test_an_added_sample_comes_back_as_it_is(ask: Asker, sample: dict[str, Any]) -> None:
    ask.simulator.add_envelope({"backup": sample})
    assert ask.get(f"/backups/{sample['id']}").json() == {"backup": sample}
    assert sample in ask.get("/backups/detail").json()["backups"]


@pytest.mark.parametrize("file", ERRORS, ids=lambda file: file.stem)
def test_every_sample_of_an_error_is_among_the_forms(ask: Asker, file: Path) -> None:
    expected = json.loads(file.read_text())
    shapes = []
    for form in FORMS:
        ask.simulator.fault(Fault("status", status=expected["status"], body=form, times=1))
        answer = ask.get("/backups/a0b1c2d3-0000-4000-8000-000000000099")
        assert answer.status_code == expected["status"]
        shapes.append(answer.text if isinstance(expected["body"], str) else shape(_json(answer)))
    assert shape(expected["body"]) in shapes


def shape(value: Any) -> Any:
    """Keys and types: the form of a body."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return value if isinstance(value, str) and value.startswith("<") else type(value).__name__


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text


@pytest.mark.parametrize(
    ("status", "key"),
    [
        (400, "badRequest"),
        (401, "error"),
        (403, "forbidden"),
        (404, "itemNotFound"),
        (405, "badMethod"),
        (406, "computeFault"),
        (407, "<html>"),
        (408, "408 Request Timeout"),
        (409, "conflictingRequest"),
        (413, "overLimit"),
        (429, "error_msg"),
        (500, "computeFault"),
        (501, "notImplemented"),
        (502, "<html>"),
        (503, "serviceUnavailable"),
        (504, "error_msg"),
    ],
)
def test_every_documented_status_has_its_natural_form(ask: Asker, status: int, key: str) -> None:
    ask.simulator.fault(Fault("status", status=status))
    answer = ask.get(f"/backups/{ask.simulator.seed_example_id}")
    assert answer.status_code == status
    assert (
        next(iter(answer.json()))
        if answer.text.startswith("{")
        else answer.text.split("\r\n")[0].split("\n")[0]
    ) == key


def test_a_backup_that_is_not_there_is_named_in_the_404(ask: Asker) -> None:
    for missing in ("a0b1c2d3-0000-4000-8000-000000000099", "no-uuid"):
        answer = ask.get(f"/backups/{missing}")
        message = f"Backup {missing} could not be found."
        assert (answer.status_code, answer.json()) == (
            404,
            {"itemNotFound": {"message": message, "code": 404}},
        )
        assert answer.headers["X-Compute-Request-Id"].startswith("req-")


def test_a_removed_backup_is_gone_for_good(ask: Asker) -> None:
    backup_id = ask.simulator.add(body(1))
    assert ask.get(f"/backups/{backup_id}").status_code == 200
    ask.simulator.remove(backup_id)
    assert "itemNotFound" in ask.get(f"/backups/{backup_id}").json()
    assert ask.ids("volume_id=" + VOLUME) == []


def test_a_vanishing_backup_is_found_once_and_an_unlisted_one_by_its_id_only(ask: Asker) -> None:
    vanishing, unlisted = (
        ask.simulator.add(body(1), vanish=True),
        ask.simulator.add(body(2), listed=False),
    )
    assert ask.ids("volume_id=" + VOLUME) == [vanishing]
    assert [ask.get(f"/backups/{vanishing}").status_code for _ in range(2)] == [200, 404]
    assert ask.get(f"/backups/{unlisted}").json() == {"backup": body(2)}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v2",
        "/v2/",
        "/v2/{p}",
        "/v2/{p}/nothing",
        "/v2/{p}/volumes/detail",
        "/volume/v3/{p}/backups",
    ],
)
def test_an_unknown_path_is_the_gateways_404(ask: Asker, path: str) -> None:
    answer = ask.get(path.replace("{p}", ask.simulator.project_id), base=ask.simulator.url)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "APIGW.0101")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_whoever_does_more_than_reading_is_refused_and_recorded(ask: Asker, method: str) -> None:
    url = f"{ask.simulator.vbs_endpoint}/backups/{ask.simulator.seed_example_id}"
    answer = ask.session.request(method, url, headers={"X-Auth-Token": ask.token}, timeout=LIMIT_S)
    assert (answer.status_code, next(iter(answer.json()))) == (405, "badMethod")
    assert [(record.method, record.status) for record in ask.simulator.requests] == [(method, 405)]


def test_a_foreign_project_is_forbidden(ask: Asker) -> None:
    answer = ask.get("/v2/0123456789abcdef0123456789abcdef/backups", base=ask.simulator.url)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "APIGW.0302")


def test_who_asks_for_xml_alone_gets_xml(ask: Asker) -> None:
    answer = ask.get(f"/backups/{ask.simulator.seed_example_id}", Accept="application/xml")
    assert answer.headers["Content-Type"] == "application/xml"
    assert ElementTree.fromstring(answer.text).findtext("id") == ask.simulator.seed_example_id
    assert (
        ask.get("/backups", Accept="application/xml, application/json").headers["Content-Type"]
        == "application/json"
    )


@options(flavor="cinder", backups=200)
@pytest.mark.parametrize(
    ("minor", "added"),
    [
        (None, set()),
        (18, {"os-backup-project-attr:project_id"}),
        (43, {"os-backup-project-attr:project_id", "metadata"}),
        (56, {"os-backup-project-attr:project_id", "metadata", "user_id"}),
        (64, {"os-backup-project-attr:project_id", "metadata", "user_id", "encryption_key_id"}),
    ],
)
def test_stock_cinder_gives_the_keys_of_its_microversion(
    ask: Asker, minor: int | None, added: set[str]
) -> None:
    newest = json.loads((SAMPLES / "23_cinder_v3_microversion_3_64.json").read_text())["backup"]
    headers = {"OpenStack_API_Version": f"volume 3.{minor}"} if minor else {}
    answer = ask.get("/backups/detail", **headers)
    entries = [
        entry for entry in answer.json()["backups"] if entry["id"] != ask.simulator.seed_example_id
    ]
    late = {"os-backup-project-attr:project_id", "metadata", "user_id", "encryption_key_id"}
    assert set().union(*entries) == set(newest) - late | added
    assert answer.headers["OpenStack-API-Version"] == f"volume 3.{minor or 0}"
    assert {entry["is_incremental"] for entry in entries} == {True, False}
    assert {entry["has_dependent_backups"] for entry in entries} == {True, False}


@options(flavor="cinder")
def test_stock_cinder_knows_neither_metadata_nor_too_new_versions(ask: Asker) -> None:
    example = ask.get(f"/backups/{ask.simulator.seed_example_id}").json()["backup"]
    page = json.loads(page_example())["backup"]
    assert example == {
        key: value
        for key, value in page.items()
        if key not in ("service_metadata", "os-bak-tenant-attr:tenant_id")
    }
    assert ask.get("/backups", OpenStack_API_Version="volume 3.999").status_code == 406
    assert (
        ask.get("/backups/detail?with_count=1", OpenStack_API_Version="volume 3.45").json()["count"]
        == 1
    )


def test_records_name_what_was_asked_without_the_token(ask: Asker) -> None:
    ask.get("/backups?limit=1", Accept="application/json")
    (record,) = ask.simulator.requests
    assert (
        record.method,
        record.query,
        record.token_sent and record.token_valid,
        record.at,
        record.status,
    ) == (
        "GET",
        "limit=1",
        True,
        NOW,
        200,
    )
    assert (record.headers["accept"], "x-auth-token" in record.headers) == (
        "application/json",
        False,
    )
    assert ask.token not in repr(record)
