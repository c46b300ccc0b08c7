"""Takes an address (`scheme://user:password@host:port/path?options`) apart and judges each part.

Parsers of addresses disagree about what is not written by the rules, and most put a default, such
as localhost, where they cannot read a part. So nothing is accepted that two of them could read
differently. No complaint quotes the address: it may hold a password, in any of its parts.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

HIGHEST_PORT = 65535
DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST_HOST = 253  # characters
# Cures a user or password that ends too early for whoever takes the address apart.
ENCODING = (
    "in a user or password write @ as %40, / as %2F, # as %23, ? as %3F, % as %25, [ as %5B, "
    "] as %5D and a blank as %20"
)
STRANGE_CHARACTER = "holds a blank, a line end or an invisible character: take it out"
NO_HOST = "names a host that can be none"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_AUTHORITY = re.compile(r"[^/?#]*")
_BRACKETS = re.compile(r"\[([^\[\]]*)\](?::(.*))?", re.DOTALL)
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_PORT = re.compile(r"[0-9]{1,5}")
_NO_CODE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Of a shell, of Compose, of Ansible or Helm.
_PLACEHOLDER = re.compile(r"\$[{(]|\{\{")
_OPTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,40}")
_QUOTES = ("'", '"', "`", "‘", "’", "“", "”")


class WrongUrl(ValueError):
    """An address that is refused. The text goes after the name of the variable or key: `has no
    host: write redis://HOST:6379/0`, without a period at the end.
    """


@dataclass(frozen=True)
class UrlParts:
    """The parts of an address, decoded. `scheme` is in small letters, and so is `host`, without
    brackets; a host that begins with `/` is the folder of a socket.
    """

    scheme: str
    host: str  # "" where there is none
    port: int | None
    user: str | None
    password: str | None = field(repr=False)
    raw_path: str  # as written, with the first slash; "" where there is none
    options: Mapping[str, str]

    @property
    def path(self) -> str:
        """Returns the decoded path without its first slash."""
        return unquote(self.raw_path[1:])

    def url(self, *, with_options: bool = True) -> str:
        """Returns the address anew, with all encoded that a parser could trip over."""
        text = f"{self.scheme}://{self._user_info()}{self._place()}"
        text += quote(self.raw_path, safe="/%:@!$&'()*,=+-._~")
        if with_options and self.options:
            pairs = [f"{name}={quote(value)}" for name, value in self.options.items()]
            text += "?" + "&".join(pairs)
        return text

    def _user_info(self) -> str:
        if self.user is None and self.password is None:
            return ""
        text = quote(self.user or "", safe="")
        if self.password is not None:
            text += ":" + quote(self.password, safe="")
        return f"{text}@"

    def _place(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe="")
        return host if self.port is None else f"{host}:{self.port}"


def take_apart(
    value: str, *, schemes: Sequence[str], example: str, by_libpq: bool = False
) -> UrlParts:
    """Returns the parts of the address `value`. Raises WrongUrl.

    `example` is the form that a refusal advises. With `by_libpq` the host may be missing, or
    the encoded path of a socket's folder, and an empty password is none. Blanks around the address
    do not count.
    """
    text = value.strip()
    if text.startswith(_QUOTES) or text.endswith(_QUOTES):
        raise WrongUrl(f"stands in quotes: write it without them, as {example}")
    encoding = f"; {ENCODING}" if "@" in text else ""
    if not text.isprintable():
        raise WrongUrl(f"{STRANGE_CHARACTER}{encoding}")
    scheme, rest = _split_scheme(text, schemes, example)
    _check_characters(text, encoding)
    authority = _first(_AUTHORITY, rest)
    tail = rest[len(authority) :]
    user_info, at, place = authority.rpartition("@")
    if "@" in tail or "@" in user_info:
        raise WrongUrl(
            f"seems to hold a password with a character that must be encoded: {ENCODING}"
        )
    if "#" in tail:
        raise WrongUrl(f"has a # which begins no part of it: leave it out{encoding}")
    user = None
    password = None
    if at:
        user, password = _user_and_password(user_info, example, by_libpq=by_libpq)
    raw_path, _, query = tail.partition("?")
    host, port = _host_and_port(place, example, encoding, by_libpq=by_libpq)
    return UrlParts(
        scheme=scheme,
        host=host,
        port=port,
        user=user,
        password=password,
        raw_path=raw_path,
        options=_options(query, encoding),
    )


def _check_characters(text: str, encoding: str) -> None:
    """Refuses what is no text of an address anywhere in it. `encoding` ends a cure, where there may
    be a user or password.
    """
    if _PLACEHOLDER.search(text):
        raise WrongUrl(
            "holds a ${NAME} or the like that nothing has filled in: write the value; in a user or "
            "password write $ as %24 and { as %7B"
        )
    if " " in text:
        raise WrongUrl(f"{STRANGE_CHARACTER}{encoding}")
    if _NO_CODE.search(text):
        raise WrongUrl(f"holds a % that begins no code such as %2F: write it as %25{encoding}")
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise WrongUrl("holds codes such as %E4 that are no UTF-8: write ä as %C3%A4") from None
    for character in decoded:
        if not character.isprintable():
            raise WrongUrl(
                "holds the code of a line end or another control character, such as %0A: leave it "
                "out (echo adds one, printf does not)"
            )


def _split_scheme(text: str, schemes: Sequence[str], example: str) -> tuple[str, str]:
    match = _SCHEME.match(text)
    scheme = match.group(1).lower() if match else ""
    if match is None or scheme not in schemes:
        beginnings = ", ".join(f"{name}://" for name in schemes)
        one_of = "one of " if len(schemes) > 1 else ""
        raise WrongUrl(f"must begin with {one_of}{beginnings}: write {example}")
    return scheme, text[match.end() :]


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.match(text)
    return match.group() if match else ""


def _user_and_password(
    user_info: str, example: str, *, by_libpq: bool
) -> tuple[str | None, str | None]:
    """Returns what stands before the @, decoded; None for what is not there."""
    if "[" in user_info or "]" in user_info:
        raise WrongUrl(
            f"seems to hold a password with a character that must be encoded: {ENCODING}"
        )
    user, colon, password = user_info.partition(":")
    if colon and not password and not by_libpq:
        raise WrongUrl(f"has an empty password: write {example}, or no colon before the @")
    if not user_info:
        raise WrongUrl(f"has neither user nor password before its @: write {example}, or no @")
    return unquote(user) or None, unquote(password) or None


def _host_and_port(
    place: str, example: str, encoding: str, *, by_libpq: bool
) -> tuple[str, int | None]:
    cure = f"write {example}{encoding}"
    if place.startswith("["):
        match = _BRACKETS.fullmatch(place)
        if match is None or not _is_ipv6(match.group(1)):
            raise WrongUrl(f"{NO_HOST}: {cure}")
        return match.group(1).lower(), _port(match.group(2), cure)
    if "," in place:
        raise WrongUrl(f"names several hosts, which is not supported: write one, as {example}")
    if place.count(":") > 1:
        raise WrongUrl(
            "has several colons in its host: an IPv6 address stands in brackets, as in "
            f"[2001:db8::1], and a password before an @; write {example}"
        )
    host, colon, port_text = place.partition(":")
    port = _port(port_text if colon else None, cure)
    if by_libpq and (not host or unquote(host).startswith("/")):
        return unquote(host), port
    if not host:
        raise WrongUrl(f"names no host: write {example}")
    if not host.isascii():
        raise WrongUrl(
            f"{NO_HOST}, with letters other than a to z: write its name in DNS, as "
            f"xn--bcher-kva.example for bücher.example{encoding}"
        )
    if len(host) > LONGEST_HOST or not _HOST.fullmatch(host):
        raise WrongUrl(f"{NO_HOST}: {cure}")
    if re.fullmatch("[0-9.]+", host) and not is_ipv4(host):
        raise WrongUrl(f"{NO_HOST}: {cure}")
    return host.lower(), port


def _port(text: str | None, cure: str) -> int | None:
    """Returns None where there is no port, which is not the same as one that is empty."""
    if text is None:
        return None
    if not _PORT.fullmatch(text) or not 1 <= int(text) <= HIGHEST_PORT:
        raise WrongUrl(f"has no port from 1 to {HIGHEST_PORT} after the colon of its host: {cure}")
    return int(text)


def is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _is_ipv6(host: str) -> bool:
    """Returns whether it is an address without a zone, which parsers decode differently."""
    try:
        return ipaddress.IPv6Address(host).scope_id is None
    except ValueError:
        return False


def _options(query: str, encoding: str) -> dict[str, str]:
    """Returns what stands after the question mark. Of an option that is there twice, has no value,
    or holds a +, different parsers make different things.
    """
    if "+" in query:
        raise WrongUrl("has a + in its options: write %20 for a blank, %2B for a +")
    options: dict[str, str] = {}
    if not query:
        return options
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if not _OPTION_NAME.fullmatch(name) or not value:
            raise WrongUrl(
                "has options that are not written as ?name=value&name=value: correct "
                f"them{encoding}"
            )
        if name in options:
            raise WrongUrl(f"has the option {name} twice: write it once")
        options[name] = unquote(value)
    return options


def refuse_unknown_options(parts: UrlParts, allowed: Sequence[str]) -> None:
    """Refuses by name an option that is none of `allowed`. Raises WrongUrl."""
    for name in parts.options:
        if name not in allowed:
            others = f"write {', '.join(allowed)}, or " if allowed else ""
            raise WrongUrl(f"has the option {name}, which is not supported: {others}leave it out")
