"""Backup policies as the clouds tell them, and what became of the runs that they promised: one
answer for pages and API.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, OuterRef, Q, Subquery

from backups.analysis.numbers import thousands
from backups.analysis.retention import from_json, rule_in_words
from backups.analysis.rules import span
from backups.analysis.schedule import Schedule, UnreadableSchedule
from backups.analysis.schedule import read as read_schedule
from backups.clouds import registry
from backups.models import (
    Access,
    Backup,
    Cloud,
    Policy,
    PolicyMember,
    PolicyRevision,
    Run,
    Vault,
    Volume,
)
from backups.models.policy import PolicyQuerySet
from backups.models.volume import POLICIES_READ_FOR
from backups.reports.computed_once import computed_once
from backups.reports.data_version import Versions
from backups.shared.policy_counts import EXACT, exact_policies
from backups.vbs.policies import Retention

DAYS: Final = 30  # so long runs are told
WINDOW: Final = timedelta(days=DAYS)
# The worst first: by it a run of many disks is called, and lists of outcomes stand.
OUTCOMES: Final = (
    "failed",
    "timed_out",
    "skipped",
    "never_started",
    "late",
    "not_known",
    "pending",
    "made",
)
NOT_MADE: Final = ("failed", "timed_out", "skipped", "never_started")
# Of one policy: slots of an hourly one in 30 days, and disks that are named.
MOST_SLOTS: Final = 750
MOST_NOT_MADE: Final = 500
MOST_MEMBERS: Final = 100
MOST_REVISIONS: Final = 20
_DISK_COLUMNS: Final = (
    "cloud",
    "volume_id",
    "label",
    "name",
    "schedule",
    "last_run_at",
    "last_run_outcome",
)


@dataclass(frozen=True, kw_only=True)
class Members:
    """How many volumes a policy has. `exact`: named by its vaults; `observed`: seen in its runs or
    by its ID; `claimed`: as the cloud says, None where it does not. `is_exact`: all are named.
    """

    exact: int
    observed: int
    claimed: int | None
    is_exact: bool

    @property
    def known(self) -> int:
        return self.exact + self.observed

    @property
    def is_whole(self) -> bool:
        """Tells whether each volume of the policy is known, as far as the cloud counts them."""
        if self.claimed is not None:
            return self.known >= self.claimed
        return self.is_exact

    @property
    def sentence(self) -> str:
        """Returns how many there are and how that is known, without a full stop."""
        known = _disks(self.known)
        if self.is_exact:
            return f"{known}, as its vaults say" if self.exact else "no disk"
        claimed = self.claimed
        if claimed is None and self.observed == 0 and self.exact:
            return f"{known} in its vaults, of which not all could be read"
        if claimed is None:
            return f"{known} seen in its runs; the cloud does not say how many it has"
        if claimed == 0 and not self.known:
            return "no disk"
        verb = "has" if claimed == 1 else "have"
        if self.known < claimed:
            return f"{thousands(self.known)} of the {_disks(claimed)} it claims {verb} been seen"
        if self.known == claimed:
            the_disks = "the one disk" if claimed == 1 else f"all {_disks(claimed)}"
            return f"{the_disks} it claims {verb} been seen"
        return f"{known} seen, while it claims {thousands(claimed)}: some may have left it"


@dataclass(frozen=True, kw_only=True)
class SlotOutcomes:
    """What became of one promised run: how many disks by outcome, the worst outcome first."""

    at: datetime
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def worst(self) -> str:
        return next(iter(self.counts), "not_known")

    @property
    def not_made(self) -> int:
        return sum(self.counts.get(outcome, 0) for outcome in NOT_MADE)


@dataclass(frozen=True, kw_only=True)
class VaultRef:
    vault_id: str
    name: str | None
    size_gb: int | None
    used_mb: int | None
    auto_expand: bool | None
    locked: bool | None

    @property
    def title(self) -> str:
        return self.name or self.vault_id


@dataclass(frozen=True, kw_only=True)
class PolicyState:
    """One policy as the list shows it.

    `when`: the schedule as a part of a sentence, None where it cannot be read, for which
    `why_unreadable` is a sentence. `next_run_at` None: none comes, for which `why_no_run` is a
    sentence. `is_reckoned`: the days of its runs follow of an anchor that the cloud does not tell.
    `newest` is the last promised run. `outcomes`: of the last 30 days. `is_current`: the policies
    of its cloud were read lately.
    """

    pk: int
    cloud: str
    policy_id: str
    api: str
    name: str | None
    enabled: bool | None
    schedule: Mapping[str, Any]
    when: str | None
    why_unreadable: str | None
    is_reckoned: bool
    next_run_at: datetime | None
    why_no_run: str | None
    retention: Retention
    retention_in_words: str
    members: Members
    newest: SlotOutcomes | None
    outcomes: Mapping[str, int]
    problems: tuple[str, ...]
    vaults: tuple[VaultRef, ...]
    first_seen_at: datetime
    seen_at: datetime
    deleted_at: datetime | None
    is_current: bool

    @property
    def title(self) -> str:
        return self.name or self.policy_id

    @property
    def promised(self) -> int:
        """Returns how many runs were promised in the last 30 days, one for each disk."""
        return sum(self.outcomes.values())

    @property
    def not_made(self) -> int:
        return sum(self.outcomes.get(outcome, 0) for outcome in NOT_MADE)


@dataclass(frozen=True, kw_only=True)
class RunOfDisk:
    """A promised run that was not made, or not in time, of one disk. `cloud`: under which the disk
    is counted, as far as that is open to the reader.
    """

    cloud: str
    volume_id: str
    title: str
    slot_at: datetime
    outcome: str
    late_seconds: int | None
    duration_seconds: int | None
    backup_id: str | None
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A promised run, with the first of the disks for which it was not made."""

    outcomes: SlotOutcomes
    not_made: tuple[RunOfDisk, ...]


