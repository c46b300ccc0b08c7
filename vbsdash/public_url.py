"""The public address of this installation, as VBSDASH_URL gives it."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import idna

from backups.vbs.errors import ConfigurationError
from backups.vbs.url_parts import DEFAULT_PORTS, HIGHEST_PORT, LONGEST_HOST

# How our own paths begin. A public path that begins so could not be told from them once a proxy
# has stripped it.
OWN_PATHS: Final = frozenset(
    {
        "account",
        "accounts",
        "admin",
        "alarms",
        "api",
        "audit",
        "backups",
        "clouds",
        "failures",
        "healthz",
        "metrics",
        "migration",
        "policies",
        "readyz",
        "search",
        "static",
        "styleguide",
        "trash",
        "users",
        "volumes",
    }
)
QUOTES = "\"'\u201c\u201e"
EXAMPLE = "https://backups.example.com/vbs"
_PARTS = re.compile(r"(https?)://([^/]*)(.*)", re.IGNORECASE)
_PLACE = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]*))?")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")


@dataclass(frozen=True)
class PublicURL:
    """`host` is as a browser sends it: in lower case, in ASCII, an IPv6 address in brackets.
    `path` begins with a slash and ends without one; at the root of a host it is empty.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        if self.port == DEFAULT_PORTS[self.scheme]:
            return self.host
        return f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host_header}"

    def __str__(self) -> str:
        return self.origin + self.path


def read(env: Mapping[str, str]) -> PublicURL | None:
    """Returns None where VBSDASH_URL is not set.

    No error quotes the value: who writes an address with a password there shows it to nobody.
    """
    value = env.get("VBSDASH_URL")
    if not value:
        return None
    if value[0] in QUOTES:
        # They belong to a shell or to `.env`; Docker's --env-file and a list in YAML keep them.
        raise _refused("begins with a quotation mark", "write it without")
    if value.count("://") > 1:
        raise _refused(
            "holds :// more than once",
            "write the one address that people open, and the hosts of others into ALLOWED_HOSTS",
        )
    if not value.isprintable() or any(character.isspace() for character in value):
        raise _refused("holds a blank or a control character", "write it without")
    parts = _PARTS.fullmatch(value)
    if parts is None:
        raise _refused("does not begin with https:// or http://", "write the whole address")
    scheme = parts[1].lower()
    place = parts[2]
    for character, name in (("?", "a query"), ("#", "a fragment")):
        if character in value:
            raise _refused(f"holds {name}", f"write nothing from the {character} on")
    if "@" in place:
        raise _refused("holds a user or a password", "write host and path alone")
    if "\\" in value:
        raise _refused("holds a backslash", "write / instead")
    if "%" in value:
        raise _refused("holds a percent sign", "write host and path without escapes")
    host_and_port = _PLACE.fullmatch(place)
    if host_and_port is None:
        raise _refused(
            "names no host and port",
            "write HOST:PORT, an IPv6 address in brackets as [2001:db8::1]",
        )
    return PublicURL(
        scheme=scheme,
        host=_host(host_and_port[1]),
        port=_port(host_and_port[2], scheme),
        path=_path(parts[3]),
    )


def _refused(fault: str, cure: str) -> ConfigurationError:
    return ConfigurationError(f"VBSDASH_URL {fault}: {cure}, as in {EXAMPLE}.")


def _port(text: str | None, scheme: str) -> int:
    if not text:
        return DEFAULT_PORTS[scheme]
    if len(text) > 5 or not 1 <= int(text) <= HIGHEST_PORT:
        raise _refused("has a port that cannot be", "write one from 1 to 65535, or none")
    return int(text)


def _host(text: str) -> str:
    """Returns a name or an address as browsers send it."""
    if not text:
        raise _refused("names no host", "write one after the //")
    if text.startswith("["):
        return f"[{_address(text[1:-1], ipaddress.IPv6Address)}]"
    try:
        # What a browser makes of other scripts and of their full stops.
        name = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode()
    except idna.IDNAError as e:
        raise _bad_host() from e
    name = name.removesuffix(".")
    labels = name.split(".")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise _bad_host()
    if len(name) > LONGEST_HOST:
        raise _bad_host()
    # A browser takes a name that ends in a number for an address.
    if labels[-1].isdecimal() or labels[-1].startswith("0x"):
        return _address(name, ipaddress.IPv4Address)
    return name


def _bad_host() -> ConfigurationError:
    return _refused(
        "has a host that no browser can open", "write a name of letters, digits, hyphens and dots"
    )


def _address(text: str, kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address]) -> str:
    try:
        address = kind(text)
    except ValueError as e:
        raise _refused(
            "has an address that cannot be", "correct it, or write the machine's name"
        ) from e
    if address.is_unspecified:
        raise _refused(
            "has an address that stands for all of a machine's",
            "write the one that people open, or the machine's name",
        )
    return address.compressed


def _path(text: str) -> str:
    path = text.removesuffix("/")
    segments = path.split("/")[1:]
    for segment in segments:
        if not segment:
            raise _refused("has // in its path", "write / once")
        if segment in (".", ".."):
            raise _refused(f"has {segment} in its path", "write the path without")
        if not _SEGMENT.fullmatch(segment):
            raise _refused(
                "has a path that cannot be", "write letters, digits and . _ ~ - between the slashes"
            )
    if segments and segments[0] in OWN_PATHS:
        raise _refused(
            f"has a path that begins with /{segments[0]}, as pages of vbsdash do",
            "choose another one",
        )
    return path
