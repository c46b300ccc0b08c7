"""Sign-in, backup and volume calls through forward proxies, and what is said when one fails."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backups.simulator import Fault, Simulator
from backups.tests.forward_proxy import (
    CERTIFICATES,
    answering,
    forward_proxy,
    tls_in_front_of,
)
from backups.vbs import client as client_module
from backups.vbs.client import Client
from backups.vbs.clouds import load_clouds
from backups.vbs.errors import (
    Malformed,
    ProxyFailed,
    SignInRefused,
    Unavailable,
    VBSError,
)
from backups.vbs.host_check import connect
from backups.vbs.proxies import read_proxies

NOW = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
GOOD = str(CERTIFICATES / "good.pem")
PROJECT = Path(__file__).resolve().parents[3]
NOWHERE = "vbs.cloud.invalid"  # No resolver knows it.


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(clock=lambda: NOW) as running:
        yield running


@contextmanager
def opened(
    variables: Mapping[str, str], folder: Path, entry: Mapping[str, Any]
) -> Iterator[Client]:
    """A client of the only cloud of a clouds.yaml, as the environment says."""
    file = folder / "clouds.yaml"
    file.write_text(json.dumps({"clouds": {"otc": entry}}))
    environ = {"OS_CLIENT_CONFIG_FILE": str(file), **variables}
    client = Client(load_clouds(environ, cwd=folder, home=folder)["otc"], clock=lambda: NOW)
    try:
        yield client
    finally:
        client.close()


def entry_at(sim: Simulator, url: str, **keys: Any) -> dict[str, Any]:
    """An entry whose three addresses are at `url`."""
    entry = sim.cloud_entry(
        vbs_endpoint_override=f"{url}/v2", volume_endpoint_override=f"{url}/evs/v2", **keys
    )
    if "auth_url" in entry["auth"]:
        entry["auth"]["auth_url"] = f"{url}/v3"
    return entry


# What a person's other tools read: neither is for vbsdash. Run with a home and an environment.
WITH_A_NETRC = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import requests
from backups.vbs.client import Client
from backups.vbs.clouds import load_clouds
folder = Path(sys.argv[1])
assert requests.utils.get_netrc_auth(sys.argv[2]) == ("netrc-user", "hunter2")
environ = {"OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml")}
config = load_clouds(environ, cwd=folder, home=folder)["otc"]
client = Client(config, clock=lambda: datetime(2026, 11, 25, 14, 30, tzinfo=UTC))
print(len(client.list_backups(limit=1)), len(list(client.walk_volumes())))
client.close()
"""


def test_a_netrc_is_not_used_and_no_variable_brings_back_a_check_that_is_switched_off(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        sim = stack.enter_context(Simulator(clock=lambda: NOW))
        port = stack.enter_context(tls_in_front_of(port_of(sim), "another"))
        url = f"https://localhost:{port}"
        entry = entry_at(sim, url, verify=False)
        (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"otc": entry}}))
        netrc = tmp_path / ".netrc"
        netrc.write_text("machine localhost login netrc-user password hunter2\n")
        netrc.chmod(0o600)
        variables = {"HOME": str(tmp_path), "NETRC": str(netrc), "PYTHONWARNINGS": "ignore"}
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "OS_CACERT"):
            variables[name] = GOOD
        done = subprocess.run(
            [sys.executable, "-c", WITH_A_NETRC, str(tmp_path), url],
            cwd=PROJECT,
            env=variables,
            capture_output=True,
            text=True,
        )
    assert (done.stdout, done.stderr) == ("1 0\n", "")
    assert [request.status for request in sim.requests] == [201, 200, 200]
    # With what is in a .netrc the sign-in would have carried a header of its own.
    assert [request.token_sent for request in sim.requests] == [False, True, True]


def use(client: Client) -> None:
    """Signs in, then asks for backups and volumes."""
    assert len(client.list_backups(limit=1)) == 1
    list(client.walk_volumes())


def port_of(sim: Simulator) -> int:
    return int(sim.url.rpartition(":")[2])


