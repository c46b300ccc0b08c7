"""The IDs by which the support of a cloud finds a call: ours goes along, the cloud's stays with
the error.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backups.simulator import Fault, Simulator
from backups.vbs import request_ids
from backups.vbs.client import Client
from backups.vbs.clouds import load_clouds
from backups.vbs.errors import (
    MAX_REQUEST_ID,
    Malformed,
    Rejected,
    SignInRefused,
    VBSError,
    from_response,
)

NOW = datetime(2026, 11, 23, 19, 45, tzinfo=UTC)
OWN = "req-1d1139d8-8989-49d3-8aa1-83eb691e6db2"
GATEWAY = "71d53ba40c3ad62cdea44b5e9ce5996b"
SECRET = "short-but-secret"


@contextmanager
def client_of(sim: Simulator, folder: Path, *, auth: str = "password") -> Iterator[Client]:
    file = folder / "clouds.yaml"
    file.write_text(json.dumps({"clouds": {"otc": sim.cloud_entry(auth=auth)}}))
    clouds = load_clouds({"OS_CLIENT_CONFIG_FILE": str(file)}, cwd=folder, home=folder)
    client = Client(clouds["otc"], clock=sim.now)
    try:
        yield client
    finally:
        client.close()


@pytest.mark.parametrize(("auth", "calls"), [("password", 3), ("aksk", 2)])
def test_each_call_carries_an_id_of_its_own_in_the_form_of_openstack(
    tmp_path: Path, auth: str, calls: int
) -> None:
    with Simulator(backups=3) as sim, client_of(sim, tmp_path, auth=auth) as client:
        client.list_backups(limit=1)
        client.get_backup(sim.ids[0])
        sent = [request.headers["x-openstack-request-id"] for request in sim.requests]
    assert (len(sent), len(set(sent))) == (calls, calls)
    assert all(re.fullmatch(request_ids.PATTERN, request_id) for request_id in sent)


@pytest.mark.parametrize(
    ("fault", "error_class"),
    [
        (Fault("status", status=403, path="backups"), Rejected),
        (Fault("refused_sign_in", path="tokens"), SignInRefused),
        (Fault("not_json", path="backups"), Malformed),
        (Fault("wrong_envelope", path="backups"), Malformed),
        (Fault("huge", path="backups", size=2 << 20), Malformed),
    ],
)
def test_an_error_keeps_the_clouds_own_id(
    tmp_path: Path, fault: Fault, error_class: type[VBSError]
) -> None:
    with Simulator(backups=1) as sim, client_of(sim, tmp_path) as client:
        sim.fault(fault)
        with pytest.raises(error_class) as caught:
            client.get_backup(sim.ids[0])
        sent = {request.headers["x-openstack-request-id"] for request in sim.requests}
    assert re.fullmatch(request_ids.PATTERN, str(caught.value.request_id))
    assert caught.value.request_id not in sent


@pytest.mark.parametrize(
    ("headers", "body", "request_id"),
    [
        ({"X-Openstack-Request-Id": OWN, "X-Request-Id": GATEWAY}, "", OWN),
        ({"X-Compute-Request-Id": OWN, "X-Request-Id": GATEWAY}, "", OWN),
        ({"X-Request-Id": GATEWAY}, '{"error_msg": "No", "request_id": "of the body"}', GATEWAY),
        ({}, f'{{"error_msg": "No", "error_code": "APIGW.1", "request_id": "{GATEWAY}"}}', GATEWAY),
        ({"X-IAM-Trace-Id": "token_eu-de_null_1"}, "", "token_eu-de_null_1"),
        ({}, '{"error_msg": "No", "request_id": {"a": 1}}', None),
        ({"X-Request-Id": ""}, "", None),
        ({"X-Request-Id": "<b>\u202e\x1b[31m\r\nx"}, "", "<b>[31mx"),
        ({"X-Request-Id": "é\t "}, "", None),
        ({"X-Request-Id": "r/" * 4000}, "", ("r/" * 4000)[:MAX_REQUEST_ID]),
        ({"X-Request-Id": f"a{SECRET}b"}, "", "a[redacted]b"),
        ({"X-Request-Id": "gAAAAAB" + "x" * 60}, "", "[redacted]"),
        ({"X-Request-Id": OWN + "x" * 60}, "", "[redacted]"),
    ],
)
def test_an_id_is_bounded_and_holds_no_secret_and_nothing_that_cannot_be_seen(
    headers: dict[str, str], body: str, request_id: str | None
) -> None:
    error = from_response(403, headers, body.encode(), now=NOW, secrets=[SECRET])
    assert error.request_id == request_id


def test_a_message_that_quotes_an_id_keeps_it() -> None:
    error = from_response(403, {}, f"Not allowed. (HTTP 403) (Request-ID: {OWN})".encode(), now=NOW)
    assert error.message == f"Not allowed. (HTTP 403) (Request-ID: {OWN})"
