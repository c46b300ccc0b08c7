"""Stores the vaults that a cloud named, and whose backups they hold (backups/vbs/API.md §12).

A vault, or a resource of it, is gone when two whole readings, ten minutes apart at least, do not
name it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import transaction

from backups.models import Vault, VaultResource
from backups.models.data_version import data_changed
from backups.refresh.policy_rows import CONFIRMED_AFTER, LARGEST_COUNT
from backups.shared.locks import lock_cloud
from backups.vbs.policies import Reading, VaultAnswer, VaultResourceAnswer

USED_KEPT_FOR = timedelta(days=90)
# Of a resource that the cloud has taken out of its vault, and names all the same (API.md §12).
_GONE = frozenset({"deleted", "removing"})


def store(name: str, reading: Reading, now: datetime) -> bool:
    """Stores the vaults of a reading that was requested at `now`.

    Returns whether something is missing that another reading has to confirm.
    """
    are_some_missing = False
    with transaction.atomic():
        cloud = lock_cloud(name)
        rows = {row.vault_id: row for row in Vault.objects.filter(cloud=cloud)}
        resources_by_vault: dict[int, dict[str, VaultResource]] = {}
        for resource in VaultResource.objects.filter(vault__cloud=cloud):
            of_vault = resources_by_vault.setdefault(resource.vault_id, {})
            of_vault[resource.resource_id] = resource
        policy_ids = _policies_by_vault(reading)
        for answer in reading.vaults or ():
            row = rows.pop(answer.id, None) or Vault(
                cloud=cloud, vault_id=answer.id, first_seen_at=now
            )
            if row.pk is not None and row.seen_at > now:
                continue
            _set(row, answer, now)
            if reading.is_whole or answer.id in policy_ids:
                row.policy_ids = policy_ids.get(answer.id, [])
            row.save()
            stored = resources_by_vault.get(row.pk, {})
            are_some_missing |= _store_resources(row, answer, stored, now)
        if reading.is_whole:
            are_some_missing |= _note_absent(rows.values(), now)
        data_changed()
    return are_some_missing


def _policies_by_vault(reading: Reading) -> dict[str, list[str]]:
    policy_ids: defaultdict[str, list[str]] = defaultdict(list)
    for policy in reading.policies:
        for vault_id in policy.vault_ids:
            policy_ids[vault_id].append(policy.id)
    return dict(policy_ids)


def _set(row: Vault, answer: VaultAnswer, now: datetime) -> None:
    row.name = answer.name
    row.status = answer.status
    row.object_type = answer.object_type
    row.size_gb = answer.size_gb
    row.allocated_gb = answer.allocated_gb
    row.used_mb = answer.used_mb
    row.used_by_day = _used_by_day(row.used_by_day, answer.used_mb, now)
    row.auto_expand = answer.auto_expand
    row.locked = answer.locked
    row.problems = list(answer.problems)
    row.is_whole = answer.is_whole
    row.seen_at = now
    row.missing_since = None
    row.deleted_at = None


def _used_by_day(before: Mapping[str, int], used_mb: int | None, now: datetime) -> dict[str, int]:
    """Returns how much was used on each of the last days, with what was read now."""
    oldest = (now - USED_KEPT_FOR).date().isoformat()
    used = {day: used for day, used in before.items() if day >= oldest}
    if used_mb is not None:
        used[now.date().isoformat()] = used_mb
    return used


def _store_resources(
    vault: Vault, answer: VaultAnswer, stored: dict[str, VaultResource], now: datetime
) -> bool:
    changed: list[VaultResource] = []
    named: set[str] = set()
    for resource in answer.resources:
        if resource.protect_status in _GONE or resource.id in named:
            continue
        named.add(resource.id)
        row = stored.get(resource.id) or VaultResource(
            vault=vault, resource_id=resource.id, since=now
        )
        _set_resource(row, resource, now)
        changed.append(row)
    VaultResource.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["vault", "resource_id"],
        update_fields=[
            "resource_type",
            "name",
            "size_gb",
            "stored_mb",
            "backup_count",
            "protect_status",
            "excluded",
            "included",
            "seen_at",
            "missing_since",
        ],
        batch_size=100,
    )
    if not answer.is_whole:
        return False
    absent = [row for resource_id, row in stored.items() if resource_id not in named]
    return _note_absent_resources(absent, now)


def _set_resource(row: VaultResource, answer: VaultResourceAnswer, now: datetime) -> None:
    row.pk = None
    row.resource_type = answer.type.value
    row.name = answer.name
    row.size_gb = answer.size_gb
    row.stored_mb = answer.stored_mb
    count = answer.backup_count
    row.backup_count = None if count is None else min(count, LARGEST_COUNT)
    row.protect_status = answer.protect_status
    row.excluded = list(answer.excluded)
    row.included = None if answer.included is None else list(answer.included)
    row.seen_at = now
    row.missing_since = None


def _note_absent_resources(rows: Iterable[VaultResource], now: datetime) -> bool:
    are_some_missing = False
    for row in rows:
        if row.missing_since is None:
            row.missing_since = now
            row.save(update_fields=["missing_since"])
            are_some_missing = True
        elif row.missing_since <= now - CONFIRMED_AFTER:
            row.delete()
        else:
            are_some_missing = True
    return are_some_missing


def _note_absent(rows: Iterable[Vault], now: datetime) -> bool:
    are_some_missing = False
    for row in rows:
        if row.deleted_at is not None or row.seen_at > now:
            continue
        if row.missing_since is None:
            row.missing_since = now
            are_some_missing = True
        elif row.missing_since <= now - CONFIRMED_AFTER:
            row.deleted_at = row.missing_since
            row.resources.all().delete()
        else:
            are_some_missing = True
        row.save(update_fields=["missing_since", "deleted_at"])
    return are_some_missing
