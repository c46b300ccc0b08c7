"""Stores the policies that a cloud named, each change as a revision, and what it names no more."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta

from django.db import transaction

from backups.analysis import schedule
from backups.clouds import registry
from backups.models import Policy, PolicyMember, PolicyRevision
from backups.models.data_version import data_changed
from backups.shared.locks import lock_cloud
from backups.vbs.policies import PolicyAnswer, Reading

# Between two readings that do not name something, before that is believed.
CONFIRMED_AFTER = timedelta(minutes=10)
LARGEST_COUNT = 2_000_000_000  # what the columns of counts hold


def store(name: str, reading: Reading, now: datetime) -> bool:
    """Stores a reading that was requested at `now`.

    Returns whether policies are missing that another reading has to confirm.
    """
    with transaction.atomic():
        cloud = lock_cloud(name)
        # Locked: whoever deletes runs adds to counts on these rows.
        policies = Policy.objects.filter(cloud=name).order_by("pk")
        rows = {row.policy_id: row for row in policies.select_for_update(no_key=True)}
        api = registry.api(cloud, registry.configured().get(name))
        vault_ids = {vault.id for vault in reading.vaults or ()}
        named: set[str] = set()
        for answer in reading.policies:
            named.add(answer.id)
            row = rows.get(answer.id)
            if row is None:
                row = Policy(cloud=cloud, policy_id=answer.id, first_seen_at=now)
            row.vaults_known = answer.vaults_known and vault_ids.issuperset(answer.vault_ids)
            if row.pk is None:
                _create(row, api, answer, now)
            else:
                _update(row, api, answer, now)
        are_some_missing = False
        if reading.is_whole:
            absent = [row for row in rows.values() if row.policy_id not in named]
            are_some_missing = _note_absent(absent, now)
        data_changed()
    return are_some_missing


def _create(row: Policy, api: str, answer: PolicyAnswer, now: datetime) -> None:
    _set(row, api, answer, now)
    row.save()
    _add_revision(row, now, otherwise_at=None)


def _update(row: Policy, api: str, answer: PolicyAnswer, now: datetime) -> None:
    if row.seen_at > now:
        # A reading that was requested later is stored already.
        return
    before = (row.enabled, row.schedule, row.retention)
    read_before_at = row.seen_at
    was_gone = row.deleted_at is not None
    _set(row, api, answer, now)
    row.save()
    if was_gone or (row.enabled, row.schedule, row.retention) != before:
        _add_revision(row, now, otherwise_at=read_before_at)


def _set(row: Policy, api: str, answer: PolicyAnswer, now: datetime) -> None:
    row.api = api
    row.name = answer.name
    row.enabled = answer.enabled
    row.schedule = answer.schedule
    row.retention = asdict(answer.retention)
    row.claimed = None if answer.claimed is None else min(answer.claimed, LARGEST_COUNT)
    row.seen_at = now
    row.missing_since = None
    row.deleted_at = None
    problems = list(answer.problems)
    row.period_seconds = None
    try:
        longest_gap = schedule.read(answer.schedule).longest_gap
    except schedule.UnreadableSchedule as problem:
        problems.append(str(problem))
    else:
        if longest_gap is not None:
            row.period_seconds = int(longest_gap.total_seconds())
    row.problems = problems


def _add_revision(row: Policy, now: datetime, *, otherwise_at: datetime | None) -> None:
    PolicyRevision.objects.update_or_create(
        policy=row,
        since=now,
        defaults={
            "enabled": row.enabled,
            "schedule": row.schedule,
            "retention": row.retention,
            "otherwise_at": otherwise_at,
        },
    )


def _note_absent(rows: Iterable[Policy], now: datetime) -> bool:
    """Notes policies that a whole reading did not name; a second one, ten minutes later at least,
    makes it a fact. Returns whether some wait for that.
    """
    are_some_missing = False
    for row in rows:
        if row.deleted_at is not None or row.seen_at > now:
            continue
        if row.missing_since is None:
            row.missing_since = now
            are_some_missing = True
        elif row.missing_since <= now - CONFIRMED_AFTER:
            row.deleted_at = row.missing_since
            standing = PolicyMember.objects.filter(policy=row, until=None)
            standing.update(until=row.missing_since)
        else:
            are_some_missing = True
        row.save(update_fields=["missing_since", "deleted_at"])
    return are_some_missing
