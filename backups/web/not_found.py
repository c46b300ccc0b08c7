"""An address that leads nowhere: 404, unless a mail program took the punctuation behind a link for
its end.
"""

import re
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import is_valid_path
from django.views.defaults import page_not_found

from backups.web.id_in_path import READERS

_SWALLOWED = re.compile(r"(?<=/)[^\w/\x00-\x1f\x7f]{1,20}\Z")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    swallowed = _SWALLOWED.search(request.path_info)
    if swallowed is None or request.method not in READERS:
        return page_not_found(request, exception)
    if not is_valid_path(request.path_info[: swallowed.start()]):
        return page_not_found(request, exception)
    page = quote(request.path.removesuffix(swallowed[0]))
    query = request.META.get("QUERY_STRING", "")
    return HttpResponseRedirect(f"{page}?{query}" if query else page)
