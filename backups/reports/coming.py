"""What is going to break by what the clouds plan: plans, growth and limits gathered for the
arithmetic of `analysis.forecast`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from django.db.models import Count, Max, Q

from backups.analysis import forecast
from backups.analysis.forecast import (
    Coming,
    LeftDisk,
    MemberPlan,
    PolicyPlan,
    ProjectPlan,
    VaultPlan,
)
from backups.analysis.growth import Change
from backups.analysis.retention import from_json
from backups.clouds import registry
from backups.models import (
    Access,
    Backup,
    Cloud,
    Policy,
    PolicyMember,
    PolicyRevision,
    Run,
    StoredDay,
    Vault,
    Volume,
)
from backups.models.volume import POLICIES_READ_FOR
from backups.reports.computed_once import computed_once
from backups.reports.data_version import Versions
from backups.reports.growth import changes_by_cloud, growth_of, quotas_of
from backups.reports.policies import WINDOW, schedule_of
from backups.reports.volume_runs import MADE_BY_POLICY
from backups.shared.policy_counts import exact_policies
from backups.vbs.statuses import FAILED

LATEST_RUNS: Final = 10  # of a policy, by which its typical length is told
# The members of a policy that are only observed come to be known in its first days: they are not
# growth.
LEARNING: Final = timedelta(days=7)
GROWTH_DAYS: Final = 30
GOOD_RUNS: Final = ("made", "late")


@dataclass(frozen=True, kw_only=True)
class ComingEvent:
    """What is coming, with the ID of its policy in place of the key of its row."""

    kind: str
    at: datetime | None
    cloud: str
    policy_id: str | None
    vault_id: str | None
    volume_id: str | None
    subject: str
    sum: str
    advice: str


@dataclass
class _Members:
    standing: list[PolicyMember] = field(default_factory=list)
    left: list[PolicyMember] = field(default_factory=list)


@dataclass(frozen=True)
class _Known:
    """What is known of volumes by cloud and ID, at `now`."""

    now: datetime
    volumes: Mapping[tuple[str, str], Mapping[str, Any]]
    backups: Mapping[tuple[str, str], tuple[int, int]]  # in all; made by a policy

    def member(self, cloud: str, volume_id: str) -> MemberPlan:
        volume = self.volumes.get((cloud, volume_id), {})
        backups, kept = self.backups.get((cloud, volume_id), (0, 0))
        return MemberPlan(
            volume_id=volume_id,
            name=_title(volume, volume_id),
            kept=kept,
            backups=backups,
            size_gb=volume.get("size"),
        )


def coming(
    now: datetime, *, access: Access, versions: Versions | None = None
) -> tuple[ComingEvent, ...]:
    """Returns all that is coming in the clouds that the reader may see; what has no date first,
    then by date.

    In one query for the clouds, and twelve more at most where any of them has policies or vaults.
    With `versions` these are made once for each hourly reading and each quarter of an hour, for all
    who may see the same clouds: plans and growth are slower than that.
    """
    clouds = [cloud for cloud in Cloud.objects.visible_to(access) if _is_current(cloud, now)]
    if not clouds:
        return ()
    version = None
    if versions is not None:
        read_at = sorted((cloud.name, cloud.policies_read_at) for cloud in clouds)
        seed = repr((versions.surroundings, read_at))
        version = hashlib.blake2b(seed.encode(), digest_size=12).hexdigest()
    return computed_once(
        "coming", lambda: _coming(clouds, now, access), version=version, access=access
    )


def _is_current(cloud: Cloud, now: datetime) -> bool:
    """Are its policies read, and lately? What is old foretells nothing."""
    if cloud.name not in registry.configured() or cloud.service_ended_at is not None:
        return False
    read_at = cloud.policies_read_at
    return read_at is not None and read_at > now - POLICIES_READ_FOR


def _coming(clouds: Sequence[Cloud], now: datetime, access: Access) -> tuple[ComingEvent, ...]:
    policies = list(
        Policy.objects.visible_to(access).standing().filter(cloud__in=clouds).order_by("pk")
    )
    vaults = list(
        Vault.objects.visible_to(access).standing().filter(cloud__in=clouds).order_by("pk")
    )
    if not policies and not vaults:
        return ()
    members = _members(policies, now, access)
    known = _known(members, now, access)
    durations = _durations(policies, now, access)
    off_since = _off_since(policies, access)
    all_named = _all_named(policies, members)
    others = _other_services(clouds)
    read = {cloud.name for cloud in clouds}
    plans: list[PolicyPlan] = []
    for row in policies:
        of_policy = members[row.pk]
        other = others.get(row.cloud_id)
        plans.append(
            _policy_plan(
                row,
                of_policy,
                known,
                durations=tuple(durations.get(row.pk, ())),
                off_since=off_since.get(row.pk),
                is_exact=row.pk in all_named,
                other_service=other,
                is_other_unknown=other is not None and other not in read,
            )
        )
    stored = changes_by_cloud(StoredDay.objects.visible_to(access))
    projects = [
        _project(cloud, stored.get(cloud.name, {}), policies, members, now) for cloud in clouds
    ]
    events = forecast.coming(
        policies=plans, vaults=[_vault_plan(vault) for vault in vaults], projects=projects, now=now
    )
    policy_ids = {row.pk: row.policy_id for row in policies}
    by_plan = [_event(event, policy_ids) for event in events]
    by_growth = _by_growth(clouds, stored, by_plan, now)
    return tuple(sorted([*by_plan, *by_growth], key=_place))


def _other_services(clouds: Iterable[Cloud]) -> dict[str, str]:
    """Returns the other service of the project of each of these clouds, unless that has ended:
    whether the reader may see it or not.
    """
    others: dict[str, str] = {}
    for cloud in clouds:
        if cloud.other_service is not None:
            others[cloud.name] = cloud.other_service
    if not others:
        return others
    ended = Cloud.objects.filter(other_service__in=list(others), service_ended_at__isnull=False)
    for name in ended.values_list("other_service", flat=True):
        others.pop(name or "", None)
    return others


def _by_growth(
    clouds: Sequence[Cloud],
    stored: Mapping[str, Mapping[date, Change]],
    by_plan: Iterable[ComingEvent],
    now: datetime,
) -> Iterator[ComingEvent]:
    """Yields the quotas that are used up soon at the pace of the last days, where the plans say
    nothing of it.
    """
    foretold = {(event.cloud, event.kind) for event in by_plan}
    names = {cloud.name for cloud in clouds}
    of_clouds = {name: changes for name, changes in stored.items() if name in names}
    for limit in growth_of(of_clouds, quotas_of(clouds), now).limits:
        kind = f"quota_{limit.what}"
        if limit.ends_on is None or (limit.cloud, kind) in foretold:
            continue
        at = datetime(limit.ends_on.year, limit.ends_on.month, limit.ends_on.day, tzinfo=UTC)
        if at > now + forecast.HORIZON:
            continue
        yield ComingEvent(
            kind=kind,
            at=at,
            cloud=limit.cloud,
            policy_id=None,
            vault_id=None,
            volume_id=None,
            subject="quota of backups" if limit.what == "backups" else "quota of GB of backups",
            sum=limit.sentence,
            advice="Ask the cloud for a larger quota, keep fewer backups, or take disks out.",
        )


def _place(event: ComingEvent) -> tuple[datetime, str, str]:
    earliest = datetime.min.replace(tzinfo=UTC)
    return event.at or earliest, event.cloud, event.kind


def _members(policies: Iterable[Policy], now: datetime, access: Access) -> dict[int, _Members]:
    """Returns by policy who is in it, and who left it in the last 30 days."""
    members = {policy.pk: _Members() for policy in policies}
    lately = Q(until=None) | Q(until__gt=now - WINDOW)
    rows: Any = PolicyMember.objects.visible_to(access).filter(lately, policy__in=list(members))
    for member in rows.order_by("volume_id", "pk"):
        of_policy = members[member.policy_id]
        if member.until is None:
            of_policy.standing.append(member)
        else:
            of_policy.left.append(member)
    return members


def _all_named(policies: Sequence[Policy], members: Mapping[int, _Members]) -> frozenset[int]:
    """Returns the policies of which each member is known."""
    sources: dict[int, list[str]] = {}
    for policy, of_policy in members.items():
        sources[policy] = list(map(attrgetter("source"), of_policy.standing))
    return exact_policies(policies, sources)


def _known(members: Mapping[int, _Members], now: datetime, access: Access) -> _Known:
    """Returns what is known of the volumes of the clouds of these members, in two queries."""
    volumes: dict[tuple[str, str], Mapping[str, Any]] = {}
    columns = (
        "cloud",
        "volume_id",
        "label",
        "name",
        "size",
        "deleted_at",
        "exempt_reason",
        "exempt_until",
    )
    policies = list(members)
    clouds = Policy.objects.visible_to(access).filter(pk__in=policies).values("cloud")
    rows: Any = Volume.objects.visible_to(access).filter(cloud__in=clouds).order_by()
    for row in rows.values(*columns):
        volumes[row["cloud"], row["volume_id"]] = row
    by_policy = Q(policy_id__isnull=False) | Q(name__startswith=MADE_BY_POLICY)
    good = Backup.objects.visible_to(access).filter(cloud__in=clouds, gone_at=None)
    counts = (
        good.exclude(status__in=FAILED)
        .order_by()
        .values_list("cloud", "volume_id")
        .annotate(total=Count("pk"), made_by_policy=Count("pk", filter=by_policy))
    )
    backups: dict[tuple[str, str], tuple[int, int]] = {}
    for cloud, volume_id, total, made_by_policy in counts:
        backups[cloud, volume_id or ""] = (total, made_by_policy)
    return _Known(now, volumes, backups)


def _durations(policies: Iterable[Policy], now: datetime, access: Access) -> dict[int, list[int]]:
    """Returns by policy the seconds of its last good runs, of each the longest disk's."""
    rows: Any = Run.objects.visible_to(access).filter(
        policy__in=[policy.pk for policy in policies],
        slot_at__gt=now - WINDOW,
        slot_at__lte=now,
        outcome__in=GOOD_RUNS,
        duration_seconds__isnull=False,
    )
    durations: dict[int, list[int]] = {}
    longest = rows.order_by("-slot_at").values_list("policy", "slot_at")
    for policy, _, seconds in longest.annotate(Max("duration_seconds")):
        of_policy = durations.setdefault(policy, [])
        if len(of_policy) < LATEST_RUNS:
            of_policy.append(seconds)
    return durations


