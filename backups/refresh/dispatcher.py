"""Tells what there is to do now, cloud by cloud, in a few words; workers claim the backups.

A message names a cloud and a kind of work, so it may be lost, doubled or late without harm, and a
broker that was away holds no heap of stale IDs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Literal

from django.db.models import Q

from backups.clouds import circuit_breaker, quota, registry, service_end
from backups.clouds.permission import needs_a_call
from backups.derived import queue
from backups.models import Backup, Cloud, Volume
from backups.models.backup import POLLED_AS_IN_FLIGHT
from backups.refresh import (
    auto_track,
    cost,
    list_support,
    list_sweep,
    policies,
    services,
    single_gets,
    volume_list,
)
from backups.shared import clock

Work = Literal[
    "refresh",
    "refresh_singly",
    "sweep",
    "look_for_new",
    "list_disks",
    "read_quota",
    "read_policies",
    "derive",
]


def _refresh_singly(cloud: str) -> int:
    return single_gets.refresh_due(cloud, singly=True)


def _derive(cloud: str) -> int:
    """Derives what other workers have left, and judges runs whose time has come; it brings no
    answers.
    """
    now = clock.now()
    queue.mark_runs_to_judge(cloud, now)
    queue.derive_due(cloud, now)
    return 0


# Each takes the name of a cloud and returns how many good answers came.
DO: dict[Work, Callable[[str], int]] = {
    "refresh": single_gets.refresh_due,
    "refresh_singly": _refresh_singly,
    "sweep": list_sweep.sweep,
    "look_for_new": list_sweep.look_for_new,
    "list_disks": volume_list.read_due,
    "read_quota": quota.read_due,
    "read_policies": policies.read_due,
    "derive": _derive,
}

# Where new backups are tracked, the newest entries of the list are read so often …
LOOK_FOR_NEW_EVERY = timedelta(seconds=60)
# … the whole list so often, which names what a look at the newest ones cannot see …
SWEEP_EVERY = timedelta(hours=6)
# … and so often while the backups of some volume have to be counted.
SWEEP_TO_COUNT_EVERY = timedelta(minutes=10)

DUE_COUNTED_TO = 5_000  # due backups: more make no difference
DUE_PER_WORKER = 400  # due backups
MOST_WORKERS = 8  # at once
CALLS_PER_SECOND_OF_A_WORKER = 50
DEFAULT_PAGE_SIZE = 1_000  # entries


@dataclass(frozen=True)
class Need:
    cloud: str
    work: Work
    workers: int = 1


def needs(now: datetime) -> list[Need]:
    """Returns what there is to do in all configured clouds.

    Where a cloud may not be asked now, that is only what asks nothing.
    """
    clouds = list(Cloud.objects.filter(pk__in=registry.configured()).order_by("name"))
    needed = [Need(cloud.name, "derive") for cloud in clouds if queue.is_work_left(cloud.name, now)]
    for cloud in clouds:
        needed += _needs_of(cloud, now)
    return needed


def _needs_of(cloud: Cloud, now: datetime) -> list[Need]:
    is_paused = cloud.paused_until is not None and cloud.paused_until > now
    if is_paused or registry.is_sign_in_paused(cloud, now):
        return []
    if service_end.is_to_be_left_alone(cloud, now):
        return []
    if circuit_breaker.state(registry.health(cloud), now) == "half_open":
        return [Need(cloud.name, "refresh")]
    needed = _refresh_needs(cloud, now)
    if volume_list.is_due(cloud, now):
        needed.append(Need(cloud.name, "list_disks"))
    if quota.is_due(cloud, now):
        needed.append(Need(cloud.name, "read_quota"))
    if policies.is_due(cloud, now):
        needed.append(Need(cloud.name, "read_policies"))
    return needed


def _refresh_needs(cloud: Cloud, now: datetime) -> list[Need]:
    """Returns how what is due is refreshed, by single GETs or a sweep, and how
    new backups are found.

    Lists are read only once the last call went well.
    """
    due = Backup.objects.due(cloud.name, now).order_by()
    list_need = None if cloud.failures else _list_need(cloud, now)
    needed = [] if list_need is None else [list_need]
    is_sweeping = cloud.sweep_until is not None and cloud.sweep_until >= now
    if is_sweeping or (list_need is not None and list_need.work == "sweep"):
        not_swept = due.filter(Q(unlisted_at__isnull=False) | POLLED_AS_IN_FLIGHT)
        if not_swept.exists():
            needed.append(Need(cloud.name, "refresh_singly"))
        return needed
    count = due[:DUE_COUNTED_TO].count()
    if count and not cloud.failures and list_support.may_be_used(cloud, now):
        listable = due.filter(unlisted_at=None)[:DUE_COUNTED_TO].count()
        if _is_sweep_cheaper(cloud, listable):
            needed = [Need(cloud.name, "sweep")]
            if listable < count:
                needed.append(Need(cloud.name, "refresh_singly"))
            return needed
    if count or (needs_a_call(cloud, now) and list_need is None):
        needed.append(Need(cloud.name, "refresh", _workers(cloud.name, count)))
    return needed


def _list_need(cloud: Cloud, now: datetime) -> Need | None:
    """Returns how the list is read for the sake of new backups."""
    if not auto_track.is_enabled(cloud.name):
        return None
    if cloud.list_error and not list_support.may_be_used(cloud, now):
        return None
    if _is_sweep_due(cloud, now):
        return Need(cloud.name, "sweep")
    listed_at = cloud.backups_listed_at
    if listed_at is not None and not services.leads(cloud):
        # Then the call that each cloud gets every few minutes is a look at the list.
        return Need(cloud.name, "look_for_new") if needs_a_call(cloud, now) else None
    if listed_at is None or listed_at < now - LOOK_FOR_NEW_EVERY:
        return Need(cloud.name, "look_for_new")
    return None


def _is_sweep_due(cloud: Cloud, now: datetime) -> bool:
    """It is due regularly, and soon while no whole list was read since some volume is known."""
    swept_at = cloud.walked_at
    if swept_at is None or swept_at < now - SWEEP_EVERY:
        return True
    if cloud.walk_asked_at is not None and cloud.walk_asked_at > swept_at:
        return True
    if swept_at >= now - SWEEP_TO_COUNT_EVERY:
        return False
    # Never counted, or none was named by one list and a second one has not confirmed it.
    uncounted = Q(listed_backups__isnull=True) | Q(unlisted_since__isnull=False)
    return Volume.objects.filter(uncounted, cloud=cloud).exists()


def _is_sweep_cheaper(cloud: Cloud, due: int) -> bool:
    if due < cost.FEWEST_FOR_LIST:
        return False
    listed = cloud.listed
    if listed is None:
        listed = Backup.objects.filter(cloud=cloud).count()
    way = cost.cheaper(
        due=due,
        listed=max(listed, due),
        page_size=cloud.page_size or DEFAULT_PAGE_SIZE,
        per_second=registry.configured()[cloud.name].requests_per_second,
    )
    return way == "list"


def _workers(name: str, due: int) -> int:
    """Returns how many workers have something to do: one keeps a budget of some tens of
    calls a second busy.
    """
    rate = registry.configured()[name].requests_per_second
    useful = ceil(rate / CALLS_PER_SECOND_OF_A_WORKER) if rate else MOST_WORKERS
    return max(1, min(ceil(due / DUE_PER_WORKER), useful, MOST_WORKERS))
