"""The addresses that `make run` prints work when they are opened."""

import re
import socket
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from backups.runner import ports
from backups.runner.own_addresses import in_url, own_addresses, reached_at
from backups.tests.run_settings import LIMIT_S
from backups.tests.runner.test_up import Up, refused

URL = re.compile(r"^up     \| (?:vbsdash|       )     (http://\S+)$", re.M)
HAS_IPV6 = any(address.version == 6 for address in own_addresses())
OTHERS = [address for address in own_addresses() if not address.is_loopback]
ANY = "::" if HAS_IPV6 else "0.0.0.0"


def opened(url: str) -> str:
    with urllib.request.urlopen(url, timeout=LIMIT_S) as page:
        return str(page.read().decode())


@pytest.mark.parametrize("host", [ANY, socket.gethostname()])
def test_each_printed_address_shows_the_sign_in_page_when_it_is_opened(
    tmp_path: Path, host: str
) -> None:
    up = Up(tmp_path, VBSDASH_HOST=host)
    try:
        urls = URL.findall(up.text)
        assert ":0/" not in "".join(urls)
        assert "not ready" not in up.text
        for url in urls:
            assert "<h1>Sign in</h1>" in opened(url)
    finally:
        up.process.terminate()
        up.process.wait(LIMIT_S)
    assert len(urls) >= 1
    if host == ANY:
        assert len(urls) == len(reached_at(ANY))


@pytest.mark.skipif(not OTHERS, reason="this machine has loopback alone")
@pytest.mark.soak
def test_an_address_that_allowed_hosts_does_not_let_in_is_not_printed(tmp_path: Path) -> None:
    other = in_url(str(OTHERS[0]))
    up = Up(tmp_path, VBSDASH_HOST=ANY, ALLOWED_HOSTS=f"dash.example.com,{other}")
    try:
        (url,) = URL.findall(up.text)
        assert url.startswith(f"http://{other}:")
        assert "<h1>Sign in</h1>" in opened(url)
    finally:
        up.process.terminate()
        up.process.wait(LIMIT_S)


@pytest.mark.soak
def test_where_no_own_address_is_let_in_the_banner_says_so_and_names_what_is(
    tmp_path: Path,
) -> None:
    up = Up(tmp_path, ALLOWED_HOSTS=".example.com")
    up.process.terminate()
    up.process.wait(LIMIT_S)
    (url,) = URL.findall(up.text)
    assert re.fullmatch(r"http://example\.com:\d+/", url)
    assert "warning     ALLOWED_HOSTS lets in no address of this machine, as 127.0.0.1" in up.text


@pytest.mark.parametrize(
    ("bound", "hosts"),
    [("127.0.0.1", ["127.0.0.1"]), ("::1", ["[::1]"]), ("fd00::ab", ["[fd00::ab]"])],
)
def test_a_bound_address_is_reached_at_itself(bound: str, hosts: list[str]) -> None:
    assert reached_at(bound) == hosts


@pytest.mark.parametrize("bound", ["0.0.0.0", ANY])
def test_a_socket_on_all_addresses_is_reached_at_each(bound: str) -> None:
    with closing(ports.listen(bound, 0)) as listener:
        port = listener.getsockname()[1]
        for host in reached_at(bound):
            socket.create_connection((host.strip("[]"), port), LIMIT_S).close()
    assert "127.0.0.1" in reached_at(bound)


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("203.0.113.9", "is '203.0.113.9', which is no address of this machine: write 127.0.0.1"),
        ("no-such-host.invalid", "is 'no-such-host.invalid', a name that leads nowhere"),
        ("x" * 64, "a name that leads nowhere (encoding with 'idna' codec failed"),
        ("0.0.0.0:80", "holds a port"),
        ("*", "write 0.0.0.0"),
    ],
)
def test_an_address_that_cannot_be_ends_the_start_with_one_sentence(
    tmp_path: Path, host: str, sentence: str
) -> None:
    code, output = refused(tmp_path, VBSDASH_HOST=host)
    assert (code, output.count("\n")) == (1, 1)
    assert output.startswith("vbsdash: VBSDASH_HOST is ")
    assert sentence in output
    assert not (tmp_path / "data" / "broker").exists()


def test_a_broadcast_address_is_no_address_of_this_machine() -> None:
    with pytest.raises(ports.CannotListen, match="is no address of this machine"):
        ports.listen("127.255.255.255", 0)


def test_a_name_that_leads_to_several_addresses_takes_one_that_this_machine_has() -> None:
    with closing(ports.listen("localhost", 0)) as listener:
        assert listener.getsockname()[0] in ("127.0.0.1", "::1")


@pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")
def test_a_port_that_is_taken_on_one_kind_of_address_is_not_shared_by_the_other() -> None:
    with closing(ports.listen("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ports.CannotListen, match="is taken by another program"):
            ports.listen("::", port)
