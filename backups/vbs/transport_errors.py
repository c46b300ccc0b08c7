"""What an exchange that ended without an answer of the cloud stands for, as one of the types of
errors.py: whether the cloud failed, or the forward proxy on the way to it.
"""

import socket
import ssl
from collections.abc import Iterable, Mapping
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from backups.vbs.errors import Malformed, NameUnknown, ProxyFailed, Unavailable, VBSError
from backups.vbs.proxies import Proxy

# How OpenSSL calls the alerts of a server that wants a client certificate, or another one.
_CERTIFICATE_ALERTS = (
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "SSLV3_ALERT_CERTIFICATE_",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    "TLSV1_ALERT_UNKNOWN_CA",
)
# OpenSSL's X509_V_ERR_… numbers that a person can do something about.
NOT_YET_VALID = 9
EXPIRED = 10
OTHER_NAMES = (62, 64)  # Of a host name, of an address.
# What proxies answer to CONNECT when the host behind them is not reached; tinyproxy says 500.
_NOT_REACHED = frozenset({500, 502, 503, 504})


class ProxyRefusal(OSError):
    """A proxy did not pass a call on. `status` is the HTTP status that it answered with;
    without one the cause says what happened to the question.
    """

    def __init__(self, status: int | None) -> None:
        super().__init__("The proxy did not pass a call on.")
        self.status = status


def from_transport(error: BaseException, host: str, proxy: Proxy | None = None) -> VBSError:
    """Returns the error that a failed exchange with `host` stands for; no text of the
    lower layers is kept. `proxy` is the one that the exchange went through.
    """
    causes = causes_of(error)
    if proxy is not None:
        if _has(causes, ProxyRefusal, urllib3.exceptions.ProxyError):
            return from_proxy(error, host, proxy)
        host = f"{host} (through {proxy.place}, as {proxy.variable} says)"
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Unavailable(f"{host}: {_certificate_failure(cause.verify_code, proxy)}.")
    if any(_asks_for_certificate(cause) for cause in causes):
        cure = "set cert and key to a client certificate that it takes"
        return Unavailable(
            f"{host} refused the TLS client certificate, or its lack; {cure} in clouds.yaml."
        )
    if _has(causes, ssl.SSLError, requests.exceptions.SSLError):
        return Unavailable(
            f"{host}: TLS failed; check the address, verify and cacert in clouds.yaml, and cert "
            "and key if it wants a client certificate."
        )
    if _has(causes, socket.gaierror, urllib3.exceptions.NameResolutionError):
        return NameUnknown(f"{host}: the host name could not be resolved.")
    if _has(causes, ConnectionRefusedError):
        return Unavailable(f"{host} refused the connection.")
    if _has(causes, TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError):
        return Unavailable(f"{host} did not answer in time.")
    if _has(causes, IncompleteRead, urllib3.exceptions.InvalidChunkLength):
        return Unavailable(f"{host}: the answer was cut off.")
    if _has(causes, ConnectionResetError, BrokenPipeError, RemoteDisconnected):
        return Unavailable(f"{host} closed the connection before it had answered.")
    if _has(
        causes, urllib3.exceptions.DecodeError, requests.exceptions.InvalidHeader, HTTPException
    ):
        return Malformed(f"{host} answered with something that is not proper HTTP.")
    return Unavailable(f"{host} could not be reached ({type(error).__name__}).")


def _certificate_failure(code: int, proxy: Proxy | None) -> str:
    if code in OTHER_NAMES:
        return "the TLS certificate was made for another name; correct the address in clouds.yaml"
    if code == EXPIRED:
        return "the TLS certificate ran out; have it renewed"
    if code == NOT_YET_VALID:
        return "the TLS certificate is not valid yet; check the clock of this machine"
    cure = "set cacert to the right authority (or verify: false for a test cloud)"
    if proxy is not None:
        cure = "set cacert to the right authority, the proxy's own where it looks into TLS,"
    return f"TLS certificate verification failed; {cure} in clouds.yaml"