@dataclass(frozen=True, kw_only=True)
class Member:
    """A disk of a policy, under the cloud in which it is counted for the reader."""

    cloud: str
    volume_id: str
    title: str
    source: str
    since: datetime
    schedule: str
    last_run_at: datetime | None
    last_run_outcome: str | None


@dataclass(frozen=True, kw_only=True)
class Revision:
    """How a policy was read from `since` on."""

    since: datetime
    sentence: str


@dataclass(frozen=True, kw_only=True)
class PolicyDetail:
    """`slots`: of the last 30 days, the newest first. `named`: the first of its members, of which
    `state.members.known` says how many there are. `revisions`: the newest first.
    """

    state: PolicyState
    slots: tuple[Slot, ...]
    named: tuple[Member, ...]
    revisions: tuple[Revision, ...]


@dataclass(frozen=True, kw_only=True)
class CloudPolicies:
    """What is known of the policies of one cloud. `state`: read, old, never, refused, none (its
    service has no policies) or ended; `sentence` says it, "" where all is well.
    """

    cloud: str
    api: str
    state: str
    sentence: str
    read_at: datetime | None
    # Another cloud that shows the same project by another service.
    other_service: str | None


def visible_policies(now: datetime, *, access: Access) -> PolicyQuerySet:
    """Returns those that the reader may see: that the cloud has, or had in the last 30 days."""
    had_lately = Q(deleted_at=None) | Q(deleted_at__gt=now - WINDOW)
    policies = Policy.objects.visible_to(access).filter(had_lately)
    return policies.order_by("cloud", "name", "policy_id")


def policy_states(
    policies: PolicyQuerySet, now: datetime, *, access: Access, versions: Versions | None = None
) -> list[PolicyState]:
    """Returns those of these policies that the reader may see, in the order of `policies`, in five
    queries, and three more where any has vaults. With `versions` the runs of the same policies are
    counted once for all who may see the same clouds.
    """
    runs = Run.objects.filter(policy=OuterRef("pk"), slot_at__lte=now).order_by("-slot_at")
    visible = policies.visible_to(access).select_related("cloud")
    # The type checker knows no annotation.
    rows: list[Any] = list(visible.annotate(newest_slot_at=Subquery(runs.values("slot_at")[:1])))
    if not rows:
        return []
    newest_slots = {row.pk: row.newest_slot_at for row in rows}
    members = _count_members(newest_slots, access)
    all_named = exact_policies(rows, members)
    outcomes = computed_once(
        "policy-outcomes",
        lambda: _count_outcomes(newest_slots, now, access),
        version=versions.content if versions else None,
        access=access,
        of=sorted(newest_slots),
    )
    newest = _newest_outcomes(newest_slots, access)
    vaults = _vaults({row.cloud_id for row in rows}, access)
    states: list[PolicyState] = []
    for row in rows:
        known = members.get(row.pk, {})
        exact = sum(count for source, count in known.items() if source in EXACT)
        states.append(
            _policy_state(
                row,
                now,
                members=Members(
                    exact=exact,
                    observed=sum(known.values()) - exact,
                    claimed=row.claimed,
                    is_exact=row.pk in all_named,
                ),
                newest=newest.get(row.pk),
                outcomes=worst_first(outcomes.get(row.pk, {})),
                vaults=tuple(vaults.get((row.cloud_id, row.policy_id), ())),
            )
        )
    return states


