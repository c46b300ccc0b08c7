"""Which worker runs which test. Workers with even numbers are on SQLite, those with
odd ones on PostgreSQL.

Most tests of the database run on both. What is marked `either` asks nothing of a database that
others do not ask: pages, forms and faults of clouds. The plain run takes each of these on one of
the two, half on this one and half on that one; the long run takes them on the other
(`--other-database`). A run that proves something else than databases takes every test on one of
the two (`--one-database`). What is marked `once`, or needs no database at all, runs on one worker.

The schedulers of xdist cannot do this: they hand a test to whichever worker is free, and want the
same tests collected in all, so no worker could have a database of its own.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal
from zlib import crc32

import pytest

# Fixtures of tests that look different on another database.
BY_DATABASE = {
    "db",
    "transactional_db",
    "house",
}
# The seconds of the files that take long, on one worker and one database, by folder and name, so
# that the workers end together.
SECONDS = {
    "faults/test_killed_parts.py": 260,
    "faults/test_hosts.py": 190,
    "faults/test_restarts.py": 190,
    "faults/test_killed_upgrade.py": 180,
    "faults/test_databases.py": 80,
    "stories/test_a_day.py": 80,
    "stories/test_way_back.py": 80,
    "faults/test_wrong_clocks.py": 60,
    "web/test_screen_pages.py": 60,
    "runner/test_up.py": 50,
    "stories/test_planted_secrets.py": 45,
    "stories/test_behind_a_proxy.py": 40,
    "web/test_health.py": 40,
    "models/test_migrations.py": 40,
    "stories/test_matrix.py": 36,
    "stories/test_any_body.py": 30,
    "stories/test_refused_behind_a_proxy.py": 30,
    "web/test_csrf_failure.py": 30,
    "runner/test_own_addresses.py": 30,
    "vbsdash/test_command_line.py": 28,
    "vbsdash/test_not_set_up.py": 28,
    "faults/test_answers.py": 25,
    "web/test_screen.py": 25,
    "web/test_quick_filters.py": 15,
    "web/test_gone.py": 8,
    "stories/test_forms.py": 8,
    "stories/test_no_script.py": 25,
    "stories/test_two_installations.py": 20,
    "faults/test_several_brokers.py": 20,
    "transfer/test_restore.py": 20,
    "stories/test_counts_by_clouds.py": 20,
    "stories/test_absence.py": 20,
    "stories/test_bad_input.py": 18,
    "vbsdash/test_settings.py": 18,
    "stories/test_spellings_of_ids.py": 18,
    "faults/test_tls.py": 17,
    "stories/test_recipes.py": 17,
    "web/test_host.py": 17,
    "stories/test_reader.py": 16,
    "stories/test_hostile_sinks.py": 16,
    "api/test_openapi.py": 14,
    "runner/test_supervisor.py": 14,
    "stories/test_single_sign_on.py": 14,
    "stories/test_proxy_signs_in.py": 14,
    "simulator/test_command.py": 14,
    "web/test_screen_users.py": 14,
    "web/test_screen_layout.py": 12,
    "stories/test_slow_clients.py": 14,
    "edits/test_pasted_forms.py": 11,
    "api/test_backups.py": 11,
    "api/test_calls.py": 11,
    "faults/test_outages.py": 11,
    "reports/test_summary.py": 11,
    "web/test_pages.py": 11,
    "refresh/test_unchanged.py": 11,
    "analysis/test_schedule.py": 10,
    "stories/test_audit.py": 11,
    "stories/test_page_questions.py": 11,
    "stories/test_hostile_addresses.py": 11,
}
SECONDS_OF_OTHERS = 4
Way = Literal["both", "either", "once"]


def deal(
    items: Sequence[pytest.Item],
    *,
    workers: int,
    other_database: bool = False,
    one_database: bool = False,
) -> list[list[pytest.Item]]:
    """The tests of each worker, in the order of `items`. An odd number of workers has SQLite alone
    and runs all.
    """
    if workers % 2:
        return [list(items)] * workers
    if other_database:
        items = [item for item in items if _way(item) == "either"]
    pairs = _Files(workers, width=2)
    singles = _Files(workers, width=1, work=pairs.work)
    pairs.take(item.path for item in items if _way(item) != "once")
    singles.take(item.path for item in items if _way(item) == "once")
    dealt: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for item in items:
        way = _way(item)
        if way == "once":
            dealt[singles.first_worker[item.path]].append(item)
            continue
        first = pairs.first_worker[item.path]
        database = (crc32(item.nodeid.encode()) + other_database) % 2
        for worker in (first, first + 1):
            on_both = way == "both" and not one_database
            if on_both or worker % 2 == database:
                dealt[worker].append(item)
    return dealt


def _way(item: pytest.Item) -> Way:
    needs_database = item.get_closest_marker("django_db") or BY_DATABASE & set(
        getattr(item, "fixturenames", ())
    )
    if item.get_closest_marker("once") or not needs_database:
        return "once"
    return "either" if item.get_closest_marker("either") else "both"


def _seconds(file: Path) -> int:
    return SECONDS.get("/".join(file.parts[-2:]), SECONDS_OF_OTHERS)


class _Files:
    """Deals files to workers that stand side by side, always to those with the least
    work; `work` in seconds.
    """

    def __init__(self, workers: int, *, width: int, work: list[int] | None = None) -> None:
        self.work = [0] * workers if work is None else work
        self.first_worker: dict[Path, int] = {}
        self._width = width

    def take(self, files: Iterable[Path]) -> None:
        """The longest file first."""
        for file in sorted(set(files), key=lambda file: (-_seconds(file), file)):
            places = range(0, len(self.work), self._width)
            first = min(places, key=lambda place: sum(self.work[place : place + self._width]))
            self.first_worker[file] = first
            for worker in range(first, first + self._width):
                self.work[worker] += _seconds(file)