def from_proxy(error: BaseException, host: str, proxy: Proxy) -> ProxyFailed:
    """Returns the error of a proxy that was not reached, or did not pass a call to `host` on."""
    causes = causes_of(error)
    refusals = [cause for cause in causes if isinstance(cause, ProxyRefusal)]
    for refusal in refusals:
        if refusal.status is not None:
            return _refused_by_proxy(refusal.status, host, proxy)
    place = proxy.place
    variable = proxy.variable
    if _has(causes, ssl.SSLCertVerificationError):
        return ProxyFailed(
            f"The certificate of the proxy {place} is refused.",
            f"Name its authority under cacert in clouds.yaml, or correct the name in {variable}.",
        )
    if _has(causes, ssl.SSLError, requests.exceptions.SSLError, urllib3.exceptions.SSLError):
        return ProxyFailed(
            f"The proxy {place} does not speak TLS as expected.",
            f"Write http:// instead of https:// in {variable}, or correct the port there.",
        )
    if _has(causes, socket.gaierror, urllib3.exceptions.NameResolutionError):
        return ProxyFailed(
            f"The name {proxy.host} of the proxy in {variable} cannot be resolved.",
            f"Correct {variable}, or the name servers of this machine.",
        )
    if _has(causes, ConnectionRefusedError):
        return ProxyFailed(
            f"The proxy {place} refuses the connection.",
            f"Correct the port in {variable}, or see that the proxy runs.",
        )
    if _has(causes, TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError):
        if refusals:
            return ProxyFailed(
                f"The proxy {place} did not open a way to {host} in time.",
                f"See what the proxy of {variable} logs, and whether {host} answers.",
            )
        return ProxyFailed(
            f"The proxy {place} does not answer in time.",
            f"Correct {variable}, or the firewalls and routes from this machine to the proxy.",
        )
    if _has(causes, ConnectionResetError, BrokenPipeError, RemoteDisconnected):
        return ProxyFailed(
            f"The proxy {place} closed the connection before it had answered.",
            f"See that {variable} names a proxy that speaks HTTP, and what the proxy logs.",
        )
    if _has(causes, HTTPException):
        return ProxyFailed(
            f"The proxy {place} answered with something that is not HTTP.",
            f"See that {variable} names a proxy that speaks HTTP, and its port.",
        )
    return ProxyFailed(
        f"The proxy {place} could not be reached ({type(error).__name__}).",
        f"Correct {variable}, or the firewalls and routes from this machine to the proxy.",
    )


def _refused_by_proxy(status: int, host: str, proxy: Proxy) -> ProxyFailed:
    place = proxy.place
    variable = proxy.variable
    if status in (401, 407) and proxy.has_credentials:
        return ProxyFailed(
            f"The proxy {place} refuses the user or password (HTTP {status}).",
            f"Correct them in {variable}; Basic is the only way to sign in to a proxy.",
        )
    if status == 407:
        return ProxyFailed(
            f"The proxy {place} asks for a user and a password (HTTP 407).",
            f"Write them into {variable}, as http://USER:PASSWORD@HOST:PORT.",
        )
    name = urlsplit(f"//{host}").hostname  # NO_PROXY knows no port that an address leaves out.
    if status == 403:
        return ProxyFailed(
            f"The proxy {place} does not allow the way to {host} (HTTP 403).",
            f"Have it allowed on the proxy of {variable}, or name {name} in NO_PROXY if it can be "
            "reached directly.",
        )
    if status in _NOT_REACHED:
        return ProxyFailed(
            f"The proxy {place} could not connect to {host} (HTTP {status}).",
            f"Correct the address in clouds.yaml, or ask whoever runs the proxy of {variable}; "
            f"name {name} in NO_PROXY if it can be reached directly.",
        )
    return ProxyFailed(
        f"The proxy {place} opened no way to {host} (HTTP {status}).",
        f"See that {variable} names a forward proxy, which takes CONNECT for this port.",
    )


def is_of_proxy(status: int, headers: Mapping[str, str], proxy: Proxy) -> bool:
    """Did the forwarding `proxy` refuse a plain call, which refuses nobody's sign-in to the cloud?

    407 is nobody else's word. Others are HTML without any mark of OpenStack: 403 where a proxy
    does not allow the address, and 401 of tinyproxy, for a wrong password.
    """
    if status == 407:
        return True
    if status != 403 and not (status == 401 and proxy.has_credentials):
        return False
    is_html = headers.get("Content-Type", "").startswith("text/html")
    return is_html and not _is_of_openstack(headers)


def _is_of_openstack(headers: Mapping[str, str]) -> bool:
    """Keystone's middleware answers in HTML too."""
    is_keystone = headers.get("WWW-Authenticate", "").startswith("Keystone")
    return is_keystone or "X-Openstack-Request-Id" in headers


def doubt(error: VBSError, headers: Mapping[str, str], body: bytes, proxy: Proxy | None) -> None:
    """Adds to the error of an answer that the forwarding `proxy` may have given it: where nothing
    tells that it comes from OpenStack, whose errors are JSON.
    """
    if proxy is None or _is_of_openstack(headers) or body.lstrip().startswith(b"{"):
        return
    error.add(f"It may come from the proxy {proxy.place}, as {proxy.variable} says.")


def _has(causes: Iterable[BaseException], *types: type[BaseException]) -> bool:
    return any(isinstance(cause, types) for cause in causes)


def _asks_for_certificate(error: BaseException) -> bool:
    """Did the other side end the TLS handshake because of our certificate? OpenSSL's own reasons
    of that kind are SSLCertVerificationErrors.
    """
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    return reason is not None and reason.startswith(_CERTIFICATE_ALERTS)


def causes_of(error: BaseException) -> list[BaseException]:
    """Returns the error and all it came from; urllib3 hides causes in `reason` and `args`."""
    causes: list[BaseException] = []
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        causes.append(cause)
        waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None)]
        waiting += cause.args
    return causes
