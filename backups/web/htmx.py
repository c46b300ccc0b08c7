"""The type of a request that django-htmx's middleware has seen."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class HtmxHttpRequest(HttpRequest):
    """`htmx` is true for a request that htmx sent from a page."""

    htmx: HtmxDetails
