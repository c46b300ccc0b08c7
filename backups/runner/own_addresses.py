"""The addresses of this machine, as the kernel knows them, and those at which a listening socket
is reached.
"""

import ipaddress
import re
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

Address = IPv4Address | IPv6Address
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
# A socket that is bound to all addresses is asked at this one: a machine may have sockets for IPv6
# and no address of that kind.
_ASKED_AT = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}  # noqa: S104
_IPV4_FILE = Path("/proc/net/fib_trie")
_IPV4 = re.compile(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL")
_BROADCAST = re.compile(r"\|-- ([0-9.]+)\n\s+/32 link BROADCAST")
# Address, interface, prefix, scope and flags, all in hexadecimal digits; <linux/if_addr.h>.
_IPV6_FILE = Path("/proc/net/if_inet6")
_IPV6 = re.compile(r"^([0-9a-f]{32}) \S+ \S+ \S+ ([0-9a-f]+) ", re.M)
IFA_F_DADFAILED = 0x08  # another machine has this address
IFA_F_TENTATIVE = 0x40  # it is not known yet whether another machine has it


def own_addresses() -> list[Address]:
    """Returns the addresses that can be connected to, those of loopback first; none on a system
    that does not tell them as Linux does.
    """
    addresses: list[Address] = [IPv4Address(text) for text in _IPV4.findall(_text(_IPV4_FILE))]
    for digits, flags in _IPV6.findall(_text(_IPV6_FILE)):
        if not int(flags, 16) & (IFA_F_DADFAILED | IFA_F_TENTATIVE):
            addresses.append(IPv6Address(int(digits, 16)))
    unique = list(dict.fromkeys(addresses))
    return sorted(unique, key=lambda address: (not address.is_loopback, address.version))


def is_broadcast(address: str) -> bool:
    """Returns whether it stands for all machines of a network: a socket can be bound to it, and
    nobody can connect to that.
    """
    return address in _BROADCAST.findall(_text(_IPV4_FILE))


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        # Not Linux, or a kernel without IPv6.
        return ""


def in_url(host: str) -> str:
    """Returns a name or an address as it stands in a URL and in a Host header."""
    return f"[{host}]" if ":" in host else host


def asked_at(bound: str) -> str:
    """Returns the address at which this machine itself asks a socket that is bound to `bound`."""
    return _ASKED_AT.get(bound, bound)


def reached_at(bound: str) -> list[str]:
    """Returns the hosts of URLs that lead to a socket that is bound to the address `bound`.

    IPv6 addresses of one link are left out: no browser opens them.
    """
    address = ipaddress.ip_address(bound)
    if not address.is_unspecified:
        return [in_url(str(address))]
    hosts = []
    for own_address in own_addresses():
        # A socket on :: takes IPv4 too.
        if own_address.version > address.version:
            continue
        if own_address.version == 6 and own_address.is_link_local:
            continue
        hosts.append(in_url(str(own_address)))
    return hosts or ["127.0.0.1"]
