"""Bare loops: what asking costs when nothing is stored. Each gives microseconds
of CPU per backup.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import openstack
import requests

from backups.bench.report import spent

ENTRIES = 20_000  # Of lists, read for one figure.


class SdkCosts(NamedTuple):
    """Microseconds of CPU per backup."""

    single: float
    listed: float


def single_gets(url: str, token: str, ids: Sequence[str]) -> float:
    """Measures `requests.Session` over a kept connection, JSON decoded."""
    with requests.Session() as session:
        session.headers["X-Auth-Token"] = token

        def ask(backup_ids: Sequence[str]) -> None:
            for backup_id in backup_ids:
                session.get(f"{url}/backups/{backup_id}", timeout=30).json()["backup"]

        return _cpu_of_singles(ask, ids)


def list_pages(
    url: str, token: str, count: int, *, page: int = 1000, entries: int = ENTRIES
) -> float:
    """Measures pages of the list, JSON decoded and nothing else."""
    with requests.Session() as session:
        session.headers["X-Auth-Token"] = token

        def read() -> int:
            seen = 0
            while True:
                address = f"{url}/backups/detail?limit={page}&offset={seen}"
                backups = json.loads(session.get(address, timeout=60).content)["backups"]
                if not backups:
                    return seen
                seen += len(backups)

        return _cpu_of_lists(read, count, entries)


def sdk(entry: dict[str, Any], ids: Sequence[str], *, entries: int = ENTRIES) -> SdkCosts:
    """Measures openstacksdk's get_backup and its list with details, against stock Cinder."""
    with openstack.connection.Connection(**entry) as cloud:

        def ask(backup_ids: Sequence[str]) -> None:
            for backup_id in backup_ids:
                cloud.block_storage.get_backup(backup_id)

        def read() -> int:
            return sum(1 for _ in cloud.block_storage.backups(details=True, limit=1000))

        single = _cpu_of_singles(ask, ids)
        return SdkCosts(single, _cpu_of_lists(read, len(ids), entries))


def _cpu_of_singles(ask: Callable[[Sequence[str]], None], ids: Sequence[str]) -> float:
    ask(ids[:20])  # Connects and warms up.
    return spent(lambda: ask(ids)).cpu / len(ids) * 1e6


def _cpu_of_lists(read: Callable[[], int], least: int, entries: int) -> float:
    """Measures as many reads as make so many entries, after the first to warm up."""
    seen = read()
    if seen < least:
        raise ValueError(f"the list holds {seen} backups, not {least}")
    times = max(1, entries // seen)

    def read_often() -> None:
        for _ in range(times):
            read()

    return spent(read_often).cpu / seen / times * 1e6
