"""What is said of disks: one answer for pages, API, CSV and metrics. Two queries for any number of
disks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import Q

from backups.analysis import chains as chaining
from backups.analysis import protection
from backups.analysis.chains import Chain
from backups.analysis.facts import Fact
from backups.analysis.protection import Knowledge, Standing
from backups.analysis.rules import InForce, Rule
from backups.models import Backup, Volume
from backups.models.cloud import SILENT_AFTER
from backups.models.volume import LISTED_FOR, VolumeQuerySet
from backups.reports.growth import Growth, growth_of_volume

COLUMNS = (
    *(
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
    ),
    *(
        "has_others",
        "version",
        "last_good_id",
        "last_good_at",
        "last_good_source",
        "undated",
        "late_at",
    ),
    *(
        "overdue_at",
        "chain_size_mb",
        "tracked",
        "exempt_reason",
        "exempt_until",
        "deleted_at",
        "listed_at",
    ),
    *(
        "first_seen_at",
        "rule_from",
        "rule_tag",
        "rule_period_seconds",
        "effective_period_seconds",
        "effective_grace_seconds",
    ),
    *(
        "effective_cron",
        "effective_zone",
        "cloud__last_good_at",
        "cloud__backups_listed_at",
        "last_good__stale_at",
    ),
)


@dataclass(frozen=True, kw_only=True)
class VolumeState:
    """The shape `volume` of the JSON API, and what pages want beside it.

    `follow` is what happens, `follow_set` what was set for this disk (None: its cloud decides).
    `rule` is the one in force, with its `cron`, `zone`, `tag` and `sentence`. `changes_at`: until
    then the word stays, without a new answer.
    `running_id`: the backup that is being made now.
    """

    cloud: str
    volume_id: str
    name: str | None
    label: str | None
    size: int | None
    follow: bool
    protection: str
    why: str
    last_good_id: str | None
    last_good_at: datetime | None
    late_at: datetime | None
    overdue_at: datetime | None
    rule: dict[str, Any]
    exempt: dict[str, Any] | None
    tags: list[str]
    chain_size_mb: int | None
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

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.label or self.name or self.volume_id


@dataclass(frozen=True, kw_only=True)
class Edited:
    """Who set a word last, and when."""

    by: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class VolumeDetail(VolumeState):
    """One disk. `own_rule`: was the rule in force set for this disk? `edited` by word: label, note,
    tags, rule, …
    """

    own_rule: bool
    edited: dict[str, Edited]
    growth: Growth


def volume_states(rows: VolumeQuerySet, now: datetime, *, chains: bool = True) -> list[VolumeState]:
    """These disks as they are at `now`, in the order of `rows`, which may be sliced. Without
    chains: one query.
    """
    found: list[dict[str, Any]] = list(rows.with_protection(now).values(*COLUMNS))
    facts = facts_of([(row["cloud"], row["volume_id"]) for row in found]) if chains else {}
    return [
        VolumeState(**_words(row, facts.get((row["cloud"], row["volume_id"]), ()), now))
        for row in found
    ]


def volume_detail(cloud: str, volume_id: str, now: datetime) -> VolumeDetail | None:
    """One disk with its chains and who set what; two queries. None when it is not known."""
    known = Volume.objects.filter(cloud=cloud, volume_id=volume_id).with_protection(now)
    rows = list(
        known.order_by("edits__id").values(*COLUMNS, "edits__field", "edits__by", "edits__at")
    )
    if not rows:
        return None
    row = rows[0]
    facts = facts_of([(cloud, volume_id)]).get((cloud, volume_id), ())
    edits = [
        (one["edits__field"], one["edits__by"], one["edits__at"])
        for one in rows
        if one["edits__field"]
    ]
    edited = {word: Edited(by=by, at=at) for word, by, at in edits}
    own = row["rule_period_seconds"] is not None
    words = _words(row, facts, now)
    growth = growth_of_volume(cloud, words["chains"], facts, now)
    return VolumeDetail(**words, own_rule=own, edited=edited, growth=growth)


def facts_of(volumes: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[Fact]]:
    """The backups of these disks (cloud, volume_id), in one query."""
    where = Q(pk__in=[])
    for cloud, pairs in groupby(sorted(volumes), key=lambda pair: pair[0]):
        where |= Q(cloud=cloud, volume_id__in=[volume_id for _, volume_id in pairs])
    found: dict[tuple[str, str], list[Fact]] = {}
    for cloud, *columns in (
        Backup.objects.filter(where).order_by().values_list("cloud", *Fact._fields)
    ):
        fact = Fact._make(columns)
        found.setdefault((cloud, fact.volume_id or ""), []).append(fact)
    return found


def _words(row: Mapping[str, Any], facts: Sequence[Fact], now: datetime) -> dict[str, Any]:
    standing = standing_of(row)
    making = protection.running(facts, standing.good_at)
    same = (
        "cloud",
        "volume_id",
        "name",
        "label",
        "size",
        "protection",
        "last_good_at",
        "last_good_source",
        "late_at",
    )
    more = (
        "overdue_at",
        "tags",
        "chain_size_mb",
        "note",
        "version",
        "tracked",
        "deleted_at",
        "first_seen_at",
    )
    exempt = (
        {"reason": row["exempt_reason"], "until": row["exempt_until"]}
        if row["exempt_reason"] is not None
        else None
    )
    return {
        **{word: row[word] for word in (*same, *more)},
        "follow": row["followed"],
        "follow_set": row["follow"],
        "why": protection.why(replace(standing, running=making is not None), now),
        "running_id": str(making.id) if making else None,
        "last_good_id": str(row["last_good_id"]) if row["last_good_id"] else None,
        "rule": rule_words(standing.rule),
        "exempt": exempt,
        "chains": chaining.chains(facts),
        "listed": row["listed_at"] is not None and row["deleted_at"] is None,
        "known_until": _known_until(row, facts),
        "changes_at": _changes_at(standing, now),
    }


def standing_of(row: Mapping[str, Any]) -> Standing:
    """A row of COLUMNS as the pure rules want it."""
    period, grace = (
        timedelta(seconds=row["effective_period_seconds"]),
        timedelta(seconds=row["effective_grace_seconds"]),
    )
    rule = Rule(period, grace, row["effective_cron"], row["effective_zone"] or "UTC")
    heard, listed = row["cloud__last_good_at"], row["cloud__backups_listed_at"]
    return Standing(
        good_at=row["last_good_at"],
        good_source=row["last_good_source"],
        late_at=row["late_at"],
        overdue_at=row["overdue_at"],
        rule=InForce(rule, row["rule_from"], row["rule_tag"]),
        knowledge=Knowledge(
            heard_until=heard + SILENT_AFTER if heard else None,
            listed_until=listed + LISTED_FOR if listed else None,
            good_until=row["last_good__stale_at"],
            followed=row["followed"],
        ),
        undated=row["undated"],
        has_others=row["has_others"],
        deleted_at=row["deleted_at"],
        exempt_reason=row["exempt_reason"],
        exempt_until=row["exempt_until"],
    )


def rule_words(in_force: InForce) -> dict[str, Any]:
    """The key `rule` of the JSON API, with what pages want beside it."""
    rule = in_force.rule
    return {
        "period_seconds": int(rule.period.total_seconds()),
        "grace_seconds": int(rule.grace.total_seconds()),
        "from": in_force.origin,
        "cron": rule.cron,
        "zone": rule.zone if rule.cron else None,
        "tag": in_force.tag,
        "sentence": rule.sentence,
    }


def _known_until(row: Mapping[str, Any], facts: Sequence[Fact]) -> datetime | None:
    """When its cloud was last heard and its backups last listed; unfollowed, only what was tracked
    by hand tells.
    """
    if not row["followed"]:
        return max((fact.tracked_at for fact in facts), default=None)
    heard, listed = row["cloud__last_good_at"], row["cloud__backups_listed_at"]
    return min(heard, listed) if heard and listed else None


def _changes_at(volume: Standing, now: datetime) -> datetime | None:
    known = volume.knowledge
    instants = (
        known.heard_until,
        known.listed_until,
        known.good_until,
        volume.late_at,
        volume.overdue_at,
        volume.exempt_until,
    )
    return min((at for at in instants if at is not None and at > now), default=None)
