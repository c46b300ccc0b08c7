"""Requests that htmx sent, and which of them want a part of a page."""

from django.http import HttpRequest
from django.views.decorators.vary import vary_on_headers
from django_htmx.middleware import HtmxDetails

# The IDs of the elements that put in a part of a page: the region that polls, the field of Ctrl-K.
ASKING_FOR_A_PART = frozenset({"live", "palette-q"})
# The headers by which `wants_fragment` decides: no cache may give one answer for the other.
varies_by_fragment = vary_on_headers("HX-Request", "HX-History-Restore-Request", "HX-Trigger")


class HtmxHttpRequest(HttpRequest):
    """`htmx` is true for a request that htmx sent from a page."""

    htmx: HtmxDetails


def wants_fragment(request: HtmxHttpRequest) -> bool:
    """Tells whether the live region polls, or Ctrl-K asks, which need their own part alone.

    Everything else that htmx asks for is a page: a filter changes what stands around the rows as
    well, and the button Back shows the answer as the page. A view that asks this is decorated with
    `varies_by_fragment`.
    """
    if not request.htmx or request.htmx.history_restore_request:
        return False
    return request.htmx.trigger in ASKING_FOR_A_PART
