"""Which forward proxy a call goes through: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, each in
small letters too, with the meaning that `requests` and so every OpenStack tool gives them.

They are read once, with the other settings; a call asks `Proxies`, never the environment.
"""

import base64
import ipaddress
import re
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

import requests.utils

from backups.vbs.errors import ConfigurationError, ProxyFailed
from backups.vbs.url_parts import (
    DEFAULT_PORTS,
    UrlParts,
    WrongUrl,
    is_ipv4,
    refuse_unknown_options,
    take_apart,
)

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_EXAMPLE = "http://USER:PASSWORD@HOST:PORT"
_NEARLY_A_SCHEME = re.compile(r"https?[:/]+[^0-9/]", re.IGNORECASE)  # As http:/proxy, http//proxy.
_NAME = re.compile(r"\.*[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.IGNORECASE)
_BRACKETS = re.compile(r"\[([^\]]*)\](?::(\d+))?")  # IPv6, with or without a port.


@dataclass(frozen=True)
class Proxy:
    """A forward proxy. `url` is what `requests` takes and may hold a password; `variable` is the
    name of the variable that it stands in, as the operator wrote it.
    """

    variable: str
    scheme: str  # How one speaks to the proxy itself: http or https.
    host: str
    port: int
    url: str = field(repr=False)

    @property
    def place(self) -> str:
        """Returns host and port, which are no secret."""
        return place_of(self.host, self.port)

    @property
    def has_credentials(self) -> bool:
        return bool(headers_of(self.url))

    @property
    def secrets(self) -> Sequence[str]:
        """Returns what an answer that came through it must not make us quote."""
        password = requests.utils.get_auth_from_url(self.url)[1]
        proof = headers_of(self.url).get("Proxy-Authorization", "")
        return [secret for secret in (password, proof.removeprefix("Basic ")) if secret]


def headers_of(url: str) -> dict[str, str]:
    """Returns the headers that prove to the proxy at `url` who asks. As with `requests` they are
    Latin-1; what that has not, as € or Cyrillic, is UTF-8.
    """
    user, password = requests.utils.get_auth_from_url(url)
    if not user and not password:
        return {}
    text = f"{user}:{password}"
    try:
        encoded = text.encode("latin-1")
    except UnicodeEncodeError:
        encoded = text.encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(encoded).decode()}"}


@dataclass(frozen=True)
class _Variable:
    name: str
    value: str = field(repr=False)

    def proxy(self) -> Proxy:
        """Raises ConfigurationError, which quotes nothing of the value."""
        text = self.value.strip()
        if "://" not in text and not _NEARLY_A_SCHEME.match(text):
            text = f"http://{text}"
        if text.lower().startswith("socks"):
            raise ConfigurationError(
                f"{self.name} names a SOCKS proxy, which is not supported: name one that speaks "
                f"HTTP, as {_EXAMPLE}, or name the clouds' hosts in NO_PROXY."
            )
        try:
            parts = take_apart(text, schemes=("http", "https"), example=_EXAMPLE)
            refuse_unknown_options(parts, ())
            if parts.raw_path not in ("", "/"):
                raise WrongUrl(f"has a path, which a proxy has not: write {_EXAMPLE}")
        except WrongUrl as e:
            raise ConfigurationError(f"{self.name} {e}.") from None
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        url = _url_for_requests(parts, port)
        return Proxy(self.name, parts.scheme, parts.host, port, url)


def _url_for_requests(parts: UrlParts, port: int) -> str:
    """Returns the address with all parts written out: `requests` leaves out a user without a
    password.
    """
    before, at, _ = parts.url().removeprefix(f"{parts.scheme}://").rpartition("@")
    if at and ":" not in before:
        before += ":"
    return f"{parts.scheme}://{before}{at}{place_of(parts.host, port)}"


def place_of(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True)
class Proxies:
    """What the variables say. Without any, every call goes directly."""

    http: _Variable | None = None
    https: _Variable | None = None
    no_proxy: _Variable | None = None
    # By scheme, host and port; a cloud has few of them.
    _chosen: MutableMapping[str, Proxy | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def for_url(self, url: str) -> Proxy | None:
        """Returns the proxy that a call to `url` goes through, None where it goes directly. Raises
        ProxyFailed where the variable holds no proxy, which check() could not know beforehand.
        """
        if self.http is None and self.https is None:
            return None
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc}"
        if place not in self._chosen:
            try:
                self._chosen[place] = self._choose(url)
            except ConfigurationError as e:
                raise ProxyFailed(str(e), f"It is the way to {parts.netloc}.") from e
        return self._chosen[place]

    def forwarder_for(self, url: str) -> Proxy | None:
        """Returns the proxy that a call to `url` is handed to in plain text, and that may answer in
        place of the cloud; TLS goes through a tunnel instead.
        """
        return None if urlsplit(url).scheme == "https" else self.for_url(url)

    def check(self, urls: Iterable[str]) -> None:
        """Raises ConfigurationError where a call to one of `urls` would need a variable that holds
        no proxy.
        """
        for url in urls:
            self._choose(url)

    def _choose(self, url: str) -> Proxy | None:
        variable = self._variable_for(url)
        if variable is None or self._is_exempt(url):
            return None
        return variable.proxy()

    def way_to(self, url: str) -> str:
        """Returns in words which way a call takes; nothing where no variable concerns it."""
        variable = self._variable_for(url)
        if variable is None:
            return ""
        if self.no_proxy is not None and self._is_exempt(url):
            return f"directly: {self.no_proxy.name} names it"
        try:
            proxy = self.for_url(url)
        except ProxyFailed:
            return f"nowhere: {variable.name} names no proxy"
        return f"through {proxy.place}, as {proxy.variable} says" if proxy else ""

    def warnings(self) -> tuple[str, ...]:
        """Returns a sentence for each part of NO_PROXY that names no host."""
        if self.no_proxy is None or (self.http is None and self.https is None):
            return ()
        sentences: list[str] = []
        for entry in self.no_proxy.value.split(","):
            cure = _cure_of_entry(entry.strip(), self.no_proxy.value)
            # Before an @ there may be a password.
            quoted = "an address" if "@" in entry else repr(entry.strip()[:80])
            if cure:
                name = self.no_proxy.name
                sentences.append(f"{name} holds {quoted}, which names no host: {cure}.")
        return tuple(sentences)

    def _variable_for(self, url: str) -> _Variable | None:
        return self.https if urlsplit(url).scheme == "https" else self.http

    def _is_exempt(self, url: str) -> bool:
        return self.no_proxy is not None and names_host(self.no_proxy.value, url)


