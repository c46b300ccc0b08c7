"""What every page needs."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from backups.web.zone import reader

LIVE_PAGES = frozenset({"home", "backups", "backup", "volumes", "volume", "failures", "clouds"})


def frame(request: HttpRequest) -> dict[str, Any]:
    """`here`: the name of the page, for the navigation; `path`: this very address, for the live update.

    `live` is off where the address says so; `still` is the address's query without that word.
    """
    match = request.resolver_match
    here = match.url_name if match else None
    rest = request.GET.copy()
    rest.pop("live", None)
    return {
        "demo": settings.DEMO,
        "here": here,
        "path": request.get_full_path(),
        "live": request.GET.get("live") != "off",
        "still": rest.urlencode(),
        "updates": here in LIVE_PAGES,
        "reader": SimpleLazyObject(lambda: reader(request)),
    }
