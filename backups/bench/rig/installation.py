"""One installation to measure: a simulated cloud, a broker, workers, and rounds in which they
refresh what is due.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from celery import Celery
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from backups.bench.rig.cloud import CloudProcess
from backups.bench.rig.processes import LOG, Process
from backups.edits import tracking
from backups.edits.pasted_pieces import MOST
from backups.models import Backup, Cloud
from backups.shared.locks import lock_cloud
from backups.vbs.clouds import load_clouds

NAME = "measured"  # Of the cloud.
DISPATCH_EVERY_S = 1.0
CHECK_EVERY_S = 0.1
BEGIN_AGAIN_EVERY_S = 10.0
WARM_UP_S = 20.0
LONGEST_ROUND_S = 600.0
IDS_PER_QUERY = 1_000
TIME_THAT_PASSES = timedelta(days=1)  # At once, more than any backup waits.
LOG_CHARACTERS = 2000  # Of the end of the workers' log, in an error.


@dataclass(frozen=True)
class Round:
    """`cpu`, `wall`: seconds; of the workers and of the wall."""

    cpu: float
    wall: float
    backups: int

    @property
    def microseconds(self) -> float:
        """Of CPU per backup."""
        return self.cpu / self.backups * 1e6


class Installation:
    """`env` is what its workers start with."""

    def __init__(self, folder: Path, broker_url: str) -> None:
        self._clouds_file = folder / "clouds.yaml"
        self._log = folder / "log"
        self._sender = Celery("bench", broker=broker_url, set_as_current=False)
        self.env = {
            "CELERY_BROKER_URL": broker_url,
            "REDIS_URL": broker_url,
            "OS_CLIENT_CONFIG_FILE": str(self._clouds_file),
            "DATABASE_URL": _database_url(),
            LOG: str(self._log),
        }

    def connect(self, cloud: CloudProcess, *, requests_per_second: float = 0) -> None:
        """Makes `cloud` the one that is configured in this process, and in workers
        started from now on.
        """
        text = cloud.ask(
            "clouds_yaml", NAME, vbs_requests_per_second=requests_per_second, vbs_type_full=0
        )
        self._clouds_file.write_text(text)
        folder = self._clouds_file.parent
        environ = {"OS_CLIENT_CONFIG_FILE": str(self._clouds_file)}
        settings.CLOUDS = load_clouds(environ, cwd=folder, home=folder)

    def track(self, ids: Sequence[str]) -> None:
        """Tracks these and nothing else."""
        _forget()
        for at in range(0, len(ids), MOST):
            tracking.add(cloud=NAME, values=ids[at : at + MOST], now=timezone.now())

    def tracked(self, ids: Sequence[str]) -> list[str]:
        """Returns those of `ids` that are tracked: a living cloud has begun new ones since."""
        keys = Backup.objects.filter(cloud=NAME).values_list("pk", flat=True)
        tracked = set(map(str, keys))
        return [backup_id for backup_id in ids if backup_id in tracked]

    def dispatch(self) -> None:
        self._sender.send_task("backups.tasks.dispatch", queue="bulk")

    def round(self, workers: Sequence[Process], ids: Sequence[str]) -> Round:
        """Makes these due, as time does, and lets the workers refresh them."""
        began = timezone.now()
        return self.measured(
            workers, ids, lambda backup_ids: _let_time_pass(backup_ids, began), dispatch=True
        )

    def measured(
        self,
        workers: Sequence[Process],
        ids: Sequence[str],
        begin: Callable[[Sequence[str]], object],
        *,
        dispatch: bool = False,
    ) -> Round:
        """Returns what the workers spend until each was asked about. With `dispatch` they are
        called again and again.
        """
        began_at = timezone.now()
        cpu_before = _cpu_of(workers)
        began = time.perf_counter()
        begin(ids)
        next_dispatch = began
        next_begin = began + BEGIN_AGAIN_EVERY_S
        while count := _count_not_asked_since(began_at, ids):
            now = time.perf_counter()
            if now - began > LONGEST_ROUND_S:
                log = self._log.read_text()[-LOG_CHARACTERS:]
                raise TimeoutError(
                    f"{count} of {len(ids)} backups were not refreshed in {LONGEST_ROUND_S:.0f} s: "
                    f"{log}"
                )
            if dispatch and now >= next_dispatch:
                self.dispatch()
                next_dispatch = now + DISPATCH_EVERY_S
            if dispatch and now > next_begin:
                # An answer that was under way at the beginning may have put some off.
                begin(_not_asked_since(began_at, ids))
                next_begin = now + BEGIN_AGAIN_EVERY_S
            time.sleep(CHECK_EVERY_S)
        cpu = _cpu_of(workers) - cpu_before
        return Round(cpu, time.perf_counter() - began, len(ids))

    def saturate(self, cloud: CloudProcess, *, seconds: float) -> float:
        """Returns the calls per second that the cloud got in a span of `seconds` while far more was
        due all the time.
        """
        self._dispatch_for(WARM_UP_S)
        cloud.ask("forget_requests")
        began = time.perf_counter()
        self._dispatch_for(seconds)
        count: int = cloud.ask("request_count")
        return count / (time.perf_counter() - began)

    def _dispatch_for(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while (seconds_left := end - time.perf_counter()) > 0:
            self.dispatch()
            time.sleep(min(DISPATCH_EVERY_S, seconds_left))


def _cpu_of(workers: Sequence[Process]) -> float:
    return sum(worker.cpu for worker in workers)


def _let_time_pass(ids: Sequence[str], began: datetime) -> None:
    """Makes all due, in the order in which they would have been: at one instant they would be a
    heap, by chance of ID.

    What was asked about since `began` stays as it is, or it would be asked about in
    the next round too.
    """
    for at in range(0, len(ids), IDS_PER_QUERY):
        rows = Backup.objects.filter(pk__in=ids[at : at + IDS_PER_QUERY])
        rows = rows.filter(Q(attempted_at=None) | Q(attempted_at__lte=began))
        with transaction.atomic():
            lock_cloud(NAME)  # As all do that write several backups of it.
            rows.update(next_refresh_at=F("next_refresh_at") - TIME_THAT_PASSES)


def _forget() -> None:
    """Deletes the cloud and every row that hangs on it, backups first."""
    Backup.objects.filter(cloud=NAME).delete()
    for relation in Cloud._meta.related_objects:
        relation.related_model._default_manager.filter(**{relation.field.name: NAME}).delete()
    Cloud.objects.filter(name=NAME).delete()


def _asked_since(began: datetime) -> QuerySet[Backup]:
    return Backup.objects.filter(cloud=NAME, attempted_at__gt=began)


def _not_asked_since(began: datetime, ids: Sequence[str]) -> list[str]:
    attempted_ids = set(map(str, _asked_since(began).values_list("pk", flat=True)))
    return [backup_id for backup_id in ids if backup_id not in attempted_ids]


def _count_not_asked_since(began: datetime, ids: Sequence[str]) -> int:
    """Counts what is not done: of a few each is looked up, of many the whole table is counted."""
    rows = _asked_since(began)
    if len(ids) <= IDS_PER_QUERY:
        rows = rows.filter(pk__in=ids)
    return max(0, len(ids) - rows.count())


def _database_url() -> str:
    """Returns the configured database; without one it is a file in the data folder, which the
    workers find by themselves.
    """
    return str(settings.ENV.get("DATABASE_URL", ""))


@contextmanager
def forgotten() -> Iterator[None]:
    """Leaves neither rows nor configuration behind."""
    clouds_before = settings.CLOUDS
    try:
        yield
    finally:
        _forget()
        settings.CLOUDS = clouds_before
