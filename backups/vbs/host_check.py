"""Checks whether a host can be reached at all, directly or through a proxy: its name, a connection
and TLS, each with a sentence and a cure.
"""

import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from urllib3.connection import ProxyConfig
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url
from urllib3.util.ssltransport import SSLTransport

from backups.vbs.cloud_config import ClientCertificate
from backups.vbs.deadline import TlsConnection, proxy_context, set_deadline
from backups.vbs.errors import ProxyFailed
from backups.vbs.proxies import DIRECT, Proxies, Proxy, headers_of, place_of
from backups.vbs.tls import context_for
from backups.vbs.transport_errors import (
    EXPIRED,
    NOT_YET_VALID,
    OTHER_NAMES,
    ProxyRefusal,
    from_proxy,
)

RESOLVE_SECONDS = 5.0
CONNECT_SECONDS = 5.0
_UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)  # As transport_errors has others of OpenSSL's numbers.


@dataclass(frozen=True)
class HostCheck:
    """`cure` says what to do; it is empty unless the check failed."""

    ok: bool
    sentence: str
    cure: str = ""


class _Address(NamedTuple):
    host: str
    port: int

    @property
    def place(self) -> str:
        return place_of(self.host, self.port)


def resolve(url: str, proxies: Proxies = DIRECT) -> HostCheck:
    """Resolves the host of an address, or that of the proxy that it is reached through; the
    system's resolver has no deadline of its own, so it gets one here.
    """
    address = _address_of(url)
    try:
        proxy = proxies.for_url(url)
    except ProxyFailed as e:
        return HostCheck(False, e.sentence, e.cure)
    next_address = address if proxy is None else _Address(proxy.host, proxy.port)
    pool = ThreadPoolExecutor(1, thread_name_prefix="resolve")
    try:
        lookup = pool.submit(socket.getaddrinfo, *next_address, 0, socket.SOCK_STREAM)
        addresses = lookup.result(RESOLVE_SECONDS)
    except TimeoutError:
        return HostCheck(
            False,
            f"The resolver did not answer for {next_address.host} in time.",
            "Check the name servers of this machine.",
        )
    except (OSError, UnicodeError):
        if proxy is not None:
            failure = from_proxy(socket.gaierror(), address.place, proxy)
            return HostCheck(False, failure.sentence, failure.cure)
        return HostCheck(
            False,
            f"The name {address.host} cannot be resolved.",
            "Correct the address in clouds.yaml, or the name servers of this machine.",
        )
    finally:
        pool.shutdown(wait=False)
    socket_address = addresses[0][4]
    sentence = f"{next_address.host} is {socket_address[0]}."
    if proxy is not None:
        sentence = f"{address.host} is left to the proxy; {sentence}"
    return HostCheck(True, _with_way(sentence, proxies.way_to(url)))


def connect(
    url: str,
    verify: bool | str,
    cert: ClientCertificate | None = None,
    *,
    proxies: Proxies = DIRECT,
) -> HostCheck:
    """Makes a TCP connection to the host of an address or to its proxy and, with https, a TLS
    handshake with the host itself. `verify` and `cert` as in CloudConfig.
    """
    address = _address_of(url)
    is_tls = urlsplit(url).scheme == "https"
    way = ""
    proxy = None
    try:
        way = proxies.way_to(url)
        proxy = proxies.for_url(url)
        if is_tls:
            certificate = _certificate_of(address, proxy, verify, cert)
            sentence = _certificate_sentence(address.host, certificate, verify)
        elif proxy is not None:
            _reach_proxy(proxy, address, verify)
            sentence = f"The proxy is connected; {address.place} is asked without TLS (http)."
        else:
            socket.create_connection(address, CONNECT_SECONDS).close()
            sentence = f"{address.place} is connected without TLS (http)."
        return HostCheck(True, _with_way(sentence, way))
    except ProxyFailed as e:
        return HostCheck(False, e.sentence, e.cure)
    except (OSError, HTTPError, UnicodeError) as e:
        check = _failure(address, e)
        cure = check.cure
        if proxy is not None:
            cure += _cure_of_tunnel(e, proxy)
        return HostCheck(False, _with_way(check.sentence, way), cure)


def _with_way(sentence: str, way: str) -> str:
    return f"{sentence.removesuffix('.')} ({way})." if way else sentence


def _certificate_of(
    address: _Address, proxy: Proxy | None, verify: bool | str, cert: ClientCertificate | None
) -> Mapping[str, object]:
    """Returns the certificate that the host shows, which is empty where it is not checked."""
    context = context_for(verify, cert)
    if proxy is not None:
        return _certificate_through(proxy, address, context, proxy_context(verify))
    with (
        socket.create_connection(address, CONNECT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=address.host) as secure,
    ):
        return secure.getpeercert() or {}