def policy_detail(
    cloud: str, policy_id: str, now: datetime, *, access: Access
) -> PolicyDetail | None:
    """Returns one policy with its runs of the last 30 days, in eleven queries; None when there is
    none, or not where the reader may look.
    """
    rows = Policy.objects.filter(cloud=cloud, policy_id=policy_id)
    states = policy_states(rows, now, access=access)
    if not states:
        return None
    [state] = states
    return PolicyDetail(
        state=state,
        slots=tuple(_slots(state, now, access)),
        named=tuple(_named_members(state, now, access)),
        revisions=tuple(_revisions(state, access)),
    )


def policies_of_clouds(now: datetime, *, access: Access) -> list[CloudPolicies]:
    """Returns what is known of the policies of each configured cloud, by name; one query."""
    configured = registry.configured()
    clouds: list[CloudPolicies] = []
    for row in Cloud.objects.visible_to(access).filter(name__in=configured).order_by("name"):
        api = registry.api(row, configured[row.name])
        state, sentence = reading(row, api, now)
        clouds.append(
            CloudPolicies(
                cloud=row.name,
                api=api,
                state=state,
                sentence=sentence,
                read_at=row.policies_read_at,
                other_service=row.other_service,
            )
        )
    return clouds


def worst_first(counts: Mapping[str, int]) -> dict[str, int]:
    """Returns the counts by outcome in the order of OUTCOMES; a word that is not among them comes
    first.
    """
    others = sorted(set(counts) - set(OUTCOMES))
    return {outcome: counts[outcome] for outcome in (*others, *OUTCOMES) if counts.get(outcome)}


def schedule_of(spec: Mapping[str, Any]) -> Schedule | str:
    """Returns the schedule of a policy, or the sentence why it cannot be read."""
    try:
        return read_schedule(spec)
    except UnreadableSchedule as e:
        return str(e)


def _disks(count: int) -> str:
    return f"{thousands(count)} disk{'' if count == 1 else 's'}"


def reading(cloud: Cloud, api: str, now: datetime) -> tuple[str, str]:
    """Returns how the policies of a cloud were last read: a state of CloudPolicies and its
    sentence.
    """
    if cloud.service_ended_at is not None:
        return "ended", "Its backup service ended: these are the last policies that it had."
    error = cloud.policies_error
    read_at = cloud.policies_read_at
    if read_at is None and error is None:
        if api == "cinder":
            return "none", "Stock Cinder has no backup policies."
        return "never", "Its policies were not read yet: which disks are in none is not known."
    if error is not None:
        sentence = error if error.endswith(".") else f"{error}."
        if read_at is None:
            return "refused", f"{sentence} Which disks are in no schedule is not known."
        if read_at <= now - POLICIES_READ_FOR:
            return "refused", f"{sentence} They were last read {span(now - read_at)} ago."
        return "refused", sentence
    if read_at is not None and read_at <= now - POLICIES_READ_FOR:
        return "old", f"Its policies were last read {span(now - read_at)} ago: they may be others."
    return "read", ""


def _count_members(policies: Iterable[int], access: Access) -> dict[int, dict[str, int]]:
    """Counts the volumes of each policy by where that is known from."""
    rows: Any = PolicyMember.objects.visible_to(access)
    rows = rows.filter(policy__in=list(policies), until=None).order_by()
    counts: dict[int, dict[str, int]] = {}
    for policy, source, count in rows.values_list("policy", "source").annotate(Count("pk")):
        counts.setdefault(policy, {})[source] = count
    return counts


def _count_outcomes(
    policies: Iterable[int], now: datetime, access: Access
) -> dict[int, dict[str, int]]:
    rows: Any = Run.objects.visible_to(access).filter(policy__in=list(policies)).order_by()
    rows = rows.filter(slot_at__gt=now - WINDOW, slot_at__lte=now)
    counts: dict[int, dict[str, int]] = {}
    for policy, outcome, count in rows.values_list("policy", "outcome").annotate(Count("pk")):
        counts.setdefault(policy, {})[outcome] = count
    return counts


