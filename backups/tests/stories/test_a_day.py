"""The engine works for 24 hours, over all that happens to clouds in a day: its memory stays what it
was, no backup is lost or doubled, and nothing ends in an error that nobody expected.
"""

import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connection

from backups.simulator import Fault, Simulator
from backups.tests.faults.parts import PROJECT, database
from backups.tests.run_settings import LIMIT_S

pytestmark = [pytest.mark.soak, pytest.mark.django_db, pytest.mark.either]
BEGIN = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
# Every 5 s in truth; so what is in flight is asked about less often here.
DISPATCH_EVERY = timedelta(minutes=10)
BACKUPS_OF_A_CLOUD = 650
CLOUDS = ("north", "east", "south")
FOLLOWED = "north"  # What it lists is tracked by itself; in the others a person adds it.
CREATED_EVERY = 20  # minutes
WARM_AFTER_HOURS = 2
MEMORY_MAY_DIFFER_BY = 0.05


class Day:
    """Three clouds and the engine, which share a clock that goes on step by step."""

    def __init__(self, folder: Path, *, postgresql: bool) -> None:
        self.now = BEGIN
        self.clouds: dict[str, Simulator] = {}
        self.created: list[str] = []
        self.removed: set[str] = set()
        self.tracked: set[str] = set()  # by a person
        self.memory: dict[int, int] = {}  # bytes, by the hour
        self._folder = folder
        self._stack = ExitStack()
        for seed, name in enumerate(CLOUDS, start=1):
            sim = Simulator(
                backups=BACKUPS_OF_A_CLOUD,
                seed=seed,
                clock=lambda: self.now,
                token_seconds=6 * 3600,
                keep_requests=100,
            )
            self.clouds[name] = self._stack.enter_context(sim)
            if seed > 1:
                # All would have the same one.
                sim.remove(sim.seed_example_id)
        self.database = database(folder, postgresql=postgresql)
        self._stack.callback(self.database.close)
        self._engine = self._start()
        self.ask("dispatch", at=self.now.isoformat())
        for name, sim in self.clouds.items():
            if name != FOLLOWED:
                self.track(name, sim.ids)

    def _start(self) -> "subprocess.Popen[str]":
        entries = {
            name: sim.cloud_entry(
                vbs_requests_per_second=0, vbs_follow="all" if name == FOLLOWED else "none"
            )
            for name, sim in self.clouds.items()
        }
        clouds = self._folder / "clouds.yaml"
        clouds.write_text(json.dumps({"clouds": entries}))  # JSON is YAML
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            "DJANGO_SETTINGS_MODULE": "vbsdash.settings",
            "OS_CLIENT_CONFIG_FILE": str(clouds),
            "VBSDASH_DATA_DIR": str(self._folder / "data"),
            "DATABASE_URL": self.database.url,
            "CELERY_BROKER_URL": "memory://",
            "MALLOC_ARENA_MAX": "2",
        }
        argv = [sys.executable, "-m", "backups.tests.stories.engine_process"]
        log = self._stack.enter_context((self._folder / "engine.log").open("w"))
        engine = subprocess.Popen(
            argv,
            env=env,
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        self._stack.enter_context(engine)
        return engine

    def close(self) -> None:
        assert self._engine.stdin is not None
        self._engine.stdin.close()  # So it ends.
        self._stack.close()

    def ask(self, do: str, **words: Any) -> Any:
        assert self._engine.stdin is not None
        assert self._engine.stdout is not None
        print(json.dumps({"do": do, **words}), file=self._engine.stdin, flush=True)
        answer = self._engine.stdout.readline()
        assert answer, (self._folder / "engine.log").read_text()[-2000:]
        return json.loads(answer)

    def track(self, cloud: str, ids: list[str]) -> None:
        self.tracked |= set(ids)
        self.ask("track", cloud=cloud, ids=ids)

    def pass_hours(self, hours: int, *, times: int = 1) -> None:
        for _ in range(times):
            self._pass(timedelta(hours=hours))
            hour = round((self.now - BEGIN) / timedelta(hours=1))
            self.memory[hour] = self.ask("memory")

    def _pass(self, span: timedelta) -> None:
        """Backups are begun and deleted meanwhile; some of them fail."""
        ends_at = self.now + span
        while self.now < ends_at:
            self.now += DISPATCH_EVERY
            minutes = round((self.now - BEGIN) / timedelta(minutes=1))
            if minutes % CREATED_EVERY == 0:
                self._begin_and_delete(minutes // CREATED_EVERY)
            self.ask("dispatch", at=self.now.isoformat())

    def _begin_and_delete(self, count: int) -> None:
        cloud = CLOUDS[count % len(CLOUDS)]
        volume_id = str(uuid.UUID(int=count % 7 + 1))
        fail = "VolumeBackup.0064: timed out" if count % 5 == 0 else None
        self.created.append(self.clouds[cloud].create(volume_id, seconds=900, fail=fail))
        if cloud != FOLLOWED:
            self.track(cloud, self.created[-1:])
        if len(self.created) % 4 == 0:
            backup_id = self.created[-4]
            self.removed.add(backup_id)
            for sim in self.clouds.values():
                sim.remove(backup_id)

    def ask_about_all(self) -> None:
        """The clouds stand still, and the engine asks about everything that it knows, until what
        is not there any more was confirmed to be gone.
        """
        at = self.now
        for do in ("ask_all", *["dispatch"] * 6, "ask_all", *["dispatch"] * 6):
            at += DISPATCH_EVERY
            self.ask(do, at=at.isoformat())

    def truth(self) -> list[list[Any]]:
        """What the clouds say now of each tracked backup, as the engine's rows have it."""
        rows: list[list[Any]] = []
        for name, sim in self.clouds.items():
            address = f"{sim.vbs_endpoint}/backups/detail?limit=1000"
            headers = {"X-Auth-Token": sim.issue_token()}
            page = requests.get(address, headers=headers, timeout=LIMIT_S).json()
            for body in page["backups"]:
                if name != FOLLOWED and body["id"] not in self.tracked:
                    continue
                words = [body.get(key) for key in ("status", "size", "volume_id", "fail_reason")]
                rows.append([body["id"], name, *words])
        return sorted(rows)


@pytest.fixture
def day() -> Iterator[Day]:
    with tempfile.TemporaryDirectory(prefix="vbs", ignore_cleanup_errors=True) as folder:
        running = Day(Path(folder), postgresql=connection.vendor == "postgresql")
        try:
            yield running
        finally:
            running.close()


def test_a_day_leaves_the_memory_as_it_was_and_loses_and_doubles_nothing(day: Day) -> None:
    north, east, south = day.clouds.values()
    day.pass_hours(1, times=4)
    north.fault(Fault("status", status=503))  # for an hour
    day.pass_hours(1)
    north.clear_faults()
    east.fault(Fault("retry_after", retry_after=90, times=30))
    day.pass_hours(1, times=3)
    east.clear_faults()
    for fault in ("reset", "truncated", "html", "poison", "not_json"):
        south.fault(Fault(fault, probability=0.05))
    day.pass_hours(1, times=4)
    south.clear_faults()
    east.fault(Fault("expired_token"))
    day.pass_hours(1, times=12)
    day.ask_about_all()
    rows = day.ask("rows")
    assert [row[:-1] for row in rows if not row[-1]] == day.truth()
    gone = {row[0] for row in rows if row[-1]}
    assert day.removed <= gone
    assert set(day.created) - day.removed <= {row[0] for row in rows} - gone
    assert day.ask("doubled") == 0
    assert day.ask("errors") == []
    # See it with -rP.
    print(json.dumps({hour: round(rss / 1e6, 1) for hour, rss in day.memory.items()}))
    warm = day.memory[WARM_AFTER_HOURS]
    assert abs(day.memory[24] - warm) <= MEMORY_MAY_DIFFER_BY * warm
