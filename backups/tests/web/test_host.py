"""By which names vbsdash may be called, asked over real HTTP: Django's client sends no odd Host."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from backups.runner import alive
from backups.tests.deploy.test_examples import services
from backups.tests.faults.parts import PROJECT
from backups.tests.web_server import WebServer, serving
from vbsdash import public_url

pytestmark = [pytest.mark.once]
PUBLIC = "dash.example.com"
# What no proxy and no browser of ours would send, but probes, scanners and other proxies do.
WRONG = [
    "192.0.2.7",
    "192.0.2.7:8000",
    "web",
    "vbsdash-web-1:8000",
    "localhost:8000",
    "[::1]:8000",
    "[fd00::7]",
    "example.com",
    "evil-dash.example.com",
    "dash.example.com.evil.org",
    "*",
    "vbsdash_web_1:8000",
    "a_b:x",
    "a b",
    "dash.example.com:",
    "dash.example.com:port",
    "dash.example.com/vbs",
    "http://dash.example.com",
    "user@dash.example.com",
    "[::1",
    "[zz]",
    "[:a]",
    "::1",
    "täglich.example",
    "<script>alert(1)</script>",
    "\"'><b>",
    "%00",
    ".dash.example.com",
    "dash.example.com..",
    "dash..example.com",
    "-",
    "..",
    "dash.example.com:99999",
    "dash.example.com, evil.example",
    "x" * 3000,
    "",
]
PROBES = ["/healthz", "/readyz", "/metrics", "/healthz/", "/readyz/", "/metrics/"]
NO_SUCH_PART = {"/healthz": 200, "/readyz": 503, "/metrics": 401}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with serving(tmp_path_factory.mktemp("web"), ALLOWED_HOSTS=PUBLIC) as server:
        yield server


def status_of(path: str) -> int:
    return NO_SUCH_PART[path.removesuffix("/")]


@pytest.mark.parametrize("host", [PUBLIC, *WRONG])
def test_probes_answer_whatever_the_host_header_says(web: WebServer, host: str) -> None:
    for path in PROBES:
        answer = web.ask(path, f"Host: {host}")
        assert answer.status == status_of(path)
        assert "html" not in answer.headers["Content-Type"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET %s HTTP/1.0\r\n\r\n",
        b"GET %s HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET %s HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: b_c, d\r\nConnection: close\r\n\r\n",
        b"GET %s HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: http\r\nConnection: close\r\n\r\n",
        b"HEAD %s HTTP/1.1\r\nHost: a_b:x\r\nConnection: close\r\n\r\n",
    ],
)
def test_probes_answer_without_a_host_and_with_odd_heads_of_proxies(
    web: WebServer, request_bytes: bytes
) -> None:
    for path in PROBES:
        assert web.raw(request_bytes % path.encode()).status == status_of(path)


def test_metrics_are_given_to_a_token_under_any_host(web: WebServer) -> None:
    answer = web.ask("/metrics", "Host: a_b:x", f"Authorization: Bearer {web.key}")
    assert answer.status == 200
    assert "vbsdash_" in answer.text


@pytest.mark.parametrize("path", PROBES)
def test_a_probe_is_read_and_never_posted_to(web: WebServer, path: str) -> None:
    assert web.ask(path, "Host: web", method="POST", body="x=1").status == 405


@pytest.mark.parametrize("host", WRONG)
def test_a_wrong_host_elsewhere_is_a_page_that_names_it_and_the_setting(
    web: WebServer, host: str
) -> None:
    for path in ("/", "/accounts/login/?next=/healthz", "/healthz/x", "/no/such"):
        answer = web.ask(path, f"Host: {host}")
        text = unescape(answer.text)
        assert (answer.status, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
        assert "<script>alert" not in answer.text
        assert "Traceback" not in text
        assert len(text) < 20_000
        if host:
            assert f'"{host[:100]}' in text
            assert "VBSDASH_URL" in text
            assert "ALLOWED_HOSTS" in text
            assert "proxy_set_header Host $http_host" in text
        else:
            assert "Send a Host header" in text


@pytest.mark.parametrize("host", WRONG)
def test_a_wrong_host_under_api_is_a_problem_with_the_same_sentence(
    web: WebServer, host: str
) -> None:
    token = f"Authorization: Bearer {web.key}"
    for method in ("GET", "POST", "DELETE"):
        answer = web.ask("/api/backups/", f"Host: {host}", token, method=method)
        problem = json.loads(answer.text)
        assert (answer.status, problem["status"]) == (400, 400)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "VBSDASH_URL" in problem["detail"] or not host
        assert len(problem["detail"]) < 600


def test_a_host_that_a_proxy_told_is_called_so(web: WebServer) -> None:
    text = unescape(web.ask("/", f"Host: {PUBLIC}", "X-Forwarded-Host: told.example").text)
    assert 'the host "told.example" (X-Forwarded-Host)' in text
    assert "VBSDASH_TRUSTED_PROXIES" not in text


def test_a_client_is_no_proxy_that_is_not_believed(web: WebServer) -> None:
    """Behind two trusted proxies, each of which has told its host."""
    heads = ("X-Forwarded-Host: told.example, inner", "X-Forwarded-For: 198.51.100.1, 127.0.0.1")
    text = unescape(web.ask("/", f"Host: {PUBLIC}", *heads).text)
    assert 'the host "told.example" (X-Forwarded-Host)' in text
    assert "198.51.100.1" not in text


def test_a_proxy_that_is_not_believed_is_named(tmp_path: Path) -> None:
    with serving(tmp_path, ALLOWED_HOSTS=PUBLIC, VBSDASH_TRUSTED_PROXIES="10.0.0.5") as server:
        text = unescape(server.ask("/", "Host: inner", f"X-Forwarded-Host: {PUBLIC}").text)
    assert f'127.0.0.1 has sent the host "{PUBLIC}" as X-Forwarded-Host' in text
    assert "add it to VBSDASH_TRUSTED_PROXIES" in text


@pytest.mark.parametrize("host", [".example.com", "..", "-x.example", "*", "x.example.."])
def test_nothing_is_advised_for_allowed_hosts_that_would_let_in_more(
    web: WebServer, host: str
) -> None:
    assert "is not written as host names are" in unescape(web.ask("/", f"Host: {host}").text)


def test_two_hosts_are_none(web: WebServer) -> None:
    answer = web.ask("/", f"Host: {PUBLIC}", "Host: evil.example")
    assert answer.status == 400


def test_the_public_name_is_let_in_in_any_case_with_any_port_and_with_a_dot(web: WebServer) -> None:
    for host in (PUBLIC, PUBLIC.upper(), f"{PUBLIC}:443", f"{PUBLIC}:8000", f"{PUBLIC}."):
        assert web.ask("/accounts/login/", f"Host: {host}").status == 200


def test_a_host_that_repeats_is_one_line_without_a_traceback(web: WebServer) -> None:
    for _ in range(20):
        assert web.ask("/backups/", "Host: once.example\x1b[31m").status == 400
        assert web.ask("/api/backups/", "Host: once.example").status == 400
    lines = [line for line in web.log.splitlines() if "once.example" in line]
    assert len(lines) == 1
    assert re.search(r'level=.warning..*not served under the host "once\.example"', lines[0])
    assert "Traceback" not in web.log
    assert "\x1b" not in web.log


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("host", ["192.0.2.7", "a_b:x"])
@pytest.mark.django_db
def test_debug_shows_the_same_page(client: Client, settings: Any, debug: bool, host: str) -> None:
    settings.DEBUG = debug
    page = client.get("/accounts/login/", headers={"host": host})
    assert page.status_code == 400
    assert "ALLOWED_HOSTS" in page.content.decode()
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_where_there_is_a_public_address_it_is_named(client: Client, settings: Any) -> None:
    settings.PUBLIC_URL = public_url.read({"VBSDASH_URL": "https://dash.example.com/vbs"})
    page = client.get("/backups/", headers={"host": "192.0.2.7:8000"}).content.decode()
    assert (
        "Open https://dash.example.com/vbs/, the address in VBSDASH_URL, or add 192.0.2.7" in page
    )


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["[:a]", "[zz]", "[::1%eth0]", "a_b"])
def test_what_cannot_stand_in_an_address_is_no_host_where_all_are_allowed(
    client: Client, settings: Any, host: str
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert client.get("/backups/", headers={"host": host}).status_code == 400


def test_the_check_of_the_compose_file_passes_where_only_a_public_name_is_configured(
    web: WebServer, tmp_path: Path
) -> None:
    _, *argv = services()["web"]["healthcheck"]["test"]
    assert argv[0] == "python"
    alive.expect(tmp_path, alive.WEB)
    alive.note_address(tmp_path, "127.0.0.1", web.port)
    env = {**os.environ, "VBSDASH_ALIVE_DIR": str(tmp_path)}
    argv = [sys.executable, *argv[1:]]
    done = subprocess.run(argv, cwd=PROJECT, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
