"""The client against real HTTP over loopback: what it asks, what it accepts, and how it fails."""

import contextlib
import gzip
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from backups.vbs import client as client_module
from backups.vbs.client import Client
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.errors import (
    Gone,
    Malformed,
    NameUnknown,
    ProxyFailed,
    Rejected,
    SignInRefused,
    Unauthorized,
    Unavailable,
    VBSError,
    WrongAddress,
    from_response,
)
from backups.vbs.paging import Walk
from backups.vbs.transport_errors import from_transport

NOW = datetime(2026, 11, 23, 19, 45, tzinfo=UTC)
PROJECT = "b23b579f08c84228b9b4673c46f0c442"
ID = "1d1139d8-8989-49d3-8aa1-83eb691e6db2"
ENVELOPE = json.dumps({"backup": {"id": ID, "status": "available"}}).encode()


class Cloud:
    """A server whose replies a test sets: `reply(path) -> (status, body, headers)`; tokens
    in `bad` get 401.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.reply: Callable[[str], tuple[int, bytes, dict[str, str]]] = lambda path: (
            200,
            ENVELOPE,
            {},
        )
        self.bad: set[str] = set()
        self.sign_ins = 0
        self.connections = 0
        self.catalog: list[dict[str, Any]] = []
        self.url = ""


def handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            cloud.connections += 1
            super().setup()

        def do_GET(self) -> None:
            cloud.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            if self.headers.get("X-Auth-Token") in cloud.bad:
                return self.send(
                    401, b'{"error_msg": "Token must be updated", "error_code": "APIGW.0307"}', {}
                )
            return self.send(*cloud.reply(self.path))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            cloud.sign_ins += 1
            token = {
                "project": {"id": PROJECT},
                "catalog": cloud.catalog,
                "methods": [],
                "user": {"id": "u"},
            }
            body = json.dumps(
                {"token": {**token, "expires_at": "2026-11-24T19:45:00.000000Z"}}
            ).encode()
            self.send(
                201,
                body,
                {"X-Subject-Token": f"tok-{cloud.sign_ins}", "Content-Type": "application/json"},
            )

        def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Tests are silent."""

    return Handler


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    one = Cloud()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(one))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    one.url = f"http://127.0.0.1:{server.server_port}"
    yield one
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def raw(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server below HTTP: each connection is given to `answer`, then closed."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return  # the test is over and has closed it
            with connection:
                connection.recv(65536)
                try:
                    answer(connection)
                except OSError:
                    continue  # the client has gone, as it should

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v2"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def config(url: str) -> CloudConfig:
    auth = {"ak": "EXAMPLEAK1", "sk": "example-sk", "project_id": PROJECT}
    return CloudConfig("otc", None, "aksk", auth, vbs_endpoint_override=f"{url}/v2")


def keystone_config(url: str) -> CloudConfig:
    auth = {
        "auth_url": url,
        "username": "u",
        "password": "hunter2",
        "project_id": PROJECT,
        "user_domain_id": "d",
    }
    return CloudConfig("otc", None, "password", auth)


@contextmanager
def opened(setting: CloudConfig) -> Iterator[Client]:
    one = Client(setting, clock=lambda: NOW)
    try:
        yield one
    finally:
        one.close()


def entries_of(walk: Walk) -> list[Any]:
    return [entry for page in walk for entry in page]


def failure(setting: CloudConfig) -> VBSError:
    with opened(setting) as one, pytest.raises(VBSError) as caught:
        one.get_backup(ID)
    return caught.value


def service(cloud: Cloud, type_: str, path: str) -> None:
    cloud.catalog = [
        {
            "type": type_,
            "endpoints": [{"interface": "public", "region": "r", "url": cloud.url + path}],
        }
    ]


def test_one_backup_is_one_plain_get_with_the_project_in_its_path(cloud: Cloud) -> None:
    with opened(config(cloud.url)) as one:
        answer = one.get_backup(ID)
        one.get_backup(ID)
        assert (one.endpoint, one.endpoint_type, one.signed_in_at) == (
            f"{cloud.url}/v2/{PROJECT}",
            None,
            None,
        )
    path, headers = cloud.requests[0]
    assert (answer.http_status, answer.backup) == (200, json.loads(ENVELOPE)["backup"])
    assert (path, headers["accept"]) == (f"/v2/{PROJECT}/backups/{ID}", "application/json")
    assert cloud.connections == 1  # kept alive


def test_a_project_id_that_is_there_is_not_appended(cloud: Cloud) -> None:
    with opened(
        replace(config(cloud.url), vbs_endpoint_override=f"{cloud.url}/v2/{PROJECT}/")
    ) as one:
        assert one.endpoint == f"{cloud.url}/v2/{PROJECT}"


@pytest.mark.parametrize("template", ["%(project_id)s", "$(tenant_id)s"])
def test_a_project_id_that_an_address_leaves_open_is_filled_in(cloud: Cloud, template: str) -> None:
    with opened(
        replace(config(cloud.url), vbs_endpoint_override=f"{cloud.url}/v2/{template}")
    ) as one:
        assert one.endpoint == f"{cloud.url}/v2/{PROJECT}"


@pytest.mark.parametrize("wrong", ["detail", "../secrets", ID.replace("-", ""), f"{ID}\n", ""])
def test_an_id_that_is_no_uuid_is_never_asked_for(cloud: Cloud, wrong: str) -> None:
    with opened(config(cloud.url)) as one, pytest.raises(ValueError, match="no hyphenated UUID"):
        one.get_backup(wrong)
    assert cloud.requests == []


@pytest.mark.parametrize(
    ("type_", "path", "base"),
    [("vbs", "/v2/", f"/v2/{PROJECT}"), ("vbsv2", f"/v2/{PROJECT}", f"/v2/{PROJECT}")],
)
def test_the_catalog_gives_the_endpoint_with_one_project_id(
    cloud: Cloud, type_: str, path: str, base: str
) -> None:
    service(cloud, type_, path)
    with opened(keystone_config(cloud.url)) as one:
        one.get_backup(ID)
        assert (one.endpoint, one.endpoint_type, one.signed_in_at) == (cloud.url + base, type_, NOW)
    path, headers = cloud.requests[0]
    assert (headers["x-auth-token"], headers.get("openstack-api-version")) == ("tok-1", None)


def test_stock_cinder_is_asked_with_a_microversion_until_it_refuses_it(cloud: Cloud) -> None:
    service(cloud, "volumev3", f"/v3/{PROJECT}")
    answers: Iterator[tuple[int, bytes, dict[str, str]]] = iter(
        [(406, b"", {}), (200, ENVELOPE, {}), (200, ENVELOPE, {})]
    )
    cloud.reply = lambda path: next(answers)
    with opened(keystone_config(cloud.url)) as one:
        one.get_backup(ID)
        one.get_backup(ID)
    versions = [headers.get("openstack-api-version") for _, headers in cloud.requests]
    assert versions == ["volume 3.64", None, None]


def test_a_401_costs_one_new_sign_in_over_all_threads(cloud: Cloud) -> None:
    service(cloud, "vbs", "/v2")
    with opened(keystone_config(cloud.url)) as one:
        one.get_backup(ID)
        cloud.bad.add("tok-1")
        threads = [threading.Thread(target=one.get_backup, args=(ID,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        good = [headers for _, headers in cloud.requests if headers["x-auth-token"] == "tok-2"]
    assert (cloud.sign_ins, len(good)) == (2, 6)


def test_a_second_401_is_unauthorized_and_signs_in_no_more(cloud: Cloud) -> None:
    service(cloud, "vbs", "/v2")
    cloud.bad = {f"tok-{n}" for n in range(9)}
    with opened(keystone_config(cloud.url)) as one:
        for _ in range(3):
            with pytest.raises(Unauthorized) as caught:
                one.get_backup(ID)
    assert (type(caught.value), caught.value.code, cloud.sign_ins) == (
        Unauthorized,
        "APIGW.0307",
        2,
    )


def test_a_signature_that_is_refused_is_not_tried_again(cloud: Cloud) -> None:
    body = (
        b'{"error_msg": "Get secretKey failed,ak:EXAMPLEAK1 sk example-sk", '
        b'"error_code": "APIGW.0301"}'
    )
    cloud.reply = lambda path: (401, body, {})
    error = failure(config(cloud.url))
    assert (type(error), len(cloud.requests)) == (SignInRefused, 1)
    assert error.message == "Get secretKey failed,ak:[redacted] sk [redacted]"


def test_a_redirect_is_not_followed(cloud: Cloud) -> None:
    cloud.reply = lambda path: (302, b"", {"Location": f"{cloud.url}/elsewhere"})
    error = failure(config(cloud.url))
    assert (type(error), error.message) == (
        WrongAddress,
        "HTTP 302: answered with a redirect; not followed.",
    )
    assert len(cloud.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"backup": []}',
        b'{"backup": {"id": "%s"}}' % str(uuid.UUID(int=1)).encode(),
        b'{"backup": {"size": NaN}}',
        b'{"backup": {"size": -Infinity}}',
        b'{"backup": {"name": "\xff"}}',
        b'{"backup": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"backup": {"name": "' + b"x" * (1 << 20) + b'"}}',
    ],
    ids=range(11),
)
def test_what_is_not_the_promised_envelope_is_malformed(cloud: Cloud, body: bytes) -> None:
    cloud.reply = lambda path: (200, body, {})
    assert type(failure(config(cloud.url))) is Malformed


def test_a_packed_answer_that_is_too_long_is_malformed(cloud: Cloud) -> None:
    cloud.reply = lambda path: (200, gzip.compress(b" " * (64 << 20)), {"Content-Encoding": "gzip"})
    assert failure(config(cloud.url)).message == "The answer is longer than 1048576 bytes."


def test_an_id_in_capitals_is_the_same_backup(cloud: Cloud) -> None:
    with opened(config(cloud.url)) as one:
        assert one.get_backup(ID.upper()).backup["id"] == ID


def test_numbers_that_python_cannot_hold_stay_text(cloud: Cloud) -> None:
    long = "1" * 5000
    cloud.reply = lambda path: (
        200,
        f'{{"backup": {{"a": {long}, "b": 1e400, "c": 7, "d": 0.5}}}}'.encode(),
        {},
    )
    with opened(config(cloud.url)) as one:
        assert one.get_backup(ID).backup == {"a": long, "b": "1e400", "c": 7, "d": 0.5}


def pages(
    entries: list[Any], *, most: int = 1000, word: str = "backups"
) -> Callable[[str], tuple[int, bytes, Any]]:
    """A list call that slices by offset and limit, cuts at `most`, and links whenever
    a page is full.
    """

    def reply(path: str) -> tuple[int, bytes, Any]:
        query = {key: values[0] for key, values in parse_qs(urlsplit(path).query).items()}
        limit, offset = min(int(query["limit"]), most), int(query["offset"])
        page = entries[offset : offset + limit]
        links = [{"rel": "next", "href": "http://192.0.2.1/"}] if len(page) == limit else []
        return 200, json.dumps({word: page, f"{word}_links": links}).encode(), {}

    return reply


@pytest.mark.parametrize(
    ("count", "most", "calls"), [(5, 1000, 3), (4, 1000, 3), (5, 1, 6), (0, 1000, 1)]
)
def test_all_pages_come_by_own_offset(cloud: Cloud, count: int, most: int, calls: int) -> None:
    entries = [{"id": str(n)} for n in range(count)]
    cloud.reply = pages(entries, most=most)
    with opened(config(cloud.url)) as one:
        assert entries_of(one.walk_backups(2)) == entries
    assert len(cloud.requests) == calls


def test_a_server_that_repeats_its_page_ends_the_paging(cloud: Cloud) -> None:
    body = json.dumps({"backups": [{"id": "a"}, "odd", {"id": "a"}, {"id": "b"}]}).encode()
    cloud.reply = lambda path: (200, body, {})
    with opened(config(cloud.url)) as one:
        assert [entry for entry in entries_of(one.walk_backups(4)) if entry != "odd"] == [
            {"id": "a"},
            {"id": "b"},
        ]
    assert len(cloud.requests) == 2


def test_one_page_is_asked_for_in_full(cloud: Cloud) -> None:
    cloud.reply = pages([{"id": "a"}])
    with opened(config(cloud.url)) as one:
        assert one.list_backups(limit=7, status="available") == [{"id": "a"}]
    query = "limit=7&offset=0&sort_key=created_at&sort_dir=asc&status=available"
    assert cloud.requests[0][0] == f"/v2/{PROJECT}/backups/detail?{query}"


def test_disks_come_from_the_volume_service(cloud: Cloud) -> None:
    cloud.reply = pages([{"id": "a"}], word="volumes")
    with opened(replace(config(cloud.url), volume_endpoint_override=f"{cloud.url}/evs")) as one:
        assert entries_of(one.walk_volumes()) == [{"id": "a"}]
    assert cloud.requests[0][0] == f"/evs/{PROJECT}/volumes/detail?limit=1000&offset=0"


def test_disks_without_a_volume_service_are_a_wrong_address(cloud: Cloud) -> None:
    with (
        opened(config(cloud.url)) as one,
        pytest.raises(WrongAddress, match="volume_endpoint_override"),
    ):
        entries_of(one.walk_volumes())


def drip(connection: socket.socket, start: bytes) -> None:
    """Drop after drop, until the other side gives up."""
    connection.sendall(start)
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)


@pytest.mark.parametrize(
    "start",
    [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b""],
    ids=["header", "body", "status"],
)
def test_the_total_deadline_holds_against_drops(
    start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        client_module, "_SINGLE_LIMITS", replace(client_module._SINGLE_LIMITS, seconds=0.4)
    )
    with raw(lambda connection: drip(connection, start)) as url:
        error = failure(replace(config(""), vbs_endpoint_override=url))
    assert (type(error), error.message.endswith("did not answer in time.")) == (Unavailable, True)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", Unavailable, "the answer was cut off."),
        (b"", Unavailable, "closed the connection before it had answered."),
        (b"SSH-2.0-OpenSSH\r\n\r\n", Malformed, "answered with something that is not proper HTTP."),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            Unavailable,
            "the answer was cut off.",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
            Malformed,
            "answered with something that is not proper HTTP.",
        ),
    ],
    ids=["truncated", "closed", "no-http", "bad-chunk", "bad-gzip"],
)
def test_a_broken_exchange_is_a_clear_sentence(
    answer: bytes, kind: type[VBSError], words: str
) -> None:
    with raw(lambda connection: connection.sendall(answer)) as url:
        error = failure(replace(config(""), vbs_endpoint_override=url))
    assert (type(error), error.message.endswith(words), error.http_status) == (kind, True, None)


