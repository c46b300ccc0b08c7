"""By which host names vbsdash is called: probes by any, everything else by those that are allowed.

Both are decided here, before other middleware asks for the host of a request.
"""

import logging
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import resolve
from django.utils.log import log_response

from backups.shared import probes
from backups.shared.proxies import not_believed
from backups.shared.refusal import RefusalPage, printable

logger = logging.getLogger(__name__)
PROBES = frozenset({probes.ALIVE, probes.READY, probes.METRICS})
_LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
PROXY_CURE = (
    " If a proxy in front has put this host there, let it pass the one that came "
    "(nginx: proxy_set_header Host $http_host)."
)
LONGEST_SHOWN = 100  # characters of a host


class HostMiddleware:
    """Answers probes at once, and refuses a host that is not allowed with a page and
    one line in the log.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = probes.without_slash(request.path_info)
        if path in PROBES:
            match = resolve(path)
            probe: Callable[[HttpRequest], HttpResponseBase] = match.func
            return probe(request)
        try:
            # Django itself lets some through, as [:a], that cannot stand in an address.
            _ = urlsplit(f"//{request.get_host()}").port
        except (DisallowedHost, ValueError):
            return _refused(request)
        _write_as_browsers_do(request)
        return self._get_response(request)


def _write_as_browsers_do(request: HttpRequest) -> None:
    """Writes the host in lower case and without the port that its scheme has anyway: only then it
    equals the host in the Origin that a browser sends.
    """
    default_port = ":443" if request.is_secure() else ":80"
    host = request.META.get("HTTP_HOST", "")
    if host:
        request.META["HTTP_HOST"] = host.lower().removesuffix(default_port)


def _refused(request: HttpRequest) -> RefusalPage:
    host = request.META.get("HTTP_HOST", "")
    shown_host = f'"{printable(host, LONGEST_SHOWN)}"'
    if host and host in request.META.get("HTTP_X_FORWARDED_HOST", ""):
        shown_host += " (X-Forwarded-Host)"
    domain = _domain(host)
    if not host:
        problem = "The request does not say by which host name it calls vbsdash"
        cure = "Send a Host header."
    elif not domain:
        problem = f"The host {shown_host} is not written as host names are"
        cure = (
            "Letters, digits, hyphens and dots, and a port after a colon, no underscore: call "
            "vbsdash by such a name, set VBSDASH_URL to it or add it to ALLOWED_HOSTS."
        )
    else:
        shown_domain = printable(domain, LONGEST_SHOWN)
        problem = f"vbsdash is not served under the host {shown_host}"
        cure = (
            f"{_public_address()}, or add {shown_domain} to ALLOWED_HOSTS and start vbsdash again."
        )
    told = not_believed(request, "HTTP_X_FORWARDED_HOST")
    if told:
        cure += (
            f' {told.by} has sent the host "{printable(told.text, LONGEST_SHOWN)}" as '
            "X-Forwarded-Host and is not believed: if it is your proxy, add it to "
            "VBSDASH_TRUSTED_PROXIES."
        )
    elif host:
        cure += PROXY_CURE
    sentence = f"{problem}. {cure}"
    page = render_to_string("wrong_host.html", {"problem": problem, "cure": cure})
    response = RefusalPage(page, sentence=sentence, status=400)
    log_response("%s", sentence, response=response, request=request, logger=logger, level="warning")
    return response


def _public_address() -> str:
    public_url = settings.PUBLIC_URL
    if public_url is None:
        return "Set VBSDASH_URL to the address that browsers use"
    return f"Open {public_url}/, the address in VBSDASH_URL"


def _domain(host: str) -> str:
    """Returns the host without its port; an empty text where it is none that ALLOWED_HOSTS could
    hold: there a dot in front means all names below.
    """
    try:
        _ = urlsplit(f"//{host}").port
    except ValueError:
        return ""
    domain, _ = split_domain_port(host)
    if domain.startswith("["):
        return domain
    return domain if _NAME.fullmatch(domain) else ""
