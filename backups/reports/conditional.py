"""ETag and If-None-Match for pages and API, decided before anything is rendered."""

import hashlib
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response

from backups.reports.data_version import data_version
from backups.shared.access import access_of


def etag(request: HttpRequest, now: datetime, *more: object) -> str:
    """Differs with the data, the time where it matters, the reader, his token and what both may;
    `more`: what else the answer shows.
    """
    seed = repr((data_version(now), reader_of(request), more))
    return f'"{hashlib.blake2b(seed.encode(), digest_size=12).hexdigest()}"'


def reader_of(request: HttpRequest) -> tuple[object, ...]:
    """Returns who asks, with which token, and what both may."""
    token = getattr(request, "auth", None)  # only requests of the API have it
    access = access_of(request)
    clouds = None if access.clouds is None else sorted(access.clouds)
    return (request.user.pk, getattr(token, "pk", None), access.role, clouds)


def unchanged(request: HttpRequest, tag: str) -> HttpResponse | None:
    """Returns a 304 when the reader has this version already; only GET and HEAD are ever
    conditional on it.

    `*` stands for any version of what there is, and whether there is something for this reader is
    not known yet: he gets the whole answer, or is told that there is none.
    """
    if request.method not in ("GET", "HEAD") or _asks_for_any(request):
        return None
    answer = get_conditional_response(request, etag=tag)
    return answer if answer is not None and answer.status_code == 304 else None


def _asks_for_any(request: HttpRequest) -> bool:
    return request.headers.get("If-None-Match", "").strip() == "*"
