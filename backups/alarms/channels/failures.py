"""What is said of a far side that gave no answer: host and fault, nothing that may be secret."""

import ssl

import requests

from backups.vbs.errors import ProxyFailed
from backups.vbs.proxies import Proxy
from backups.vbs.transport_errors import EXPIRED, OTHER_NAMES, causes_of, from_transport


def sentence_of(error: BaseException, place: str, proxy: Proxy | None = None) -> str:
    """Returns a sentence on an exchange with `place` that failed. `proxy`: the one on the way."""
    failure = from_transport(error, place, proxy)
    if isinstance(failure, ProxyFailed):
        return str(failure)
    for cause in causes_of(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"{place}: {_of_certificate(cause.verify_code)}."
        if isinstance(cause, ssl.SSLError | requests.exceptions.SSLError):
            return f"{place}: TLS failed; correct its address, port or security in channels.yaml."
    return str(failure)


def _of_certificate(code: int) -> str:
    if code in OTHER_NAMES:
        return "the TLS certificate was made for another name; correct it in channels.yaml"
    if code == EXPIRED:
        return "the TLS certificate ran out; have it renewed"
    return "the TLS certificate is of nobody that is trusted; name its authority in SSL_CERT_FILE"
