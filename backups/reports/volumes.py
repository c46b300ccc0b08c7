"""What is said of volumes: one answer for pages, API, CSV and metrics, in two queries for any
number of them.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypedDict

from django.db.models import Q

from backups.analysis import chains as chaining
from backups.analysis import gaps, judgement, protection, rules, schedule
from backups.analysis.chains import Chain
from backups.analysis.facts import Fact
from backups.analysis.gaps import Gap, Loss
from backups.analysis.judgement import FailureReason
from backups.analysis.protection import Knowledge, Standing
from backups.analysis.rules import InForce
from backups.models import Access, Backup, Volume
from backups.models.cloud import SILENT_AFTER
from backups.models.volume import LISTED_FOR, VolumeQuerySet
from backups.query.volume_keys import stored_volume_id
from backups.reports.computed_once import computed_once
from backups.reports.data_version import Versions
from backups.reports.growth import Growth, growth_of_volume

# What a standing and its failure are read off.
STANDING_COLUMNS = (
    "pk",
    "cloud",
    "volume_id",
    "name",
    "label",
    "size",
    "follow",
    "followed",
    "protection",
    "note",
    "tags",
    "has_others",
    "version",
    "last_good_id",
    "last_good_at",
    "last_good_source",
    "undated",
    "late_at",
    "overdue_at",
    "chain_size_mb",
    "failing_id",
    "failing_since",
    "failing_cause",
    "failing__cloud",
    "failing__status",
    "failing__fail_reason",
    "tracked",
    "exempt_reason",
    "exempt_until",
    "deleted_at",
    "listed_at",
    "first_seen_at",
    "rule_from",
    "rule_tag",
    "policy__cloud",
    "rule_period_seconds",
    "effective_period_seconds",
    "effective_grace_seconds",
    "effective_cron",
    "effective_zone",
    "cloud__last_good_at",
    "cloud__backups_listed_at",
    "last_good__stale_at",
)
COLUMNS = (
    *STANDING_COLUMNS,
    "schedule",
    "last_run_at",
    "last_run_outcome",
    "vault_mb",
    "policy",
    "policy__policy_id",
    "policy__name",
    "policy__enabled",
    "policy__schedule",
    "policy__deleted_at",
    "vault__cloud",
    "vault__vault_id",
    "also_under",
    "counted_under",
    "cloud__service_ended_at",
    "last_good__cloud",
)


Row = Mapping[str, Any]  # of COLUMNS
# Cloud and ID of a volume, and the cloud that shows it by another service, if any.
Key = tuple[str, str, str | None]


class Exemption(TypedDict):
    reason: str
    until: datetime | None


@dataclass(frozen=True, kw_only=True)
class VolumeState:
    """The shape `volume` of the JSON API, and what pages want beside it.

    `loss`: what would be lost now; `gap`: the worst one of the last days, None where none is known.
    `follow` is what happens, `follow_set` what was set for this volume (None: its cloud decides).
    `next` is the next step, "" when there is none. `failing_…`: the newest try when it failed,
    since when all of them did, and their cause. `in_force` is the rule that judges it.
    `changes_at`: until then `protection` stays as it is, without a new answer. `running_id`: the
    backup that is being made now. `known_until`: how far the evidence reaches.

    `schedule`: scheduled, off, none or unknown. `policy_…`: of the policy in force, whatever word
    that makes. `next_run_at`: when it runs next; None where no run is promised, or not known.
    `last_run_…`: of the newest promised run that is judged.

    `also_under`: the cloud that shows it by another service of the project, and is open to the
    reader; `counted_under`: the same, where it is counted there. `service_ended_at`: since when the
    backup service of its cloud is believed to have ended.
    """

    cloud: str
    volume_id: str
    name: str | None
    label: str | None
    size: int | None
    follow: bool
    protection: str
    why: str
    next: str
    last_good_id: str | None
    last_good_at: datetime | None
    late_at: datetime | None
    overdue_at: datetime | None
    in_force: InForce
    exempt: Exemption | None
    tags: list[str]
    chain_size_mb: int | None
    failing_id: str | None
    failing_since: datetime | None
    failing_cause: str | None
    chains: tuple[Chain, ...]
    running_id: str | None
    follow_set: bool | None
    last_good_source: str | None
    note: str
    version: int
    tracked: int
    deleted_at: datetime | None
    listed: bool
    first_seen_at: datetime
    known_until: datetime | None
    changes_at: datetime | None
    loss: Loss
    gap: Gap | None
    schedule: str
    policy_cloud: str | None
    policy_id: str | None
    policy_name: str | None
    next_run_at: datetime | None
    last_run_at: datetime | None
    last_run_outcome: str | None
    vault_id: str | None
    vault_mb: int | None
    also_under: str | None
    counted_under: str | None
    service_ended_at: datetime | None

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.label or self.name or self.volume_id

    @property
    def rule(self) -> dict[str, Any]:
        """The key `rule` of the JSON API, with what pages want beside it."""
        return {
            **rules.as_json(self.in_force.rule),
            "from": self.in_force.origin,
            "tag": self.in_force.tag if self.in_force.origin == "tag" else None,
            "sentence": self.in_force.rule.sentence,
        }

    @property
    def worst_gap(self) -> dict[str, Any] | None:
        """The key `worst_gap` of the JSON API."""
        gap = self.gap
        if gap is None:
            return None
        return {
            "seconds": int(gap.length.total_seconds()),
            "from": gap.begin,
            "to": gap.end if gap.end_id else None,
            "from_id": gap.begin_id,
            "to_id": gap.end_id,
            "known_seconds": int(gap.known_for.total_seconds()),
            "sure": gap.sure,
        }


@dataclass(frozen=True, kw_only=True)
class Edited:
    """Who set a field last, and when."""

    by: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class VolumeDetail(VolumeState):
    """One volume. `own_rule`: was the rule in force set for this volume? `edited` by field: label,
    note, tags, rule, …
    """

    own_rule: bool
    edited: dict[str, Edited]
    growth: Growth


def volume_states(
    rows: VolumeQuerySet,
    now: datetime,
    *,
    access: Access,
    chains: bool = True,
    versions: Versions | None = None,
) -> list[VolumeState]:
    """Returns those of these volumes that the reader may see as they are at `now`, in the order of
    `rows`, which may be sliced for who may see all. Without chains: one query. With `versions` the
    backups of the same volumes are read once for all who may see the same clouds.
    """
    rows = rows.visible_to(access).with_protection(now).with_schedule(now)
    volumes: list[Row] = list(rows.values(*COLUMNS))
    facts: dict[tuple[str, str], list[Fact]] = {}
    if chains:
        keys = [_key(row, access) for row in volumes]
        facts = computed_once(
            "facts",
            lambda: facts_of(keys),
            version=versions.content if versions else None,
            access=access,
            of=sorted(keys, key=repr),
        )
    states: list[VolumeState] = []
    next_runs = NextRuns(now)
    for row in volumes:
        facts_of_volume = facts.get((row["cloud"], row["volume_id"]), [])
        states.append(_volume_state(row, facts_of_volume, now, next_runs, access))
    return states


def _with_edits(cloud: str, volume_id: str, now: datetime, access: Access) -> list[Row]:
    """Returns a row for each edit of a volume, or one without any."""
    volume = Volume.objects.visible_to(access).filter(cloud=cloud, volume_id=volume_id)
    volume = volume.with_protection(now).with_schedule(now)
    columns = (*COLUMNS, "edits__field", "edits__by", "edits__at")
    return list(volume.order_by("edits__id").values(*columns))


def volume_detail(
    cloud: str, volume_id: str, now: datetime, *, access: Access
) -> VolumeDetail | None:
    """Returns one volume with its chains and who set what; two queries. None when it is not known
    in any spelling of its ID, or not where the reader may look.
    """
    rows = _with_edits(cloud, volume_id, now, access)
    if not rows:
        volume_id = stored_volume_id(cloud, volume_id)
        rows = _with_edits(cloud, volume_id, now, access)
    if not rows:
        return None
    row = rows[0]
    edited: dict[str, Edited] = {}
    for edit in rows:
        if edit["edits__field"]:
            edited[edit["edits__field"]] = Edited(by=edit["edits__by"], at=edit["edits__at"])
    facts = facts_of([_key(row, access)]).get((cloud, volume_id), [])
    state = _volume_state(row, facts, now, NextRuns(now), access)
    return VolumeDetail(
        **vars(state),
        own_rule=row["rule_period_seconds"] is not None,
        edited=edited,
        growth=growth_of_volume(cloud, state.chains, facts, now),
    )


def _key(row: Row, access: Access) -> Key:
    return row["cloud"], row["volume_id"], _if_open(row["also_under"], access)


def facts_of(volumes: Iterable[Key]) -> dict[tuple[str, str], list[Fact]]:
    """Returns the backups of these volumes, by (cloud, volume_id), in one query: those of the other
    service of the project as well, each once.
    """
    keys = list(volumes)
    ids_by_cloud: dict[str, set[str]] = {}
    for cloud, volume_id, also_under in keys:
        for name in filter(None, (cloud, also_under)):
            ids_by_cloud.setdefault(name, set()).add(volume_id)
    is_of_volumes = Q(pk__in=[])
    for cloud, volume_ids in ids_by_cloud.items():
        is_of_volumes |= Q(cloud=cloud, volume_id__in=volume_ids)
    backups = Backup.objects.filter(is_of_volumes).order_by()
    sightings: dict[tuple[str, str], list[tuple[Fact, uuid.UUID | None]]] = {}
    for cloud, same_as, *columns in backups.values_list("cloud", "same_as", *Fact._fields):
        fact = Fact._make(columns)
        sightings.setdefault((cloud, fact.volume_id or ""), []).append((fact, same_as))
    facts: dict[tuple[str, str], list[Fact]] = {}
    for cloud, volume_id, also_under in keys:
        of_volume = list(sightings.get((cloud, volume_id), ()))
        if also_under is not None:
            of_volume += sightings.get((also_under, volume_id), ())
        ids = {fact.id for fact, _ in of_volume}
        facts[cloud, volume_id] = [fact for fact, same_as in of_volume if same_as not in ids]
    return facts


class NextRuns:
    """When policies run next, each looked for once."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._known: dict[int, datetime | None] = {}

    def of(self, row: Row) -> datetime | None:
        """Returns when the policy of a row of COLUMNS promises its next run; None where it promises
        none, or nobody can say.
        """
        is_promised = row["schedule"] == "scheduled" and row["policy__enabled"]
        if not is_promised or row["policy__deleted_at"] is not None:
            return None
        policy: int = row["policy"]
        if policy not in self._known:
            self._known[policy] = self._next_run(row["policy__schedule"])
        return self._known[policy]

    def _next_run(self, spec: Mapping[str, object]) -> datetime | None:
        try:
            return schedule.read(spec).next_after(self._now)
        except schedule.UnreadableSchedule:
            return None


