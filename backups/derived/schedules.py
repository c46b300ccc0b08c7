"""Stores for each volume whether a policy backs it up, which one, and the vault that holds it,
after a reading of the policies of its cloud.

Two services of one project are read apart, and what either promises counts for a disk; a service
that has ended promises nothing. While one of them is not read, it may have any disk that the other
does not have.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q

from backups.analysis import coverage
from backups.analysis.coverage import CloudPolicies, PolicyReading
from backups.derived import queue
from backups.models import (
    Cloud,
    Policy,
    PolicyMember,
    PolicyRevision,
    VaultResource,
    Volume,
)
from backups.models.data_version import data_changed
from backups.models.volume import POLICIES_READ_FOR
from backups.shared import bulk, policy_counts
from backups.shared.locks import lock_clouds, lock_volumes

COLUMNS = ("schedule_read", "policy_id", "vault_id", "vault_mb")
_WRITTEN = ("schedule_read", "policy", "vault", "vault_mb", "derive_at", "runs_judge_at")
# Runs that were not decided are looked at again after each reading, for so long.
_UNDECIDED = ("pending", "not_known")
_UNDECIDED_FOR = timedelta(hours=48)
# A policy on is worth more than one that nobody knows of, that more than one that is off.
_ORDER = ("scheduled", "unknown", "off", "none")


class _Place(NamedTuple):
    """Where a volume stands with one service, or with all of its project."""

    schedule: str = "unknown"
    policy: int | None = None
    vault: int | None = None
    vault_mb: int | None = None


def note(cloud: str, now: datetime) -> None:
    """Brings the volumes of a cloud, and of the other service of its project, up to date; those
    where something has changed are derived again.
    """
    row = Cloud.objects.get(pk=cloud)
    names = [row.name] if row.other_service is None else [row.name, row.other_service]
    with transaction.atomic():
        # Both services may be read at the same time: what either says is read while nobody writes.
        lock_clouds(names)
        services = list(Cloud.objects.filter(pk__in=names).order_by("name"))
        places = [_Places(service, now) for service in services if service.service_ended_at is None]
        for service in services:
            _write(service, places, now)
    for name in names:
        queue.derive_due(name, now)


class _Places:
    """What one service says of each volume, by volume ID."""

    def __init__(self, cloud: Cloud, now: datetime) -> None:
        policies = list(Policy.objects.standing().filter(cloud=cloud).order_by("pk"))
        known = policy_counts.read_members(policies)
        self._memberships = known.memberships
        self._policies = CloudPolicies(
            _reading(cloud, now), known.counts, covers_servers=known.covers_servers
        )
        self._with_known_servers: set[str] = set()
        if known.covers_servers:
            volumes = Volume.objects.filter(cloud=cloud).with_known_servers(now).order_by()
            self._with_known_servers.update(volumes.values_list("volume_id", flat=True))
        self._enabled = {policy.pk for policy in policies if policy.enabled}
        self._vaults = _vaults(cloud)

    def of(self, volume_id: str) -> _Place:
        memberships = self._memberships.get(volume_id, ())
        servers_known = volume_id in self._with_known_servers
        covered = coverage.cover(memberships, self._policies, servers_known=servers_known)
        policy: int | None = None
        for membership in memberships:
            # The first one that is on, else the first.
            if policy is None or (
                policy not in self._enabled and membership.policy in self._enabled
            ):
                policy = membership.policy
        vault, vault_mb = self._vaults.get(volume_id, (None, None))
        return _Place(covered.word, policy, vault, vault_mb)


def _reading(cloud: Cloud, now: datetime) -> PolicyReading:
    """Tells whether a whole reading still counts. Of a cloud that is not configured any more nobody
    knows what it does; one that has ended does nothing that is known.
    """
    read_at = cloud.policies_read_at
    if not cloud.is_configured or cloud.service_ended_at is not None:
        return PolicyReading.NEVER
    if read_at is None or read_at <= now - POLICIES_READ_FOR:
        return PolicyReading.NEVER
    return PolicyReading.WHOLE


def _vaults(cloud: Cloud) -> Mapping[str, tuple[int, int | None]]:
    """Returns the vault of each volume that a vault names, and how many MB it stores of it; where
    several do, the one that stores most.
    """
    vaults: dict[str, tuple[int, int | None]] = {}
    rows = VaultResource.objects.filter(
        vault__cloud=cloud, vault__deleted_at=None, resource_type="volume"
    ).order_by("stored_mb", "pk")
    for volume_id, vault, stored_mb in rows.values_list("resource_id", "vault_id", "stored_mb"):
        if stored_mb is not None or volume_id not in vaults:
            vaults[volume_id] = (vault, stored_mb)
    return vaults


def _best(places: Sequence[_Place]) -> _Place:
    """Returns where a volume stands with all services of its project together."""
    if not places:
        return _Place()
    chosen = min(places, key=lambda place: _ORDER.index(place.schedule))
    for place in places:
        if place.vault is not None:
            return _Place(chosen.schedule, chosen.policy, place.vault, place.vault_mb)
    return _Place(chosen.schedule, chosen.policy)


def _write(cloud: Cloud, services: Sequence[_Places], now: datetime) -> None:
    changed: list[bulk.Row] = []
    columns = ("pk", "volume_id", *COLUMNS)
    rows = Volume.objects.filter(cloud=cloud)
    for pk, volume_id, *values in lock_volumes(rows).values_list(*columns):
        place = _best([service.of(volume_id) for service in services])
        if tuple(values) != place:
            changed.append((pk, *place, now, now))
    bulk.update(Volume, _WRITTEN, changed)
    if changed:
        data_changed()
    queue.mark_runs(rows.filter(_may_be_judged_otherwise(cloud, now)), now)


def _may_be_judged_otherwise(cloud: Cloud, now: datetime) -> Q:
    """Returns the condition of volumes whose runs this reading may have decided: those that were
    not, and all members of a policy that was changed.
    """
    undecided = Q(
        last_run_outcome__in=_UNDECIDED,
        last_run_at__gt=now - _UNDECIDED_FOR,
    )
    services = [cloud.name, cloud.other_service] if cloud.other_service else [cloud.name]
    revised = PolicyRevision.objects.filter(policy__cloud__in=services, since=now)
    members = PolicyMember.objects.filter(policy__in=revised.values("policy"))
    changed_lately = PolicyMember.objects.filter(policy__cloud__in=services).filter(
        Q(since=now) | Q(until=now)
    )
    return (
        undecided
        | Q(volume_id__in=members.values("volume_id"))
        | Q(volume_id__in=changed_lately.values("volume_id"))
    )
