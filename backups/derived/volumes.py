"""Derives what is stored of volumes from their backups: the last good one, when it turns late, what
the chains hold.

Only instants are stored; the word that they make at a given time is
`VolumeQuerySet.with_protection`.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Least

from backups.analysis import chains, judgement, one_backup, protection, rules
from backups.analysis.chains import Chain
from backups.analysis.facts import SKEW, Fact
from backups.analysis.rules import InForce, PolicyRule, Rule
from backups.derived import daily_totals, first_backups, runs, twins
from backups.models import Backup, Cloud, CloudRule, TagRule, Volume
from backups.models.data_version import data_changed
from backups.shared import bulk
from backups.shared.batches import in_batches
from backups.shared.locks import clouds_of, lock_clouds, lock_volumes

# A volume that a backup makes known is not in the list of volumes that was read before: that is
# read again, so long after the last time.
NAMED_AFTER = timedelta(minutes=2)

# Between two lists that lack something, before that is believed.
CONFIRMED_AFTER = timedelta(minutes=10)

LISTING_COLUMNS = ("listed_backups", "newest_listed_at", "unlisted_since")
DERIVED_COLUMNS = (
    "size",
    "tracked",
    "known_backups",
    "newest_known_at",
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
    "rule_from",
    "rule_tag",
    "effective_period_seconds",
    "effective_grace_seconds",
    "effective_cron",
    "effective_zone",
    "deleted_at",
    "derive_at",
    "last_run_at",
    "last_run_outcome",
    "runs_judge_at",
)
# Of a cloud, what the derivation of its volumes depends on.
_CLOUD_COLUMNS = (
    "name",
    "follow",
    "other_service",
    "counts_disks",
    "backups_listed_at",
    "type_interpretation",
)


def derive(cloud: str, volume_ids: Iterable[str | None], now: datetime) -> int:
    """Brings these volumes up to date, those that backups name for the first time included.

    Returns how many changed. 500 of them take 7 queries.
    """
    changed = 0
    for batch in in_batches(sorted_ids(volume_ids)):
        derived = _derive(cloud, batch, now)
        changed += derived.changed
        first_backups.write(cloud, derived.kinds)
        _note_doubles(derived, now)
        if derived.are_twins_unsettled:
            twins.settle(cloud, now, among=batch)
    return changed


def sorted_ids(volume_ids: Iterable[str | None]) -> list[str]:
    """Returns each ID once, in the order in which all writers lock volumes."""
    return sorted({volume_id for volume_id in volume_ids if volume_id})


def derive_all(cloud: str, now: datetime) -> int:
    """Brings every volume of a cloud up to date, known from its backups or not."""
    volume_ids = set(Volume.objects.filter(cloud=cloud).values_list("volume_id", flat=True))
    backups = Backup.objects.filter(cloud=cloud, volume_id__isnull=False).order_by()
    named = backups.values_list("volume_id", flat=True).distinct()
    return derive(cloud, volume_ids.union(named), now)


@dataclass(frozen=True)
class Listed:
    """What a list of backups says of one volume.

    `count` backups are of it, and `newest_at` is the latest `created_at` of them.
    """

    count: int = 0
    newest_at: datetime | None = None


def note_listing(cloud: str, listed: Mapping[str, Listed], now: datetime) -> None:
    """Stores what the whole list of backups of a cloud says of each volume, by volume ID.

    That a volume has no backup any more is believed when a second list, ten minutes later at least,
    says the same.
    """
    with transaction.atomic():
        changed: list[bulk.Row] = []
        columns = ("volume_id", "tracked", "known_backups", *LISTING_COLUMNS)
        rows = Volume.objects.filter(cloud=cloud).only(*columns)
        for row in lock_volumes(rows):
            before = _values(row, LISTING_COLUMNS)
            _note_listing(row, listed.get(row.volume_id, Listed()), now)
            after = _values(row, LISTING_COLUMNS)
            if after != before:
                changed.append([row.pk, *after])
        bulk.update(Volume, LISTING_COLUMNS, changed)
        data_changed()


def _note_listing(row: Volume, listed: Listed, now: datetime) -> None:
    before = row.listed_backups or 0
    are_known_to_be_gone = row.known_backups == 0 and row.tracked >= before
    is_confirmed = row.unlisted_since is not None and row.unlisted_since <= now - CONFIRMED_AFTER
    if listed.count or are_known_to_be_gone or is_confirmed:
        row.listed_backups = listed.count
        row.newest_listed_at = listed.newest_at
        row.unlisted_since = None
    elif row.unlisted_since is None:
        row.unlisted_since = now


def note_newest(cloud: str, listed: Mapping[str, Listed]) -> None:
    """Stores what the newest entries of the list say: a volume may have a backup that is newer than
    all known ones.
    """
    with transaction.atomic():
        newer: list[bulk.Row] = []
        rows = Volume.objects.filter(cloud=cloud, volume_id__in=listed)
        for row in lock_volumes(rows.only("volume_id", "newest_listed_at")):
            before = row.newest_listed_at
            newest_at = listed[row.volume_id].newest_at
            if newest_at is not None and (before is None or before < newest_at):
                newer.append([row.pk, newest_at])
        bulk.update(Volume, ["newest_listed_at"], newer)
        data_changed()


def forget_backups(cloud: str, volume_ids: Sequence[str], now: datetime) -> None:
    """Brings volumes up to date whose backups were untracked, and deletes the rows that are of no
    more use: only those backups made the volume known, and nobody set anything on it.
    """
    derive(cloud, volume_ids, now)
    for batch in in_batches(volume_ids):
        rows = Volume.objects.filter(cloud=cloud, volume_id__in=batch)
        with transaction.atomic():
            locked = [row.pk for row in lock_volumes(rows)]
            unknown = Volume.objects.filter(
                pk__in=locked, tracked=0, listed_at__isnull=True, derive_at__isnull=True
            )
            unknown = unknown.filter(edits__isnull=True)
            runs.forget(cloud, list(unknown.values_list("volume_id", flat=True)), now)
            unknown.delete()
            twins.forget(cloud, batch)
            data_changed()


def remove(row: Volume, now: datetime) -> None:
    """Deletes the row of a volume that its caller has locked, and takes out of the totals by day
    what was missed of it.
    """
    runs.forget(row.cloud_id, [row.volume_id], now)
    nothing = daily_totals.Entry(row.pk, [], [], None, row.first_seen_at)
    daily_totals.record(row.cloud_id, [nothing], now)
    twins.forget(row.cloud_id, [row.volume_id])
    row.delete()
    data_changed()


def ensure_volumes(cloud: str, ids: Sequence[str], now: datetime) -> None:
    """Creates the rows of volumes that backups name and that have none.

    `ids` are sorted: all writers create them in one order.
    """
    if Volume.objects.filter(cloud=cloud, volume_id__in=ids).count() == len(ids):
        return
    backups = Backup.objects.filter(cloud=cloud, volume_id__in=ids).order_by()
    named = set(backups.values_list("volume_id", flat=True).distinct())
    rows = []
    for volume_id in ids:
        row = Volume(cloud_id=cloud, volume_id=volume_id, first_seen_at=now)
        if volume_id in named:
            rows.append(row)
    if not rows:
        return
    twins.place_at_birth(cloud, rows)
    Volume.objects.bulk_create(rows, ignore_conflicts=True)
    _request_volume_list(cloud)
    data_changed()


def _request_volume_list(cloud: str) -> None:
    """Has the list of volumes read again, in which new ones may have names."""
    rows = Cloud.objects.filter(
        pk=cloud, volumes_listed_at__isnull=False, volumes_error__isnull=True
    )
    rows.update(volumes_due_at=Least("volumes_due_at", F("volumes_listed_at") + NAMED_AFTER))


def request_sweep(cloud: str, now: datetime) -> None:
    """Has the whole list of backups swept soon: those of some volumes were not looked for yet."""
    Cloud.objects.filter(pk=cloud).update(walk_asked_at=now)


@dataclass(frozen=True)
class _Rules:
    by_tag: Mapping[str, Rule]
    of_cloud: Rule | None
    by_policy: Mapping[int, PolicyRule]

    def in_force(self, row: Volume) -> InForce:
        tags = {tag: self.by_tag[tag] for tag in row.tags if tag in self.by_tag}
        policy = None
        if row.schedule_read == "scheduled" and row.policy_id is not None:
            policy = self.by_policy.get(row.policy_id)
        return rules.nearest(
            volume=Rule.from_columns(row), tags=tags, cloud=self.of_cloud, policy=policy
        )


def _read_rules(cloud: str, promises: runs.Promises) -> _Rules:
    by_tag: dict[str, Rule] = {}
    for row in TagRule.objects.all():
        rule = Rule.from_columns(row)
        if rule is not None:
            by_tag[row.tag] = rule
    cloud_row = CloudRule.objects.filter(cloud=cloud).first()
    of_cloud = Rule.from_columns(cloud_row) if cloud_row else None
    return _Rules(by_tag, of_cloud, promises.rules)


@dataclass
class _Derived:
    """What came of a batch: how many volumes changed, which backups are other ones too (None: not
    any more), whether the other service may show some of these volumes without their rows being
    placed so, and which backups are of another kind by those before them.
    """

    changed: int = 0
    same_as: dict[uuid.UUID, uuid.UUID | None] = field(default_factory=dict)
    are_twins_unsettled: bool = False
    kinds: dict[uuid.UUID, str] = field(default_factory=dict)


def _derive(cloud: str, ids: Sequence[str], now: datetime) -> _Derived:
    """Derives one batch.

    The rows are locked before the backups are read: a process that waits here sees what the one
    before it has committed.
    """
    ensure_volumes(cloud, ids, now)
    with transaction.atomic():
        rows = list(lock_volumes(Volume.objects.filter(cloud=cloud, volume_id__in=ids)))
        # Whoever sets a rule marks the volumes, so rules are read under the locks of those.
        cloud_row = Cloud.objects.only(*_CLOUD_COLUMNS).get(pk=cloud)
        promises = runs.read_promises(cloud_row, now)
        rules_of_cloud = _read_rules(cloud, promises)
        derived = _Derived(are_twins_unsettled=_are_unsettled(cloud_row, rows))
        evidence = _read_evidence(cloud_row, ids)
        derived.kinds = first_backups.corrected(cloud_row, ids)
        judged_otherwise = runs.judge(promises, rows, evidence.facts, now)
        written: list[bulk.Row] = []
        entries: list[daily_totals.Entry] = []
        are_backups_uncounted = False
        for row in rows:
            facts = _with_kinds(evidence.facts[row.volume_id], derived.kinds)
            volume_chains = chains.chains(facts)
            in_force = rules_of_cloud.in_force(row)
            is_changed = _note_return(row, facts, now)
            is_changed = _note_backups(row, facts, volume_chains, in_force, now) or is_changed
            if is_changed or row.derive_at is not None or row.pk in judged_otherwise:
                row.derive_at = None
                written.append([row.pk, *_values(row, DERIVED_COLUMNS)])
            if is_changed:
                derived.changed += 1
                has_others = (row.listed_backups or 0) > row.known_backups
                if row.last_good_id is None and has_others:
                    are_backups_uncounted = True
            entries.append(_entry(row, facts, volume_chains, in_force, cloud_row))
        bulk.update(Volume, DERIVED_COLUMNS, written)
        daily_totals.record(cloud, entries, now)
        data_changed()
    derived.same_as = evidence.same_as
    if are_backups_uncounted:
        request_sweep(cloud, now)
    return derived


def _are_unsettled(cloud: Cloud, rows: Iterable[Volume]) -> bool:
    """May the other service show some of these volumes, without their rows being placed so?"""
    if cloud.other_service is None:
        return False
    for row in rows:
        if row.also_under is None or (cloud.counts_disks and row.counted_under is not None):
            return True
    return False


def _entry(
    row: Volume,
    facts: Sequence[Fact],
    volume_chains: Sequence[Chain],
    in_force: InForce,
    cloud: Cloud,
) -> daily_totals.Entry:
    """Returns what a volume contributes to the totals by day; nothing when it is counted under
    another cloud.
    """
    if row.counted_under is not None:
        return daily_totals.Entry(row.pk, [], [], None, row.first_seen_at)
    rule = in_force.rule if _can_miss_backups(row, cloud.follow) else None
    return daily_totals.Entry(row.pk, facts, volume_chains, rule, row.first_seen_at)


def _with_kinds(facts: Sequence[Fact], kinds: Mapping[uuid.UUID, str]) -> Sequence[Fact]:
    """Returns the facts with other kinds for some of them."""
    if not kinds:
        return facts
    return [fact._replace(kind=kinds.get(fact.id, fact.kind)) for fact in facts]


def _values(row: Volume, columns: Iterable[str]) -> list[object]:
    return [getattr(row, column) for column in columns]


def _can_miss_backups(row: Volume, cloud_follow: str) -> bool:
    """Can a backup of this volume be missed? Not where new ones are not found, nor
    where none is expected.
    """
    if row.deleted_at is not None or row.exempt_reason is not None:
        return False
    if row.follow is not None:
        return row.follow
    return cloud_follow == "all" or (cloud_follow == "disks" and row.tracked > 0)


@dataclass
class _Evidence:
    """The backups of each volume, by all services of its project, each once; and which are others
    too: `same_as` holds what is to be written on the backups.
    """

    facts: Mapping[str, list[Fact]]
    same_as: dict[uuid.UUID, uuid.UUID | None]


def _read_evidence(cloud: Cloud, ids: Sequence[str]) -> _Evidence:
    facts: defaultdict[str, list[Fact]] = defaultdict(list)
    if cloud.other_service is None:
        backups = Backup.objects.filter(cloud=cloud, volume_id__in=ids).order_by("volume_id")
        for columns in bulk.rows(backups, Fact._fields):
            fact = Fact._make(columns)
            facts[fact.volume_id or ""].append(fact)
        return _Evidence(facts, {})
    services = (cloud.name, cloud.other_service)
    counting = cloud.name if cloud.counts_disks else cloud.other_service
    backups = Backup.objects.filter(cloud__in=services, volume_id__in=ids).order_by("volume_id")
    sightings: defaultdict[str, list[one_backup.Sighting]] = defaultdict(list)
    written: dict[uuid.UUID, uuid.UUID | None] = {}
    for *columns, name, same_as in bulk.rows(backups, [*Fact._fields, "cloud", "same_as"]):
        fact = Fact._make(columns)
        of_volume = sightings[fact.volume_id or ""]
        of_volume.append(one_backup.Sighting(fact, name, counts_first=name == counting))
        written[fact.id] = same_as
    changed: dict[uuid.UUID, uuid.UUID | None] = {}
    for volume_id, of_volume in sightings.items():
        doubles = one_backup.same_as(of_volume)
        for sighting in of_volume:
            pk = sighting.fact.id
            if pk not in doubles:
                facts[volume_id].append(sighting.fact)
            if written[pk] != doubles.get(pk):
                changed[pk] = doubles.get(pk)
    return _Evidence(facts, changed)


def _note_doubles(derived: _Derived, now: datetime) -> None:
    """Stores which backups are others too. Backups are locked before volumes, so it is done once
    these are written.
    """
    if not derived.same_as:
        return
    with transaction.atomic():
        lock_clouds(clouds_of(list(derived.same_as)))
        bulk.update(Backup, ["same_as"], sorted(derived.same_as.items()))
        data_changed()


def _note_backups(
    row: Volume,
    facts: Sequence[Fact],
    volume_chains: Sequence[Chain],
    in_force: InForce,
    now: datetime,
) -> bool:
    """Sets on the row what its backups say; returns whether any of it has changed."""
    known_backups = 0
    newest_known_at: datetime | None = None
    for fact in facts:
        if fact.gone_at is None:
            known_backups += 1
        at = fact.created_at
        if at is None or at > now + SKEW:
            continue
        if newest_known_at is None or at > newest_known_at:
            newest_known_at = at
    rule = in_force.rule
    good = protection.last_good(facts, now)
    late_at = rule.late_at(good.moment.at) if good else None
    failed = judgement.failed_tries(facts, now, good_at=good.moment.at if good else None)
    values: dict[str, object] = {
        "size": row.size if row.listed_at or not facts else _size(facts),
        "tracked": len(facts),
        "known_backups": known_backups,
        "newest_known_at": newest_known_at,
        "last_good_id": good.fact.id if good else None,
        "last_good_at": good.moment.at if good else None,
        "last_good_source": good.moment.source if good else None,
        "undated": good is None and protection.undated(facts, now),
        "late_at": late_at,
        "overdue_at": late_at + rule.grace if late_at else None,
        "chain_size_mb": _stored_mb(chains.total_mb(volume_chains), row.vault_mb),
        "failing_id": failed.newest_id if failed else None,
        "failing_since": failed.since if failed else None,
        "failing_cause": failed.cause if failed else None,
        "rule_from": in_force.origin,
        "rule_tag": in_force.tag,
        **rule.columns("effective"),
    }
    is_changed = False
    for column, value in values.items():
        if getattr(row, column) != value:
            setattr(row, column, value)
            is_changed = True
    return is_changed


def _note_return(row: Volume, facts: Sequence[Fact], now: datetime) -> bool:
    """Takes back that a volume was deleted if it was backed up later, whatever a list said.

    Returns whether it did.
    """
    if row.deleted_at is None:
        return False
    # The clock of the cloud may differ from ours.
    after = row.deleted_at + CONFIRMED_AFTER
    until = now + SKEW
    for fact in facts:
        if fact.is_good and fact.created_at is not None and after < fact.created_at <= until:
            row.deleted_at = None
            return True
    return False


def _stored_mb(by_chains: int | None, by_vault: int | None) -> int | None:
    """Returns how much is stored of a volume. A vault counts the backups that VBS shows as well, so
    the two are never added: the larger one counts.
    """
    if by_chains is None or by_vault is None:
        return by_chains if by_vault is None else by_vault
    return max(by_chains, by_vault)


def _size(facts: Sequence[Fact]) -> int | None:
    """Returns the size in GB of the newest backup that has one."""
    sized = [fact for fact in facts if fact.size is not None]
    if not sized:
        return None
    return max(sized, key=lambda fact: (fact.created_at or fact.tracked_at, fact.id)).size
