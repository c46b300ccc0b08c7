"""How many backups a project may have: asked of the cloud once a day, or set in clouds.yaml where
it does not tell.
"""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import Q

from backups.clouds import registry
from backups.clouds.permission import may_ask
from backups.models import Cloud
from backups.shared import clock
from backups.vbs import quota
from backups.vbs.clouds import CloudConfig
from backups.vbs.errors import OutOfBudget, VBSError
from backups.vbs.quota import Quota, Resource

WAIT = 10.0  # seconds for the budget
EVERY, AGAIN, SOON = timedelta(hours=24), timedelta(hours=1), timedelta(minutes=5)
_COLUMNS: dict[Resource, str] = {"backups": "quota_backups", "gigabytes": "quota_gb"}
BY_HAND = "Set vbs_quota_backups and vbs_quota_gigabytes in clouds.yaml."


def is_due(cloud: Cloud, now: datetime) -> bool:
    """Stock Cinder has no such call, and a quota that was set is not asked for."""
    config = registry.configured().get(cloud.name)
    if config is None or registry.api(cloud, config) != "vbs" or _set(config) is not None:
        return False
    return cloud.quota_due_at is None or cloud.quota_due_at <= now


def read_due(name: str) -> int:
    """Ask for the quota unless it is not due, or the cloud is to be left alone; 1 when it was
    told.
    """
    now = clock.now()
    cloud = may_ask(name, now)
    return read(name, now) if cloud is not None and is_due(cloud, now) and _claim(name, now) else 0


def read(name: str, now: datetime) -> int:
    """One call within the budget. A failure is kept as a sentence, and what was known before
    stays.
    """
    rows = Cloud.objects.filter(pk=name)
    try:
        with registry.meter(name).bulk(until=time.monotonic() + WAIT):
            told = quota.decode(registry.client(name).get_quota())
    except OutOfBudget:
        rows.update(quota_due_at=now + SOON)
        return 0
    except VBSError as e:
        refused = e.class_name in ("rejected", "wrong_address", "gone")
        why = (
            f"The quota was not read: {e.message.rstrip('.')}. {BY_HAND if refused else ''}".strip()
        )
        rows.update(quota_error=why, quota_due_at=now + (EVERY if refused else AGAIN))
        return 0
    keep(rows.get(), told, now)
    return 1


def keep(cloud: Cloud, told: Mapping[Resource, int | None], now: datetime) -> None:
    """A limit that was lifted at once, or that leaves no room for what is there, counts when it is
    told twice.
    """
    doubted_before = cloud.quota_doubted or {}
    doubted: dict[str, int | None] = {
        name: limit for name, limit in doubted_before.items() if name not in told
    }
    for resource, limit in told.items():
        is_told_again = resource in doubted_before and doubted_before[resource] == limit
        if _is_odd(cloud, resource, limit) and not is_told_again:
            doubted[resource] = limit
        else:
            setattr(cloud, _COLUMNS[resource], limit)
    cloud.quota_doubted = doubted or None
    cloud.quota_error = None
    if doubted:
        names = " and ".join(sorted(doubted))
        cloud.quota_error = (
            f"The quota of {names} that was told is doubted until another answer says the same."
        )
    elif len(told) < len(_COLUMNS):  # what is not told is no limit that was lifted
        cloud.quota_error = (
            "The answer about the quota does not name all limits of backups; those that it leaves "
            "out stay as known."
        )
    if cloud.quota_error is not None:
        cloud.quota_due_at = now + AGAIN
    cloud.save(update_fields=[*_COLUMNS.values(), "quota_doubted", "quota_error", "quota_due_at"])


def _is_odd(cloud: Cloud, resource: Resource, limit: int | None) -> bool:
    known = getattr(cloud, _COLUMNS[resource])
    if limit == known:
        return False
    if limit is None:
        return known is not None
    return limit == 0 or (
        resource == "backups" and cloud.listed is not None and limit < cloud.listed
    )


def in_force(cloud: Cloud) -> Quota:
    """As set, else as the cloud told."""
    config = registry.configured().get(cloud.name)
    given = _set(config) if config is not None else None
    return given or Quota(cloud.quota_backups, cloud.quota_gb)


def problem(cloud: Cloud) -> str | None:
    """Why no quota is known, and the cure, as a sentence; None when the cloud told it, or nobody
    asks.
    """
    config = registry.configured().get(cloud.name)
    return cloud.quota_error if config is not None and _set(config) is None else None


def _set(config: CloudConfig) -> Quota | None:
    given = Quota(config.quota_backups, config.quota_gigabytes)
    return given if given != Quota(None, None) else None


def _claim(name: str, now: datetime) -> bool:
    due = Q(quota_due_at=None) | Q(quota_due_at__lte=now)
    return bool(Cloud.objects.filter(due, pk=name).update(quota_due_at=now + EVERY))
