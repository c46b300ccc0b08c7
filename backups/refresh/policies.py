"""Reads the policies, vaults and tasks of a cloud, hourly and within its budget.

Policies are optional: where a cloud refuses them the clouds page says so, and of no disk it is said
that it is in none. Sources: backups/vbs/API.md §12.
"""

import time
from datetime import datetime, timedelta

from django.db.models import Q

from backups.clouds import registry
from backups.clouds.permission import may_ask
from backups.derived import schedules
from backups.models import Cloud
from backups.models.data_version import data_changed
from backups.refresh import members, policy_rows, policy_tasks, vault_rows
from backups.refresh.list_support import LIST_BUDGET_WAIT_S
from backups.shared import clock
from backups.shared.policy_counts import NOT_ALLOWED
from backups.vbs.errors import OutOfBudget, VBSError

EVERY = timedelta(hours=1)
RETRY_AFTER = timedelta(minutes=10)
RETRY_WITHOUT_BUDGET_AFTER = timedelta(minutes=1)
# Errors that a later call will not mend soon.
_REFUSALS = frozenset({"rejected", "wrong_address", "gone"})


def is_due(cloud: Cloud, now: datetime) -> bool:
    config = registry.configured().get(cloud.name)
    if config is None or not registry.dialect(cloud, config).has_policies:
        return False
    return cloud.policies_due_at is None or cloud.policies_due_at <= now


def read_due(name: str) -> int:
    """Reads what a cloud promises if that is due and the cloud may be asked; returns how many
    policies it named.
    """
    now = clock.now()
    cloud = may_ask(name, now)
    if cloud is None or not is_due(cloud, now) or not _claim(name, now):
        return 0
    return read(name, now)


def _claim(name: str, now: datetime) -> bool:
    """Puts the next reading off by an hour. Of several processes one is told True, and reads."""
    due = Q(policies_due_at=None) | Q(policies_due_at__lte=now)
    return Cloud.objects.filter(due, pk=name).update(policies_due_at=now + EVERY) == 1


def read(name: str, now: datetime) -> int:
    """Reads and stores policies and vaults, then the tasks of what ran since the last time.

    A failure is stored as a sentence, and what was known before stays.
    """
    try:
        with registry.meter(name).bulk(until=time.monotonic() + LIST_BUDGET_WAIT_S):
            reading = registry.client(name).read_policies()
    except OutOfBudget:
        Cloud.objects.filter(pk=name).update(policies_due_at=now + RETRY_WITHOUT_BUDGET_AFTER)
        return 0
    except VBSError as error:
        _note_failure(name, error, now)
        return 0
    are_some_missing = policy_rows.store(name, reading, now)
    if reading.vaults is not None:
        are_some_missing |= vault_rows.store(name, reading, now)
    policy_tasks.read(name, now)
    _note_reading(name, reading.is_whole, are_some_missing=are_some_missing, now=now)
    members.note(name, now)
    return len(reading.policies)


def _note_failure(name: str, error: VBSError, now: datetime) -> None:
    said = error.message_with_request.rstrip(".")
    if error.http_status == 403:
        sentence = f"{NOT_ALLOWED}: {said}."
    else:
        sentence = f"The policies were not read: {said}."
    retry_after = EVERY if error.class_name in _REFUSALS else RETRY_AFTER
    rows = Cloud.objects.filter(pk=name)
    rows.update(policies_error=sentence, policies_due_at=now + retry_after)
    data_changed()
    # What was read last counts for some time only.
    schedules.note(name, now)


def _note_reading(name: str, is_whole: bool, *, are_some_missing: bool, now: datetime) -> None:
    """Stores how far the reading counts. What it did not name is looked for again soon."""
    rows = Cloud.objects.filter(pk=name)
    if not is_whole:
        rows.update(
            policies_error=(
                "The policies were not read to their end, or changed meanwhile; what is missing "
                "may be there."
            ),
            policies_due_at=now + RETRY_AFTER,
        )
    elif are_some_missing:
        again_at = now + policy_rows.CONFIRMED_AFTER
        rows.update(policies_error=None, policies_read_at=now, policies_due_at=again_at)
    else:
        rows.update(policies_error=None, policies_read_at=now)
    data_changed()