def _off_since(policies: Iterable[Policy], access: Access) -> dict[int, datetime]:
    """Returns by policy that is off the reading in which it was off first, since it was last on."""
    off = [policy.pk for policy in policies if policy.enabled is False]
    rows: Any = PolicyRevision.objects.visible_to(access).filter(policy__in=off)
    since: dict[int, datetime] = {}
    for revision in rows.order_by("policy", "since"):
        if revision.enabled is False:
            since.setdefault(revision.policy_id, revision.since)
        else:
            since.pop(revision.policy_id, None)
    return since


def _policy_plan(
    row: Policy,
    members: _Members,
    known: _Known,
    *,
    durations: tuple[int, ...],
    off_since: datetime | None,
    is_exact: bool,
    other_service: str | None,
    is_other_unknown: bool,
) -> PolicyPlan:
    schedule = schedule_of(row.schedule)
    return PolicyPlan(
        cloud=row.cloud_id,
        policy=row.pk,
        name=str(row),
        enabled=row.enabled,
        schedule=None if isinstance(schedule, str) else schedule,
        retention=from_json(row.retention),
        members=tuple(known.member(row.cloud_id, member.volume_id) for member in members.standing),
        is_exact=is_exact,
        claimed=row.claimed,
        durations=durations,
        limits_backups=row.api == "vbs",
        off_since=off_since,
        left=tuple(_left(row.cloud_id, members, known)),
        other_service=other_service,
        is_other_unknown=is_other_unknown,
    )


