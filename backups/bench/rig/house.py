"""One installation to measure: a simulated cloud, a broker, workers, and rounds in which they
refresh what is due.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from celery import Celery
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from backups.bench.rig.cloud import CloudProcess
from backups.bench.rig.processes import LOG, Process
from backups.edits import tracking
from backups.edits.pasted_ids import MOST
from backups.models import Backup, Cloud
from backups.shared.locks import lock_cloud
from backups.vbs.clouds import load_clouds

NAME = "measured"
DISPATCH_SECONDS, CHECK_SECONDS, AGAIN_SECONDS, BEFORE_SECONDS, ROUND_SECONDS = (
    1.0,
    0.1,
    10.0,
    20.0,
    600.0,
)
LOOKED_UP = 1_000  # IDs in one query
PASSES = timedelta(days=1)  # at once, more than any backup waits


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


class House:
    """`env` is what its workers start with."""

    def __init__(self, folder: Path, broker_url: str) -> None:
        self._file, self._log = folder / "clouds.yaml", folder / "log"
        self._sender = Celery("bench", broker=broker_url, set_as_current=False)
        self.env = {
            "CELERY_BROKER_URL": broker_url,
            "REDIS_URL": broker_url,
            "OS_CLIENT_CONFIG_FILE": str(self._file),
            "DATABASE_URL": _database_url(),
            LOG: str(self._log),
        }

    def connect(self, cloud: CloudProcess, *, requests_per_second: float = 0) -> None:
        """Make `cloud` the one that this process and workers started from now on know."""
        words: dict[str, Any] = {"vbs_requests_per_second": requests_per_second, "vbs_type_full": 0}
        self._file.write_text(cloud.ask("clouds_yaml", NAME, **words))
        found = load_clouds(
            {"OS_CLIENT_CONFIG_FILE": str(self._file)},
            cwd=self._file.parent,
            home=self._file.parent,
        )
        settings.CLOUDS = found

    def track(self, ids: Sequence[str]) -> None:
        """Track these and nothing else."""
        _forget()
        for at in range(0, len(ids), MOST):
            tracking.add(cloud=NAME, values=ids[at : at + MOST], now=timezone.now())

    def tracked(self, ids: Sequence[str]) -> list[str]:
        """Those of `ids` that are tracked: a living cloud has begun new ones since."""
        mine = set(map(str, Backup.objects.filter(cloud=NAME).values_list("pk", flat=True)))
        return [one for one in ids if one in mine]

    def dispatch(self) -> None:
        self._sender.send_task("backups.tasks.dispatch", queue="bulk")

    def round(self, workers: Sequence[Process], ids: Sequence[str]) -> Round:
        """Make these due, as time does, and let the workers refresh them."""
        began = timezone.now()
        return self.measured(workers, ids, lambda left: _let_time_pass(left, began), dispatch=True)

    def measured(
        self,
        workers: Sequence[Process],
        ids: Sequence[str],
        begin: Callable[[Sequence[str]], object],
        *,
        dispatch: bool = False,
    ) -> Round:
        """What the workers spend until each was asked about. With `dispatch` they are called again
        and again.
        """
        began, cpu, wall = timezone.now(), sum(one.cpu for one in workers), time.perf_counter()
        begin(ids)
        sent, again = 0.0, wall + AGAIN_SECONDS
        while left := _not_asked_since(began, wanted=ids):
            now = time.perf_counter()
            if now - wall > ROUND_SECONDS:
                said = self._log.read_text()[-2000:]
                raise TimeoutError(
                    f"{left} of {len(ids)} backups were not refreshed in {ROUND_SECONDS:.0f} s: "
                    f"{said}"
                )
            if dispatch and now - sent >= DISPATCH_SECONDS:
                self.dispatch()
                sent = now
            if (
                dispatch and now > again
            ):  # an answer that was under way at the beginning may have put some off
                asked = set(map(str, _asked_since(began).values_list("pk", flat=True)))
                begin([one for one in ids if one not in asked])
                again = now + AGAIN_SECONDS
            time.sleep(CHECK_SECONDS)
        return Round(sum(one.cpu for one in workers) - cpu, time.perf_counter() - wall, len(ids))

    def saturate(self, cloud: CloudProcess, *, seconds: float) -> float:
        """Calls per second that the cloud saw in a span of `seconds` while far more was due all the
        time.
        """
        self._dispatch_for(BEFORE_SECONDS)
        cloud.ask("forget_requests")
        began = time.perf_counter()
        self._dispatch_for(seconds)
        count: int = cloud.ask("request_count")
        return count / (time.perf_counter() - began)

    def _dispatch_for(self, seconds: float) -> None:
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self.dispatch()
            time.sleep(min(DISPATCH_SECONDS, left))


def _let_time_pass(ids: Sequence[str], began: datetime) -> None:
    """All are due, in the order in which they would have been: at one instant they would be a heap,
    by chance of ID.

    What was asked about since `began` stays as it is, or it would be asked about in the next round
    too.
    """
    for at in range(0, len(ids), LOOKED_UP):
        mine = Backup.objects.filter(pk__in=ids[at : at + LOOKED_UP])
        mine = mine.filter(Q(attempted_at=None) | Q(attempted_at__lte=began))
        with transaction.atomic():
            lock_cloud(NAME)  # as all do that write several backups of it
            mine.update(next_refresh_at=F("next_refresh_at") - PASSES)


def _forget() -> None:
    """The cloud and every row that hangs on it, backups first."""
    Backup.objects.filter(cloud=NAME).delete()
    for relation in Cloud._meta.related_objects:
        relation.related_model._default_manager.filter(**{relation.field.name: NAME}).delete()
    Cloud.objects.filter(name=NAME).delete()


def _asked_since(began: datetime) -> QuerySet[Backup]:
    return Backup.objects.filter(cloud=NAME, attempted_at__gt=began)


def _not_asked_since(began: datetime, *, wanted: Sequence[str]) -> int:
    """How many of `wanted` are left; of a few each is looked up, of many the whole table is
    counted.
    """
    asked = _asked_since(began)
    if len(wanted) <= LOOKED_UP:
        asked = asked.filter(pk__in=wanted)
    return max(0, len(wanted) - asked.count())


def _database_url() -> str:
    """As given; a file in the data folder otherwise, which the workers find by themselves."""
    return str(settings.ENV.get("DATABASE_URL", ""))


@contextmanager
def forgotten() -> Iterator[None]:
    """Leave neither rows nor configuration behind."""
    before = settings.CLOUDS
    try:
        yield
    finally:
        _forget()
        settings.CLOUDS = before
