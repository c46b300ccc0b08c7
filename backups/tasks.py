"""Celery tasks: fetch by id, one verb of the engine, record, enqueue what follows."""

import logging
import uuid
from collections.abc import Sequence

from celery import shared_task
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from backups.engine import clouds, readings, refresh, tracking
from backups.engine.heartbeat import beat
from backups.models import Backup
from backups.vbs.errors import VBSError

logger = logging.getLogger(__name__)

TASKS_IN_ONE_DISPATCH = 15  # of one cloud: 300 single GETs, what 5 per second serve before the claims end


@shared_task
def dispatch() -> None:
    """Hand out what is due, cloud by cloud."""
    beat("worker")
    clouds.ensure_rows()
    now = timezone.now()
    readings.ensure_all(now)
    for name in clouds.configured():
        ids = refresh.claim_due(name, now, most=refresh.BATCH * TASKS_IN_ONE_DISPATCH)
        _send(name, ids, queue="bulk")


@shared_task
def follow() -> None:
    """Track new backups of the clouds that ask for it, out of their own lists."""
    for name in clouds.configured():
        try:
            refresh_soon(tracking.follow(name, timezone.now()))
        except VBSError as e:
            logger.warning("%s: its list was not read: %s", name, e.message)


@shared_task
def refresh_backups(cloud: str, ids: list[str]) -> None:
    """Ask about claimed backups."""
    refresh.refresh(cloud, [uuid.UUID(one) for one in ids])


def refresh_soon(ids: Sequence[str]) -> None:
    """After the commit, ask about these now: the first hundred at once, the rest by the next dispatch."""
    transaction.on_commit(lambda: _refresh_first(ids))


def _refresh_first(ids: Sequence[str]) -> None:
    mine = Backup.objects.filter(pk__in=[uuid.UUID(one) for one in ids[:100]], cloud__in=clouds.configured())
    by_cloud: dict[str, list[uuid.UUID]] = {}
    for pk, cloud in mine.values_list("pk", "cloud"):
        by_cloud.setdefault(cloud, []).append(pk)
    for cloud, some in by_cloud.items():
        _send(cloud, refresh.claim(some, timezone.now()), queue="interactive")


def _send(cloud: str, ids: Sequence[uuid.UUID], *, queue: str) -> None:
    """Publish in batches. When the broker is away nothing is lost: the claims are given back and the rows are due."""
    for at in range(0, len(ids), refresh.BATCH):
        batch = ids[at : at + refresh.BATCH]
        try:
            refresh_backups.apply_async((cloud, [str(one) for one in batch]), queue=queue, expires=55)
        except (OperationalError, RedisError, OSError) as e:
            logger.warning("broker away, %d backups stay due: %s", len(ids) - at, e)
            refresh.release(ids[at:])
            return
