"""What an exchange that ended without an answer stands for, as one of the types of errors.py."""

import socket
import ssl
from http.client import HTTPException, IncompleteRead, RemoteDisconnected

import requests
import urllib3.exceptions

from backups.vbs.errors import Malformed, Unavailable, VBSError

# How OpenSSL calls the alerts of a server that wants a client certificate, or another one.
_CERTIFICATE_ALERTS = (
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "SSLV3_ALERT_CERTIFICATE_",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    "TLSV1_ALERT_UNKNOWN_CA",
)


def from_transport(error: BaseException, host: str) -> VBSError:
    """Returns the error that a failed exchange with `host` stands for; no text of the
    lower layers is kept.
    """
    causes = _causes(error)

    def has(*types: type[BaseException]) -> bool:
        return any(isinstance(cause, types) for cause in causes)

    if has(ssl.SSLCertVerificationError):
        cure = "set cacert to the right authority (or verify: false for a test cloud)"
        return Unavailable(f"{host}: TLS certificate verification failed; {cure} in clouds.yaml.")
    if any(_asks_for_certificate(cause) for cause in causes):
        cure = "set cert and key to a client certificate that it takes"
        return Unavailable(
            f"{host} refused the TLS client certificate, or its lack; {cure} in clouds.yaml."
        )
    if has(ssl.SSLError, requests.exceptions.SSLError):
        return Unavailable(
            f"{host}: TLS failed; check the address, verify and cacert in clouds.yaml, and cert "
            "and key if it wants a client certificate."
        )
    if has(socket.gaierror, urllib3.exceptions.NameResolutionError):
        return Unavailable(f"{host}: the host name could not be resolved.")
    if has(ConnectionRefusedError):
        return Unavailable(f"{host} refused the connection.")
    if has(TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError):
        return Unavailable(f"{host} did not answer in time.")
    if has(IncompleteRead, urllib3.exceptions.InvalidChunkLength):
        return Unavailable(f"{host}: the answer was cut off.")
    if has(ConnectionResetError, BrokenPipeError, RemoteDisconnected):
        return Unavailable(f"{host} closed the connection before it had answered.")
    if has(urllib3.exceptions.DecodeError, requests.exceptions.InvalidHeader, HTTPException):
        return Malformed(f"{host} answered with something that is not proper HTTP.")
    return Unavailable(f"{host} could not be reached ({type(error).__name__}).")


def _asks_for_certificate(error: BaseException) -> bool:
    """Did the other side end the TLS handshake because of our certificate? OpenSSL's own reasons
    of that kind are SSLCertVerificationErrors.
    """
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    return reason is not None and reason.startswith(_CERTIFICATE_ALERTS)


def _causes(error: BaseException) -> list[BaseException]:
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
