"""The simulator's Keystone and signature check (`backups/vbs/API.md` §7), asked
by the real keystoneauth1.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import yaml
from keystoneauth1 import loading
from keystoneauth1.exceptions import EndpointNotFound, Unauthorized
from keystoneauth1.session import Session

from backups.simulator import Simulator
from backups.simulator.message import Question
from backups.simulator.signing import canonical_request, signature
from backups.tests.run_settings import LIMIT_S

PROJECT = "b23b579f08c84228b9b4673c46f0c442"
VECTOR_SECRET = "exampleSecretKey0000000000000000000001"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 19, 45, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulator(clock: Clock) -> Iterator[Simulator]:
    with Simulator(clock=clock) as running:
        yield running


def session_of(entry: dict[str, Any]) -> Session:
    plugin: Any = loading.get_plugin_loader(entry.get("auth_type", "password")).load_from_options(
        **entry["auth"]
    )
    return Session(auth=plugin)


@pytest.mark.parametrize("auth", ["password", "v3applicationcredential", "token"])
def test_keystoneauth_signs_in_each_way_and_finds_the_catalog(
    simulator: Simulator, auth: str
) -> None:
    entry = yaml.safe_load(simulator.clouds_yaml("otc", auth=auth))["clouds"]["otc"]
    session = session_of(entry)
    kinds = ("vbs", "vbsv2", "evs", "volumev2", "volumev3", "block-storage")
    found = [
        session.get_endpoint(service_type=kind, region_name=entry["region_name"]) for kind in kinds
    ]
    paths = [
        "/v2/",
        f"/v2/{PROJECT}",
        f"/evs/v2/{PROJECT}",
        f"/evs/v2/{PROJECT}",
        f"/evs/v3/{PROJECT}",
        f"/evs/v3/{PROJECT}",
    ]
    assert found == [simulator.url + path for path in paths]
    assert (
        session.get(f"{simulator.vbs_endpoint}/backups").json()["backups"][0]["id"]
        == simulator.seed_example_id
    )
    session.session.close()


def test_stock_cinder_has_no_vbs_in_its_catalog() -> None:
    with Simulator(flavor="cinder") as simulator:
        session = session_of(simulator.cloud_entry())
        with pytest.raises(EndpointNotFound):
            session.get_endpoint(service_type="vbsv2")
        assert (
            session.get_endpoint(service_type="volumev3") == f"{simulator.url}/volume/v3/{PROJECT}"
        )
        assert (
            session.get_endpoint(service_type="block-storage", min_version="3.0")
            == f"{simulator.url}/volume/v3/{PROJECT}"
        )
        session.session.close()


@pytest.mark.parametrize(
    "wrong", [{"password": "guess"}, {"username": "nobody"}, {"project_name": "eu-de_other"}]
)
def test_a_wrong_word_is_refused_in_keystones_words(
    simulator: Simulator, wrong: dict[str, str]
) -> None:
    entry = simulator.cloud_entry()
    session = session_of(entry | {"auth": entry["auth"] | wrong})
    with pytest.raises(Unauthorized, match="The request you have made requires authentication"):
        session.get_token()
    session.session.close()


def sign_in(simulator: Simulator, **scope: Any) -> requests.Response:
    user = {"id": simulator.account.user_id, "password": simulator.password}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, **scope}}
    return requests.post(f"{simulator.auth_url}/auth/tokens", json=body, timeout=LIMIT_S)


def get(simulator: Simulator, token: str | None) -> requests.Response:
    headers = {"X-Auth-Token": token} if token else {}
    return requests.get(f"{simulator.vbs_endpoint}/backups", headers=headers, timeout=LIMIT_S)


def test_a_token_without_project_opens_nothing(simulator: Simulator) -> None:
    unscoped = sign_in(simulator)
    domain = sign_in(simulator, scope={"domain": {"id": simulator.account.domain_id}})
    assert [
        ("project" in answer.json()["token"], answer.status_code) for answer in (unscoped, domain)
    ] == [(False, 201)] * 2
    assert get(simulator, unscoped.headers["X-Subject-Token"]).status_code == 401
    assert get(simulator, domain.headers["X-Subject-Token"]).status_code == 403


def test_the_catalog_can_be_left_out(simulator: Simulator) -> None:
    scope = {"project": {"id": simulator.project_id}}
    assert "catalog" in sign_in(simulator, scope=scope).json()["token"]
    answer = requests.post(
        f"{simulator.auth_url}/auth/tokens?nocatalog=1", json={}, timeout=LIMIT_S
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 400)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"auth": 1}',
        b'{"auth": {}}',
        b'{"auth": {"identity": {"methods": ["password"]}}}',
    ],
)
def test_a_sign_in_that_makes_no_sense_is_a_bad_request(simulator: Simulator, body: bytes) -> None:
    answer = requests.post(f"{simulator.auth_url}/auth/tokens", data=body, timeout=LIMIT_S)
    assert (answer.status_code, answer.json()["error"]["title"]) == (400, "Bad Request")


def test_401_has_a_body_for_each_layer(simulator: Simulator, clock: Clock) -> None:
    token = simulator.issue_token()
    assert get(simulator, token).status_code == 200
    clock.now += timedelta(hours=24)
    bodies = [get(simulator, text).json() for text in (None, "garbage", token)]
    assert [one.get("error_msg", one.get("error", {}).get("message")) for one in bodies] == [
        "Incorrect IAM authentication information: x-auth-token not found",
        "Incorrect IAM authentication information: decrypt token fail",
        "The X-Auth-Token is invalid!",
    ]
    assert [record.token_valid for record in simulator.requests] == [True, False, False, False]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (
            f"/v2/{PROJECT}/backups/1d1139d8-8989-49d3-8aa1-83eb691e6db2",
            "5f1b87d203e87d36fd2f88536bf673d6528ec0b6061d320755a8d85a931162be",
        ),
        (
            f"/v2/{PROJECT}/backups/detail?status=available&limit=10&name=a%20b~",
            "ab642f41cf01c579fd0e8023fd0389ad21bcc5d7b9284358b9544bffe88e07d8",
        ),
    ],
)
def test_the_signature_is_the_one_of_the_known_answers(target: str, expected: str) -> None:
    date = "20261123T194500Z"
    headers = {"host": "vbs.eu-de.otc.t-systems.com", "x-project-id": PROJECT, "x-sdk-date": date}
    canonical = canonical_request(Question.of("GET", target, headers, b""), sorted(headers))
    assert signature(VECTOR_SECRET, date=date, canonical=canonical) == expected


def signed(
    simulator: Simulator, *, secret: str | None = None, date: str = "20261123T194500Z"
) -> requests.Response:
    headers = {
        "host": simulator.url.removeprefix("http://"),
        "x-project-id": PROJECT,
        "x-sdk-date": date,
    }
    target = f"/v2/{PROJECT}/backups/detail?limit=1&name="
    canonical = canonical_request(Question.of("GET", target, headers, b""), sorted(headers))
    text = signature(secret or simulator.secret_key, date=date, canonical=canonical)
    access = (
        f"SDK-HMAC-SHA256 Access={simulator.access_key}, "
        f"SignedHeaders={';'.join(sorted(headers))}, Signature={text}"
    )
    return requests.get(
        simulator.url + target, headers=headers | {"Authorization": access}, timeout=LIMIT_S
    )


def test_a_signed_request_is_let_in_and_a_wrong_one_is_not(simulator: Simulator) -> None:
    assert signed(simulator).status_code == 200
    for answer in (
        signed(simulator, secret="guess"),
        signed(simulator, date="20261123T192900Z"),
        signed(simulator, date="x"),
    ):
        assert (answer.status_code, answer.json()["error_code"]) == (401, "APIGW.0301")
    assert [record.token_valid for record in simulator.requests] == [True, False, False, False]


def test_more_than_five_wrong_signatures_lock_the_key_for_five_minutes(
    simulator: Simulator, clock: Clock
) -> None:
    for _ in range(5):
        signed(simulator, secret="guess")
    assert signed(simulator).status_code == 200
    for _ in range(6):
        signed(simulator, secret="guess")
    assert "locked" in signed(simulator).json()["error_msg"]
    clock.now += timedelta(minutes=5)
    assert signed(simulator).status_code == 200
