"""VBSDASH_HOST: where the web server listens, and the host names that follow from it."""

import ipaddress
import re
import socket
from collections.abc import Mapping

from backups.runner.own_addresses import LOOPBACK_NAMES, in_url, own_addresses
from backups.vbs.errors import ConfigurationError

DEFAULT = "127.0.0.1"
LONGEST_NAME = 253  # characters, of any DNS name
LONGEST_SHOWN = 80  # characters
USUAL_CURE = "write 127.0.0.1 for this machine alone, 0.0.0.0 for all, or an address of its own"
# No underscore: Django answers to no such name.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
# The C library takes 0, 127.1 and 0x7f000001 for addresses, browsers too, and people for something
# else.
_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
_WITH_PORT = re.compile(r"(\[.*\]|[^:]*):\w*")


def read(env: Mapping[str, str]) -> str:
    """Returns an address in its usual spelling, without brackets, or a name in lower case."""
    value = env.get("VBSDASH_HOST", "").strip()
    if not value:
        return DEFAULT
    bare = value
    if value.startswith("[") and value.endswith("]"):
        bare = value[1:-1]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return _name(value)
    if address.version == 6:
        # As IPv4 it is the same place, and has one spelling in all browsers.
        address = address.ipv4_mapped or address
    if address.is_multicast or str(address) == "255.255.255.255":
        raise _refused(value, "is no address of one machine", USUAL_CURE)
    if address.version == 6 and address.is_link_local:
        raise _refused(value, "cannot be opened by browsers", "write :: or another address")
    return str(address)


def _name(value: str) -> str:
    if "/" in value or "@" in value:
        # It may hold a password.
        raise ConfigurationError(f"VBSDASH_HOST holds more than a host: {USUAL_CURE}.")
    if value == "*":
        raise _refused(value, "is no host", "write 0.0.0.0 for all addresses of this machine")
    if _WITH_PORT.fullmatch(value):
        raise _refused(value, "holds a port", "write the host alone, and the port into PORT")
    name = value.lower().removesuffix(".")
    if _NUMBER.fullmatch(name) or not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise _refused(value, "is neither an address nor a host name", USUAL_CURE)
    return name


def _refused(value: str, problem: str, cure: str) -> ConfigurationError:
    return ConfigurationError(
        f"VBSDASH_HOST is {value[:LONGEST_SHOWN]!r}, which {problem}: {cure}."
    )


def default_allowed_hosts(listen_host: str) -> list[str]:
    """Returns what ALLOWED_HOSTS is where nothing is given: the names and addresses by which a
    server at `listen_host` is reached without anybody's DNS.

    Never all hosts: a page of another site, whose name is led to this machine, could read what the
    server tells a browser here.
    """
    hosts = [*LOOPBACK_NAMES, in_url(listen_host)]
    if not _is_loopback(listen_host):
        hosts.append(socket.gethostname().lower())
        hosts += [in_url(str(address)) for address in own_addresses()]
    return list(dict.fromkeys(hosts))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
