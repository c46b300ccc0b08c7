"""Recompute what is stored of disks from their backups: the last good one, when it turns late, what
its chains hold.

Only instants are stored; the word that they make at a given time is
`VolumeQuerySet.with_protection`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Least

from backups.analysis import chains, protection, rules
from backups.analysis.chains import Chain
from backups.analysis.facts import SKEW, Fact
from backups.analysis.rules import InForce, Rule
from backups.derived import daily_totals
from backups.models import Backup, Cloud, CloudRule, TagRule, Volume
from backups.models.rule import RuleColumns
from backups.shared import bulk
from backups.shared.batches import in_batches
from backups.shared.locks import lock_volumes

NAMED_AFTER = timedelta(minutes=2)
CONFIRMED_AFTER = timedelta(
    minutes=10
)  # between two lists that lack something, before that is believed
LISTING = ("listed_backups", "newest_listed_at", "unlisted_since")
DERIVED = (
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
    "rule_from",
    "rule_tag",
    "effective_period_seconds",
    "effective_grace_seconds",
    "effective_cron",
    "effective_zone",
    "deleted_at",
    "derive_at",
)


def derive(cloud: str, volume_ids: Iterable[str | None], now: datetime) -> int:
    """Bring these disks up to date, those that backups name anew included; how many changed. 6
    queries for 500.
    """
    ids = sorted({one for one in volume_ids if one})
    if not ids:
        return 0
    return sum(_derive(cloud, batch, now) for batch in in_batches(ids))


def derive_all(cloud: str, now: datetime) -> int:
    """The same for every disk of a cloud, known from its backups or not."""
    known = Volume.objects.filter(cloud=cloud).values_list("volume_id", flat=True)
    seen = (
        Backup.objects.filter(cloud=cloud, volume_id__isnull=False)
        .order_by()
        .values_list("volume_id", flat=True)
    )
    return derive(cloud, {*known, *seen.distinct()}, now)


@dataclass(frozen=True)
class Listed:
    """Backups of one disk that a list named: how many, and `created_at` of the newest that has
    one.
    """

    count: int = 0
    newest_at: datetime | None = None


def note_listing(cloud: str, listed: Mapping[str, Listed], now: datetime) -> None:
    """After the cloud's whole list of backups was read: what it names of each disk, tracked here or
    not.

    That a disk has none any more is believed when a second list, ten minutes later at least, says
    the same.
    """
    with transaction.atomic():
        changed = []
        mine = Volume.objects.filter(cloud=cloud)
        for row in lock_volumes(mine.only("volume_id", "tracked", "known_backups", *LISTING)):
            before = [getattr(row, column) for column in LISTING]
            _note_listing(row, listed.get(row.volume_id, Listed()), now)
            after = [getattr(row, column) for column in LISTING]
            if after != before:
                changed.append([row.pk, *after])
        bulk.update(Volume, LISTING, changed)


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
    """After a look at the newest entries of the list: a disk may have a backup that is newer than
    all known ones.
    """
    with transaction.atomic():
        newer = []
        mine = Volume.objects.filter(cloud=cloud, volume_id__in=listed)
        for row in lock_volumes(mine.only("volume_id", "newest_listed_at")):
            newest_at = listed[row.volume_id].newest_at
            if newest_at is not None and (
                row.newest_listed_at is None or row.newest_listed_at < newest_at
            ):
                newer.append([row.pk, newest_at])
        bulk.update(Volume, ["newest_listed_at"], newer)


def forget_backups(cloud: str, volume_ids: Sequence[str], now: datetime) -> None:
    """After backups were untracked: a disk that only they made known, and nobody set anything on,
    goes with them.
    """
    derive(cloud, volume_ids, now)
    for batch in in_batches(volume_ids):
        mine = Volume.objects.filter(cloud=cloud, volume_id__in=batch)
        with transaction.atomic():
            locked = [volume.pk for volume in lock_volumes(mine)]
            unknown = Volume.objects.filter(
                pk__in=locked, tracked=0, listed_at__isnull=True, derive_at__isnull=True
            )
            unknown.filter(edits__isnull=True).delete()


def rule_of(row: RuleColumns) -> Rule | None:
    """The rule that a row was given, None when it has none of its own."""
    if row.rule_period_seconds is None:
        return None
    period, grace = (
        timedelta(seconds=row.rule_period_seconds),
        timedelta(seconds=row.rule_grace_seconds or 0),
    )
    return Rule(period, grace, row.rule_cron, row.rule_zone or "UTC")


def _rules(cloud: str) -> tuple[dict[str, Rule], Rule | None]:
    tags = {row.tag: rule for row in TagRule.objects.all() if (rule := rule_of(row)) is not None}
    mine = CloudRule.objects.filter(cloud=cloud).first()
    return tags, rule_of(mine) if mine else None


def ensure_volumes(cloud: str, ids: Sequence[str], now: datetime) -> None:
    """Makes the rows of disks that backups name and that have none. `ids` are sorted: in one order
    for all.
    """
    if Volume.objects.filter(cloud=cloud, volume_id__in=ids).count() == len(ids):
        return
    backups = Backup.objects.filter(cloud=cloud, volume_id__in=ids)
    named = set(backups.order_by().values_list("volume_id", flat=True).distinct())
    fresh = [
        Volume(cloud_id=cloud, volume_id=one, first_seen_at=now) for one in ids if one in named
    ]
    Volume.objects.bulk_create(fresh, ignore_conflicts=True)
    if fresh:
        _have_them_named(cloud)


def _derive(cloud: str, ids: Sequence[str], now: datetime) -> int:
    """The rows are locked before the backups are read: who waits here sees what the one before has
    committed.
    """
    ensure_volumes(cloud, ids, now)
    with transaction.atomic():
        found = list(lock_volumes(Volume.objects.filter(cloud=cloud, volume_id__in=ids)))
        tags, cloud_rule = _rules(
            cloud
        )  # whoever sets one marks the disks, so it is read under their locks
        follow = Cloud.objects.values_list("follow", flat=True).get(pk=cloud)
        facts = dict(_facts(cloud, ids))
        changed, written, entries = 0, [], []
        are_uncounted = False
        for row in found:
            mine = {tag: tags[tag] for tag in row.tags if tag in tags}
            in_force = rules.nearest(volume=rule_of(row), tags=mine, cloud=cloud_rule)
            its = facts.get(row.volume_id, [])
            hangs = chains.chains(its)
            has_returned = _note_return(row, its, now)
            is_new = _note(row, its, hangs, in_force, now) or has_returned
            if is_new or row.derive_at is not None:
                row.derive_at = None
                written.append(row)
            changed += is_new
            are_uncounted |= (
                is_new
                and row.last_good_id is None
                and (row.listed_backups or 0) > row.known_backups
            )
            expected = in_force.rule if _asks(row, follow) else None
            entries.append(daily_totals.Entry(row.pk, its, hangs, expected, row.first_seen_at))
        bulk.update(
            Volume,
            DERIVED,
            [[row.pk, *(getattr(row, column) for column in DERIVED)] for row in written],
        )
        daily_totals.record(cloud, entries, now)
    if are_uncounted:
        have_backups_counted(cloud, now)
    return changed


def _have_them_named(cloud: str) -> None:
    """The list of disks was read before these were known: let it be read again, two minutes after
    the last time.
    """
    listed = Cloud.objects.filter(
        pk=cloud, volumes_listed_at__isnull=False, volumes_error__isnull=True
    )
    listed.update(volumes_due_at=Least("volumes_due_at", F("volumes_listed_at") + NAMED_AFTER))


def have_backups_counted(cloud: str, now: datetime) -> None:
    """Nobody has looked for the backups of some disks of this cloud in its list: let it be walked
    through soon.
    """
    Cloud.objects.filter(pk=cloud).update(walk_asked_at=now)


def _asks(row: Volume, follow: str) -> bool:
    """Can a backup of this disk be missed? Not where new ones are not found, nor where none is
    asked for.
    """
    if row.deleted_at is not None or row.exempt_reason is not None:
        return False
    return (
        row.follow
        if row.follow is not None
        else follow == "all" or (follow == "disks" and row.tracked > 0)
    )


def _facts(cloud: str, ids: Sequence[str]) -> Iterator[tuple[str, list[Fact]]]:
    rows = bulk.rows(
        Backup.objects.filter(cloud=cloud, volume_id__in=ids).order_by("volume_id"), Fact._fields
    )
    for volume_id, some in groupby(map(Fact._make, rows), key=lambda fact: fact.volume_id):
        yield volume_id or "", list(some)


def _note(
    row: Volume, facts: Sequence[Fact], hangs: Sequence[Chain], in_force: InForce, now: datetime
) -> bool:
    """Write onto the row what its backups say; was anything of it new?"""
    good, rule = protection.last_good(facts, now), in_force.rule
    late_at = rule.late_at(good.moment.at) if good else None
    values: dict[str, Any] = {
        "size": row.size if row.listed_at or not facts else _size(facts),
        "tracked": len(facts),
        "known_backups": sum(fact.gone_at is None for fact in facts),
        "newest_known_at": max(
            (at for fact in facts if (at := fact.created_at) and at <= now + SKEW), default=None
        ),
        "last_good_id": good.fact.id if good else None,
        "last_good_at": good.moment.at if good else None,
        "last_good_source": good.moment.source if good else None,
        "undated": good is None and protection.undated(facts, now),
        "late_at": late_at,
        "overdue_at": late_at + rule.grace if late_at else None,
        "chain_size_mb": chains.total_mb(hangs),
        "rule_from": in_force.origin,
        "rule_tag": in_force.tag,
        "effective_period_seconds": int(rule.period.total_seconds()),
        "effective_grace_seconds": int(rule.grace.total_seconds()),
        "effective_cron": rule.cron,
        "effective_zone": rule.zone if rule.cron else None,
    }
    new = [column for column, value in values.items() if getattr(row, column) != value]
    for column in new:
        setattr(row, column, values[column])
    return bool(new)


def _note_return(row: Volume, facts: Sequence[Fact], now: datetime) -> bool:
    """A disk that is backed up after it was deleted is there again, whatever a list said."""
    if row.deleted_at is None:
        return False
    after = row.deleted_at + CONFIRMED_AFTER  # clocks differ
    until = now + SKEW
    for fact in facts:
        if fact.is_good and fact.created_at is not None and after < fact.created_at <= until:
            row.deleted_at = None
            return True
    return False


def _size(facts: Sequence[Fact]) -> int | None:
    """GB as the newest backup that says it."""
    told = [fact for fact in facts if fact.size is not None]
    return (
        max(told, key=lambda fact: (fact.created_at or fact.tracked_at, fact.id)).size
        if told
        else None
    )
