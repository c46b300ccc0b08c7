"""Finds configured clouds that are one project under several names, by the endpoint that sign-in
and catalog led to.

An endpoint of a backup service holds the project ID. Such clouds show each disk twice, which the
clouds page says, and share one call budget: the lowest of theirs.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from backups.models import Cloud
from backups.vbs.clouds import CloudConfig
from backups.vbs.ids import HYPHENATED

logger = logging.getLogger(__name__)

LEARNED_EVERY_S = 30.0
DEFAULT_PORTS = {"http": 80, "https": 443}


class _Known:
    """Of this process: the names of each cloud that shares its project with others, sorted."""

    names: Mapping[str, tuple[str, ...]] = {}
    learned_at = float("-inf")
    lock = threading.Lock()


def groups(endpoints: Iterable[tuple[str, str | None]]) -> dict[str, tuple[str, ...]]:
    """By name of a cloud, all names of its project, itself included; clouds that are alone are left
    out.
    """
    by_endpoint: dict[str, list[str]] = {}
    for name, endpoint in endpoints:
        if endpoint:
            by_endpoint.setdefault(_normal(endpoint), []).append(name)
    return {
        name: tuple(sorted(names))
        for names in by_endpoint.values()
        if len(names) > 1
        for name in names
    }


def learn(configured: Iterable[str]) -> None:
    """Reads the endpoints that are known by now; one query, at most every 30 s in a process."""
    with _Known.lock:
        if time.monotonic() - _Known.learned_at < LEARNED_EVERY_S:
            return
        _Known.learned_at = time.monotonic()
    found = groups(Cloud.objects.filter(pk__in=configured).values_list("name", "endpoint"))
    for names in sorted(set(found.values()) - set(_Known.names.values())):
        logger.warning("%s", sentence(names))
    _Known.names = found


def forget() -> None:
    """What was learned; the next work learns it anew."""
    _Known.names = {}
    _Known.learned_at = float("-inf")


def budget_of(name: str, configured: Mapping[str, CloudConfig]) -> tuple[str, float]:
    """The name under which the calls of a cloud are counted, and how many a second there may be; 0:
    no limit.
    """
    names = [one for one in _Known.names.get(name, ()) if one in configured] or [name]
    limits = [rate for one in names if (rate := configured[one].requests_per_second)]
    return names[0], min(limits, default=0.0)


def sentence(names: Iterable[str]) -> str:
    """What an operator is told."""
    listed = ", ".join(names)
    same = f"{listed} are the same project at the same endpoint: each disk appears in each of them."
    return (
        f"{same} Remove all but one; what the others track moves there when it is followed or "
        "added."
    )


def _normal(endpoint: str) -> str:
    """One spelling: without default port, dot after the host, doubled slashes, and hyphens in the
    project ID.
    """
    parts = urlsplit(endpoint.lower())
    try:
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:  # no number: as it is written
        return endpoint
    steps = [step for step in parts.path.split("/") if step]
    if steps and HYPHENATED.fullmatch(steps[-1]):
        steps[-1] = steps[-1].replace("-", "")
    return f"{parts.scheme}://{(parts.hostname or '').rstrip('.')}:{port}/{'/'.join(steps)}"