def _newest_outcomes(
    newest_slots: Mapping[int, datetime | None], access: Access
) -> dict[int, SlotOutcomes]:
    """Counts the newest promised run of each policy by outcome.

    Policies run at few different times, so the runs of all of them at any of these are few too.
    """
    slots = {at for at in newest_slots.values() if at is not None}
    rows: Any = Run.objects.visible_to(access).order_by()
    rows = rows.filter(policy__in=list(newest_slots), slot_at__in=sorted(slots))
    counts: dict[int, dict[str, int]] = {}
    groups = rows.values_list("policy", "slot_at", "outcome").annotate(Count("pk"))
    for policy, slot_at, outcome, count in groups:
        if newest_slots[policy] == slot_at:
            counts.setdefault(policy, {})[outcome] = count
    newest: dict[int, SlotOutcomes] = {}
    for policy, by_outcome in counts.items():
        at = newest_slots[policy]
        if at is not None:
            newest[policy] = SlotOutcomes(at=at, counts=worst_first(by_outcome))
    return newest


def _vaults(clouds: Iterable[str], access: Access) -> dict[tuple[str, str], list[VaultRef]]:
    """Returns the vaults by the cloud and ID of each policy that they are bound to."""
    vaults: dict[tuple[str, str], list[VaultRef]] = {}
    rows = Vault.objects.visible_to(access).standing().filter(cloud__in=sorted(clouds))
    for row in rows.order_by("name", "vault_id"):
        vault = VaultRef(
            vault_id=row.vault_id,
            name=row.name,
            size_gb=row.size_gb,
            used_mb=row.used_mb,
            auto_expand=row.auto_expand,
            locked=row.locked,
        )
        for policy_id in row.policy_ids:
            vaults.setdefault((row.cloud_id, str(policy_id)), []).append(vault)
    return vaults


def _policy_state(
    row: Policy,
    now: datetime,
    *,
    members: Members,
    newest: SlotOutcomes | None,
    outcomes: Mapping[str, int],
    vaults: tuple[VaultRef, ...],
) -> PolicyState:
    schedule = schedule_of(row.schedule)
    unreadable = schedule if isinstance(schedule, str) else None
    readable = None if isinstance(schedule, str) else schedule
    next_run_at, why_no_run = next_run(row, readable, now)
    retention = from_json(row.retention)
    read_at = row.cloud.policies_read_at
    is_current = read_at is not None and read_at > now - POLICIES_READ_FOR
    if row.cloud.service_ended_at is not None:
        is_current = False
    return PolicyState(
        pk=row.pk,
        cloud=row.cloud_id,
        policy_id=row.policy_id,
        api=row.api,
        name=row.name,
        enabled=row.enabled,
        schedule=row.schedule,
        when=readable.when if readable else None,
        why_unreadable=unreadable,
        is_reckoned=readable.is_reckoned if readable else False,
        next_run_at=next_run_at,
        why_no_run=why_no_run,
        retention=retention,
        retention_in_words=rule_in_words(retention),
        members=members,
        newest=newest,
        outcomes=outcomes,
        problems=tuple(row.problems),
        vaults=vaults,
        first_seen_at=row.first_seen_at,
        seen_at=row.seen_at,
        deleted_at=row.deleted_at,
        is_current=is_current,
    )


def next_run(
    policy: Policy, schedule: Schedule | None, now: datetime
) -> tuple[datetime | None, str | None]:
    """Returns when a policy runs next, else None and why not, as a sentence. It has its cloud."""
    if policy.deleted_at is not None:
        return None, "The cloud no longer has this policy."
    if policy.cloud.service_ended_at is not None:
        return None, "The backup service of its cloud ended."
    if policy.enabled is False:
        return None, "It is switched off."
    if schedule is None:
        return None, "When it runs cannot be read."
    if policy.enabled is None:
        return None, "Whether it is switched on cannot be read."
    at = schedule.next_after(now)
    return at, None if at is not None else "Its schedule has no next run."


