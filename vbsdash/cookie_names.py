"""Names of cookies that no two installations on one host share."""

from django.utils.crypto import salted_hmac

from vbsdash.public_url import PublicURL


def suffix(public_url: PublicURL | None, listen_port: int, secret_key: str) -> str:
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
