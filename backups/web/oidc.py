"""Signing in at the provider of OpenID Connect: there and back. Every refusal is a sentence on the
sign-in page and a line of the log, after which nothing is changed.
"""

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import UpdateError
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_GET
from mozilla_django_oidc.views import OIDCAuthenticationRequestView

from backups.edits import external_accounts
from backups.edits.external_accounts import Person
from backups.shared import counters
from backups.shared.group_access import access_of_groups
from backups.shared.refusal import printable
from backups.web import sign_in_log
from backups.web.external_backends import OIDC_SESSIONS
from backups.web.oidc_client import ClaimsMissing, OidcClient, TokenRefused
from backups.web.oidc_options import option
from backups.web.oidc_provider import ProviderFailed, ProviderRefused, discovery
from backups.web.signin import client_place, refusal_page

# Of mozilla-django-oidc, in the session.
STATES, NEXT_PAGE = "oidc_states", "oidc_login_next"
ROUND_TRIP_S = 600  # in which somebody has to come back from the provider
LONGEST_ERROR = 60  # characters of what the provider calls its error
EXPIRED_CODE = "invalid_grant"
AGAIN = "Begin once more."


class Refused(Exception):
    """`sentence` is for the person, `why` for the log; `name` as far as it is known. `wait_s`:
    after how many seconds to try again, where that is known.
    """

    def __init__(
        self,
        sentence: str,
        why: str,
        *,
        status: int = 403,
        name: str = "",
        wait_s: int | None = None,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.why = why
        self.status = status
        self.name = name
        self.wait_s = wait_s


class _Begin(OIDCAuthenticationRequestView):  # type: ignore[misc]
    get_settings = staticmethod(option)


@login_not_required
@require_GET
def begin(request: HttpRequest) -> HttpResponseBase:
    """Leads to the provider, with a state, a nonce and a challenge that the session remembers."""
    try:
        _count(request, "begun")
        response: HttpResponseBase = _Begin.as_view()(request)
    except (ProviderFailed, ProviderRefused) as e:
        return _refused(request, _away(e))
    except Refused as e:
        return _refused(request, e)
    if not request.user.is_authenticated:
        # Who comes back has a session of another length.
        request.session.set_expiry(ROUND_TRIP_S)
    return response


@login_not_required
@require_GET
def callback(request: HttpRequest) -> HttpResponseBase:
    """Signs in who comes back from the provider with a code."""
    next_page = request.session.get(NEXT_PAGE)
    try:
        _count(request, "ended")
        user = _account(request)
    except Refused as e:
        return _refused(request, e)
    for key in (STATES, NEXT_PAGE):
        request.session.pop(key, None)
    login(request, user, backend=OIDC_SESSIONS)
    return redirect(next_page or "home")


def _count(request: HttpRequest, what: str) -> None:
    """Counts by place what makes a row and may ask the provider, which anybody can cause. Raises
    Refused.
    """
    rate = settings.OIDC_RATE
    name = f"oidc/{what}/{client_place(request)}"
    count = counters.count(rate, name) or counters.count_here(rate, name)
    if not count.is_within:
        raise Refused(
            f"Too many sign-ins came from your address: try again in {count.reset_s} s.",
            "too many from there",
            status=429,
            wait_s=count.reset_s,
        )


def _account(request: HttpRequest) -> User:
    """Raises Refused."""
    begun = _take_begun(request)
    if "code" not in request.GET:
        error = printable(request.GET.get("error", "nothing"), LONGEST_ERROR)
        raise Refused(
            f"The provider did not sign you in: it says {error}.", f"the provider says {error}"
        )
    person, groups = _person(request, begun)
    access = access_of_groups(groups)
    try:
        if access is not None:
            return external_accounts.sign_in(person, access, timezone.now())
        external_accounts.lose_access(person)
    except external_accounts.Refused as e:
        raise Refused(str(e), str(e), name=person.name) from e
    if not request.session.exists(request.session.session_key or ""):
        # It was one of those that have ended, so nothing may be written to it.
        logout(request)
    raise Refused(
        "None of your groups opens vbsdash. Who administers vbsdash says which do.",
        "none of the groups has a role",
        name=person.name,
    )


def _take_begun(request: HttpRequest) -> dict[str, str]:
    """Returns nonce and verifier of the sign-in that the answer belongs to, once: an answer that
    comes again belongs to none.
    """
    states = request.session.get(STATES)
    begun = None
    if isinstance(states, dict):
        begun = states.pop(request.GET.get("state", ""), None)
    if begun is not None:
        request.session[STATES] = states
        try:
            # Before the slow part, in which it may come again.
            request.session.save()
        except UpdateError:
            begun = None
    if begun is None:
        raise Refused(
            f"This sign-in was not begun in this browser, or is over. {AGAIN}",
            "the state is not of this session, or was used",
            status=400,
        )
    return {"nonce": begun["nonce"], "code_verifier": begun["code_verifier"]}


def _person(request: HttpRequest, begun: dict[str, str]) -> tuple[Person, list[str]]:
    try:
        # RFC 9207: of two providers, the one that answers.
        answering = request.GET.get("iss")
        if answering is not None and answering != discovery().issuer:
            raise TokenRefused("another issuer answers")
        return OidcClient().person(request, **begun)
    except ProviderRefused as e:
        if str(e) != EXPIRED_CODE:
            raise Refused(
                f"The provider refuses vbsdash itself ({e}). Who administers vbsdash has to look.",
                f"the provider refuses the client: {e}",
                status=502,
            ) from e
        raise Refused(
            f"The provider's answer was used before, or came too late. {AGAIN}",
            "the code is spent",
            status=400,
        ) from e
    except ProviderFailed as e:
        raise _away(e) from e
    except (TokenRefused, SuspiciousOperation) as e:
        raise Refused(
            "The provider's answer is none for this sign-in, so it counts for nothing. "
            f"{AGAIN} Where that does not help, who administers vbsdash has to look.",
            f"the ID token is refused: {e}",
        ) from e
    except ClaimsMissing as e:
        raise Refused(str(e), str(e)) from e


def _away(error: Exception) -> Refused:
    return Refused(
        "The provider of single sign-on cannot be reached, or gives no proper answer. Try again in "
        "a minute.",
        f"the provider failed: {error}",
        status=503,
    )


def _refused(request: HttpRequest, refused: Refused) -> HttpResponse:
    sign_in_log.refused(refused.name, refused.why)
    page = refusal_page(request, refused.sentence, status=refused.status)
    if refused.wait_s is not None:
        page["Retry-After"] = str(refused.wait_s)
    return page