def _left(cloud: str, members: _Members, known: _Known) -> Iterable[LeftDisk]:
    """Yields those that left and may miss it: not what is deleted or needs no backup."""
    for member in members.left:
        volume = known.volumes.get((cloud, member.volume_id))
        if volume is None or member.until is None:
            continue
        until = volume["exempt_until"]
        is_exempt = volume["exempt_reason"] is not None and (until is None or until > known.now)
        if volume["deleted_at"] is None and not is_exempt:
            name = _title(volume, member.volume_id)
            yield LeftDisk(member.volume_id, name, member.until)


def _title(volume: Mapping[str, Any], volume_id: str) -> str:
    return volume.get("label") or volume.get("name") or volume_id


def _vault_plan(row: Vault) -> VaultPlan:
    return VaultPlan(
        cloud=row.cloud_id,
        vault=row.vault_id,
        name=str(row),
        size_gb=row.size_gb,
        used_mb=row.used_mb,
        samples=tuple(
            (date.fromisoformat(day), used_mb) for day, used_mb in sorted(row.used_by_day.items())
        ),
        auto_expand=row.auto_expand,
    )


def _project(
    cloud: Cloud,
    stored: Mapping[date, Change],
    policies: Sequence[Policy],
    members: Mapping[int, _Members],
    now: datetime,
) -> ProjectPlan:
    quota = quotas_of([cloud])[cloud.name]
    stored_backups = 0
    stored_gb = 0
    for change in stored.values():
        stored_backups += change.backups
        stored_gb += change.gb
    own = [policy for policy in policies if policy.cloud_id == cloud.name and policy.enabled]
    return ProjectPlan(
        cloud=cloud.name,
        quota_backups=quota.backups,
        quota_gigabytes=quota.gigabytes,
        used_backups=max(stored_backups, quota.used_backups or 0),
        used_gigabytes=max(stored_gb, quota.used_gigabytes or 0),
        disks=tuple(_disks_by_day(own, members, now)),
    )


def _disks_by_day(
    policies: Sequence[Policy], members: Mapping[int, _Members], now: datetime
) -> list[tuple[date, int]]:
    """Returns how many disks these policies had at the beginning of each of the last days, since
    all of the policies were known long enough.
    """
    if not policies:
        return []
    known_since = max(policy.first_seen_at for policy in policies) + LEARNING
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    disks: list[tuple[date, int]] = []
    for days_ago in range(GROWTH_DAYS - 1, -1, -1):
        at = today - timedelta(days=days_ago)
        if at >= known_since:
            count = sum(_count_at(members[policy.pk], at) for policy in policies)
            disks.append((at.date(), count))
    return disks


def _count_at(members: _Members, at: datetime) -> int:
    count = 0
    for member in (*members.standing, *members.left):
        if member.since <= at and (member.until is None or member.until > at):
            count += 1
    return count


def _event(event: Coming, policy_ids: Mapping[int, str]) -> ComingEvent:
    return ComingEvent(
        kind=event.kind.value,
        at=event.at,
        cloud=event.cloud,
        policy_id=None if event.policy is None else policy_ids[event.policy],
        vault_id=event.vault,
        volume_id=event.volume_id,
        subject=event.subject,
        sum=event.sum,
        advice=event.advice,
    )
