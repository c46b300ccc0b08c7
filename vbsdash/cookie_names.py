"""Names of cookies that no two installations on one host share."""

from dataclasses import dataclass

from django.utils.crypto import salted_hmac

from vbsdash.public_url import PublicURL

# Browsers take a cookie of such a name over TLS alone, and the first one only for all paths of this
# very host: no other host of the domain can put one of its own in its place (RFC 6265bis, 4.1.3).
HOST_PREFIX = "__Host-"
SECURE_PREFIX = "__Secure-"


@dataclass(frozen=True)
class CookieNames:
    session: str
    csrf: str


def names(public_url: PublicURL | None, listen_port: int, secret_key: str) -> CookieNames:
    prefix = ""
    if public_url is not None and public_url.scheme == "https":
        prefix = SECURE_PREFIX if public_url.path else HOST_PREFIX
    end = _end(public_url, listen_port, secret_key)
    return CookieNames(f"{prefix}vbsdash_session_{end}", f"{prefix}vbsdash_csrf_{end}")


def _end(public_url: PublicURL | None, listen_port: int, secret_key: str) -> str:
    """Returns the end of our cookies' names.

    A browser keeps one jar for all ports of a host, so port and public path are in it. A part of
    the key's digest tells apart what gunicorn listens for by an option of its own, and is the same
    on all hosts of one installation.
    """
    digest = salted_hmac("vbsdash.cookie_names", "", secret=secret_key).hexdigest()[:6]
    if public_url is None:
        return f"{listen_port}_{digest}"
    # A slash may not stand in a name.
    return f"{public_url.port}{public_url.path.replace('/', '.')}_{digest}"
