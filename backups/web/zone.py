"""The time zone of a reader."""

from zoneinfo import ZoneInfo

from django.http import HttpRequest


def zone(request: HttpRequest) -> ZoneInfo:
    return ZoneInfo("UTC")
