"""Bare loops: what asking costs when nothing is kept. Each gives microseconds of CPU per backup."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import openstack
import requests

from backups.bench.report import spent

ENTRIES = 20_000  # of lists, read for one figure


def single_gets(url: str, token: str, ids: Sequence[str]) -> float:
    """`requests.Session` over a kept connection, JSON decoded."""
    with requests.Session() as session:
        session.headers["X-Auth-Token"] = token

        def ask(some: Sequence[str]) -> None:
            for one in some:
                session.get(f"{url}/backups/{one}", timeout=30).json()["backup"]

        return _each(ask, ids)


def list_pages(
    url: str, token: str, count: int, *, page: int = 1000, entries: int = ENTRIES
) -> float:
    """Pages of the list, JSON decoded and nothing else."""
    with requests.Session() as session:
        session.headers["X-Auth-Token"] = token

        def read() -> int:
            seen = 0
            while found := json.loads(
                session.get(f"{url}/backups/detail?limit={page}&offset={seen}", timeout=60).content
            )["backups"]:
                seen += len(found)
            return seen

        return _cpu_of(read, count, entries)


def sdk(
    entry: dict[str, Any], ids: Sequence[str], *, entries: int = ENTRIES
) -> tuple[float, float]:
    """openstacksdk's get_backup and its list with details, against stock Cinder."""
    with openstack.connection.Connection(**entry) as cloud:

        def ask(some: Sequence[str]) -> None:
            for one in some:
                cloud.block_storage.get_backup(one)

        single = _each(ask, ids)
        read = lambda: sum(1 for _ in cloud.block_storage.backups(details=True, limit=1000))  # noqa: E731
        return single, _cpu_of(read, len(ids), entries)


def _each(ask: Callable[[Sequence[str]], None], ids: Sequence[str]) -> float:
    ask(ids[:20])  # connect, warm up
    return spent(lambda: ask(ids)).cpu / len(ids) * 1e6


def _cpu_of(read: Callable[[], int], least: int, entries: int) -> float:
    """Of as many reads as make so many entries, after one to warm up."""
    if (seen := read()) < least:
        raise ValueError(f"the list holds {seen} backups, not {least}")
    times = max(1, entries // seen)
    return spent(lambda: [read() for _ in range(times)]).cpu / seen / times * 1e6