def _certificate_through(
    proxy: Proxy, address: _Address, context: ssl.SSLContext, proxy_context: ssl.SSLContext
) -> Mapping[str, object]:
    """Opens a tunnel, as calls do. Raises ProxyFailed, and OSError for the host behind it."""
    set_deadline(time.monotonic() + CONNECT_SECONDS)
    connection = TlsConnection(
        proxy.host,
        proxy.port,
        timeout=CONNECT_SECONDS,
        ssl_context=context,
        proxy=parse_url(proxy.url),
        proxy_config=ProxyConfig(proxy_context, False, None, None),
    )
    connection.set_tunnel(address.host, address.port, headers_of(proxy.url), proxy.scheme)
    try:
        connection.connect()
        secure = connection.sock
        certificate = None
        if isinstance(secure, ssl.SSLSocket | SSLTransport):
            certificate = secure.getpeercert()
    except (OSError, HTTPError) as e:
        if isinstance(e, ProxyRefusal) or not connection.has_connected_to_proxy:
            raise from_proxy(e, address.place, proxy) from e
        raise
    finally:
        connection.close()
    return certificate or {}


def _reach_proxy(proxy: Proxy, address: _Address, verify: bool | str) -> None:
    """Connects to a proxy that gets plain calls. Raises ProxyFailed."""
    try:
        with socket.create_connection((proxy.host, proxy.port), CONNECT_SECONDS) as plain:
            if proxy.scheme == "https":
                context = context_for(verify)
                context.wrap_socket(plain, server_hostname=proxy.host).close()
    except OSError as e:
        raise from_proxy(e, address.place, proxy) from e


def _failure(address: _Address, error: Exception) -> HostCheck:
    """Returns what is to be said of a host that was not reached, and what to do about it."""
    place = address.place
    if isinstance(error, ssl.SSLCertVerificationError):
        return _refused_certificate(address.host, error)
    if isinstance(error, ssl.SSLError):
        return HostCheck(
            False,
            f"{place} does not speak TLS as expected ({error.reason or 'no reason given'}).",
            "Check the port and the scheme of the address: it may speak plain http; or it wants a "
            "client certificate: name it under cert and key.",
        )
    if isinstance(error, ConnectionRefusedError):
        return HostCheck(
            False,
            f"{place} refuses the connection.",
            "Check the port in clouds.yaml and that the service runs.",
        )
    if isinstance(error, TimeoutError):
        sentence = f"{place} does not answer in time."
    else:
        sentence = f"{place} cannot be reached ({type(error).__name__})."
    return HostCheck(False, sentence, "Check firewalls and routes from this machine to it.")


def _cure_of_tunnel(error: Exception, proxy: Proxy) -> str:
    """Returns what else to do where the proxy may have answered in place of the host."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code not in _UNKNOWN_AUTHORITY:
            return ""
        return (
            " Or the certificate is the proxy's own, which looks into TLS: name its authority "
            "under cacert, or in REQUESTS_CA_BUNDLE."
        )
    return f" Or see that the proxy of {proxy.variable} passes on what it gets, and what it logs."


def _address_of(url: str) -> _Address:
    parts = urlsplit(url)
    default_port = 443 if parts.scheme == "https" else 80
    return _Address(parts.hostname or "", parts.port or default_port)


def _certificate_sentence(host: str, certificate: Mapping[str, object], verify: bool | str) -> str:
    if verify is False:
        return f"{host}: the certificate is not checked (verify: false)."
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    return f"{host}: the certificate is good until {end.day} {end:%b %Y}."


def _refused_certificate(host: str, error: ssl.SSLCertVerificationError) -> HostCheck:
    code = error.verify_code
    if code == EXPIRED:
        return HostCheck(
            False, f"The certificate of {host} ran out.", "Have the certificate renewed."
        )
    if code == NOT_YET_VALID:
        return HostCheck(
            False,
            f"The certificate of {host} is not valid yet.",
            "Check the clock of this machine.",
        )
    if code in OTHER_NAMES:
        return HostCheck(
            False,
            f"The certificate of {host} was made for another name.",
            "Use the name that the certificate was made for as the address in clouds.yaml.",
        )
    if code in _UNKNOWN_AUTHORITY:
        return HostCheck(
            False,
            f"The certificate of {host} comes from an authority that nobody here knows.",
            "If the cloud uses a private authority, name its file under cacert in clouds.yaml.",
        )
    return HostCheck(
        False,
        f"The certificate of {host} is refused: {error.verify_message}.",
        "Have the certificate renewed.",
    )
