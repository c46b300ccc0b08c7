"""Every 4xx and 5xx under /api/ as application/problem+json (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

CONTENT_TYPE = "application/problem+json"


class Unprocessed(exceptions.ValidationError):
    """400 with `{"field": ["sentence", …]}`."""


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE


def body(code: int, detail: str, errors: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": detail,
        "errors": errors or {},
    }


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler; what it does not know goes on to Django's 500, answered by `server_error`."""
    if isinstance(exc, RequestDataTooBig):
        exc = TooLarge("The body is larger than 5 MiB.")
    response = exception_handler(exc, context)
    if response is None:
        return None
    data = response.data
    if isinstance(exc, exceptions.ValidationError):
        errors = data if isinstance(data, dict) else {"body": data}
        errors = {key: value if isinstance(value, list) else [str(value)] for key, value in errors.items()}
        detail = " ".join(f"{key}: {' '.join(str(v) for v in value)}" for key, value in errors.items())
    else:
        errors, detail = {}, str(data.get("detail", "")) if isinstance(data, dict) else str(data)
    response.data = body(response.status_code, detail, errors)
    response.content_type = CONTENT_TYPE
    return response


def page(code: int, detail: str) -> JsonResponse:
    return JsonResponse(body(code, detail), status=code, content_type=CONTENT_TYPE)


def not_found(request: HttpRequest, *_: Any, **__: Any) -> JsonResponse:
    return page(404, f"There is nothing at {request.path[:200]}.")


def server_error() -> JsonResponse:
    return page(500, "vbsdash failed on this; the log holds the reason.")
