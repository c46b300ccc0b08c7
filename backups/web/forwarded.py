"""Which client asks, and by which address: what proxies tell, as far as they are trusted.

This alone decides: for `REMOTE_ADDR`, the scheme, the host and the path, whatever the web server
thinks of a proxy's headers. `Forwarded` (RFC 7239) is not read.
"""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from backups.shared.proxies import TRUSTED_HOPS
from backups.web.middleware import GetResponse

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
LOCAL = "127.0.0.1"
LONGEST_ADDRESS = 60  # characters, with brackets, zone and port


class ForwardedMiddleware:
    """Puts the client's address, scheme and host into the request, and takes the public path off
    that a proxy has left on it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        _set_origin(request.META, settings.TRUSTED_PROXIES)
        _strip_public_path(request)
        return self._get_response(request)


@dataclass(frozen=True)
class Chain:
    """`trusted`: how many trusted proxies the request came through, the peer included."""

    client: str
    trusted: int


def chain(peer: str, forwarded_for: str, trusted_proxies: Sequence[Network]) -> Chain:
    """Returns the rightmost address that is no trusted proxy's; only trusted ones say who asked
    them. Where all are trusted that is the leftmost one.

    What is no address is not believed, nor what stands left of it.
    """
    address = read_address(peer)
    if address is not None and not _is_trusted(address, trusted_proxies):
        return Chain(str(address), trusted=0)
    # A peer without an address comes over a unix socket, whose file says who may.
    client = LOCAL if address is None else str(address)
    trusted = 1
    for entry in reversed(forwarded_for.split(",")):
        if not entry.strip():
            continue
        address = read_address(entry)
        if address is None:
            break
        client = str(address)
        if not _is_trusted(address, trusted_proxies):
            break
        trusted += 1
    return Chain(client, trusted)


def read_address(text: str) -> Address | None:
    """Returns the address in one entry of X-Forwarded-For, which may have a port, brackets and a
    zone; None for anything else.
    """
    text = text.strip().strip('"')[:LONGEST_ADDRESS]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        # PostgreSQL's type of addresses knows no zone.
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _is_trusted(address: Address, trusted_proxies: Sequence[Network]) -> bool:
    return any(address in network for network in trusted_proxies)


def _set_origin(meta: dict[str, Any], trusted_proxies: Sequence[Network]) -> None:
    route = chain(
        meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", ""), trusted_proxies
    )
    meta["REMOTE_ADDR"] = route.client
    meta[TRUSTED_HOPS] = route.trusted
    if "gunicorn.socket" in meta:
        # gunicorn goes by its own list of proxies and by headers of its own choice, as
        # X-Forwarded-Ssl, and by default believes who is on this machine.
        is_tls = isinstance(meta["gunicorn.socket"], ssl.SSLSocket)
        meta["wsgi.url_scheme"] = "https" if is_tls else "http"
    if route.trusted:
        host = _told_by_proxy(meta, "HTTP_X_FORWARDED_HOST", route.trusted)
        if host:
            meta["HTTP_HOST"] = host
        scheme = _told_by_proxy(meta, "HTTP_X_FORWARDED_PROTO", route.trusted).lower()
        if scheme in ("http", "https"):
            meta["wsgi.url_scheme"] = scheme
    if _is_for_https_only(meta.get("HTTP_HOST", "")):
        # Many proxies do not tell the scheme, or one behind another tells its own.
        meta["wsgi.url_scheme"] = "https"


def _is_for_https_only(host: str) -> bool:
    """Returns whether it is the host of a public address over TLS; proxies may lose its port."""
    public_url = settings.PUBLIC_URL
    if public_url is None or public_url.scheme == "http":
        return False
    # Some write the port that TLS has anyway, as nginx does by $host:$server_port.
    written_as_browsers_do = host.lower().removesuffix(":443").removesuffix(".")
    return written_as_browsers_do in (public_url.host_header, public_url.host)


def _told_by_proxy(meta: Mapping[str, Any], name: str, trusted: int) -> str:
    """Returns what the outermost trusted proxy has put into a list; what stands left of it came
    with the request, and anybody may have written it.
    """
    values = str(meta.get(name, "")).split(",")
    return values[-min(trusted, len(values))].strip()


def _strip_public_path(request: HttpRequest) -> None:
    public_path = settings.FORCE_SCRIPT_NAME
    if not public_path:
        return
    path = _with_one_slash(request.path_info)
    if path == public_path or path.startswith(f"{public_path}/"):
        path = _with_one_slash(path.removeprefix(public_path))
    request.path_info = path
    request.path = public_path + path
    request.META["PATH_INFO"] = path


def _with_one_slash(path: str) -> str:
    """Returns the path with one slash at its beginning, of which nginx makes two where only the
    address of proxy_pass ends in one.
    """
    return "/" + path.lstrip("/")
