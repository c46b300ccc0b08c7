"""How far a project has moved from its old backup service to CBR: which disks each of the two has,
and which policies were left behind.

There is something to tell where two configured clouds show one project by different services.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, TypeAlias

from django.db.models import BooleanField, Case, Exists, OuterRef, Q, Value, When

from backups.clouds import registry
from backups.models import (
    Access,
    Backup,
    Cloud,
    Policy,
    PolicyMember,
    PolicyTask,
    Run,
    VaultResource,
    Volume,
)
from backups.reports.policies import reading
from backups.shared.policy_counts import EXACT, not_wholly_known_vaults
from backups.vbs.policies import ResourceType

SUCCESSOR: Final = "cbr"
MOST_NAMED: Final = 100  # disks of a group, and policies; `count` says how many there are
# What each of the two services has of a disk.
OLD_ONLY: Final = "old_only"
BOTH: Final = "both"
NEW_ONLY: Final = "new_only"
NEITHER: Final = "neither"
GROUPS: Final = (OLD_ONLY, BOTH, NEW_ONLY, NEITHER)
# By whether the old service has it, and whether a vault of CBR does.
_GROUP_OF: Final = {
    (True, False): OLD_ONLY,
    (True, True): BOTH,
    (False, True): NEW_ONLY,
    (False, False): NEITHER,
}
_COLUMNS: Final = (
    "cloud",
    "volume_id",
    "label",
    "name",
    "last_good_at",
    "counted_under",
    "server_ids",
)
Row: TypeAlias = Mapping[str, Any]  # of _COLUMNS
Volumes: TypeAlias = Mapping[str, Mapping[str, Row]]  # by cloud and volume ID


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A volume under the cloud in which it is counted. `old_policy`, `new_policy`: the first policy
    of each service that has it. `backups_in_new`: CBR has backups of it, whether a vault names
    it or not.
    """

    cloud: str
    volume_id: str
    title: str
    last_good_at: datetime | None
    old_policy: str | None
    new_policy: str | None
    backups_in_new: bool


@dataclass(frozen=True, kw_only=True)
class DiskGroup:
    """`disks`: the first of them by what they are called."""

    name: str
    count: int
    disks: tuple[Disk, ...]


@dataclass(frozen=True, kw_only=True)
class PolicyLeft:
    """A policy of the old service that is still on. `in_vaults` of its disks are in a vault of CBR
    as well, so that both services back them up; `without_policy` are in no policy of CBR.
    """

    cloud: str
    policy_id: str
    title: str
    members: int
    in_vaults: int
    without_policy: int


