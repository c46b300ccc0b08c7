"""The engine in this process, driven as the scheduler drives it, with a clock that tests move."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import time_machine
from celery import current_app
from django.utils import timezone

from backups import tasks
from backups.clouds import registry
from backups.edits import tracking
from backups.models import Backup, Cloud
from backups.simulator import Simulator
from backups.tests.faults.bodies import in_flight
from backups.tests.waiting import wait_until
from backups.vbs.clouds import load_clouds

CLOUD = "otc"


@dataclass
class Rounds:
    """A simulated cloud with backups in flight, all tracked; `travel` moves the
    clock of both sides.
    """

    sim: Simulator
    ids: list[str]
    _clock: time_machine.Traveller

    def travel(self, **span: float) -> None:
        self._clock.shift(timedelta(**span))

    def round(self, *, every: float = 10, times: int = 1) -> None:
        """What the scheduler does: dispatch, `every` seconds apart; the
        backups move on meanwhile.
        """
        for _ in range(times):
            for one in self.ids:
                self.sim.add(in_flight(one, timezone.now()))
            tasks.dispatch.delay()
            self.travel(seconds=every)

    def wait_for_the_cloud(self) -> None:
        """Until it has given up on answers that nobody waits for any more."""

        def is_quiet() -> bool:
            self.sim.forget_requests()
            return self.sim.max_in_flight == 0

        wait_until(is_quiet, lambda: "the cloud still answers something")

    def states(self) -> list[str]:
        """The tracking state of each backup, as pages and API have it, without repetition."""
        rows: Any = Backup.objects.with_tracking_state(timezone.now())
        return sorted(set(rows.filter(pk__in=self.ids).values_list("tracking_state", flat=True)))

    def row(self) -> Backup:
        return Backup.objects.get(pk=self.ids[0])

    def recovers(self, *, seconds: int = 90) -> None:
        """Fresh again within so many seconds by the clock, in steps of the scheduler's 5; none
        lost, none doubled.
        """
        since = timezone.now()
        for _ in range(seconds // 5):
            self.round(every=5)
            good = Backup.objects.filter(pk__in=self.ids, refreshed_at__gt=since).count()
            if good == len(self.ids) and self.states() == ["fresh"]:
                break
        found = (self.states(), Backup.objects.filter(pk__in=self.ids).count())
        assert found == (["fresh"], len(self.ids)), (found, Cloud.objects.filter(pk=CLOUD).values())
        assert self.sim.max_in_flight_per_backup <= 1


def ids_of(backups: int) -> list[str]:
    """The same in every run: when a backup is due again hangs on its ID."""
    return [str(uuid.uuid5(uuid.NAMESPACE_URL, f"backup {n}")) for n in range(backups)]


@contextmanager
def rounds(
    settings: Any, folder: Path, clock: time_machine.Traveller, *, backups: int = 3, **words: Any
) -> Iterator[Rounds]:
    """`words` go into the cloud's entry. The test's clock stands still between two rounds."""
    eager = current_app.conf.task_always_eager
    with Simulator(clock=timezone.now) as sim:
        file = folder / "clouds.yaml"
        file.write_text(sim.clouds_yaml(CLOUD, **{"vbs_requests_per_second": 0, **words}))
        settings.CLOUDS = load_clouds({"OS_CLIENT_CONFIG_FILE": str(file)}, cwd=folder, home=folder)
        current_app.conf.task_always_eager = True
        found = Rounds(sim, ids_of(backups), clock)
        try:
            tracking.add(cloud=CLOUD, values=found.ids, now=timezone.now())
            found.round()
            yield found
        finally:
            current_app.conf.task_always_eager = eager
            registry.forget_clients()
