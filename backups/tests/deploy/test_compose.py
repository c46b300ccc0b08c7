"""The Compose file, as Docker's own Compose reads it: nobody needs an engine for that."""

import http.client
import http.server
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from backups.runner.ports import accepts, free_port
from backups.runner.web_worker import Limits
from backups.tests.faults.parts import PROJECT, Part
from backups.tests.nginx import CERTIFICATE, SERVER, need_nginx
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until
from vbsdash.env import SHORTEST_SECRET_KEY

DEPLOY = PROJECT / "backups" / "deploy"
FILE = DEPLOY / "compose.yaml"
COMPOSE = str(Path(sys.executable).parent / "docker-compose")
SERVICES = sorted(yaml.safe_load(FILE.read_text())["services"])
OURS = ("web", "worker", "beat", "prepare")
# For the program itself.
LEAST_MEMORY_BYTES = 2**30
SLOW_HEADS = 200
SLOW_BODIES = 100


@pytest.fixture(scope="module")
def model() -> dict[str, Any]:
    """The whole file after includes, merges and variables."""
    argv = [COMPOSE, "--project-directory", ".", "-f", str(FILE), "config", "--format", "json"]
    env = {"PATH": os.environ["PATH"], "VBSDASH_URL": "https://backups.example.com"}
    done = subprocess.run(
        argv, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    read: dict[str, Any] = json.loads(done.stdout)
    return read


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_no_more_than_it_needs(model: dict[str, Any], name: str) -> None:
    service = model["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged", False)
    limits = service["deploy"]["resources"]["limits"]
    assert {"memory", "pids"} <= limits.keys()
    # The image of the parts names its own.
    user = "990:990" if name in OURS else service["user"]
    assert not user.startswith(("0", "root"))


def test_what_slow_clients_may_leave_in_files_fits_into_the_folder_for_them(
    model: dict[str, Any],
) -> None:
    web = model["services"]["web"]
    option, processes = web["command"][-2:]
    assert option == "--processes"
    (size,) = [re.search(r"size=(\d+)g", line) for line in web["tmpfs"] if line.startswith("/tmp:")]
    assert size is not None
    folder_bytes = int(size[1]) * 2**30
    assert folder_bytes >= int(processes) * Limits().held_bytes
    # Such a folder is in memory, and counts as its container's.
    memory_bytes = int(web["deploy"]["resources"]["limits"]["memory"])
    assert memory_bytes >= folder_bytes + LEAST_MEMORY_BYTES


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_stays_is_checked_started_anew_and_given_time_to_end(
    model: dict[str, Any], name: str
) -> None:
    service = model["services"][name]
    if name == "prepare":
        assert service["restart"] == "no"
        return
    assert service["restart"] == "always"
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert "stop_grace_period" in service


def test_the_check_of_the_parts_is_that_of_the_image(model: dict[str, Any]) -> None:
    (line,) = [
        line
        for line in (DEPLOY / "Dockerfile").read_text().splitlines()
        if line.startswith("HEALTHCHECK")
    ]
    in_image = json.loads(line.partition(" CMD ")[2])
    for name in ("web", "worker", "beat"):
        assert model["services"][name]["healthcheck"]["test"] == ["CMD", *in_image]


def test_only_the_proxy_is_reached_from_outside(model: dict[str, Any]) -> None:
    published = [name for name in SERVICES if "ports" in model["services"][name]]
    assert published == ["proxy"]
    neighbours = [name for name in SERVICES if "front" in model["services"][name]["networks"]]
    assert neighbours == ["proxy", "web"]
    assert model["networks"]["back"]["internal"] is True
    for name in ("database", "broker"):
        assert list(model["services"][name]["networks"]) == ["back"]


def test_the_proxy_is_believed_by_its_network(model: dict[str, Any]) -> None:
    (network,) = model["networks"]["front"]["ipam"]["config"]
    trusted = model["services"]["web"]["environment"]["VBSDASH_TRUSTED_PROXIES"]
    assert trusted == network["subnet"]


def test_secrets_come_from_files_alone(model: dict[str, Any]) -> None:
    words = ("PASSWORD", "SECRET", "BROKER_URL")
    for name in SERVICES:
        service = model["services"][name]
        for variable, value in service.get("environment", {}).items():
            if any(word in variable for word in words):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
                if value:  # single sign-on is off here
                    assert value.removeprefix("/run/secrets/") in model["secrets"]
        for secret in service.get("secrets", []):
            assert secret["source"] in model["secrets"]
    assert {Path(secret["file"]).parent.name for secret in model["secrets"].values()} == {"secrets"}


def test_the_first_lines_make_the_secrets_for_their_readers_alone(
    model: dict[str, Any], tmp_path: Path
) -> None:
    lines = [line.removeprefix("#   ") for line in FILE.read_text().splitlines()]
    first = next(at for at, line in enumerate(lines) if line.startswith("install -d"))
    steps = "\n".join(lines[first : lines.index("#", first)])
    group = 990 if os.geteuid() == 0 else os.getgid()
    steps = steps.replace("990", str(group))
    for name in ("clouds.yaml", "fullchain.pem", "privkey.pem"):
        (tmp_path / name).write_text("…")
        (tmp_path / name).chmod(0o600)
    subprocess.run(["bash", "-euc", steps], cwd=tmp_path, check=True)
    made = {file.name: file for file in (tmp_path / "secrets").iterdir()}
    assert set(made) == {Path(secret["file"]).name for secret in model["secrets"].values()}
    for file in made.values():
        state = file.stat()
        assert (oct(state.st_mode & 0o777), state.st_gid) == ("0o640", group)
    assert len(made["secret_key"].read_text()) > SHORTEST_SECRET_KEY
    address = made["broker_url"].read_text()
    assert re.fullmatch(r"redis://:[0-9a-f]{64}@broker:6379/0\n", address)


def test_the_public_address_is_asked_for() -> None:
    argv = [COMPOSE, "--project-directory", ".", "-f", str(FILE), "config", "--quiet"]
    done = subprocess.run(
        argv,
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode != 0
    assert "VBSDASH_URL" in done.stderr


def test_parts_wait_for_the_migrated_database_and_the_broker(model: dict[str, Any]) -> None:
    def conditions(name: str) -> dict[str, str]:
        waits_for = model["services"][name]["depends_on"]
        return {other: rule["condition"] for other, rule in waits_for.items()}

    for name in ("web", "worker", "beat"):
        assert conditions(name) == {
            "prepare": "service_completed_successfully",
            "broker": "service_healthy",
        }
    assert conditions("prepare") == {"database": "service_healthy"}
    assert conditions("proxy") == {"web": "service_healthy"}


class Backend(http.server.BaseHTTPRequestHandler):
    """Stands in the place of the web part, and keeps what it was asked."""

    asked: list[dict[str, str]]

    def do_GET(self) -> None:
        self.asked.append(dict(self.headers))
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def proxy(folder: Path) -> Iterator[tuple[int, int, list[dict[str, str]]]]:
    """The proxy as Compose starts it, with our files and ports; yields those of TLS and of plain
    HTTP, and the heads that reached the web part.
    """
    need_nginx()
    tls, plain = free_port(), free_port()
    asked: list[dict[str, str]] = []
    handler = type("Handler", (Backend,), {"asked": asked})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    config = (DEPLOY / "nginx.conf").read_text()
    for written, here in (
        ("/tmp/", f"{folder}/"),
        ("/run/secrets/tls_certificate", str(CERTIFICATE)),
        ("/run/secrets/tls_key", str(CERTIFICATE)),
        ("http://web:8000", f"http://127.0.0.1:{server.server_address[1]}"),
        ("listen 8443", f"listen 127.0.0.1:{tls}"),
        ("listen 8080", f"listen 127.0.0.1:{plain}"),
        ("listen [::]:8443", f"listen [::1]:{tls}"),
        ("listen [::]:8080", f"listen [::1]:{plain}"),
    ):
        assert written in config
        config = config.replace(written, here)
    file = folder / "vbsdash.conf"
    file.write_text(config)
    user = "user root; " if os.geteuid() == 0 else ""
    argv = [str(SERVER), "-e", "stderr", "-p", str(folder), "-c", str(file)]
    argv += ["-g", f"{user}daemon off;"]
    part = Part(argv, {"PATH": os.environ["PATH"]}, folder / "log")
    part.start()
    try:
        wait_until(lambda: part.died or accepts(tls), part.log.read_text)
        assert not part.died, part.log.read_text()
        yield tls, plain, asked
    finally:
        part.end()
        server.shutdown()
        server.server_close()


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    context.check_hostname = False
    return context


def get(port: int, path: str) -> int:
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=LIMIT_S, context=trusting())
    try:
        connection.request(
            "GET", path, headers={"Host": "vbs.example", "X-Forwarded-For": "192.0.2.9"}
        )
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_proxy_says_who_asked_and_that_it_was_by_tls(tmp_path: Path) -> None:
    with proxy(tmp_path) as (tls, plain, asked):
        assert get(tls, "/") == 200
        (head,) = asked
        assert (head["Host"], head["X-Forwarded-Proto"]) == ("vbs.example", "https")
        assert head["X-Forwarded-For"] == "192.0.2.9, 127.0.0.1"
        connection = http.client.HTTPConnection("127.0.0.1", plain, timeout=LIMIT_S)
        connection.request("GET", "/backups/?q=a", headers={"Host": "vbs.example"})
        answer = connection.getresponse()
        connection.close()
    assert (answer.status, answer.getheader("Location")) == (
        308,
        "https://vbs.example/backups/?q=a",
    )


def test_slow_clients_hold_connections_of_the_proxy_and_nothing_behind_it(tmp_path: Path) -> None:
    half_a_head = b"GET / HTTP/1.1\r\nHost: vbs.example\r\nX-A: "
    half_a_body = b"POST / HTTP/1.1\r\nHost: vbs.example\r\nContent-Length: 100\r\n\r\nhalf"
    context = trusting()
    with ExitStack() as slow, proxy(tmp_path) as (tls, _plain, asked):
        for number in range(SLOW_HEADS + SLOW_BODIES):
            raw = socket.create_connection(("127.0.0.1", tls), LIMIT_S)
            client = slow.enter_context(context.wrap_socket(raw))
            client.sendall(half_a_head if number < SLOW_HEADS else half_a_body)
        assert get(tls, "/healthz") == 200
        # None of them came further than the proxy.
        assert len(asked) == 1
