"""Whether the proxy in front is believed; what it tells is read in `backups/web/forwarded.py`."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def untrusted_peer(request: HttpRequest) -> str | None:
    """Returns the address from which the request came where VBSDASH_TRUSTED_PROXIES does not hold
    it, else None. What forwarded headers it sent did not count then.
    """
    try:
        peer = ipaddress.ip_address(request.META["REMOTE_ADDR"])
    except ValueError:
        return None
    for network in settings.TRUSTED_PROXIES:
        if peer in network:
            return None
    return str(peer)