def _slots(state: PolicyState, now: datetime, access: Access) -> list[Slot]:
    """Returns the promised runs of the last 30 days, the newest first, in three queries, and one
    more for who may not see all clouds.
    """
    rows: Any = Run.objects.visible_to(access).filter(
        policy=state.pk, slot_at__gt=now - WINDOW, slot_at__lte=now
    )
    counts: dict[datetime, dict[str, int]] = {}
    groups = rows.order_by("-slot_at").values_list("slot_at", "outcome").annotate(Count("pk"))
    for slot_at, outcome, count in groups:
        if slot_at not in counts and len(counts) == MOST_SLOTS:
            break
        counts.setdefault(slot_at, {})[outcome] = count
    by_slot: dict[datetime, list[RunOfDisk]] = {}
    not_made = rows.filter(outcome__in=NOT_MADE).select_related("volume")
    runs = list(not_made.order_by("-slot_at", "outcome", "volume")[:MOST_NOT_MADE])
    disks = _disks_by_id(state.cloud, {run.volume.volume_id for run in runs}, now, access)
    hidden = hidden_backups((run.backup_id for run in runs), access=access)
    for run in runs:
        volume_id = run.volume.volume_id
        is_open = run.backup_id not in hidden
        disk = disks.get(volume_id, {})
        by_slot.setdefault(run.slot_at, []).append(
            RunOfDisk(
                cloud=disk.get("cloud", state.cloud),
                volume_id=volume_id,
                title=disk.get("label") or disk.get("name") or volume_id,
                slot_at=run.slot_at,
                outcome=run.outcome,
                late_seconds=run.late_seconds,
                duration_seconds=run.duration_seconds,
                backup_id=str(run.backup_id) if run.backup_id and is_open else None,
                # Where a task gave none, it is that of the backup.
                reason=run.reason if is_open else None,
            )
        )
    slots: list[Slot] = []
    for at, by_outcome in counts.items():
        outcomes = SlotOutcomes(at=at, counts=worst_first(by_outcome))
        slots.append(Slot(outcomes=outcomes, not_made=tuple(by_slot.get(at, ()))))
    return slots


def _disks_by_id(
    cloud: str, volume_ids: Iterable[str], now: datetime, access: Access
) -> dict[str, Any]:
    """Returns the volumes of these IDs that a service of the project shows, each by the row under
    which it is counted for the reader.
    """
    volumes: Any = Volume.objects.visible_to(access).counted(access)
    volumes = volumes.filter(Q(cloud=cloud) | Q(also_under=cloud), volume_id__in=sorted(volume_ids))
    rows = volumes.with_schedule(now).values(*_DISK_COLUMNS)
    return {row["volume_id"]: row for row in rows}


def hidden_backups(ids: Iterable[uuid.UUID | None], *, access: Access) -> set[uuid.UUID]:
    """Returns those of these IDs that are tracked where the reader may not look; no query for who
    may see all clouds.
    """
    wanted = {pk for pk in ids if pk is not None}
    if access.clouds is None or not wanted:
        return set()
    elsewhere = Backup.objects.filter(pk__in=wanted).exclude(cloud__in=access.clouds)
    return set(elsewhere.values_list("pk", flat=True))


def _named_members(state: PolicyState, now: datetime, access: Access) -> list[Member]:
    """Returns the first members by their IDs, in two queries."""
    rows: Any = PolicyMember.objects.visible_to(access).filter(policy=state.pk, until=None)
    members = list(rows.order_by("volume_id")[:MOST_MEMBERS])
    ids = [member.volume_id for member in members]
    by_id = _disks_by_id(state.cloud, ids, now, access)
    named: list[Member] = []
    for member in members:
        volume = by_id.get(member.volume_id, {})
        named.append(
            Member(
                cloud=volume.get("cloud", state.cloud),
                volume_id=member.volume_id,
                title=volume.get("label") or volume.get("name") or member.volume_id,
                source=member.source,
                since=member.since,
                schedule=volume.get("schedule", "unknown"),
                last_run_at=volume.get("last_run_at"),
                last_run_outcome=volume.get("last_run_outcome"),
            )
        )
    return named


def _revisions(state: PolicyState, access: Access) -> list[Revision]:
    rows: Any = PolicyRevision.objects.visible_to(access).filter(policy=state.pk)
    revisions: list[Revision] = []
    for row in rows.order_by("-since")[:MOST_REVISIONS]:
        schedule = schedule_of(row.schedule)
        when = f"Runs {schedule.when}." if not isinstance(schedule, str) else schedule
        if row.enabled is False:
            when = f"Switched off. {when}"
        kept = rule_in_words(from_json(row.retention))
        revisions.append(Revision(since=row.since, sentence=f"{when} {kept}"))
    return revisions
