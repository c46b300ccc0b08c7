"""What there is to do now, cloud by cloud, told in a few words; workers claim the backups
themselves.

A message names a cloud and a kind of work, so it may be lost, doubled or late without harm, and a
broker that was away holds no heap of stale IDs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Literal

from django.db.models import Q

from backups.clouds import circuit_breaker, quota, registry
from backups.clouds.permission import needs_a_call
from backups.derived import queue
from backups.models import Backup, Cloud, Volume
from backups.refresh import auto_track, cost, list_support, list_sweep, single_gets, volume_list
from backups.shared import clock

Work = Literal[
    "refresh", "refresh_singly", "sweep", "look_for_new", "list_disks", "read_quota", "derive"
]


def _derive(cloud: str) -> int:
    """Brings no answers."""
    queue.derive_due(cloud, clock.now())
    return 0


DO: dict[Work, Callable[[str], int]] = {
    "refresh": single_gets.refresh_due,
    "refresh_singly": lambda cloud: single_gets.refresh_due(cloud, singly=True),
    "sweep": list_sweep.sweep,
    "look_for_new": list_sweep.look_for_new,
    "list_disks": volume_list.read_due,
    "read_quota": quota.read_due,
    "derive": _derive,
}
LOOK_EVERY = timedelta(seconds=60)  # for new backups where any are followed
WALK_EVERY = timedelta(
    hours=6
)  # through the whole list there: what a look at the newest cannot see
COUNT_EVERY = timedelta(
    minutes=10
)  # the same, for the sake of disks whose backups have to be counted
COUNTED = 5_000  # due backups: more make no difference
ONE_WORKER = 400  # due backups that one worker is called for …
MOST_WORKERS = 8  # … and no more than so many at once


@dataclass(frozen=True)
class Need:
    cloud: str
    work: Work
    workers: int = 1


def needs(now: datetime) -> list[Need]:
    """Of all configured clouds; only what asks nothing where one may not be asked now."""
    rows = list(Cloud.objects.filter(pk__in=registry.configured()).order_by("name"))
    left = [Need(cloud.name, "derive") for cloud in rows if queue.are_left(cloud.name, now)]
    return left + [need for cloud in rows for need in _needs(cloud, now)]


def _needs(cloud: Cloud, now: datetime) -> list[Need]:
    if (cloud.paused_until is not None and cloud.paused_until > now) or registry.is_sign_in_paused(
        cloud, now
    ):
        return []
    if circuit_breaker.state(registry.health(cloud), now) == "half_open":
        return [Need(cloud.name, "refresh")]
    volumes = [Need(cloud.name, "list_disks")] if volume_list.is_due(cloud, now) else []
    limits = [Need(cloud.name, "read_quota")] if quota.is_due(cloud, now) else []
    return [*_refresh(cloud, now), *volumes, *limits]


def _refresh(cloud: Cloud, now: datetime) -> list[Need]:
    """By single GETs or by lists, and what is looked for in lists: only once the last call went
    well.
    """
    found = [] if cloud.failures else _lists(cloud, now)
    due = Backup.objects.due(cloud.name, now).order_by()
    walking = cloud.sweep_until is not None and cloud.sweep_until >= now
    if walking or any(need.work == "sweep" for need in found):
        in_need = due.filter(Q(unlisted_at__isnull=False) | Q(refresh_interval__lte=120))
        return [*found, Need(cloud.name, "refresh_singly")] if in_need.exists() else found
    count = due[:COUNTED].count()
    if count and not cloud.failures and list_support.may_be_used(cloud, now):
        listable = due.filter(unlisted_at=None)[:COUNTED].count()
        if _is_list_cheaper(cloud, listable):
            singly = [Need(cloud.name, "refresh_singly")] if listable < count else []
            return [Need(cloud.name, "sweep"), *singly]
    if count or (needs_a_call(cloud, now) and not found):
        found.append(Need(cloud.name, "refresh", _workers(cloud.name, count)))
    return found


def _lists(cloud: Cloud, now: datetime) -> list[Need]:
    """Looks at the list for the sake of new backups."""
    if not auto_track.is_enabled(cloud.name) or (
        cloud.list_error and not list_support.may_be_used(cloud, now)
    ):
        return []
    if _is_walk_due(cloud, now):
        return [Need(cloud.name, "sweep")]
    if cloud.backups_listed_at is None or cloud.backups_listed_at < now - LOOK_EVERY:
        return [Need(cloud.name, "look_for_new")]
    return []


def _is_walk_due(cloud: Cloud, now: datetime) -> bool:
    """Regularly, and soon when there are disks whose backups nobody has looked for in a whole
    list.
    """
    if cloud.walked_at is None or cloud.walked_at < now - WALK_EVERY:
        return True
    if cloud.walk_asked_at is not None and cloud.walk_asked_at > cloud.walked_at:
        return True
    uncounted = Q(listed_backups__isnull=True) | Q(
        unlisted_since__isnull=False
    )  # or not confirmed yet
    return (
        cloud.walked_at < now - COUNT_EVERY
        and Volume.objects.filter(uncounted, cloud=cloud).exists()
    )


def _is_list_cheaper(cloud: Cloud, due: int) -> bool:
    if due < cost.FEWEST:
        return False
    listed = (
        cloud.listed if cloud.listed is not None else Backup.objects.filter(cloud=cloud).count()
    )
    rate = registry.configured()[cloud.name].requests_per_second
    size = cloud.page_size or 1000
    return cost.cheaper(due=due, listed=max(listed, due), page_size=size, per_second=rate) == "list"


def _workers(name: str, due: int) -> int:
    """As many as have something to do: one keeps a budget of some tens of calls a second busy."""
    rate = registry.configured()[name].requests_per_second
    useful = ceil(rate / 50) if rate else MOST_WORKERS
    return max(1, min(ceil(due / ONE_WORKER), useful, MOST_WORKERS))
