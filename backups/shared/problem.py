"""A refusal for programs (RFC 9457)."""

from http import HTTPStatus
from typing import TypedDict

CONTENT_TYPE = "application/problem+json"
Errors = dict[str, list[str]]  # sentences by field


class Problem(TypedDict):
    type: str
    title: str
    status: int
    detail: str
    errors: Errors


def problem(code: int, detail: str, errors: Errors | None = None) -> Problem:
    return {
        "type": "about:blank",
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": detail,
        "errors": errors or {},
    }