def _volume_state(
    row: Row, facts: Sequence[Fact], now: datetime, next_runs: NextRuns, access: Access
) -> VolumeState:
    standing = standing_of(row, access)
    running = protection.running(facts, standing.good_at)
    failure = failure_of(row, access)
    is_running = running is not None
    judged = judgement.judge(replace(standing, running=is_running), now, failure=failure)
    exempt: Exemption | None = None
    if row["exempt_reason"] is not None:
        exempt = {"reason": row["exempt_reason"], "until": row["exempt_until"]}
    known_until = _known_until(row, facts)
    # Where two services show a volume, its policy, its vault and backups may lie in a cloud that is
    # not open to the reader.
    has_policy = row["policy"] is not None and access.opens(row["policy__cloud"])
    has_vault = row["vault__cloud"] is not None and access.opens(row["vault__cloud"])
    is_good_open = row["last_good__cloud"] is not None and access.opens(row["last_good__cloud"])
    last_good_id = row["last_good_id"] if is_good_open else None
    return VolumeState(
        cloud=row["cloud"],
        volume_id=row["volume_id"],
        name=row["name"],
        label=row["label"],
        size=row["size"],
        follow=row["followed"],
        protection=row["protection"],
        why=judged.why,
        next=judged.next,
        last_good_id=str(last_good_id) if last_good_id else None,
        last_good_at=row["last_good_at"],
        late_at=row["late_at"],
        overdue_at=row["overdue_at"],
        in_force=standing.rule,
        exempt=exempt,
        tags=row["tags"],
        chain_size_mb=row["chain_size_mb"],
        failing_id=str(row["failing_id"]) if failure and failure.is_open else None,
        failing_since=row["failing_since"] if failure else None,
        failing_cause=row["failing_cause"] if failure else None,
        chains=chaining.chains(facts),
        running_id=str(running.id) if running else None,
        follow_set=row["follow"],
        last_good_source=row["last_good_source"],
        note=row["note"],
        version=row["version"],
        tracked=row["tracked"],
        deleted_at=row["deleted_at"],
        listed=row["listed_at"] is not None and row["deleted_at"] is None,
        first_seen_at=row["first_seen_at"],
        known_until=known_until,
        changes_at=_changes_at(standing, now),
        loss=gaps.loss(standing, last_good_id, now),
        gap=gaps.worst_gap(
            facts,
            since=row["first_seen_at"],
            until=row["deleted_at"] or known_until,
            is_followed=row["followed"],
            now=now,
        ),
        schedule=row["schedule"],
        policy_cloud=row["policy__cloud"] if has_policy else None,
        policy_id=row["policy__policy_id"] if has_policy else None,
        policy_name=row["policy__name"] if has_policy else None,
        next_run_at=next_runs.of(row),
        last_run_at=row["last_run_at"],
        last_run_outcome=row["last_run_outcome"],
        vault_id=row["vault__vault_id"] if has_vault else None,
        vault_mb=row["vault_mb"],
        also_under=_if_open(row["also_under"], access),
        counted_under=_if_open(row["counted_under"], access),
        service_ended_at=row["cloud__service_ended_at"],
    )


