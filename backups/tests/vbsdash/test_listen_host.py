"""What VBSDASH_HOST may be, and which host names are let in because of it."""

import ipaddress
import socket

import pytest

from backups.runner.own_addresses import in_url, own_addresses
from backups.vbs.errors import ConfigurationError
from vbsdash import listen_host

LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
GOOD = {
    "": "127.0.0.1",
    "  ": "127.0.0.1",
    " 0.0.0.0 ": "0.0.0.0",
    "::": "::",
    "[::]": "::",
    "0:0:0:0:0:0:0:0": "::",
    "[::1]": "::1",
    "0000:0000::0001": "::1",
    "FD00::00AB": "fd00::ab",
    "::ffff:10.0.0.1": "10.0.0.1",
    "[::FFFF:127.0.0.1]": "127.0.0.1",
    "127.0.0.5": "127.0.0.5",
    "localhost": "localhost",
    "LOCALHOST.": "localhost",
    "Dash-1.Example.com": "dash-1.example.com",
    "4you.example": "4you.example",
}
BAD = {
    "*": "write 0.0.0.0",
    "0.0.0.0:8000": "the port into PORT",
    "[::]:8000": "the port into PORT",
    "localhost:": "the port into PORT",
    "dash.example.com:http": "the port into PORT",
    "fe80::1": "write ::",
    "fe80::1%eth0": "write ::",
    "[fe80::1%1]": "write ::",
    "224.0.0.1": "an address of its own",
    "ff02::1": "an address of its own",
    "255.255.255.255": "an address of its own",
    "0": "an address of its own",
    "127.1": "an address of its own",
    "0x7f000001": "an address of its own",
    "2130706433": "an address of its own",
    "256.1.1.1": "an address of its own",
    "1.2.3": "an address of its own",
    "010.0.0.1": "an address of its own",
    "0.0.0.0/0": "an address of its own",
    "http://0.0.0.0": "an address of its own",
    "unix:/run/vbsdash": "an address of its own",
    "user:p4ssword@dash.example.com": "an address of its own",
    "127.0.0.1,::1": "an address of its own",
    "127.0.0.1 ::1": "an address of its own",
    "any host": "an address of its own",
    "my_host": "an address of its own",
    "täglich": "an address of its own",
    "-host": "an address of its own",
    "a..b": "an address of its own",
    ".example.com": "an address of its own",
    "::g": "an address of its own",
    "[": "an address of its own",
    "[]": "an address of its own",
    "::1]": "an address of its own",
    "%": "an address of its own",
    "x" * 300: "an address of its own",
}


@pytest.mark.parametrize(("value", "host"), GOOD.items())
def test_each_spelling_of_an_address_is_read_as_its_usual_one(value: str, host: str) -> None:
    assert listen_host.read({"VBSDASH_HOST": value}) == host


@pytest.mark.parametrize(("value", "cure"), BAD.items())
def test_what_no_server_can_listen_on_is_refused_by_name_with_the_cure(
    value: str, cure: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        listen_host.read({"VBSDASH_HOST": value})
    sentence = str(refusal.value)
    assert sentence.startswith("VBSDASH_HOST ")
    assert cure in sentence
    assert "p4ssword" not in sentence
    assert len(sentence) < 300


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_server_on_loopback_lets_in_loopback_alone(host: str) -> None:
    assert listen_host.default_allowed_hosts(host) == LOOPBACK


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "dash.example.com", "203.0.113.9"])
def test_a_server_beyond_loopback_lets_in_this_machine_by_name_and_addresses_and_never_all(
    host: str,
) -> None:
    allowed = listen_host.default_allowed_hosts(host)
    own = [in_url(str(address)) for address in own_addresses()]
    assert {*LOOPBACK, *own, in_url(host), socket.gethostname().lower()} == set(allowed)
    assert not [pattern for pattern in allowed if "*" in pattern or pattern.startswith(".")]


def test_own_addresses_can_be_bound_to_and_begin_with_loopback() -> None:
    addresses = own_addresses()
    assert addresses[0] == ipaddress.ip_address("127.0.0.1")
    for address in addresses:
        if address.is_link_local:
            continue
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        with socket.socket(family) as probe:
            probe.bind((str(address), 0))
