"""What every page needs, without a query."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def frame(request: HttpRequest) -> dict[str, Any]:
    """`here`: the name of the page, for the navigation; `path`: this very address, for the live update."""
    match = request.resolver_match
    return {"demo": settings.DEMO, "here": match.url_name if match else None, "path": request.get_full_path()}
