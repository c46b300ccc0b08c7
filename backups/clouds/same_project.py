"""Finds configured clouds that are one project under several names, by the endpoint that sign-in
and catalog led to.

An endpoint of a backup service holds the project ID. Such clouds show each volume twice, which the
clouds page says, and share one call budget: the lowest of theirs.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from backups.models import Cloud
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.ids import HYPHENATED
from backups.vbs.url_parts import DEFAULT_PORTS

logger = logging.getLogger(__name__)

LEARNED_EVERY_S = 30.0


class _Learned:
    """Of this process: the names of each cloud that shares its project with others, sorted."""

    names: Mapping[str, tuple[str, ...]] = {}
    learned_at = float("-inf")
    lock = threading.Lock()


class SharedBudget(NamedTuple):
    """The name under which the calls of a cloud are counted, and how many a second there may
    be; 0: no limit.
    """

    cloud: str
    per_second: float


def groups(endpoints: Iterable[tuple[str, str | None]]) -> dict[str, tuple[str, ...]]:
    """Returns by name of a cloud all names of its project, itself included; clouds that are alone
    are left out. `endpoints`: name and endpoint of each cloud.
    """
    names_by_endpoint: dict[str, list[str]] = {}
    for name, endpoint in endpoints:
        if endpoint:
            names_by_endpoint.setdefault(_normal(endpoint), []).append(name)
    groups_by_name: dict[str, tuple[str, ...]] = {}
    for names in names_by_endpoint.values():
        if len(names) > 1:
            groups_by_name |= dict.fromkeys(names, tuple(sorted(names)))
    return groups_by_name


def learn(configured: Iterable[str]) -> None:
    """Reads the endpoints that are known by now; one query, at most every 30 s in a process."""
    with _Learned.lock:
        if time.monotonic() - _Learned.learned_at < LEARNED_EVERY_S:
            return
        _Learned.learned_at = time.monotonic()
    learned = groups(Cloud.objects.filter(pk__in=configured).values_list("name", "endpoint"))
    for names in sorted(set(learned.values()) - set(_Learned.names.values())):
        logger.warning("%s", sentence(names))
    _Learned.names = learned


def forget() -> None:
    """Forgets what was learned; the next work learns it anew."""
    _Learned.names = {}
    _Learned.learned_at = float("-inf")


def budget_of(name: str, configured: Mapping[str, CloudConfig]) -> SharedBudget:
    """Returns the budget of a cloud: the lowest of its project's, under the first of its names."""
    names = [cloud for cloud in _Learned.names.get(name, ()) if cloud in configured]
    if not names:
        names = [name]
    rates = [configured[cloud].requests_per_second for cloud in names]
    limits = [rate for rate in rates if rate]
    return SharedBudget(names[0], min(limits, default=0.0))


def sentence(names: Iterable[str]) -> str:
    """Returns what an operator is told."""
    listed = ", ".join(names)
    same = f"{listed} are the same project at the same endpoint: each disk appears in each of them."
    return (
        f"{same} Remove all but one; what the others track moves there when it is followed or "
        "added."
    )


def _normal(endpoint: str) -> str:
    """Returns one spelling: without default port, dot after the host, doubled slashes, and hyphens
    in the project ID.
    """
    parts = urlsplit(endpoint.lower())
    try:
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:  # No number: it stays as it is written.
        return endpoint
    steps = [step for step in parts.path.split("/") if step]
    if steps and HYPHENATED.fullmatch(steps[-1]):
        steps[-1] = steps[-1].replace("-", "")
    return f"{parts.scheme}://{(parts.hostname or '').rstrip('.')}:{port}/{'/'.join(steps)}"
