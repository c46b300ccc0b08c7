"""What is promised for one volume, what became of it, and what is deleted next."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from django.db.models import Q

from backups.analysis.coverage import CloudPolicies as KnownPolicies
from backups.analysis.coverage import Covered, PolicyReading, cover
from backups.analysis.retention import KeptBackup, from_json, to_go
from backups.analysis.schedule import Schedule
from backups.clouds import registry
from backups.models import Access, Backup, Cloud, MemberSource, Policy, PolicyMember, Run, Volume
from backups.models.volume import POLICIES_READ_FOR
from backups.reports.computed_once import computed_once
from backups.reports.data_version import Versions
from backups.reports.policies import (
    NOT_MADE,
    WINDOW,
    hidden_backups,
    next_run,
    reading,
    schedule_of,
)
from backups.reports.volumes import VolumeState
from backups.shared.policy_counts import NOT_ALLOWED, read_members
from backups.vbs.policies import Retention
from backups.vbs.statuses import FAILED

MOST_RUNS: Final = 750  # hourly ones of 30 days, and some more
MADE_BY_POLICY: Final = "autobk_"  # how VBS begins the names of such backups
_OF_RUNS: Final = (
    "volume__cloud",
    "volume__also_under",
    "volume__volume_id",
    "policy",
    "slot_at",
    "outcome",
)
_OF_BACKUPS: Final = ("cloud", "name", "created_at", "expired_at", "policy_id", "same_as")


@dataclass(frozen=True, kw_only=True)
class RunOfVolume:
    """A promised run. `backup_id`: as the cloud calls what came of it; `is_tracked`: it has a page.
    `policy_cloud` is another one where that shows the volume by another service.
    """

    slot_at: datetime
    outcome: str
    late_seconds: int | None
    duration_seconds: int | None
    backup_id: str | None
    is_tracked: bool
    reason: str | None
    policy_cloud: str
    policy_id: str
    policy_title: str


@dataclass(frozen=True, kw_only=True)
class PolicyOfVolume:
    """A policy that has the volume. `next_run_at` None: none comes, and `why_no_run` says why."""

    cloud: str
    policy_id: str
    title: str
    enabled: bool | None
    when: str | None
    next_run_at: datetime | None
    is_reckoned: bool
    why_no_run: str | None
    source: str
    retention: Retention


@dataclass(frozen=True, kw_only=True)
class GoingBackup:
    """A backup that is deleted then: `is_fact` where the cloud says so, else expected by the rule
    of the policy.
    """

    id: str
    name: str | None
    cloud: str
    made_at: datetime
    goes_at: datetime
    is_fact: bool


@dataclass(frozen=True, kw_only=True)
class VolumePlan:
    """What is promised for one volume. `word`: scheduled, off, none or unknown. `policies`: that of
    the next run first. `runs`: of the last 30 days, the newest first. `going`: what is deleted
    next.
    """

    word: str
    sentence: str
    policies: tuple[PolicyOfVolume, ...]
    runs: tuple[RunOfVolume, ...]
    going: tuple[GoingBackup, ...]

    @property
    def next(self) -> PolicyOfVolume | None:
        """Returns the policy that runs next, None where none does."""
        return _next(self.policies)


def runs_of_volume(
    cloud: str, volume_id: str, now: datetime, *, access: Access
) -> list[RunOfVolume]:
    """Returns the promised runs of a volume in the last 30 days, the newest first, in two queries,
    and one more for who may not see all clouds. Those by a policy of another cloud are left out
    where that is not open to the reader.
    """
    rows = _runs_of([(cloud, volume_id)], access).filter(slot_at__gt=now - WINDOW, slot_at__lte=now)
    runs = _each_once(rows.order_by("-slot_at", "policy", "pk"))
    tracked = _tracked((run.backup_id for run in runs), access)
    untracked = {run.backup_id for run in runs} - tracked
    hidden = hidden_backups(untracked, access=access)
    return [_run_of_volume(run, tracked, hidden) for run in runs]


def unkept_runs(
    volumes: Iterable[tuple[str, str]],
    begin: datetime,
    *,
    access: Access,
    versions: Versions | None = None,
) -> dict[tuple[str, str], list[tuple[datetime, str]]]:
    """Returns time and outcome of the promised runs since `begin` that were not made, of these
    volumes (cloud, volume_id), in one query. With `versions` it is asked once for all who may see
    the same clouds.
    """
    keys = sorted(volumes)
    return computed_once(
        "unkept-runs",
        lambda: _unkept_runs(keys, begin, access),
        version=versions.content if versions else None,
        access=access,
        of=(keys, begin),
    )


def _unkept_runs(
    keys: Sequence[tuple[str, str]], begin: datetime, access: Access
) -> dict[tuple[str, str], list[tuple[datetime, str]]]:
    rows = _runs_of(keys, access).filter(slot_at__gte=begin, outcome__in=NOT_MADE)
    wanted = set(keys)
    runs: dict[tuple[str, str], list[tuple[datetime, str]]] = {}
    known: set[tuple[str, str, int, datetime]] = set()
    values = rows.order_by("slot_at", "pk").values_list(*_OF_RUNS)
    for own, other, volume_id, policy, slot_at, outcome in values:
        for cloud in (own, other):
            run = (cloud, volume_id, policy, slot_at)
            if (cloud, volume_id) in wanted and run not in known:
                known.add(run)
                runs.setdefault((cloud, volume_id), []).append((slot_at, outcome))
    return runs


def _runs_of(keys: Iterable[tuple[str, str]], access: Access) -> Any:
    """Returns the runs of these volumes (cloud, volume_id), with whichever row of the two services
    of a project they are stored, by policies that the reader may see.
    """
    is_of_volumes = Q(pk__in=[])
    ids_by_cloud: dict[str, list[str]] = {}
    for cloud, volume_id in keys:
        if access.opens(cloud):
            ids_by_cloud.setdefault(cloud, []).append(volume_id)
    for cloud, volume_ids in ids_by_cloud.items():
        is_of_volumes |= Q(cloud=cloud, volume_id__in=volume_ids)
        is_of_volumes |= Q(also_under=cloud, volume_id__in=volume_ids)
    volumes = Volume.objects.filter(is_of_volumes).order_by().values("pk")
    return Run.objects.visible_to(access).filter(volume__in=volumes)


def _each_once(rows: Any) -> list[Run]:
    """Returns the first runs: for a while both rows of a volume may have one."""
    by_key: dict[tuple[int, datetime], Run] = {}
    for run in rows.select_related("policy")[:MOST_RUNS]:
        by_key.setdefault((run.policy_id, run.slot_at), run)
    return list(by_key.values())


def runs_between(
    cloud: str, volume_id: str, begin: datetime, end: datetime, *, access: Access
) -> list[RunOfVolume]:
    """Returns the runs of a volume that were promised from `begin` up to, not including, `end`."""
    rows = _runs_of([(cloud, volume_id)], access).filter(slot_at__gte=begin, slot_at__lt=end)
    runs = _each_once(rows.order_by("slot_at", "policy", "pk"))
    hidden = hidden_backups((run.backup_id for run in runs), access=access)
    return [_run_of_volume(run, set(), hidden) for run in runs]


def volume_plan(volume: VolumeState, now: datetime, *, access: Access) -> VolumePlan:
    """Returns what is promised for one volume, which the reader may see, in four queries, and up to
    three more where that is not known.
    """
    cloud = volume.cloud
    volume_id = volume.volume_id
    clouds = [cloud] if volume.also_under is None else [cloud, volume.also_under]
    policies = _policies(clouds, volume_id, now, access)
    word = volume.schedule
    return VolumePlan(
        word=word,
        sentence=_sentence(word, cloud, volume_id, policies, now, access),
        policies=tuple(policies),
        runs=tuple(runs_of_volume(cloud, volume_id, now, access=access)),
        going=tuple(_going(clouds, volume_id, policies, access)),
    )


def _tracked(ids: Iterable[uuid.UUID | None], access: Access) -> set[uuid.UUID]:
    wanted = {pk for pk in ids if pk is not None}
    return set(Backup.objects.visible_to(access).filter(pk__in=wanted).values_list("pk", flat=True))


def _run_of_volume(run: Run, tracked: set[uuid.UUID], hidden: set[uuid.UUID]) -> RunOfVolume:
    is_open = run.backup_id not in hidden
    backup_id = run.backup_id if is_open else None
    return RunOfVolume(
        slot_at=run.slot_at,
        outcome=run.outcome,
        late_seconds=run.late_seconds,
        duration_seconds=run.duration_seconds,
        backup_id=str(backup_id) if backup_id else None,
        is_tracked=backup_id in tracked,
        reason=run.reason if is_open else None,  # It may be that of the backup.
        policy_cloud=run.policy.cloud_id,
        policy_id=run.policy.policy_id,
        policy_title=str(run.policy),
    )


def _policies(
    clouds: Sequence[str], volume_id: str, now: datetime, access: Access
) -> list[PolicyOfVolume]:
    """Returns the policies that have a volume, the one that runs next first."""
    rows: Any = PolicyMember.objects.visible_to(access).filter(
        policy__cloud__in=clouds, volume_id=volume_id, until=None, policy__deleted_at=None
    )
    policies: list[PolicyOfVolume] = []
    for member in rows.select_related("policy__cloud").order_by("policy"):
        policy: Policy = member.policy
        schedule = schedule_of(policy.schedule)
        readable: Schedule | None = None if isinstance(schedule, str) else schedule
        next_run_at, why_no_run = next_run(policy, readable, now)
        policies.append(
            PolicyOfVolume(
                cloud=policy.cloud_id,
                policy_id=policy.policy_id,
                title=str(policy),
                enabled=policy.enabled,
                when=readable.when if readable else None,
                next_run_at=next_run_at,
                is_reckoned=readable.is_reckoned if readable else False,
                why_no_run=why_no_run,
                source=MemberSource(member.source).value,
                retention=from_json(policy.retention),
            )
        )
    return sorted(policies, key=_place)


def _next(policies: Sequence[PolicyOfVolume]) -> PolicyOfVolume | None:
    first = next(iter(policies), None)
    return first if first is not None and first.next_run_at is not None else None


def _place(policy: PolicyOfVolume) -> tuple[bool, datetime | None, str]:
    return policy.next_run_at is None, policy.next_run_at, policy.policy_id


def _sentence(
    word: str,
    cloud: str,
    volume_id: str,
    policies: Sequence[PolicyOfVolume],
    now: datetime,
    access: Access,
) -> str:
    """Returns why the word is that one."""
    if word == "scheduled":
        names = [policy.title for policy in policies if policy.enabled]
        return f"Policy “{names[0]}” backs it up." if names else "A policy backs it up."
    if word == "off":
        names = [policy.title for policy in policies if policy.enabled is False]
        return f"Its policy “{names[0]}” is switched off." if names else "Its policy is off."
    if word == "none":
        return "No policy of its cloud has this disk."
    return _why_unknown(cloud, volume_id, now, access)


def _why_unknown(cloud: str, volume_id: str, now: datetime, access: Access) -> str:
    """Returns what keeps vbsdash from knowing: what it does not know of the cloud itself, else of
    the other service of its project. In three queries for VBS alone, up to six for each service.
    """
    is_of_project = Q(pk=cloud) | Q(other_service=cloud)
    services = {row.name: row for row in Cloud.objects.visible_to(access).filter(is_of_project)}
    own = services.pop(cloud)
    if own.other_service is None or own.service_ended_at is None:
        covered = _covered(own, volume_id, now, access)
        if covered.word == "unknown":
            return covered.sentence
    for row in services.values():
        if row.service_ended_at is None:
            covered = _covered(row, volume_id, now, access, other=row.name)
            if covered.word == "unknown":
                return covered.sentence
    if own.other_service is not None and own.other_service not in services:
        return "What another service of its project promises is not known."
    if own.service_ended_at is not None:
        return _reading(own, now).sentence
    return "It is not known yet: the next reading of the policies tells."


def _covered(
    row: Cloud, volume_id: str, now: datetime, access: Access, *, other: str | None = None
) -> Covered:
    """Returns what one service of a project says of a volume. `other`: its name, where it is not
    the one that the page is about.
    """
    state = _reading(row, now)
    if state.is_counted:
        policies = Policy.objects.visible_to(access).standing().filter(cloud=row.name)
        known = read_members(list(policies.order_by("pk")))
        counted = KnownPolicies(
            PolicyReading.WHOLE, known.counts, other, covers_servers=known.covers_servers
        )
        volumes = Volume.objects.visible_to(access).filter(cloud=row.name, volume_id=volume_id)
        servers_known = known.covers_servers and volumes.with_known_servers(now).exists()
        memberships = known.memberships.get(volume_id, ())
        return cover(memberships, counted, servers_known=servers_known)
    if other is None:
        return Covered("unknown", state.sentence)
    if (row.policies_error or "").startswith(NOT_ALLOWED):
        return cover((), KnownPolicies(PolicyReading.REFUSED, name=other))
    return Covered("unknown", f"Of “{other}”, the other service of its project: {state.sentence}")


class _Reading(NamedTuple):
    """`is_counted`: what was read lately counts, whatever the newest reading said."""

    is_counted: bool
    sentence: str


def _reading(row: Cloud, now: datetime) -> _Reading:
    if row.service_ended_at is None and not row.is_configured:
        sentence = "It is not configured any more: what its policies do is not known."
        return _Reading(is_counted=False, sentence=sentence)
    api = registry.api(row, registry.configured().get(row.name))
    read_at = row.policies_read_at
    is_read = read_at is not None and read_at > now - POLICIES_READ_FOR
    is_counted = is_read and row.service_ended_at is None
    return _Reading(is_counted=is_counted, sentence=reading(row, api, now)[1])


def _going(
    clouds: Sequence[str], volume_id: str, policies: Sequence[PolicyOfVolume], access: Access
) -> list[GoingBackup]:
    """Returns the backups that are deleted next, by the next run of a policy or by what the cloud
    itself says, in one query. What is made by hand never goes by a policy.
    """
    rows = Backup.objects.visible_to(access).filter(
        cloud__in=clouds, volume_id=volume_id, gone_at=None, created_at__isnull=False
    )
    rows = rows.exclude(status__in=FAILED).order_by("created_at", "pk")
    backups = _each_backup_once(rows.only(*_OF_BACKUPS))
    next_policy = _next(policies)
    with_policies = {policy.cloud for policy in policies}
    kept = [_kept(row, next_policy, with_policies) for row in backups.values()]
    retention = Retention() if next_policy is None else next_policy.retention
    at = None if next_policy is None else next_policy.next_run_at
    going: list[GoingBackup] = []
    for one in to_go(retention, kept, at=at or datetime.max.replace(tzinfo=UTC)):
        row = backups[one.id]
        going.append(
            GoingBackup(
                id=one.id,
                name=row.name,
                cloud=row.cloud_id,
                made_at=one.made_at,
                goes_at=one.goes_at,
                is_fact=one.is_fact,
            )
        )
    return going


def _each_backup_once(rows: Iterable[Backup]) -> dict[str, Backup]:
    """Returns rows by their IDs; of one that two services show, what either says of it."""
    by_id = {row.pk: row for row in rows}
    backups: dict[str, Backup] = {}
    for row in by_id.values():
        one = by_id.get(row.same_as) if row.same_as is not None else None
        if one is None:
            backups[str(row.pk)] = row
            continue
        one.policy_id = one.policy_id or row.policy_id
        one.expired_at = one.expired_at or row.expired_at
    return backups


def _kept(row: Backup, policy: PolicyOfVolume | None, with_policies: Collection[str]) -> KeptBackup:
    """`by_policy`: CBR names the policy of a backup; VBS names what policies make (API.md §12), and
    lists those of CBR's policies so too, which is taken for theirs where VBS has none.
    """
    by_policy = False
    if policy is not None and row.policy_id is not None:
        by_policy = row.policy_id == policy.policy_id
    elif policy is not None:
        is_of_service = row.cloud_id == policy.cloud or row.cloud_id not in with_policies
        by_policy = is_of_service and (row.name or "").startswith(MADE_BY_POLICY)
    return KeptBackup(
        id=str(row.pk),
        at=row.created_at or datetime.min.replace(tzinfo=UTC),
        by_policy=by_policy,
        expired_at=row.expired_at,
    )