DIRECT = Proxies()


def read_proxies(environ: Mapping[str, str]) -> Proxies:
    """Reads the variables; nothing of them is judged before a cloud needs it.

    As in the standard library, whose reader knows no environment but the process' own: small
    letters come before capitals, also with an empty value, which takes a proxy away.
    """
    variables: dict[str, _Variable] = {}
    for name, value in environ.items():
        if name.lower() in VARIABLES and value:
            variables[name.lower()] = _Variable(name, value)
    for name, value in environ.items():
        key = name.lower()
        if key not in VARIABLES or not name.endswith("_proxy"):
            continue
        if value:
            variables[key] = _Variable(name, value)
        elif key != "no_proxy":  # Of NO_PROXY the one counts that is not empty.
            variables.pop(key, None)
    for_all = variables.get("all_proxy")
    return Proxies(
        http=variables.get("http_proxy", for_all),
        https=variables.get("https_proxy", for_all),
        no_proxy=variables.get("no_proxy"),
    )


def names_host(no_proxy: str, url: str) -> bool:
    """Does the list in NO_PROXY name the host of `url`?

    As `requests` reads it: `*` alone is every host; a name is the host or a domain that it is in,
    with or without a leading dot, and may have a port; IPv4 may be a network. An address with a
    port, IPv6 in brackets or as a network, which `requests` never matches, mean themselves.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if proxy_bypass_environment(host, {"no": no_proxy}):
        return True
    for entry in no_proxy.replace(" ", "").lower().split(","):
        if _is_host_of(f"{host}:{parts.port}", entry) or _is_address_of(host, parts.port, entry):
            return True
    return False


def _cure_of_entry(entry: str, no_proxy: str) -> str:
    """Returns what to write instead of a part of NO_PROXY that can match nothing."""
    if no_proxy == "*":
        return ""
    if "*" in entry:
        domain = entry.removeprefix("*")
        if domain.startswith(".") and domain.strip(".") and "*" not in domain:
            return f"write {domain}"
        return "write a domain as .example.com, a network as 10.0.0.0/8, or * alone for every host"
    if "://" in entry:
        return "write the host without its scheme"
    if re.search(r"[\s;\"']", entry):
        return "separate the hosts by commas, without quotes"
    if "/" in entry and not _is_network(entry):
        return "write a network as 10.0.0.0/8, and a host without its path"
    if not entry.strip(".") or _is_network(entry) or _is_named(entry):
        return ""
    if _is_named(entry.removesuffix(".")):
        return "write it without the dot at its end"
    return "write a host or domain as example.com, an address whole, a network as 10.0.0.0/8"


def _is_named(entry: str) -> bool:
    """Is it a host, a domain or an address, with or without a port?"""
    if _BRACKETS.fullmatch(entry):
        return True
    host = re.sub(":[0-9]+$", "", entry)
    if re.fullmatch("[0-9.-]+", host):
        return is_ipv4(host)
    return _NAME.fullmatch(host) is not None


def _is_network(entry: str) -> bool:
    if requests.utils.is_valid_cidr(entry):
        return True
    try:
        return ipaddress.IPv6Network(entry, strict=False).prefixlen >= 0
    except ValueError:
        return False


def _is_host_of(host_and_port: str, entry: str) -> bool:
    name = entry.lstrip(".")
    return bool(name) and (host_and_port == name or host_and_port.endswith(f".{name}"))


def _is_address_of(host: str, port: int | None, entry: str) -> bool:
    if requests.utils.is_ipv4_address(host) and requests.utils.is_valid_cidr(entry):
        return requests.utils.address_in_network(host, entry)
    brackets = _BRACKETS.fullmatch(entry)
    if brackets is not None:
        if brackets[2] and int(brackets[2]) != port:
            return False
        entry = brackets[1]
    try:
        return ipaddress.IPv6Address(host) in ipaddress.IPv6Network(entry, strict=False)
    except ValueError:
        return False
