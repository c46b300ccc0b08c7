"""Every route of the product, with an address that leads to it."""

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from django.urls import URLPattern, URLResolver, get_resolver, resolve

# What stands for a parameter of a route: something that `have` of test_page_questions.py makes.
VALUES = {
    "backup_id": str(uuid.UUID(int=1)),
    "cloud": "otc",
    "volume_id": "d-0",
    "policy_id": "policy-1",
    "tag": "t0",
    "name": "view 0",
    "on": "2026-11-24",
    "token_id": "1",
    "view_id": "1",
    "account_id": "1000001",
    "alarm_id": "2000001",
    "silence_id": "2000001",
    "delivery_id": "2000001",
}
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


def routes() -> dict[str, str]:
    """Each route as `resolve` names it, and its address. Django's admin is one route."""
    return {route: address_of(route) for route in _routes(get_resolver().url_patterns)}


def _routes(patterns: Sequence[URLPattern | URLResolver], above: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = above + str(pattern.pattern)
        if isinstance(pattern, URLResolver) and pattern.app_name != "admin":
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route


def address_of(route: str, values: Mapping[str, str] = VALUES) -> str:
    unknown = sorted(set(PARAMETER.findall(route)) - set(VALUES))
    assert unknown == [], (
        f"{route} has a parameter that no test has a value for: add {', '.join(unknown)} to VALUES "
        f"in backups/tests/routes.py."
    )
    return "/" + PARAMETER.sub(lambda match: quote(values[match[1]]), route)


def route_of(address: str) -> str:
    return resolve(address.split("?")[0]).route
