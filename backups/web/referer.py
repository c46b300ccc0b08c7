"""The page that a form or a call was sent from, as far as the browser tells."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def page_before(request: HttpRequest) -> str | None:
    """Returns its path and query; None where it is none of ours."""
    referer = request.headers.get("Referer", "")
    hosts = {request.get_host()}
    if settings.PUBLIC_URL:
        # Proxies may lose the host that the browser asked for.
        hosts.add(settings.PUBLIC_URL.host_header)
    if not url_has_allowed_host_and_scheme(referer, hosts, require_https=request.is_secure()):
        return None
    url = urlsplit(referer)
    # What begins with two slashes would lead to another host.
    path = "/" + url.path.lstrip("/")
    return f"{path}?{url.query}" if url.query else path