def test_plain_calls_are_handed_to_the_proxy(sim: Simulator, tmp_path: Path) -> None:
    entry = entry_at(sim, f"http://{NOWHERE}")
    with forward_proxy(credentials="user:p@ss", places={NOWHERE: port_of(sim)}) as proxy:
        variables = {"HTTP_PROXY": f"http://user:p%40ss@{proxy.place}"}
        with opened(variables, tmp_path, entry) as client:
            use(client)
    project = sim.account.project_id
    assert [f"{asked.method} {asked.target.split('?')[0]}" for asked in proxy.asked] == [
        f"POST http://{NOWHERE}/v3/auth/tokens",
        f"GET http://{NOWHERE}/v2/{project}/backups/detail",
        f"GET http://{NOWHERE}/evs/v2/{project}/volumes/detail",
    ]
    assert [request.status for request in sim.requests] == [201, 200, 200]


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_tls_goes_through_a_tunnel_that_is_kept(sim: Simulator, tmp_path: Path) -> None:
    with (
        tls_in_front_of(port_of(sim)) as port,
        forward_proxy(credentials="user:p@ss", places={NOWHERE: port}) as proxy,
    ):
        entry = entry_at(sim, f"https://{NOWHERE}:8443", verify=False)
        variables = {"https_proxy": f"user:p%40ss@{proxy.place}"}
        with opened(variables, tmp_path, entry) as client:
            use(client)
            use(client)
    one_for_the_sign_in_one_for_calls = [("CONNECT", f"{NOWHERE}:8443")] * 2
    assert [(asked.method, asked.target) for asked in proxy.asked] == (
        one_for_the_sign_in_one_for_calls
    )
    for asked in proxy.asked:
        assert set(asked.headers) == {"proxy-authorization"}
    assert len(sim.requests) == 5
    for request in sim.requests:
        assert "proxy-authorization" not in request.headers


def test_a_tunnel_that_the_proxy_closed_meanwhile_is_opened_anew(
    sim: Simulator, tmp_path: Path
) -> None:
    with tls_in_front_of(port_of(sim)) as port, forward_proxy() as proxy:
        entry = entry_at(sim, f"https://localhost:{port}", cacert=GOOD)
        with opened({"HTTPS_PROXY": proxy.place}, tmp_path, entry) as client:
            use(client)
            proxy.hang_up()
            use(client)
    assert proxy.methods == ["CONNECT"] * 3


def test_a_plain_connection_that_the_proxy_closed_meanwhile_is_opened_anew(
    sim: Simulator, tmp_path: Path
) -> None:
    connections: list[bytes] = []

    def once_then_close_on_the_next(near: socket.socket) -> None:
        connections.append(near.recv(65536))
        near.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"backups": []}')
        near.recv(65536)

    with answering(once_then_close_on_the_next) as port:
        entry = entry_at(sim, f"http://{NOWHERE}", auth="aksk")
        with opened({"HTTP_PROXY": f"127.0.0.1:{port}"}, tmp_path, entry) as client:
            answers = [client.list_backups(limit=1) for _ in range(3)]
    assert answers == [[], [], []]
    assert len(connections) == 3


def test_a_host_in_no_proxy_is_reached_directly(sim: Simulator, tmp_path: Path) -> None:
    with forward_proxy() as proxy:
        variables = {"ALL_PROXY": proxy.place, "NO_PROXY": "127.0.0.0/8,localhost"}
        with opened(variables, tmp_path, entry_at(sim, sim.url)) as client:
            use(client)
    assert proxy.asked == []


def test_each_call_takes_its_own_way(sim: Simulator, tmp_path: Path) -> None:
    entry = entry_at(sim, sim.url)
    entry["volume_endpoint_override"] = f"http://{NOWHERE}/evs/v2"
    with forward_proxy(places={NOWHERE: port_of(sim)}) as proxy:
        variables = {"HTTP_PROXY": proxy.place, "NO_PROXY": "127.0.0.1"}
        with opened(variables, tmp_path, entry) as client:
            use(client)
    assert [asked.target.split("?")[0].rsplit("/", 2)[-2] for asked in proxy.asked] == ["volumes"]