def _if_open(cloud: str | None, access: Access) -> str | None:
    return cloud if cloud is not None and access.opens(cloud) else None


def failure_of(row: Row, access: Access) -> FailureReason | None:
    """Returns what the newest try failed by, as a row of STANDING_COLUMNS has it; None when it did
    not fail, or when that backup is another one by now and the row was not derived since.
    """
    if row["failing_since"] is None or row["failing__status"] != "error":
        return None
    if not access.opens(row["failing__cloud"]):
        return FailureReason(row["failing_since"], None, is_open=False)
    return FailureReason(row["failing_since"], row["failing__fail_reason"])


def standing_of(row: Row, access: Access) -> Standing:
    """Returns a row of STANDING_COLUMNS as the pure rules want it."""
    rule = rules.effective(row)
    is_hidden = row["rule_from"] == "policy" and not access.opens(row["policy__cloud"] or "")
    answered_at = row["cloud__last_good_at"]
    listed_at = row["cloud__backups_listed_at"]
    return Standing(
        good_at=row["last_good_at"],
        good_source=row["last_good_source"],
        late_at=row["late_at"],
        overdue_at=row["overdue_at"],
        rule=InForce(rule, row["rule_from"], None if is_hidden else row["rule_tag"]),
        knowledge=Knowledge(
            answering_until=answered_at + SILENT_AFTER if answered_at else None,
            listed_until=listed_at + LISTED_FOR if listed_at else None,
            good_until=row["last_good__stale_at"],
            followed=row["followed"],
        ),
        undated=row["undated"],
        has_others=row["has_others"],
        deleted_at=row["deleted_at"],
        exempt_reason=row["exempt_reason"],
        exempt_until=row["exempt_until"],
    )


def _known_until(row: Row, facts: Sequence[Fact]) -> datetime | None:
    """Returns when its cloud last answered or its backups were last listed, the earlier of the two.
    Of a volume that is not followed only what was tracked by hand tells.
    """
    if not row["followed"]:
        return max((fact.tracked_at for fact in facts), default=None)
    answered_at: datetime | None = row["cloud__last_good_at"]
    listed_at: datetime | None = row["cloud__backups_listed_at"]
    if answered_at is None or listed_at is None:
        return None
    return min(answered_at, listed_at)


def _changes_at(standing: Standing, now: datetime) -> datetime | None:
    """Returns the next instant at which time alone may change the protection."""
    knowledge = standing.knowledge
    instants = (
        knowledge.answering_until,
        knowledge.listed_until,
        knowledge.good_until,
        standing.late_at,
        standing.overdue_at,
        standing.exempt_until,
    )
    return min((at for at in instants if at is not None and at > now), default=None)
