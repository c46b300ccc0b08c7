"""How many backups a project may have: asked of the cloud once a day, or set in clouds.yaml where
it does not tell.
"""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from django.db.models import Q

from backups.clouds import registry
from backups.clouds.permission import may_ask
from backups.models import Cloud
from backups.models.data_version import data_changed
from backups.shared import clock
from backups.vbs import quota
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.errors import OutOfBudget, VBSError
from backups.vbs.quota import Quota, Resource

BUDGET_WAIT_S = 10.0
READ_EVERY = timedelta(hours=24)
READ_AGAIN_AFTER_FAILURE = timedelta(hours=1)
READ_AGAIN_WITHOUT_BUDGET = timedelta(minutes=5)
_COLUMNS: dict[Resource, str] = {"backups": "quota_backups", "gigabytes": "quota_gb"}
_OTHER_COLUMNS = (
    "quota_used_backups",
    "quota_used_gb",
    "quota_doubted",
    "quota_error",
    "quota_due_at",
)
BY_HAND = "Set vbs_quota_backups and vbs_quota_gigabytes in clouds.yaml."
# Errors that a later call will not mend.
_REFUSALS = frozenset({"rejected", "wrong_address", "gone"})


def is_due(cloud: Cloud, now: datetime) -> bool:
    """Is it time to ask for the quota? Not every service has such a call, and a quota that was set
    is not asked for.
    """
    config = registry.configured().get(cloud.name)
    if config is None or _configured(config) is not None:
        return False
    if not registry.dialect(cloud, config).has_quota:
        return False
    return cloud.quota_due_at is None or cloud.quota_due_at <= now


def read_due(name: str) -> int:
    """Asks for the quota unless it is not due, or the cloud is to be left alone; 1
    when it was answered.
    """
    now = clock.now()
    cloud = may_ask(name, now)
    if cloud is None or not is_due(cloud, now) or not _claim(name, now):
        return 0
    return read(name, now)


def read(name: str, now: datetime) -> int:
    """Makes one call within the budget. A failure is stored as a sentence, and what
    was known before stays.
    """
    rows = Cloud.objects.filter(pk=name)
    try:
        with registry.meter(name).bulk(until=time.monotonic() + BUDGET_WAIT_S):
            answer = registry.client(name).get_quota()
    except OutOfBudget:
        rows.update(quota_due_at=now + READ_AGAIN_WITHOUT_BUDGET)
        return 0
    except VBSError as e:
        sentence = f"The quota was not read: {e.message_with_request.rstrip('.')}."
        due_at = now + READ_AGAIN_AFTER_FAILURE
        if e.class_name in _REFUSALS:
            sentence = f"{sentence} {BY_HAND}"
            due_at = now + READ_EVERY
        rows.update(quota_error=sentence, quota_due_at=due_at)
        data_changed()
        return 0
    store(rows.get(), quota.decode(answer), now, used=quota.decode_used(answer))
    return 1


def store(
    cloud: Cloud,
    limits: Mapping[Resource, int | None],
    now: datetime,
    *,
    used: Mapping[Resource, int] = MappingProxyType({}),
) -> None:
    """Stores the limits that a cloud answered, and how much it counts as used. A limit that was
    lifted at once, or that leaves no room for what is there, counts only when a second answer says
    the same.
    """
    cloud.quota_used_backups = used.get("backups")
    cloud.quota_used_gb = used.get("gigabytes")
    doubted_before = cloud.quota_doubted or {}
    doubted: dict[str, int | None] = {
        name: limit for name, limit in doubted_before.items() if name not in limits
    }
    for resource, limit in limits.items():
        is_confirmed = resource in doubted_before and doubted_before[resource] == limit
        if _is_odd(cloud, resource, limit) and not is_confirmed:
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
    elif len(limits) < len(_COLUMNS):  # What is not named is no limit that was lifted.
        cloud.quota_error = (
            "The answer about the quota does not name all limits of backups; those that it leaves "
            "out stay as known."
        )
    if cloud.quota_error is not None:
        cloud.quota_due_at = now + READ_AGAIN_AFTER_FAILURE
    cloud.save(update_fields=[*_COLUMNS.values(), *_OTHER_COLUMNS])
    data_changed()


def _is_odd(cloud: Cloud, resource: Resource, limit: int | None) -> bool:
    stored: int | None = getattr(cloud, _COLUMNS[resource])
    if limit == stored:
        return False
    if limit is None or limit == 0:
        return True
    return resource == "backups" and cloud.listed is not None and limit < cloud.listed


def in_force(cloud: Cloud) -> Quota:
    """Returns the quota as it is set, else as the cloud answered it."""
    config = registry.configured().get(cloud.name)
    configured = _configured(config) if config is not None else None
    return configured or Quota(
        cloud.quota_backups, cloud.quota_gb, cloud.quota_used_backups, cloud.quota_used_gb
    )


def problem(cloud: Cloud) -> str | None:
    """Returns why no quota is known, and the cure, as a sentence; None when the cloud answered it,
    or nobody asks.
    """
    config = registry.configured().get(cloud.name)
    if config is None or _configured(config) is not None:
        return None
    return cloud.quota_error


def _configured(config: CloudConfig) -> Quota | None:
    """Returns the quota that clouds.yaml sets; None where it sets none."""
    if config.quota_backups is None and config.quota_gigabytes is None:
        return None
    return Quota(config.quota_backups, config.quota_gigabytes)


def _claim(name: str, now: datetime) -> bool:
    """Puts the next call off, so that no other worker makes this one."""
    due = Q(quota_due_at=None) | Q(quota_due_at__lte=now)
    return bool(Cloud.objects.filter(due, pk=name).update(quota_due_at=now + READ_EVERY))
