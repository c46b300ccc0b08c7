"""Celery tasks, each one verb of the engine.

Messages name clouds and kinds of work; the database says what is due.
"""

import logging
import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

from celery import shared_task
from celery.signals import worker_shutting_down
from django.conf import settings
from django.db import transaction

from backups.alarms import deliver as delivery
from backups.alarms import digest, evaluate, heartbeat, outbox
from backups.alarms.channels_file import channels
from backups.clouds import registry
from backups.derived import search_names
from backups.edits import demo, trash
from backups.models import Backup
from backups.publish import publish
from backups.refresh import (
    dispatcher,
    housekeeping,
    retention,
    services,
    single_gets,
    type_interpretation,
)
from backups.refresh.dispatcher import DO, Work
from backups.refresh.fetch import stopping
from backups.refresh.worker_slots import worker_slot
from backups.shared import clock
from backups.shared.heartbeat import beat

logger = logging.getLogger(__name__)

REFRESHED_AT_ONCE = 100  # backups, when a person wants to know
WORK_EXPIRES_S = 20
REFRESH_EXPIRES_S = 55
DELIVERY_EXPIRES_S = 30


@shared_task
def dispatch() -> None:
    """Calls workers for what there is to do, cloud by cloud."""
    registry.ensure_rows()
    now = clock.now()
    if settings.DEMO:
        demo.furnish(now)
        demo.furnish_history(now)
        demo.furnish_alarms(now)
    clock.forget_the_future(now)
    outbox.forget_the_future(now)
    type_interpretation.ensure_all(now)
    services.ensure(now)
    for name in registry.configured():
        search_names.bring_up_to_date(name)
    for channel in outbox.channels_due(now):
        publish(deliver, channel, queue="bulk", expires_s=DELIVERY_EXPIRES_S)
    for need in dispatcher.needs(now):
        for _ in range(need.workers):
            if not publish(work, need.cloud, need.work, queue="bulk", expires_s=WORK_EXPIRES_S):
                return


@shared_task
def work(cloud: str, kind: str) -> None:
    """Does one kind of work for a cloud, if this worker has a free slot."""
    with worker_slot(cloud) as is_free:
        if is_free and cloud in registry.configured():
            DO[cast(Work, kind)](cloud)
            evaluate.evaluate_cloud(cloud, clock.now())


@shared_task
def refresh_backups(cloud: str, ids: list[str]) -> None:
    """Refreshes these backups now: a person waits.

    Without a free slot they stay due, for the next dispatch.
    """
    with worker_slot(cloud, interactive=True) as is_free:
        if is_free:
            single_gets.refresh_these(cloud, [uuid.UUID(backup_id) for backup_id in ids])
            evaluate.evaluate_cloud(cloud, clock.now())


@shared_task
def judge_alarms() -> None:
    """Opens and closes alarms, and writes what channels are to be told, digests among it."""
    now = clock.now()
    evaluate.evaluate(now)
    for due in digest.due(channels(), now):
        outbox.write(due.channel.name, digest.message(due, now), now)
    heartbeat.send_if_due(now)


@shared_task
def deliver(channel: str) -> None:
    """Sends what the outbox holds for a channel."""
    delivery.deliver(channel)


@shared_task
def alive(queue: str) -> None:
    """Notes that a queue works: sent by the scheduler, consumed by a worker."""
    beat(queue)


@shared_task
def prune_revisions() -> None:
    retention.prune(clock.now())
    retention.forget_causes()


@shared_task
def keep_house() -> None:
    """Deletes what is too old of the tables that would grow for ever."""
    housekeeping.prune(clock.now())
    trash.purge(clock.now())


@shared_task
def forget_sessions() -> None:
    housekeeping.forget_sessions(clock.now())


def send_soon(channel: str) -> None:
    """Has a channel's messages sent after the commit: a person waits for a test."""
    transaction.on_commit(
        lambda: publish(deliver, channel, queue="interactive", expires_s=DELIVERY_EXPIRES_S)
    )


def refresh_soon(ids: Sequence[str]) -> None:
    """Has backups refreshed after the commit: the first hundred at once, the rest
    by the next dispatch.
    """
    transaction.on_commit(lambda: _refresh_first(ids))


def _refresh_first(ids: Sequence[str]) -> None:
    first = ids[:REFRESHED_AT_ONCE]
    backups = Backup.objects.filter(pk__in=first, cloud__in=registry.configured())
    ids_by_cloud: defaultdict[str, list[str]] = defaultdict(list)
    for pk, cloud in backups.values_list("pk", "cloud"):
        ids_by_cloud[cloud].append(str(pk))
    for cloud, cloud_ids in ids_by_cloud.items():
        publish(refresh_backups, cloud, cloud_ids, queue="interactive", expires_s=REFRESH_EXPIRES_S)


@worker_shutting_down.connect
def _finish(**_: Any) -> None:
    """Begins no further requests: those under way end within their deadlines."""
    stopping.set()