def test_nobody_at_the_address_is_unavailable() -> None:
    refused = failure(replace(config(""), vbs_endpoint_override="http://127.0.0.1:1/v2"))
    assert (refused.class_name, refused.message) == (
        "unavailable",
        "127.0.0.1:1 refused the connection.",
    )


def test_a_name_that_cannot_be_resolved_is_said_to_be_one() -> None:
    error = from_transport(socket.gaierror(-2, "Name or service not known"), "no.example")
    assert (type(error), error.message) == (
        NameUnknown,
        "no.example: the host name could not be resolved.",
    )


def test_a_kept_connection_that_was_closed_is_opened_anew() -> None:
    body = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ENVELOPE), ENVELOPE)

    def once_then_close_on_the_next(connection: socket.socket) -> None:
        connection.sendall(body)
        connection.recv(65536)

    with (
        raw(once_then_close_on_the_next) as url,
        opened(replace(config(""), vbs_endpoint_override=url)) as one,
    ):
        statuses = [one.get_backup(ID).http_status for _ in range(3)]
    assert statuses == [200, 200, 200]


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "message"),
    [
        (404, '{"itemNotFound": {"code": 404, "message": "No."}}', Gone, "404", "No."),
        (404, '{"itemnotfound": {"message": "No."}}', Gone, None, "No."),
        (
            404,
            '{"error_msg": "No API", "error_code": "APIGW.0101"}',
            WrongAddress,
            "APIGW.0101",
            "No API",
        ),
        (404, "", WrongAddress, None, "HTTP 404 without an explanation."),
        (
            404,
            "<html><head><title>T</title></head><body>Not <b>here</b>",
            WrongAddress,
            None,
            "Not here",
        ),
        (
            401,
            '{"error": {"message": "Bad", "code": 401, "title": "U"}}',
            Unauthorized,
            "401",
            "Bad",
        ),
        (
            403,
            '{"error_msg": "renew", "error_code": "APIG.0307"}',
            Unauthorized,
            "APIG.0307",
            "renew",
        ),
        (400, '{"errorMsg": "No", "errorCode": "X.1"}', Rejected, "X.1", "No"),
        (
            400,
            '{"badRequest": {"message": "{\\"error_msg\\": \\"In\\", \\"error_code\\": 7}"}}',
            Rejected,
            "7",
            "In",
        ),
        (400, '{"badRequest": "plain"}', Rejected, None, "plain"),
        (400, '{"error": "plain"}', Rejected, None, "plain"),
        (400, '{"error": {"badrequest": {"message": "deep", "code": "4"}}}', Rejected, "4", "deep"),
        (413, '{"overLimit": {"code": 413, "message": "Quota"}}', Rejected, "413", "Quota"),
        (
            413,
            '{"overLimitFault": {"code": 413, "message": "Slow", "details": "d"}}',
            Rejected,
            "413",
            "Slow",
        ),
        (
            429,
            '{"error_msg": "throttled", "error_code": "APIG.0308"}',
            Unavailable,
            "APIG.0308",
            "throttled",
        ),
        (408, "", Unavailable, None, "HTTP 408 without an explanation."),
        (425, "", Unavailable, None, "HTTP 425 without an explanation."),
        (
            503,
            '{"serviceUnavailable": {"code": 503}}',
            Unavailable,
            "503",
            "HTTP 503 without an explanation.",
        ),
        (500, "[" * 100_000, Unavailable, None, "[" * 499 + "…"),
        (406, "null", Rejected, None, "null"),
        (204, "", Malformed, None, "HTTP 204 without an explanation."),
    ],
)
def test_every_body_form_is_read(
    status: int, body: str, kind: type[VBSError], code: str | None, message: str
) -> None:
    error = from_response(status, {}, body.encode(), now=NOW)
    assert (type(error), error.http_status, error.code, error.message) == (
        kind,
        status,
        code,
        message,
    )


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("Mon, 23 Nov 2026 19:46:00 GMT", 60.0),
        ("Mon, 23 Nov 2026 19:00:00 GMT", 0.0),
        ("soon", None),
        (f"Mon, 23 Nov {'9' * 20} 19:46:00 GMT", None),
        (f"Mon, 23 Nov 2026 19:46:00 +{'9' * 20}", None),
    ],
)
def test_retry_after_is_seconds_from_now(header: str, seconds: float | None) -> None:
    assert from_response(503, {"Retry-After": header}, b"", now=NOW).retry_after == seconds


@pytest.mark.parametrize(
    "error", [Rejected("No.", http_status=403, code="x"), ProxyFailed("No.", "See why.")]
)
def test_a_sentence_is_added_to_an_error_of_any_class(error: VBSError) -> None:
    before = dict(vars(error))
    error.add("It may come from a proxy.")
    assert str(error) == f"{before['message']} It may come from a proxy."
    assert vars(error) == {**before, "message": str(error)}


def test_a_message_never_quotes_keys_or_tokens() -> None:
    token = "gAAAAAB" + "x" * 60
    text = (
        f"Access=AKAKAKAK, Credential=AKAK2/2026/eu, X-Auth-Token: short1, token {token}, of {ID}"
    )
    error = from_response(403, {}, text.encode(), now=NOW)
    redacted = (
        "Access=[redacted], Credential=[redacted]/2026/eu, X-Auth-Token: [redacted], token "
        "[redacted]"
    )
    assert error.message == f"{redacted}, of {ID}"
