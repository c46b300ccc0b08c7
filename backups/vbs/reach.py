"""Can a host be reached at all? Its name, a connection and TLS, each with a sentence and a cure."""

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

NAME_SECONDS = 5.0
CONNECT_SECONDS = 5.0
# OpenSSL's X509_V_ERR_… numbers that a person can do something about
_EXPIRED, _NOT_YET, _HOSTNAME, _ADDRESS = 10, 9, 62, 64
_UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)


@dataclass(frozen=True)
class Reached:
    ok: bool
    sentence: str
    cure: str = ""


def resolve(url: str) -> Reached:
    """The address of a host; the system's resolver has no deadline of its own, so it gets one
    here.
    """
    host, port = _place(url)
    pool = ThreadPoolExecutor(1, thread_name_prefix="resolve")
    try:
        found = pool.submit(socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM).result(
            NAME_SECONDS
        )
    except TimeoutError:
        return Reached(
            False,
            f"The resolver did not answer for {host} in time.",
            "Check the name servers of this machine.",
        )
    except (OSError, UnicodeError):
        cure = "Correct the address in clouds.yaml, or the name servers of this machine."
        return Reached(False, f"The name {host} cannot be resolved.", cure)
    finally:
        pool.shutdown(wait=False)
    return Reached(True, f"{host} is {found[0][4][0]}.")


def connect(url: str, verify: bool | str) -> Reached:
    """A TCP connection and, with https, a TLS handshake. `verify` as in CloudConfig."""
    host, port = _place(url)
    try:
        with socket.create_connection((host, port), CONNECT_SECONDS) as plain:
            if urlsplit(url).scheme != "https":
                return Reached(True, f"{host}:{port} is connected without TLS (http).")
            with _context(verify).wrap_socket(plain, server_hostname=host) as secure:
                return Reached(True, _certificate(host, secure.getpeercert() or {}, verify))
    except ssl.SSLCertVerificationError as e:
        return _refused(host, e)
    except ssl.SSLError as e:
        cure = "Check the port and the scheme of the address: it may speak plain http."
        return Reached(
            False,
            f"{host}:{port} does not speak TLS as expected ({e.reason or 'no reason given'}).",
            cure,
        )
    except ConnectionRefusedError:
        return Reached(
            False,
            f"{host}:{port} refuses the connection.",
            "Check the port in clouds.yaml and that the service runs.",
        )
    except OSError as e:
        why = (
            "does not answer in time"
            if isinstance(e, TimeoutError)
            else f"cannot be reached ({type(e).__name__})"
        )
        return Reached(
            False, f"{host}:{port} {why}.", "Check firewalls and routes from this machine to it."
        )


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _context(verify: bool | str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if verify is False:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _certificate(host: str, peer: dict[str, Any], verify: bool | str) -> str:
    if verify is False:
        return f"{host}: the certificate is not checked (verify: false)."
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(peer["notAfter"])), UTC)
    return f"{host}: the certificate is good until {ends.day} {ends:%b %Y}."


def _refused(host: str, error: ssl.SSLCertVerificationError) -> Reached:
    code = error.verify_code
    if code == _EXPIRED:
        return Reached(
            False, f"The certificate of {host} ran out.", "Have the certificate renewed."
        )
    if code == _NOT_YET:
        return Reached(
            False,
            f"The certificate of {host} is not valid yet.",
            "Check the clock of this machine.",
        )
    if code in (_HOSTNAME, _ADDRESS):
        cure = "Use the name that the certificate was made for as the address in clouds.yaml."
        return Reached(False, f"The certificate of {host} was made for another name.", cure)
    if code in _UNKNOWN_AUTHORITY:
        cure = "If the cloud uses a private authority, name its file under cacert in clouds.yaml."
        return Reached(
            False,
            f"The certificate of {host} comes from an authority that nobody here knows.",
            cure,
        )
    return Reached(
        False,
        f"The certificate of {host} is refused: {error.verify_message}.",
        "Have the certificate renewed.",
    )
