"""Every 4xx and 5xx under /api/ as application/problem+json (RFC 9457)."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.log import log_response
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from backups.api.errors import DatabaseAway, OriginRefused, TooLarge
from backups.models import ObjectKind, Verb
from backups.query.first_few import MOST_NAMED, REST, first_few
from backups.shared import audit, database_state
from backups.shared.problem import CONTENT_TYPE, Errors, problem
from backups.shared.refusal import RefusalPage

logger = logging.getLogger(__name__)
LONGEST_SENTENCE = 2000  # characters; the longest that vbsdash writes names all filters of a list
_KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate", "Vary", "Cache-Control")
_SENTENCES = {
    400: "This request cannot be read.",
    403: "Not allowed.",
    404: "There is nothing at this address.",
    500: "vbsdash failed on this; its log holds the reason.",
    503: database_state.NO_ANSWER,
}


def _bounded(errors: Errors) -> Errors:
    """Returns the first few, each with its first few sentences: an answer does not grow with the
    mistakes in the question.
    """
    first, others = first_few(errors)
    bounded = {}
    for field, sentences in first.items():
        bounded[field] = [sentence[:LONGEST_SENTENCE] for sentence in sentences[:MOST_NAMED]]
    if others:
        bounded[REST] = [others]
    return bounded


def handle(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's exception handler; what it does not know becomes Django's 500, which
    `Problems` puts into shape.
    """
    if isinstance(exc, RequestDataTooBig):
        exc = TooLarge("The body is larger than 5 MiB.")
    sentence = database_state.sentence_for_people(exc)
    if sentence is not None:
        exc = DatabaseAway(sentence)
    response = exception_handler(exc, dict(context))
    if response is None:
        return None
    errors: Errors = {}
    if isinstance(exc, exceptions.ValidationError):
        errors = _bounded(_flat("", response.data))
        detail = " ".join(f"{field}: {' '.join(texts)}" for field, texts in errors.items())
    elif isinstance(exc, exceptions.UnsupportedMediaType):
        media_type = context["request"].content_type[:200]
        detail = f"The Content-Type is “{media_type}”: send JSON, as application/json."
    elif isinstance(response.data, dict):
        detail = str(response.data.get("detail", ""))
    else:
        detail = str(response.data)
    if isinstance(exc, exceptions.PermissionDenied) and not isinstance(exc, OriginRefused):
        _note_refusal(context["request"], detail)
    if isinstance(exc, OriginRefused):
        # Django's own line would say no more than "Forbidden".
        log_response("%s", detail, response=response, logger=logger, level="warning")
    response.data = problem(response.status_code, detail, errors)
    response.content_type = CONTENT_TYPE
    # The problem is JSON, whatever the call itself answers in: CSV, YAML, a page.
    request = context["request"]
    request.accepted_renderer = JSONRenderer()
    request.accepted_media_type = JSONRenderer.media_type
    return response


def _note_refusal(request: Request, sentence: str) -> None:
    """Notes that a role, or a token that may only read, does not allow a call."""
    audit.note_refusal(
        Verb.ACCESS_REFUSED,
        ObjectKind.PAGE,
        f"{request.method} {request.path}",
        client=request.META["REMOTE_ADDR"],
        sentence=sentence,
    )


def _flat(field: str, errors: object) -> Errors:
    """Returns `{"ids": {3: ["…"]}}` as `{"ids.3": ["…"]}`: one level of fields,
    each with its sentences.
    """
    if isinstance(errors, dict):
        flat: Errors = {}
        for name, inner in errors.items():
            if name == "non_field_errors":
                name = "body"
            flat |= _flat(f"{field}.{name}" if field else str(name), inner)
        return flat
    if isinstance(errors, list) and any(isinstance(item, dict) for item in errors):
        flat = {}
        for number, inner in enumerate(errors):
            # The items of a list that are right have an empty dict.
            if inner:
                flat |= _flat(f"{field}.{number}", inner)
        return flat
    sentences = errors if isinstance(errors, list) else [errors]
    return {field or "body": [str(sentence) for sentence in sentences]}


class Problems:
    """Middleware: what Django itself refuses under /api/ gets the same shape."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        code = response.status_code
        if (
            code < 400
            or not request.path_info.startswith("/api/")
            or response.get("Content-Type") == CONTENT_TYPE
        ):
            return response
        return _shaped(response, code)


def _shaped(response: HttpResponseBase, code: int) -> HttpResponse:
    if isinstance(response, RefusalPage):
        detail = response.sentence
    else:
        detail = _SENTENCES.get(code, HTTPStatus(code).description)
    answer = JsonResponse(problem(code, detail), status=code)
    for header in _KEPT_HEADERS:
        if header in response:
            answer[header] = response[header]
    answer["Content-Type"] = CONTENT_TYPE
    # Django marks what it has logged, with the error; without the mark it logs this answer once
    # more.
    answer._has_been_logged = getattr(response, "_has_been_logged", False)  # type: ignore[attr-defined]
    return answer
