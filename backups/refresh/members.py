"""Which volumes a policy covers: exactly where a vault names them, else by what was observed
(backups/vbs/API.md §12).

VBS has no call that names the disks of a policy. That a task of it ran for a disk, or that the
disk's own metadata name it, is evidence; `policy_resource_count` is the control total. A disk is
in at most one policy there.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Max, Min, OuterRef, Subquery

from backups.analysis import runs, schedule
from backups.derived import schedules
from backups.models import (
    MemberSource,
    Policy,
    PolicyMember,
    PolicyTask,
    Vault,
    VaultResource,
    Volume,
)
from backups.models.data_version import data_changed
from backups.refresh.policy_rows import CONFIRMED_AFTER
from backups.shared.batches import in_batches
from backups.shared.locks import lock_cloud
from backups.vbs.policies import ResourceType, TaskState

# A task that ran, or that should have run and was left out, shows that the disk is a member.
_SHOWS_MEMBERSHIP = (
    TaskState.MADE.value,
    TaskState.SKIPPED.value,
    TaskState.TIMED_OUT.value,
    TaskState.FAILED.value,
    TaskState.RUNNING.value,
    TaskState.WAITING.value,
)


def note(name: str, now: datetime) -> None:
    """Brings the members of all policies of a cloud up to date, and what follows for volumes."""
    note_vaults(name, now)
    note_tasks(name, now)
    schedules.note(name, now)


def note_vaults(name: str, now: datetime) -> None:
    """Brings the members of policies that are bound to vaults into step with these."""
    policies = list(Policy.objects.standing().filter(cloud=name, api="cbr").order_by("pk"))
    if not policies:
        return
    vault_ids_of = _vaults_by_policy(name)
    source_by_volume = _volumes_by_vault(name)
    with transaction.atomic():
        lock_cloud(name)
        for policy in policies:
            covered: dict[str, MemberSource] = {}
            for vault_pk in vault_ids_of.get(policy.policy_id, ()):
                covered |= source_by_volume.get(vault_pk, {})
            _set_exact_members(policy, covered, now)
        data_changed()


def _vaults_by_policy(name: str) -> dict[str, list[int]]:
    vault_pks: dict[str, list[int]] = {}
    for vault in Vault.objects.standing().filter(cloud=name).order_by("pk"):
        for policy_id in vault.policy_ids:
            vault_pks.setdefault(policy_id, []).append(vault.pk)
    return vault_pks


def _volumes_by_vault(name: str) -> dict[int, dict[str, MemberSource]]:
    """Returns the volumes of each vault; those of a server are the ones that are attached to it."""
    volumes_of_server: dict[str, list[str]] = {}
    attached = Volume.objects.filter(cloud=name, deleted_at=None, server_ids__isnull=False)
    for volume_id, server_ids in attached.values_list("volume_id", "server_ids"):
        for server_id in server_ids or ():
            volumes_of_server.setdefault(server_id, []).append(volume_id)
    volumes: dict[int, dict[str, MemberSource]] = {}
    for resource in VaultResource.objects.filter(vault__cloud=name).order_by("pk"):
        of_vault = volumes.setdefault(resource.vault_id, {})
        if resource.resource_type == ResourceType.VOLUME:
            of_vault[resource.resource_id] = MemberSource.VAULT
        elif resource.resource_type == ResourceType.SERVER:
            of_server = volumes_of_server.get(resource.resource_id, ())
            for volume_id in _covered(resource, of_server):
                of_vault.setdefault(volume_id, MemberSource.SERVER)
    return volumes


def _covered(server: VaultResource, attached: Iterable[str]) -> list[str]:
    """Returns the volumes that are backed up with a server: the ones that are named, or all that
    are attached but for the ones that are left out.
    """
    if server.included is not None:
        return list(server.included)
    return [volume_id for volume_id in attached if volume_id not in server.excluded]


def _set_exact_members(policy: Policy, covered: Mapping[str, MemberSource], now: datetime) -> None:
    standing = {row.volume_id: row for row in policy.members.filter(until=None)}
    new: list[PolicyMember] = []
    for volume_id, source in sorted(covered.items()):
        row = standing.pop(volume_id, None)
        if row is None:
            new.append(
                PolicyMember(
                    policy=policy, volume_id=volume_id, source=source, since=now, seen_at=now
                )
            )
    absent = list(standing.values())
    seen = policy.members.filter(until=None).exclude(pk__in=[row.pk for row in absent])
    seen.update(seen_at=now, missing_since=None)
    PolicyMember.objects.bulk_create(new, batch_size=100)
    _end(absent, now)


def _end(rows: Iterable[PolicyMember], now: datetime) -> None:
    """Ends memberships that a reading did not show, once a later one has confirmed it."""
    for row in rows:
        if row.missing_since is None:
            row.missing_since = now
        elif row.missing_since <= now - CONFIRMED_AFTER:
            row.until = row.missing_since
        row.save(update_fields=["missing_since", "until"])


def note_tasks(name: str, now: datetime) -> None:
    """Takes from the tasks which volumes are in which policy."""
    policies = list(Policy.objects.standing().filter(cloud=name).exclude(api="cbr").order_by("pk"))
    if not policies:
        return
    with transaction.atomic():
        lock_cloud(name)
        observed = _Observed(name)
        for policy in policies:
            spans = _spans_of_tasks(policy)
            for volume_id, span in spans.items():
                observed.add(policy, volume_id, MemberSource.TASK, span)
            newest = {volume_id: span.seen_at for volume_id, span in spans.items()}
            _end_unclaimed(policy, newest, now)
        observed.write()
        data_changed()


def leave_with_volumes(name: str, deleted: Sequence[int]) -> None:
    """Ends what was observed of volumes that are deleted, given by the keys of their rows: they
    count no more among those that a policy claims to have. What a vault names stays in it.
    """
    of_member = Volume.objects.filter(cloud=name, volume_id=OuterRef("volume_id")).order_by()
    for batch in in_batches(deleted):
        volumes = Volume.objects.filter(pk__in=batch).order_by()
        standing = PolicyMember.objects.filter(
            policy__cloud=name, volume_id__in=volumes.values("volume_id"), until=None
        )
        observed = standing.exclude(policy__api="cbr")
        observed.update(until=Subquery(of_member.values("deleted_at")))


def note_volumes(
    name: str, policy_by_volume: Mapping[str, str], now: datetime, *, is_complete: bool
) -> None:
    """Brings the members up to date after a list of volumes, where policies are known: it tells to
    which servers they are attached, and in `policy_by_volume` which policy their metadata name.
    After a list that `is_complete`, the others name none.
    """
    if not Policy.objects.standing().filter(cloud=name).exists():
        return
    _note_metadata(name, policy_by_volume, now, is_complete=is_complete)
    note_vaults(name, now)
    schedules.note(name, now)


def _note_metadata(
    name: str, policy_by_volume: Mapping[str, str], now: datetime, *, is_complete: bool
) -> None:
    """Takes the policies that volumes name; what is no known policy says nothing, and a policy that
    has no volume by the cloud's own count has none.
    """
    policies = {row.policy_id: row for row in Policy.objects.standing().filter(cloud=name)}
    with transaction.atomic():
        lock_cloud(name)
        observed = _Observed(name)
        for volume_id, policy_id in policy_by_volume.items():
            policy = policies.get(policy_id)
            if policy is not None and policy.api != "cbr" and policy.claimed != 0:
                observed.add(policy, volume_id, MemberSource.DISK, _Span(now, now))
        observed.write()
        if is_complete:
            standing = PolicyMember.objects.filter(
                policy__in=policies.values(), source=MemberSource.DISK, until=None, seen_at__lt=now
            ).select_related("policy")
            _end([row for row in standing if not _is_named(row, policy_by_volume)], now)
        data_changed()


def _is_named(row: PolicyMember, policy_by_volume: Mapping[str, str]) -> bool:
    return policy_by_volume.get(row.volume_id) == row.policy.policy_id


class _Span(NamedTuple):
    """From when to when a volume was seen in a policy."""

    since: datetime
    seen_at: datetime


def _spans_of_tasks(policy: Policy) -> dict[str, _Span]:
    """Returns from when to when tasks of a policy ran, by volume ID. A volume is in it from the
    run on that its oldest task belongs to.
    """
    tasks = PolicyTask.objects.filter(
        cloud=policy.cloud_id,
        policy_id=policy.policy_id,
        volume_id__isnull=False,
        state__in=_SHOWS_MEMBERSHIP,
    ).order_by()
    rows = tasks.values_list("volume_id").annotate(
        oldest_at=Min("created_at"), newest_at=Max("created_at")
    )
    try:
        own_schedule = schedule.read(policy.schedule)
    except schedule.UnreadableSchedule:
        own_schedule = None
    spans: dict[str, _Span] = {}
    for volume_id, oldest_at, newest_at in rows:
        since = oldest_at
        if own_schedule is not None:
            slots = own_schedule.slots(oldest_at - runs.WINDOW, oldest_at + runs.EARLY)
            since = min(since, slots[-1]) if slots else since
        spans[volume_id] = _Span(since, newest_at)
    return spans


class _Observed:
    """The observed members of a cloud's policies: a volume is in one policy alone, in the one that
    it was seen in last.
    """

    def __init__(self, cloud: str) -> None:
        rows = PolicyMember.objects.filter(policy__cloud=cloud).exclude(policy__api="cbr")
        self._standing: dict[str, PolicyMember] = {}
        self._ended_at: dict[tuple[int, str], datetime] = {}
        for row in rows:
            if row.until is None:
                self._standing[row.volume_id] = row
                continue
            key = (row.policy_id, row.volume_id)
            self._ended_at[key] = max(row.until, self._ended_at.get(key, row.until))
        self._changed: dict[int, PolicyMember] = {}
        self._new: list[PolicyMember] = []

    def add(self, policy: Policy, volume_id: str, source: MemberSource, span: _Span) -> None:
        row = self._standing.get(volume_id)
        if row is not None and row.policy_id == policy.pk:
            if span.seen_at > row.seen_at:
                row.seen_at = span.seen_at
                row.missing_since = None
                self._note_change(row)
            return
        ended_at = self._ended_at.get((policy.pk, volume_id))
        if ended_at is not None and ended_at >= span.seen_at:
            return
        since = span.since
        if row is not None:
            if source == MemberSource.DISK and row.source == MemberSource.TASK:
                # That a policy ran for it tells more than what its metadata name.
                return
            if row.seen_at >= span.seen_at:
                # It was seen in another policy since: this membership is over already.
                self._add_ended(policy, volume_id, source, span, row)
                return
            since = max(since, row.seen_at)
            row.until = since
            self._note_change(row)
        new = PolicyMember(
            policy=policy, volume_id=volume_id, source=source, since=since, seen_at=span.seen_at
        )
        self._standing[volume_id] = new
        self._new.append(new)

    def _add_ended(
        self,
        policy: Policy,
        volume_id: str,
        source: MemberSource,
        span: _Span,
        later: PolicyMember,
    ) -> None:
        until = max(later.since, span.seen_at)
        later.since = until
        self._note_change(later)
        self._ended_at[policy.pk, volume_id] = until
        self._new.append(
            PolicyMember(
                policy=policy,
                volume_id=volume_id,
                source=source,
                since=min(span.since, until),
                seen_at=span.seen_at,
                until=until,
            )
        )

    def _note_change(self, row: PolicyMember) -> None:
        if row.pk is not None:
            self._changed[row.pk] = row

    def write(self) -> None:
        columns = ["since", "seen_at", "missing_since", "until"]
        PolicyMember.objects.bulk_update(self._changed.values(), columns, batch_size=100)
        # Those that were seen in two policies within one reading: the first one is over.
        PolicyMember.objects.bulk_create(self._new, batch_size=100)


def _end_unclaimed(policy: Policy, newest: Mapping[str, datetime], now: datetime) -> None:
    """Ends the membership of volumes that did not run lately, where those that did are already as
    many as the policy claims to have; of all where it claims to have none.
    """
    if policy.claimed == 0:
        # A run that was seen since is newer evidence. A later reading of the count confirms it.
        counted_at = policy.seen_at
        _end(policy.members.filter(until=None, seen_at__lte=counted_at), counted_at)
        return
    if policy.claimed is None or policy.period_seconds is None or not newest:
        return
    last_run_at = max(newest.values())
    begin = last_run_at.timestamp() - policy.period_seconds / 2
    ran = {volume_id for volume_id, at in newest.items() if at.timestamp() >= begin}
    if len(ran) < policy.claimed:
        return
    standing = policy.members.filter(until=None).exclude(source=MemberSource.DISK)
    _end([row for row in standing if row.volume_id not in ran], now)
