"""Who is known to be in which policy, and how surely: one answer for the word of a disk, for its
sentence, and for what is coming.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db.models import Max

from backups.analysis.coverage import Membership, PolicyCount
from backups.models import MemberSource, Policy, PolicyMember, PolicyTask, Vault, Volume
from backups.models.vault import VaultResource
from backups.vbs.policies import ResourceType

# How the error of a cloud begins that does not let us read its policies.
NOT_ALLOWED: Final = "vbsdash is not allowed to read policies"
EXACT: Final = frozenset((MemberSource.VAULT.value, MemberSource.SERVER.value))
# What begins so long before the newest task of a policy belongs to one run with it, where the time
# between two runs is not known; else half of that time.
_ONE_RUN: Final = timedelta(hours=1)


class KnownMembers(NamedTuple):
    """`counts`: of each policy. `memberships`: by volume ID, the oldest first. `covers_servers`: a
    vault that one of the policies is bound to has a server with all its disks.
    """

    counts: tuple[PolicyCount, ...]
    memberships: Mapping[str, Sequence[Membership]]
    covers_servers: bool


class _Member(NamedTuple):
    volume_id: str
    source: str
    seen_at: datetime


def read_members(policies: Sequence[Policy]) -> KnownMembers:
    """Reads who is in these policies, in one query for VBS and up to seven more."""
    members: dict[int, list[_Member]] = {policy.pk: [] for policy in policies}
    standing = PolicyMember.objects.filter(policy__in=list(members), until=None)
    columns = ("policy_id", "volume_id", "source", "seen_at")
    for policy, *values in standing.order_by("since", "pk").values_list(*columns):
        members[policy].append(_Member._make(values))
    sources: defaultdict[int, set[str]] = defaultdict(set)
    for policy, of_policy in members.items():
        for member in of_policy:
            sources[policy].add(member.source)
    exact = exact_policies(policies, sources)
    last_runs = _last_runs(policies)
    counts: list[PolicyCount] = []
    memberships: defaultdict[str, list[Membership]] = defaultdict(list)
    for row in policies:
        begin = last_runs.get(row.pk)
        ran_last = 0
        for member in members[row.pk]:
            ran = begin is not None and member.seen_at >= begin
            ran_last += ran
            memberships[member.volume_id].append(Membership(row.pk, ran))
        counts.append(
            PolicyCount(
                policy=row.pk,
                name=str(row),
                enabled=row.enabled,
                is_exact=row.pk in exact,
                claimed=row.claimed,
                observed=len(members[row.pk]),
                ran_last=ran_last,
            )
        )
    return KnownMembers(tuple(counts), memberships, _cover_servers(policies))


def _cover_servers(policies: Sequence[Policy]) -> bool:
    bound = {(policy.cloud_id, policy.policy_id) for policy in policies if policy.api == "cbr"}
    if not bound:
        return False
    rows = VaultResource.objects.filter(
        vault__cloud__in={cloud for cloud, _ in bound},
        vault__deleted_at=None,
        resource_type=ResourceType.SERVER.value,
        included__isnull=True,
    ).order_by()
    for cloud, policy_ids in rows.values_list("vault__cloud", "vault__policy_ids").distinct():
        if any((cloud, policy_id) in bound for policy_id in policy_ids):
            return True
    return False


def exact_policies(
    policies: Iterable[Policy], sources: Mapping[int, Iterable[str]]
) -> frozenset[int]:
    """Returns the policies whose members are all named by what they are bound to, in up to three
    queries. `sources` tells by policy where its members are known from.
    """
    named: list[Policy] = []
    for policy in policies:
        is_bound = policy.api == "cbr" and policy.vaults_known
        if is_bound and EXACT.issuperset(sources.get(policy.pk, ())):
            named.append(policy)
    if not named:
        return frozenset()
    not_wholly_known = _bound_to_what_is_not_known({policy.cloud_id for policy in named})
    return frozenset(
        policy.pk for policy in named if (policy.cloud_id, policy.policy_id) not in not_wholly_known
    )


def _bound_to_what_is_not_known(clouds: Iterable[str]) -> set[tuple[str, str]]:
    """Returns cloud and ID of the policies that are bound to a vault that is not wholly known."""
    policies: set[tuple[str, str]] = set()
    for vault in not_wholly_known_vaults(clouds):
        for policy_id in vault.policy_ids:
            policies.add((vault.cloud_id, str(policy_id)))
    return policies


def not_wholly_known_vaults(clouds: Iterable[str]) -> list[Vault]:
    """Returns the vaults of which something could not be read: an entry, or which disks a server in
    it has; in up to three queries.
    """
    vaults = list(Vault.objects.standing().filter(cloud__in=sorted(clouds)).order_by("pk"))
    with_open_servers = _with_open_servers(vaults)
    return [vault for vault in vaults if not vault.is_whole or vault.pk in with_open_servers]


def _with_open_servers(vaults: Sequence[Vault]) -> set[int]:
    """Returns those of the vaults that hold a server of which nobody knows the disks."""
    if not vaults:
        return set()
    rows = VaultResource.objects.filter(
        vault__in=vaults, resource_type=ResourceType.SERVER.value, included__isnull=True
    )
    servers = set(rows.values_list("vault_id", "vault__cloud", "resource_id"))
    if not servers:
        return set()
    clouds = {cloud for _, cloud, _ in servers}
    attached = Volume.objects.filter(
        cloud__in=clouds, deleted_at=None, server_ids__isnull=False
    ).order_by()
    known: set[tuple[str, str]] = set()
    for cloud, server_ids in attached.values_list("cloud", "server_ids"):
        for server_id in server_ids or ():
            known.add((cloud, server_id))
    return {vault for vault, cloud, server_id in servers if (cloud, server_id) not in known}


def _last_runs(policies: Sequence[Policy]) -> Mapping[int, datetime]:
    """Returns when the last run of each policy began at the earliest, as far as tasks tell. It is
    asked for those alone that have a count to compare with.
    """
    rows: dict[tuple[str, str], Policy] = {}
    for policy in policies:
        if policy.claimed is not None:
            rows[policy.cloud_id, policy.policy_id] = policy
    if not rows:
        return {}
    tasks = PolicyTask.objects.filter(policy_id__isnull=False).order_by()
    tasks = tasks.filter(cloud__in={cloud for cloud, _ in rows})
    begins: dict[int, datetime] = {}
    for cloud, policy_id, newest_at in tasks.values_list("cloud", "policy_id").annotate(
        at=Max("created_at")
    ):
        row = rows.get((cloud, policy_id or ""))
        if row is None:
            continue
        length = _ONE_RUN
        if row.period_seconds is not None:
            length = timedelta(seconds=row.period_seconds / 2)
        begins[row.pk] = newest_at - length
    return begins
