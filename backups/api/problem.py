"""Every 4xx and 5xx under /api/ as application/problem+json (RFC 9457)."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

from backups.api.errors import DatabaseAway, TooLarge
from backups.query.first_few import MOST_NAMED, REST, first_few

LONGEST_SENTENCE = 2000  # characters; the longest that vbsdash writes names all filters of a list
CONTENT_TYPE = "application/problem+json"
_KEPT = ("Allow", "Retry-After", "WWW-Authenticate", "Vary")
_SENTENCES = {
    400: "This request cannot be read.",
    403: "Not allowed.",
    404: "There is nothing at this address.",
    500: "vbsdash failed on this; its log holds the reason.",
    503: "The database does not answer.",
}


def body(code: int, detail: str, errors: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": detail,
        "errors": dict(errors or {}),
    }


def _bounded(errors: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The first few, each with its first few sentences: an answer does not grow with the mistakes
    in the question.
    """
    first, others = first_few(errors)
    found = {
        key: [sentence[:LONGEST_SENTENCE] for sentence in first[key][:MOST_NAMED]] for key in first
    }
    if others:
        found[REST] = [others]
    return found


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler; what it does not know becomes Django's 500, which `Problems` puts
    into shape.
    """
    if isinstance(exc, RequestDataTooBig):
        exc = TooLarge("The body is larger than 5 MiB.")
    if isinstance(exc, OperationalError | InterfaceError):
        exc = DatabaseAway(_SENTENCES[503])
    response = exception_handler(exc, context)
    if response is None:
        return None
    errors: dict[str, list[str]] = {}
    if isinstance(exc, exceptions.ValidationError):
        errors = _bounded(dict(_flat("", response.data)))
        detail = " ".join(f"{key}: {' '.join(sentences)}" for key, sentences in errors.items())
    else:
        detail = (
            str(response.data.get("detail", ""))
            if isinstance(response.data, dict)
            else str(response.data)
        )
    response.data = body(response.status_code, detail, errors)
    response.content_type = CONTENT_TYPE
    request = context["request"]  # whatever the call itself answers in: CSV, YAML, a page
    request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    return response


def _flat(key: str, found: Any) -> list[tuple[str, list[str]]]:
    """`{"ids": {3: ["…"]}}` as `("ids.3", ["…"])`: one level of fields, each with its sentences."""
    if isinstance(found, dict):
        named = [
            (name if name != "non_field_errors" else "body", inner) for name, inner in found.items()
        ]
        return [
            pair
            for name, inner in named
            for pair in _flat(f"{key}.{name}" if key else str(name), inner)
        ]
    if isinstance(found, list) and any(isinstance(one, dict) for one in found):
        return [
            pair for at, inner in enumerate(found) if inner for pair in _flat(f"{key}.{at}", inner)
        ]
    return [
        (key or "body", [str(one) for one in found] if isinstance(found, list) else [str(found)])
    ]


class Problems:
    """Middleware: what Django itself refuses under /api/ gets the same shape."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        code = response.status_code
        if (
            code < 400
            or not request.path.startswith("/api/")
            or response.get("Content-Type") == CONTENT_TYPE
        ):
            return response
        return _shaped(response, code)


def _shaped(response: HttpResponseBase, code: int) -> HttpResponse:
    answer = JsonResponse(
        body(code, _SENTENCES.get(code, HTTPStatus(code).description)), status=code
    )
    for header in _KEPT:
        if header in response:
            answer[header] = response[header]
    answer["Content-Type"] = CONTENT_TYPE
    # Django marks what it has logged, with the error; without the mark it logs this answer once
    # more.
    answer._has_been_logged = getattr(response, "_has_been_logged", False)  # type: ignore[attr-defined]
    return answer
