"""Says why Django refused a form or a call for its origin, cookie or token, and what cures it.

Nothing in it is secret: who cannot sign in needs it most.
"""

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.middleware import csrf

from backups.shared.proxies import not_believed
from backups.shared.refusal import printable
from backups.vbs.url_parts import DEFAULT_PORTS

LONGEST_SHOWN = 100  # characters of what a stranger sent
SCRIPT_CURE = "a script calls the API with a token instead (Authorization: Bearer KEY)."


@dataclass(frozen=True)
class Refusal:
    """Sentences: what is wrong, and what whoever reads it, or runs vbsdash, can do about it."""

    problem: str
    cure: str
    # Whether the form came from a page of ours, so that its text may be shown again.
    from_own_page: bool
    # Whether it is enough to load the page anew.
    reload_helps: bool = False

    @property
    def sentence(self) -> str:
        return f"{self.problem} {self.cure}"


@dataclass(frozen=True)
class Origin:
    """Of a page, with its port, and the host in lower case."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.port == DEFAULT_PORTS[self.scheme]:
            return f"{self.scheme}://{host}"
        return f"{self.scheme}://{host}:{self.port}"


def explain(request: HttpRequest, reason: str) -> Refusal:
    """Returns what Django's `reason` means here."""
    if reason == csrf.REASON_NO_CSRF_COOKIE:
        return _no_cookie(request)
    if reason == csrf.REASON_CSRF_TOKEN_MISSING:
        return Refusal(
            "The form came without its token.",
            f"Load the page anew and send the form again; {SCRIPT_CURE}",
            from_own_page=True,
            reload_helps=True,
        )
    if reason == csrf.REASON_NO_REFERER:
        return Refusal(
            "The browser says neither by Origin nor by Referer from which page the form came.",
            f"A browser extension or a proxy takes them off: let it send them to {own(request)}, "
            "and let no proxy set Referrer-Policy: no-referrer.",
            from_own_page=False,
        )
    if "HTTP_ORIGIN" in request.META and reason.startswith("Origin "):
        return _other_origin(request, request.META["HTTP_ORIGIN"])
    if reason.startswith("Referer "):
        return _other_origin(request, request.META.get("HTTP_REFERER", ""))
    # What is left is a token of another secret: signing in makes a new one.
    return Refusal(
        "The token of this form is not this browser's: since its page was opened, somebody "
        "signed in here, in this or another tab, or cookies were deleted.",
        "Load the page anew and send the form again.",
        from_own_page=True,
        reload_helps=True,
    )


def own(request: HttpRequest) -> str:
    """Returns the origin of our pages, as this request came to them."""
    url = urlsplit(f"{request.scheme}://{request.get_host()}")
    return str(_origin(url) or url.geturl())


def _address(own_origin: str) -> str:
    """Returns where our pages are, which may be on a path of the origin."""
    public_url = settings.PUBLIC_URL
    if public_url is not None and public_url.origin == own_origin:
        return str(public_url)
    return own_origin


def _origin(url: SplitResult) -> Origin | None:
    """Returns None for what no page can come from."""
    try:
        port = url.port
    except ValueError:
        return None
    if url.scheme not in DEFAULT_PORTS or not url.hostname:
        return None
    return Origin(url.scheme, url.hostname, port or DEFAULT_PORTS[url.scheme])


def _other_origin(request: HttpRequest, sent: str) -> Refusal:
    shown = printable(sent, LONGEST_SHOWN)
    expected = own(request)
    if sent == "null":
        return Refusal(
            "The browser does not say from which page the form came (Origin: null).",
            f"Open {_address(expected)} itself, not inside another page or a saved file; let no "
            "browser extension or proxy set Referrer-Policy: no-referrer.",
            from_own_page=False,
        )
    try:
        origin = _origin(urlsplit(sent))
        expected_origin = _origin(urlsplit(expected))
    except ValueError:
        origin = None
    # A browser writes no slash and no usual port into an Origin: who does is none.
    if origin is None or expected_origin is None or origin == expected_origin:
        return Refusal(
            f'The form came from "{shown}", which is no origin of a page; {expected} is expected.',
            f"Open {_address(expected)} in a browser; {SCRIPT_CURE}",
            from_own_page=False,
        )
    return Refusal(
        f"The form came from a page of {printable(str(origin), LONGEST_SHOWN)}, but here "
        f"{expected} is expected.",
        _cure_of(request, origin, expected_origin),
        from_own_page=origin.host == expected_origin.host,
    )


def _cure_of(request: HttpRequest, origin: Origin, expected: Origin) -> str:
    """Returns how the two are made one."""
    # Whoever sends it may write anything there, as long as a header may be.
    shown = printable(str(origin), LONGEST_SHOWN)
    setting = f"set VBSDASH_URL to the address that browsers use ({shown} and its path)"
    proxy = _untrusted_proxy(request, origin, expected)
    if proxy:
        return (
            f"{proxy} tells of {shown} and is not believed: if it is your proxy, add it to "
            f"VBSDASH_TRUSTED_PROXIES, or {setting}."
        )
    if origin.host != expected.host:
        return (
            f"If {shown} is where people open vbsdash: {setting}, add it to CSRF_TRUSTED_ORIGINS, "
            "or let the proxy pass the Host header as it came, or as X-Forwarded-Host. If not, a "
            "page of somebody else has sent the form; nothing was done."
        )
    if origin.scheme == "https" and expected.scheme == "http":
        return (
            "The proxy that ends TLS has to send X-Forwarded-Proto: https and stand in "
            f"VBSDASH_TRUSTED_PROXIES; or {setting}."
        )
    if origin.scheme != expected.scheme:
        return (
            f"Open {_address(str(expected))} instead; if plain HTTP is meant, the proxy must not "
            "send X-Forwarded-Proto: https, nor VBSDASH_URL begin with https://."
        )
    return (
        "The proxy has to pass the Host header with its port (nginx: proxy_set_header Host "
        f"$http_host); or {setting}."
    )


def _untrusted_proxy(request: HttpRequest, origin: Origin, expected: Origin) -> str | None:
    """Returns the address of who tells what would make the two one, and is not believed."""
    if origin.scheme != expected.scheme:
        told = not_believed(request, "HTTP_X_FORWARDED_PROTO")
        words = told.text.lower().replace(" ", "").split(",") if told else []
        would_cure = origin.scheme in words
    else:
        told = not_believed(request, "HTTP_X_FORWARDED_HOST")
        would_cure = told is not None and origin.host in told.text.lower()
    return told.by if told and would_cure else None


def _no_cookie(request: HttpRequest) -> Refusal:
    # Django has found it to be ours before it looked for a cookie; proxies may lose the host.
    here = request.META.get("HTTP_ORIGIN") or own(request)
    reload_helps = True
    cure = (
        f"Allow cookies of {here} in the browser, load the page anew and send the form again; "
        f"{SCRIPT_CURE}"
    )
    public_url = settings.PUBLIC_URL
    if public_url is not None and public_url.origin != here:
        # They are for its path, and for TLS alone where it has that.
        reload_helps = False
        cure = (
            f"Cookies here are for {public_url}, the address in VBSDASH_URL: open that one, and "
            f"allow its cookies in the browser; {SCRIPT_CURE}"
        )
    return Refusal(
        "The browser has sent no cookie with the form.",
        cure,
        from_own_page=True,
        reload_helps=reload_helps,
    )
