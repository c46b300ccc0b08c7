"""The page for a form that was refused for its origin, cookie or token: what is wrong, what cures
it, and the text that was sent, so that it is not lost.
"""

import logging
from dataclasses import dataclass

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.template.loader import render_to_string
from django.utils.log import log_response
from django_htmx.http import trigger_client_event

from backups.shared.csrf import Refusal, explain
from backups.shared.refusal import RefusalPage
from backups.web.referer import page_before

logger = logging.getLogger(__name__)
MOST_SHOWN = 30  # fields
# Those of the sign-in page and of the administration.
_PASSWORDS = frozenset(
    {"password", "password1", "password2", "old_password", "new_password1", "new_password2"}
)
TOKEN_FIELD = "csrfmiddlewaretoken"  # noqa: S105  the name of a field


@dataclass(frozen=True)
class SentField:
    name: str
    values: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.values)


def refused(request: HttpRequest, reason: str = "") -> RefusalPage:
    """Django's CSRF_FAILURE_VIEW."""
    refusal = explain(request, reason)
    fields = _sent_fields(request) if refusal.from_own_page else []
    context = {
        "refusal": refusal,
        "shown": _shown(fields),
        "again": fields if _may_be_sent_again(request, refusal, fields) else [],
        "form_url": page_before(request),
    }
    page = render_to_string("form_refused.html", context, request)
    response = RefusalPage(page, sentence=refusal.sentence, status=403)
    if request.headers.get("HX-Request"):
        # htmx swaps in no refusal; the page shows the sentence as a notice.
        trigger_client_event(response, "notice", {"value": refusal.sentence})
    log_response(
        "%s",
        refusal.sentence,
        response=response,
        request=request,
        logger=logger,
        level="warning",
    )
    return response


def _sent_fields(request: HttpRequest) -> list[SentField]:
    """Returns the fields of the form but for the token; none where it cannot be read."""
    try:
        lists = list(request.POST.lists())
    except (SuspiciousOperation, UnreadablePostError, MultiPartParserError):
        return []
    fields = []
    for name, values in lists:
        if name != TOKEN_FIELD:
            fields.append(SentField(name, [str(value) for value in values]))
    return fields


def _shown(fields: list[SentField]) -> list[SentField]:
    """Returns those that hold a text which a reader may see again."""
    readable = [field for field in fields if field.name not in _PASSWORDS]
    shown = [field for field in readable if field.text.strip()]
    return shown[:MOST_SHOWN]


def _may_be_sent_again(request: HttpRequest, refusal: Refusal, fields: list[SentField]) -> bool:
    """Returns whether the page may offer the whole form with a new token.

    Only where Django has found, before it looked at the token, that the form comes from a page of
    ours: else a page of somebody else, as of another port, could have its form sent by a click
    here. A form with a password, or with files, is not whole.
    """
    is_origin_sent = "HTTP_ORIGIN" in request.META or request.is_secure()
    # Where it is enough to load the page anew, the origin that was sent is ours.
    if not is_origin_sent or not refusal.reload_helps or request.FILES:
        return False
    return not any(field.name in _PASSWORDS for field in fields)
