"""Checks whether a host can be reached at all: its name, a connection and TLS, each with a sentence
and a cure.
"""

import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from backups.vbs.cloud_config import ClientCertificate

RESOLVE_SECONDS = 5.0
CONNECT_SECONDS = 5.0
# OpenSSL's X509_V_ERR_… numbers that a person can do something about.
_NOT_YET_VALID = 9
_EXPIRED = 10
_OTHER_NAMES = (62, 64)  # Of a host name, of an address.
_UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)


@dataclass(frozen=True)
class HostCheck:
    """`cure` says what to do; it is empty unless the check failed."""

    ok: bool
    sentence: str
    cure: str = ""


class _Address(NamedTuple):
    host: str
    port: int


def resolve(url: str) -> HostCheck:
    """Resolves the host of an address; the system's resolver has no deadline of its own, so
    it gets one here.
    """
    address = _address_of(url)
    pool = ThreadPoolExecutor(1, thread_name_prefix="resolve")
    try:
        lookup = pool.submit(socket.getaddrinfo, *address, 0, socket.SOCK_STREAM)
        addresses = lookup.result(RESOLVE_SECONDS)
    except TimeoutError:
        return HostCheck(
            False,
            f"The resolver did not answer for {address.host} in time.",
            "Check the name servers of this machine.",
        )
    except (OSError, UnicodeError):
        return HostCheck(
            False,
            f"The name {address.host} cannot be resolved.",
            "Correct the address in clouds.yaml, or the name servers of this machine.",
        )
    finally:
        pool.shutdown(wait=False)
    socket_address = addresses[0][4]
    return HostCheck(True, f"{address.host} is {socket_address[0]}.")


def connect(url: str, verify: bool | str, cert: ClientCertificate | None = None) -> HostCheck:
    """Makes a TCP connection and, with https, a TLS handshake. `verify` and `cert` as in
    CloudConfig.
    """
    address = _address_of(url)
    place = f"{address.host}:{address.port}"
    try:
        with socket.create_connection(address, CONNECT_SECONDS) as plain:
            if urlsplit(url).scheme != "https":
                return HostCheck(True, f"{place} is connected without TLS (http).")
            context = _tls_context(verify, cert)
            with context.wrap_socket(plain, server_hostname=address.host) as secure:
                certificate = secure.getpeercert() or {}
                return HostCheck(True, _certificate_sentence(address.host, certificate, verify))
    except ssl.SSLCertVerificationError as e:
        return _refused_certificate(address.host, e)
    except ssl.SSLError as e:
        return HostCheck(
            False,
            f"{place} does not speak TLS as expected ({e.reason or 'no reason given'}).",
            "Check the port and the scheme of the address: it may speak plain http; or it wants a "
            "client certificate: name it under cert and key.",
        )
    except ConnectionRefusedError:
        return HostCheck(
            False,
            f"{place} refuses the connection.",
            "Check the port in clouds.yaml and that the service runs.",
        )
    except OSError as e:
        if isinstance(e, TimeoutError):
            sentence = f"{place} does not answer in time."
        else:
            sentence = f"{place} cannot be reached ({type(e).__name__})."
        return HostCheck(False, sentence, "Check firewalls and routes from this machine to it.")


def _address_of(url: str) -> _Address:
    parts = urlsplit(url)
    default_port = 443 if parts.scheme == "https" else 80
    return _Address(parts.hostname or "", parts.port or default_port)


def _tls_context(verify: bool | str, cert: ClientCertificate | None) -> ssl.SSLContext:
    if not isinstance(verify, str):
        context = ssl.create_default_context()
    elif Path(verify).is_dir():
        context = ssl.create_default_context(capath=verify)
    else:
        context = ssl.create_default_context(cafile=verify)
    if isinstance(cert, str):
        context.load_cert_chain(cert)
    elif cert is not None:
        context.load_cert_chain(*cert)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _certificate_sentence(host: str, certificate: Mapping[str, object], verify: bool | str) -> str:
    if verify is False:
        return f"{host}: the certificate is not checked (verify: false)."
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    return f"{host}: the certificate is good until {end.day} {end:%b %Y}."


def _refused_certificate(host: str, error: ssl.SSLCertVerificationError) -> HostCheck:
    code = error.verify_code
    if code == _EXPIRED:
        return HostCheck(
            False, f"The certificate of {host} ran out.", "Have the certificate renewed."
        )
    if code == _NOT_YET_VALID:
        return HostCheck(
            False,
            f"The certificate of {host} is not valid yet.",
            "Check the clock of this machine.",
        )
    if code in _OTHER_NAMES:
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