def test_the_environment_of_the_process_is_not_read(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with opened({}, tmp_path, entry_at(sim, sim.url)) as client:
        use(client)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    entry = entry_at(sim, sim.url)
    with (
        forward_proxy() as proxy,
        opened({"HTTP_PROXY": proxy.place}, tmp_path, entry) as client,
    ):
        use(client)
    assert proxy.methods == ["POST", "GET", "GET"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_is_spoken_to_by_tls(sim: Simulator, tmp_path: Path, scheme: str) -> None:
    with (
        tls_in_front_of(port_of(sim)) as port,
        forward_proxy(credentials="user:pass", certificate="good") as proxy,
    ):
        url = f"https://localhost:{port}" if scheme == "https" else sim.url
        variables = {"ALL_PROXY": f"https://user:pass@localhost:{proxy.port}"}
        with opened(variables, tmp_path, entry_at(sim, url, cacert=GOOD)) as client:
            use(client)
    assert len(proxy.asked) == (2 if scheme == "https" else 3)


# What goes wrong


@dataclass(frozen=True)
class Trouble:
    """What a proxy does, and what is to be said of it."""

    sentence: str
    cure: str
    refusal: int | None = None
    credentials: str | None = None
    user_info: str = ""
    answer: bytes | None = None  # Of something that is no proxy.


CLOUD = "127.0.0.1:8443"
HOST = "127.0.0.1"
UNREACHED = (
    f"Correct the address in clouds.yaml, or ask whoever runs the proxy of ALL_PROXY; name {HOST} "
    "in NO_PROXY if it can be reached directly."
)
NO_CONNECT = "See that ALL_PROXY names a forward proxy, which takes CONNECT for this port."
NO_PASSWORD = Trouble(
    "The proxy <place> asks for a user and a password (HTTP 407).",
    "Write them into ALL_PROXY, as http://USER:PASSWORD@HOST:PORT.",
    credentials="user:pass",
)
WRONG_PASSWORD = Trouble(
    "The proxy <place> refuses the user or password (HTTP 407).",
    "Correct them in ALL_PROXY; Basic is the only way to sign in to a proxy.",
    credentials="user:pass",
    user_info="user:hunter2@",
)
OF_TINYPROXY = replace(
    WRONG_PASSWORD,
    sentence="The proxy <place> refuses the user or password (HTTP 401).",
    credentials=None,
    refusal=401,
)
CLOSED = Trouble(
    "The proxy <place> closed the connection before it had answered.",
    "See that ALL_PROXY names a proxy that speaks HTTP, and what the proxy logs.",
    answer=b"",
)
OF_TUNNELS = {
    "no password": NO_PASSWORD,
    "wrong password": WRONG_PASSWORD,
    "wrong password, tinyproxy": OF_TINYPROXY,
    "forbidden": Trouble(
        f"The proxy <place> does not allow the way to {CLOUD} (HTTP 403).",
        f"Have it allowed on the proxy of ALL_PROXY, or name {HOST} in NO_PROXY if it can be "
        "reached directly.",
        refusal=403,
    ),
    "not found": Trouble(
        f"The proxy <place> opened no way to {CLOUD} (HTTP 404).", NO_CONNECT, refusal=404
    ),
    "a web server": Trouble(
        f"The proxy <place> opened no way to {CLOUD} (HTTP 405).", NO_CONNECT, refusal=405
    ),
    "not implemented": Trouble(
        f"The proxy <place> opened no way to {CLOUD} (HTTP 501).", NO_CONNECT, refusal=501
    ),
    "unable, tinyproxy": Trouble(
        f"The proxy <place> could not connect to {CLOUD} (HTTP 500).", UNREACHED, refusal=500
    ),
    "bad gateway": Trouble(
        f"The proxy <place> could not connect to {CLOUD} (HTTP 502).", UNREACHED, refusal=502
    ),
    "squid": Trouble(
        f"The proxy <place> could not connect to {CLOUD} (HTTP 503).", UNREACHED, refusal=503
    ),
    "gateway timeout": Trouble(
        f"The proxy <place> could not connect to {CLOUD} (HTTP 504).", UNREACHED, refusal=504
    ),
    "no HTTP": Trouble(
        "The proxy <place> answered with something that is not HTTP.",
        "See that ALL_PROXY names a proxy that speaks HTTP, and its port.",
        answer=b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    ),
    "closed": CLOSED,
}


@contextmanager
def standing(trouble: Trouble) -> Iterator[str]:
    """Runs the proxy of a trouble; yields its place."""
    if trouble.answer is None:
        with forward_proxy(credentials=trouble.credentials, refusal=trouble.refusal) as proxy:
            yield proxy.place
        return
    answer = trouble.answer

    def say(near: socket.socket) -> None:
        near.recv(65536)
        near.sendall(answer)

    with answering(say) as port:
        yield f"127.0.0.1:{port}"


def failures(
    variables: Mapping[str, str], folder: Path, sim: Simulator, url: str, **keys: str
) -> list[Any]:
    """The errors of a sign-in and of a call without one."""
    errors: list[VBSError] = []
    for auth in ("password", "aksk"):
        entry = entry_at(sim, url, auth=auth, **keys)
        with opened(variables, folder, entry) as client, pytest.raises(VBSError) as caught:
            client.list_backups(limit=1)
        errors.append(caught.value)
        assert "hunter2" not in repr(caught.value)
    return errors


@pytest.mark.parametrize("trouble", OF_TUNNELS.values(), ids=OF_TUNNELS)
def test_a_tunnel_that_is_not_opened_is_a_matter_of_the_proxy(
    sim: Simulator, tmp_path: Path, trouble: Trouble
) -> None:
    with standing(trouble) as place:
        variables = {"ALL_PROXY": f"http://{trouble.user_info}{place}"}
        errors = failures(variables, tmp_path, sim, f"https://{CLOUD}")
    for error in errors:
        assert type(error) is ProxyFailed
        assert (error.class_name, error.http_status) == ("unavailable", None)
        assert (error.sentence, error.cure) == (
            trouble.sentence.replace("<place>", place),
            trouble.cure,
        )


@pytest.mark.parametrize(
    "trouble", [NO_PASSWORD, WRONG_PASSWORD, OF_TINYPROXY], ids=["none", "wrong", "tinyproxy"]
)
def test_a_password_that_a_proxy_refuses_is_not_that_of_the_cloud(
    sim: Simulator, tmp_path: Path, trouble: Trouble
) -> None:
    with standing(trouble) as place:
        variables = {"ALL_PROXY": f"http://{trouble.user_info}{place}"}
        errors = failures(variables, tmp_path, sim, f"http://{NOWHERE}")
    for error in errors:
        assert type(error) is ProxyFailed
        assert error.sentence == trouble.sentence.replace("<place>", place)
    assert sim.requests == []


def test_a_407_of_the_cloud_itself_is_its_own(sim: Simulator, tmp_path: Path) -> None:
    sim.fault(Fault("status", status=407))
    for error in failures({}, tmp_path, sim, sim.url)[1:]:
        assert (error.class_name, error.http_status) == ("rejected", 407)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("address", "sentence", "cure"),
    [
        (
            "http://user:hunter2@proxy.invalid:3128",
            "The name proxy.invalid of the proxy in ALL_PROXY cannot be resolved.",
            "Correct ALL_PROXY, or the name servers of this machine.",
        ),
        (
            "http://user:hunter2@127.0.0.1:1",
            "The proxy 127.0.0.1:1 refuses the connection.",
            "Correct the port in ALL_PROXY, or see that the proxy runs.",
        ),
        (
            "https://user:hunter2@127.0.0.1:1",
            "The proxy 127.0.0.1:1 refuses the connection.",
            "Correct the port in ALL_PROXY, or see that the proxy runs.",
        ),
    ],
    ids=["name", "port", "port of TLS"],
)
def test_a_proxy_that_is_not_reached_is_named(
    sim: Simulator, tmp_path: Path, scheme: str, address: str, sentence: str, cure: str
) -> None:
    errors = failures({"ALL_PROXY": address}, tmp_path, sim, f"{scheme}://{NOWHERE}")
    for error in errors:
        assert (type(error), error.sentence, error.cure) == (ProxyFailed, sentence, cure)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_certificate_of_the_proxy_that_is_not_good_is_told_from_that_of_the_cloud(
    sim: Simulator, tmp_path: Path, scheme: str
) -> None:
    with forward_proxy(certificate="good", credentials="user:hunter2") as proxy:
        variables = {"ALL_PROXY": f"https://user:hunter2@localhost:{proxy.port}"}
        errors = failures(variables, tmp_path, sim, f"{scheme}://{NOWHERE}")
    for error in errors:
        assert (type(error), error.sentence) == (
            ProxyFailed,
            f"The certificate of the proxy localhost:{proxy.port} is refused.",
        )
    assert proxy.asked == []  # Nobody has been shown the password.


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_without_tls_behind_an_https_address_is_said(
    sim: Simulator, tmp_path: Path, scheme: str
) -> None:
    with forward_proxy() as proxy:
        errors = failures(
            {"ALL_PROXY": f"https://{proxy.place}"}, tmp_path, sim, f"{scheme}://{NOWHERE}"
        )
    for error in errors:
        assert error.sentence == f"The proxy {proxy.place} does not speak TLS as expected."
        assert error.cure.startswith("Write http:// instead of https:// in ALL_PROXY")


def test_what_is_wrong_with_the_cloud_behind_a_tunnel_names_both(
    sim: Simulator, tmp_path: Path
) -> None:
    with tls_in_front_of(port_of(sim)) as port, forward_proxy() as proxy:
        errors = failures({"ALL_PROXY": proxy.place}, tmp_path, sim, f"https://localhost:{port}")
    for error in errors:
        assert type(error) is Unavailable
        assert error.message.startswith(
            f"localhost:{port} (through {proxy.place}, as ALL_PROXY says): TLS certificate "
            "verification failed; set cacert"
        )


@pytest.mark.parametrize(
    ("certificate", "says"),
    [
        ("another", "was made for another name; correct the address in clouds.yaml."),
        ("expired", "ran out; have it renewed."),
    ],
)
def test_a_certificate_of_a_known_authority_that_is_not_good_is_told_why(
    sim: Simulator, tmp_path: Path, certificate: str, says: str
) -> None:
    file = str(CERTIFICATES / f"{certificate}.pem")
    with tls_in_front_of(port_of(sim), certificate) as port:
        url = f"https://localhost:{port}"
        for error in failures({}, tmp_path, sim, url, cacert=file):
            assert error.message == f"localhost:{port}: the TLS certificate {says}"


def test_the_authority_to_name_may_be_that_of_a_proxy_that_looks_into_tls(sim: Simulator) -> None:
    with tls_in_front_of(port_of(sim)) as port, forward_proxy() as proxy:
        proxies = read_proxies({"ALL_PROXY": proxy.place})
        through = connect(f"https://localhost:{port}", True, proxies=proxies)
        directly = connect(f"https://localhost:{port}", True)
        of_another_name = connect(f"https://{NOWHERE}:{port}", GOOD, proxies=proxies)
    assert "the certificate is the proxy's own" in through.cure
    assert "proxy" not in directly.cure
    assert of_another_name.cure.startswith("Use the name that the certificate was made for")
    assert "proxy" not in of_another_name.cure


def test_a_tunnel_that_leads_nowhere_may_be_the_proxys_fault() -> None:
    def page(near: socket.socket) -> None:
        near.recv(65536)
        near.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Welcome</html>")

    with answering(page) as port:
        proxies = read_proxies({"ALL_PROXY": f"127.0.0.1:{port}"})
        found = connect(f"https://{NOWHERE}", True, proxies=proxies)
    assert found.cure.endswith(
        "see that the proxy of ALL_PROXY passes on what it gets, and what it logs."
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_is_closed_before_the_answer_names_both(
    sim: Simulator, tmp_path: Path, scheme: str
) -> None:
    with ExitStack() as stack:
        if scheme == "http":
            place = f"127.0.0.1:{stack.enter_context(answering(lambda near: near.recv(65536)))}"
            host = NOWHERE
        else:
            closing = stack.enter_context(answering(lambda near: near.recv(65536)))
            host = f"localhost:{stack.enter_context(tls_in_front_of(closing))}"
            place = stack.enter_context(forward_proxy()).place
        client = stack.enter_context(
            opened(
                {"ALL_PROXY": place},
                tmp_path,
                entry_at(sim, f"{scheme}://{host}", auth="aksk", cacert=GOOD),
            )
        )
        with pytest.raises(Unavailable) as caught:
            client.list_backups(limit=1)
    assert caught.value.message == (
        f"{host} (through {place}, as ALL_PROXY says) closed the connection before it had answered."
    )


@pytest.mark.parametrize("status", [400, 404, 500, 502, 503, 504])
def test_who_answered_a_plain_call_is_left_open_where_nobody_can_tell(
    sim: Simulator, tmp_path: Path, status: int
) -> None:
    with forward_proxy(refusal=status) as proxy:
        errors = failures({"ALL_PROXY": proxy.place}, tmp_path, sim, f"http://{NOWHERE}")
    for error in errors:
        assert error.http_status == status
        assert error.message == (
            f"The proxy says no. It may come from the proxy {proxy.place}, as ALL_PROXY says."
        )


@pytest.mark.parametrize("status", [200, 302])
def test_a_page_in_place_of_an_answer_may_be_the_proxys_too(
    sim: Simulator, tmp_path: Path, status: int
) -> None:
    with forward_proxy(refusal=status) as proxy:
        errors = failures({"ALL_PROXY": proxy.place}, tmp_path, sim, f"http://{NOWHERE}")
    for error in errors:
        assert error.class_name in ("wrong_address", "malformed")
        assert f"It may come from the proxy {proxy.place}" in error.message


def test_a_plain_403_of_the_proxy_is_no_refused_sign_in(sim: Simulator, tmp_path: Path) -> None:
    with forward_proxy(refusal=403) as proxy:
        errors = failures({"ALL_PROXY": proxy.place}, tmp_path, sim, f"http://{NOWHERE}")
    for error in errors:
        assert type(error) is ProxyFailed
        assert error.sentence.startswith(f"The proxy {proxy.place} does not allow the way")


def test_an_answer_of_the_cloud_through_a_proxy_is_the_clouds_own(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.fault(Fault("refused_sign_in", path="tokens"))
    sim.fault(Fault("status", status=403))
    with forward_proxy() as proxy:
        sign_in, call = failures({"ALL_PROXY": proxy.place}, tmp_path, sim, sim.url)
    assert type(sign_in) is SignInRefused
    for error in (sign_in, call):
        assert "proxy" not in error.message


# Deadlines and sizes


def drip(near: socket.socket, start: bytes) -> None:
    """Says `start`, then drop after drop for far longer than a call may last."""
    near.recv(65536)
    near.sendall(start)
    for _ in range(100):
        near.sendall(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: "], ids=["status", "header"])
def test_the_total_deadline_holds_against_drops_of_a_proxy(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, start: bytes
) -> None:
    limits = replace(client_module._PAGE_LIMITS, seconds=0.4)
    monkeypatch.setattr(client_module, "_PAGE_LIMITS", limits)
    with answering(lambda near: drip(near, start)) as port:
        variables = {"ALL_PROXY": f"127.0.0.1:{port}"}
        entry = entry_at(sim, f"{scheme}://{NOWHERE}", auth="aksk")
        with opened(variables, tmp_path, entry) as client, pytest.raises(VBSError) as caught:
            client.list_backups(limit=1)
    assert caught.value.class_name == "unavailable"
    assert "in time" in caught.value.message
    assert f"127.0.0.1:{port}" in caught.value.message


@pytest.mark.parametrize("of_proxy", ["http", "https"])
def test_the_total_deadline_holds_against_drops_of_a_handshake_in_a_tunnel(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of_proxy: str
) -> None:
    limits = replace(client_module._PAGE_LIMITS, seconds=1)
    monkeypatch.setattr(client_module, "_PAGE_LIMITS", limits)
    record = b"\x16\x03\x03\x3f\xff"  # The head of a handshake record of 16 KB.
    with (
        answering(lambda near: drip(near, record)) as port,
        forward_proxy(certificate="good" if of_proxy == "https" else "") as proxy,
    ):
        variables = {"ALL_PROXY": f"{of_proxy}://localhost:{proxy.port}"}
        entry = entry_at(sim, f"https://localhost:{port}", auth="aksk", cacert=GOOD)
        with opened(variables, tmp_path, entry) as client, pytest.raises(VBSError) as caught:
            client.list_backups(limit=1)
    assert caught.value.message == (
        f"localhost:{port} (through localhost:{proxy.port}, as ALL_PROXY says) did not answer in "
        "time."
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_total_deadline_and_the_size_hold_behind_a_proxy(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    with ExitStack() as stack:
        proxy = stack.enter_context(forward_proxy())
        url = sim.url
        if scheme == "https":
            url = f"https://localhost:{stack.enter_context(tls_in_front_of(port_of(sim)))}"
        entry = entry_at(sim, url, auth="aksk", cacert=GOOD)
        client = stack.enter_context(opened({"ALL_PROXY": proxy.place}, tmp_path, entry))
        limits = client_module._PAGE_LIMITS
        monkeypatch.setattr(client_module, "_PAGE_LIMITS", replace(limits, size=10))
        with pytest.raises(Malformed, match="longer than 10 bytes"):
            client.list_backups(limit=1)
        monkeypatch.setattr(client_module, "_PAGE_LIMITS", replace(limits, seconds=0.4))
        sim.fault(Fault("hang", seconds=3))
        with pytest.raises(Unavailable, match="did not answer in time") as caught:
            client.list_backups(limit=1)
    assert f"(through {proxy.place}, as ALL_PROXY says)" in caught.value.message