@dataclass(frozen=True, kw_only=True)
class Move:
    """One project. `doubts`: sentences on what is not known, without which nothing below is sure.
    `left`: the first policies that were left behind, of `left_count`.
    """

    old: str
    old_api: str
    new: str
    old_ended_at: datetime | None
    doubts: tuple[str, ...]
    groups: tuple[DiskGroup, ...]
    left: tuple[PolicyLeft, ...]
    left_count: int

    @property
    def total(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def moved(self) -> int:
        """Returns how many disks of the old service CBR has as well, or alone."""
        return sum(group.count for group in self.groups if group.name in (BOTH, NEW_ONLY))

    def count_of(self, name: str) -> int:
        return next((group.count for group in self.groups if group.name == name), 0)


@dataclass
class _Members:
    """The volume IDs of a policy that is on."""

    policy_id: str
    title: str
    volume_ids: list[str] = field(default_factory=list)


@dataclass
class _Covered:
    """What one cloud has: policies that are on, by their keys; the IDs of volumes that are in its
    vaults, and of those of which it has backups, the old service those that CBR does not have.
    """

    policies: dict[int, _Members] = field(default_factory=dict)
    in_vaults: set[str] = field(default_factory=set)
    with_backups: set[str | None] = field(default_factory=set)

    def first_policies(self) -> dict[str, str]:
        """Returns by volume ID what the first policy that has it is called."""
        titles: dict[str, str] = {}
        for members in self.policies.values():
            for volume_id in members.volume_ids:
                titles.setdefault(volume_id, members.title)
        return titles


@dataclass(frozen=True)
class _Server:
    """A server in a vault: the volumes that are left out, and the only ones that are not."""

    cloud: str
    excluded: frozenset[str]
    included: frozenset[str] | None

    def has(self, volume_id: str) -> bool:
        if self.included is not None:
            return volume_id in self.included
        return volume_id not in self.excluded


def pairs(*, access: Access) -> list[tuple[Cloud, Cloud]]:
    """Returns the old and the new service of each project of which the reader may see both; one
    query.
    """
    configured = registry.configured()
    rows = Cloud.objects.visible_to(access).filter(other_service__isnull=False)
    clouds = {row.name: row for row in rows.filter(name__in=configured).order_by("name")}
    both: list[tuple[Cloud, Cloud]] = []
    for new in clouds.values():
        old = clouds.get(new.other_service or "")
        if old is None or _api(new) != SUCCESSOR or _api(old) == SUCCESSOR:
            continue
        both.append((old, new))
    return both


def moves(now: datetime, *, access: Access) -> list[Move]:
    """Returns how far each project has moved, in up to eight queries; empty where no two services
    of one project are seen.
    """
    both = pairs(access=access)
    if not both:
        return []
    names = [cloud.name for pair in both for cloud in pair]
    volumes = _volumes(names, access)
    covered = _covered(names, volumes, access)
    new_of_old = {old.name: new.name for old, new in both}
    for name, volume_id, has_new in _backups(names, set(new_of_old.values()), access):
        new_name = new_of_old.get(name)
        # What the old service lists of the new one's backups is no evidence of the old one.
        covered[new_name if new_name and has_new else name].with_backups.add(volume_id)
    half_known = {vault.cloud_id for vault in not_wholly_known_vaults(names)}
    return [_move(old, new, volumes, covered, half_known, now) for old, new in both]


def _api(cloud: Cloud) -> str:
    return registry.api(cloud, registry.configured().get(cloud.name))


def _volumes(clouds: Sequence[str], access: Access) -> Volumes:
    """Returns the volumes of each cloud that are not known to be gone, by their IDs."""
    rows: Any = Volume.objects.visible_to(access).filter(cloud__in=clouds, deleted_at=None)
    volumes: dict[str, dict[str, Row]] = {cloud: {} for cloud in clouds}
    for row in rows.order_by("volume_id").values(*_COLUMNS):
        volumes[row["cloud"]][row["volume_id"]] = row
    return volumes


def _covered(clouds: Sequence[str], volumes: Volumes, access: Access) -> dict[str, _Covered]:
    """Returns what each cloud has, in two queries."""
    covered = {cloud: _Covered() for cloud in clouds}
    members: Any = PolicyMember.objects.visible_to(access).filter(
        policy__cloud__in=clouds, policy__deleted_at=None, until=None
    )
    for member in members.select_related("policy").order_by("policy__name", "policy", "volume_id"):
        policy = member.policy
        of_cloud = covered[policy.cloud_id]
        if policy.enabled:
            of_policy = of_cloud.policies.setdefault(
                policy.pk, _Members(policy.policy_id, str(policy))
            )
            of_policy.volume_ids.append(member.volume_id)
        if member.source in EXACT:
            of_cloud.in_vaults.add(member.volume_id)
    resources: Any = VaultResource.objects.visible_to(access).filter(
        vault__cloud__in=clouds, vault__deleted_at=None
    )
    servers: dict[str, list[_Server]] = {}
    for resource in resources.select_related("vault"):
        if resource.resource_type == ResourceType.VOLUME:
            covered[resource.vault.cloud_id].in_vaults.add(resource.resource_id)
        elif resource.resource_type == ResourceType.SERVER:
            server = _server(resource)
            servers.setdefault(resource.resource_id, []).append(server)
    for rows_of_cloud in volumes.values():
        for row in rows_of_cloud.values():
            for server_id in row["server_ids"] or ():
                for server in servers.get(server_id, ()):
                    if server.has(row["volume_id"]):
                        covered[server.cloud].in_vaults.add(row["volume_id"])
    return covered


def _backups(clouds: Sequence[str], new: Collection[str], access: Access) -> Any:
    """Returns clouds and IDs of volumes of which there are backups, each with whether CBR has that
    backup: VBS lists those of CBR as well, with their own IDs or with others.
    """
    of_new = Backup.objects.visible_to(access).filter(cloud__in=new, gone_at=None).order_by()
    policies = Policy.objects.visible_to(access).filter(cloud__in=new).order_by()
    tasks = PolicyTask.objects.visible_to(access).filter(cloud__in=new).order_by()
    runs = Run.objects.visible_to(access).filter(policy__in=policies.values("pk"))
    has_new = (
        Q(cloud__in=new)
        | Q(vault_id__isnull=False)
        | Q(policy_id__in=policies.values("policy_id"))
        | Q(Exists(of_new.filter(pk=OuterRef("same_as"))))
        | Q(Exists(of_new.filter(same_as=OuterRef("pk"))))
        | Q(Exists(tasks.filter(backup_id=OuterRef("pk"))))
        | Q(pk__in=runs.filter(backup_id__isnull=False).order_by().values("backup_id"))
    )
    rows: Any = Backup.objects.visible_to(access).filter(cloud__in=clouds, gone_at=None)
    is_new = Case(
        When(has_new, then=Value(True)), default=Value(False), output_field=BooleanField()
    )
    return rows.order_by().values_list("cloud", "volume_id", is_new).distinct()


def _server(resource: VaultResource) -> _Server:
    included = None if resource.included is None else frozenset(resource.included)
    return _Server(resource.vault.cloud_id, frozenset(resource.excluded or ()), included)


def _move(
    old: Cloud,
    new: Cloud,
    volumes: Volumes,
    covered: Mapping[str, _Covered],
    half_known: Collection[str],
    now: datetime,
) -> Move:
    of_old = covered[old.name]
    of_new = covered[new.name]
    groups: dict[str, list[Disk]] = {name: [] for name in GROUPS}
    old_policies = of_old.first_policies()
    new_policies = of_new.first_policies()
    for volume_id in sorted({*volumes[old.name], *volumes[new.name]}):
        in_old = volumes[old.name].get(volume_id)
        in_new = volumes[new.name].get(volume_id)
        has_old = volume_id in old_policies or volume_id in of_old.with_backups
        name = _GROUP_OF[has_old, volume_id in of_new.in_vaults]
        groups[name].append(
            _disk(
                in_old,
                in_new,
                old_policy=old_policies.get(volume_id),
                new_policy=new_policies.get(volume_id),
                backups_in_new=volume_id in of_new.with_backups,
            )
        )
    left = _left(old.name, of_old, of_new, new_policies)
    return Move(
        old=old.name,
        old_api=_api(old),
        new=new.name,
        old_ended_at=old.service_ended_at,
        doubts=tuple(_doubts(old, new, half_known, now)),
        groups=tuple(_group(name, disks) for name, disks in groups.items()),
        left=tuple(left[:MOST_NAMED]),
        left_count=len(left),
    )


def _disk(
    in_old: Row | None,
    in_new: Row | None,
    *,
    old_policy: str | None,
    new_policy: str | None,
    backups_in_new: bool,
) -> Disk:
    """Returns a volume of which at least one service has a row."""
    rows = [row for row in (in_old, in_new) if row is not None]
    counted = next((row for row in rows if row["counted_under"] is None), rows[0])
    titles = [row["label"] for row in rows] + [row["name"] for row in rows]
    return Disk(
        cloud=counted["cloud"],
        volume_id=counted["volume_id"],
        title=next(filter(None, titles), counted["volume_id"]),
        last_good_at=counted["last_good_at"],
        old_policy=old_policy,
        new_policy=new_policy,
        backups_in_new=backups_in_new,
    )


def _group(name: str, disks: Sequence[Disk]) -> DiskGroup:
    in_order = sorted(disks, key=attrgetter("title", "volume_id"))
    return DiskGroup(name=name, count=len(disks), disks=tuple(in_order[:MOST_NAMED]))


def _left(
    cloud: str, of_old: _Covered, of_new: _Covered, new_policies: Mapping[str, str]
) -> list[PolicyLeft]:
    """Returns the policies of the old service that are on and have disks of which CBR has a vault,
    or no policy.
    """
    left: list[PolicyLeft] = []
    for members in of_old.policies.values():
        in_vaults = sum(volume_id in of_new.in_vaults for volume_id in members.volume_ids)
        without = sum(volume_id not in new_policies for volume_id in members.volume_ids)
        if in_vaults or without:
            left.append(
                PolicyLeft(
                    cloud=cloud,
                    policy_id=members.policy_id,
                    title=members.title,
                    members=len(members.volume_ids),
                    in_vaults=in_vaults,
                    without_policy=without,
                )
            )
    return left


def _doubts(old: Cloud, new: Cloud, half_known: Collection[str], now: datetime) -> Iterator[str]:
    for cloud in (old, new):
        state, sentence = reading(cloud, _api(cloud), now)
        if state not in ("read", "none"):
            yield f"{cloud.name}: {sentence}"
        if cloud.name in half_known:
            yield (
                f"{cloud.name}: not all of a vault could be read, or not which disks a server in "
                "it has; what seems to be in no vault may be there."
            )
