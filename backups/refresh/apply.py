"""Write what a batch of questions brought: one transaction, idempotent; an answer older than the
stored one is ignored.

Unchanged backups cost one UPDATE of their times for the whole batch. Changed ones cost one more,
one upsert of their bodies and one INSERT of their revisions.
"""

import json
import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from backups.analysis.facts import Fact
from backups.clouds import cloud_health, registry
from backups.clouds.cloud_health import CallResult
from backups.derived import findings, queue
from backups.models import Backup, Body, Cloud, Revision, SearchText
from backups.models.search import SEARCHED, folded
from backups.refresh import plan, type_interpretation
from backups.refresh.claims import Claim, release
from backups.refresh.diff import WORDS, Difference
from backups.refresh.plan import (
    ANSWERED_COLUMNS,
    FAILED_COLUMNS,
    KNOWN,
    Failure,
    Fetched,
    Known,
    News,
)
from backups.shared import bulk, clock
from backups.shared.batches import in_batches
from backups.shared.locks import lock_cloud
from backups.vbs.kind import Votes, vote
from backups.vbs.statuses import IN_FLIGHT, RESTORABLE

logger = logging.getLogger(__name__)

REVISION = ("backup", "at", "changes", "body", "keep")
BODY = ("backup", "received_at", "http_status", "text")
OF_VOLUMES = frozenset({*Fact._fields, "tracking_state"}) - {"updated_at"}
FINDING = frozenset({"status", "fail_reason", "tracking_state"})
SEARCHED_WORDS = frozenset(SEARCHED)
LATE_KEYS = (
    "service_metadata",
    "os-bak-tenant-attr:tenant_id",
)  # entries may have them empty, the single answer full


@dataclass
class Applied:
    """`good` answers came; `doubtful`: entries of a list that would have erased what is known: ask
    singly.
    """

    good: int = 0
    doubtful: list[uuid.UUID] = field(default_factory=list)


def apply(
    cloud_name: str,
    fetched: Sequence[Fetched],
    *,
    claim: Claim | None = None,
    calls: Iterable[CallResult] | None = None,
    more_follows: bool = False,
) -> Applied:
    """`calls`: the calls behind it, where one call brought many answers. `claim` is given back in
    the same breath.

    `more_follows`: the caller derives the disks itself (due_disks), after several batches.
    """
    applied = Applied()
    outcomes = _outcomes(cloud_name, fetched) if calls is None else list(calls)
    if not outcomes and not fetched:
        return applied
    now = max([*(one.asked_at for one in outcomes), *(one.asked_at for one in fetched)])
    with transaction.atomic():
        cloud = lock_cloud(cloud_name)
        cloud_health.note(cloud, outcomes, now)
        batch = _Batch(cloud, fetched, applied)
        batch.write()
        if claim is not None:
            release(claim, [one.id for one in fetched])
        cloud.save(
            update_fields=[*cloud_health.COLUMNS, "seen_vbs", "type_votes_0", "type_votes_1"]
        )
        findings.note(batch.to_find, now)
        queue.mark(cloud_name, batch.volumes, now)
    if fetched:
        type_interpretation.ensure(cloud_name, now)
    if not more_follows:
        queue.derive_due(cloud_name, now)
    return applied


def _outcomes(cloud: str, fetched: Sequence[Fetched]) -> list[CallResult]:
    """What single answers tell of the cloud. A 401 in spite of a new token is of one backup, until
    a second one gets it and none gets a good answer.
    """
    refused = [one for one in fetched if one.proved_anew]
    of_one_backup = bool(refused) and not _are_refused_together(cloud, refused)
    return [
        CallResult(one.asked_at, one.error, of_one_backup and one.proved_anew) for one in fetched
    ]


def _are_refused_together(cloud: str, refused: Sequence[Fetched]) -> bool:
    """Are they, or with them others since the last good answer, two backups at least?"""
    if any(one.others_answered for one in refused):
        return False
    if len(refused) > 1:
        return True
    others = Backup.objects.filter(cloud=cloud, error__class="unauthorized").exclude(
        pk=refused[0].id
    )
    last_good_at = Cloud.objects.values_list("last_good_at", flat=True).get(pk=cloud)
    return (
        others.filter(attempted_at__gt=last_good_at).exists() if last_good_at else others.exists()
    )


class _Batch:
    """One transaction's work, table by table."""

    def __init__(self, cloud: Cloud, fetched: Sequence[Fetched], applied: Applied) -> None:
        self._cloud, self._applied, self._landed_at = cloud, applied, clock.now()
        self._fetched = {one.id: one for one in fetched}
        self._type_interpretation = registry.type_interpretation(
            cloud, registry.configured().get(cloud.name)
        )
        self.to_find: list[uuid.UUID] = []  # backups about which something else may be found now …
        self.volumes: set[str | None] = set()  # … and the disks that are to be judged anew

    def write(self) -> None:
        touched: list[list[Any]] = []
        failures: list[Failure] = []
        changed: list[Known] = []
        for known in self._known():
            one = self._fetched[known.id]
            if plan.is_late(known, one):
                continue
            if one.answer is None:
                failures.append(plan.failed(known, one))
            elif plan.is_news(known, one.answer):
                changed.append(known)
            else:
                touched.append([known.id, *plan.touched(known, one)])
        bulk.update(Backup, ANSWERED_COLUMNS, touched)
        self._applied.good += len(touched)
        self._fail(failures)
        for batch in in_batches(changed):
            self._change(batch)

    def _known(self) -> Iterable[Known]:
        ids = list(self._fetched)
        for batch in in_batches(ids):
            mine = Backup.objects.filter(pk__in=batch, cloud=self._cloud).order_by("pk")
            for *stored, due_at in bulk.rows(mine, KNOWN):
                stands = plan.is_due_again(
                    due_at, self._fetched[stored[0]].asked_at, self._landed_at
                )
                yield Known(*[*stored, due_at if stands else None])

    def _fail(self, failures: Sequence[Failure]) -> None:
        bulk.update(Backup, FAILED_COLUMNS, [[one.id, *one.row] for one in failures])
        told = [(one.id, one.difference, None) for one in failures if one.difference is not None]
        self._revise(told)
        if told:
            self.to_find += [pk for pk, _, _ in told]
            gone = Backup.objects.filter(pk__in=self.to_find)
            self.volumes |= set(gone.order_by().values_list("volume_id", flat=True))

    def _change(self, changed: Sequence[Known]) -> None:
        mine = Backup.objects.filter(pk__in=[known.id for known in changed]).order_by()
        before = {
            pk: dict(zip(WORDS, words, strict=True))
            for pk, *words in bulk.rows(mine, ["pk", *WORDS])
        }
        bodies = self._bodies(changed)
        found: list[News] = []
        for known in changed:
            one = self._fetched[known.id]
            if one.answer is None or (one.listed and _erases(one.answer.raw, bodies.get(known.id))):
                self._applied.doubtful.append(known.id)
                continue
            words = before[known.id] if known.refreshed_at is not None else None
            found.append(
                plan.news(
                    known,
                    words,
                    one,
                    one.answer.decode(),
                    type_interpretation=self._type_interpretation,
                )
            )
        if found:
            self._write_news(found, before)
            self._applied.good += len(found)

    def _bodies(self, changed: Sequence[Known]) -> dict[uuid.UUID, str]:
        """The stored bodies that an entry of a list must not fall short of."""
        ids = [
            known.id
            for known in changed
            if self._fetched[known.id].listed and known.refreshed_at is not None
        ]
        return dict(Body.objects.filter(pk__in=ids).values_list("pk", "text")) if ids else {}

    def _write_news(self, found: Sequence[News], before: dict[uuid.UUID, dict[str, Any]]) -> None:
        """Of the words only those that changed in one of them: with each column go an index or
        two.
        """
        changed = (
            set(WORDS)
            if any(one.is_first for one in found)
            else {w for one in found for w in one.words}
        )
        news = [word for word in WORDS if word in changed]
        columns = [*ANSWERED_COLUMNS, "digest", *news]
        bulk.update(
            Backup, columns, [[one.id, *map(one.values.__getitem__, columns)] for one in found]
        )
        rows = [(one.id, self._fetched[one.id], one.body) for one in found]
        bulk.insert(
            Body,
            BODY,
            [[pk, got.asked_at, got.http_status, text] for pk, got, text in rows],
            replace=True,
        )
        searched = [
            one for one in found if one.is_first or not SEARCHED_WORDS.isdisjoint(one.words)
        ]
        texts = [[one.id, folded({**one.values, "id": one.id})] for one in searched]
        bulk.insert(SearchText, ("backup", "text"), texts, replace=True)
        told = [(one.id, one.difference, one.body) for one in found if one.difference is not None]
        self._revise(told)
        moving = [one for one in found if _moves_its_volume(one)]
        self.volumes |= {one.values["volume_id"] for one in moving} | {
            before[one.id]["volume_id"] for one in moving
        }
        self.to_find += [one.id for one in found if _may_find_more(one)]
        self._cloud.seen_vbs = self._cloud.seen_vbs or any(one.is_vbs for one in found)
        was = [vote(inc=row["inc"], type_=row["type"]) for row in (before[one.id] for one in found)]
        _count_votes(
            self._cloud,
            was,
            [vote(inc=one.values["inc"], type_=one.values["type"]) for one in found],
        )

    def _revise(self, told: Sequence[tuple[uuid.UUID, Difference, str | None]]) -> None:
        rows = []
        for pk, what, body in told:
            at: datetime = self._fetched[pk].asked_at
            rows.append([pk, at, what.changes, body if what.whole else None, what.kept])
        bulk.insert(Revision, REVISION, rows)


def _erases(entry: Any, body: str | None) -> bool:
    """Has a list entry less than the stored answer had? Lists may lack keys, or fill them later
    (API.md §1.1, §6).
    """
    if body is None:
        return False
    known: dict[str, Any] = json.loads(body)
    return not known.keys() <= entry.keys() or any(
        known.get(key) and not entry.get(key) for key in LATE_KEYS
    )


def _moves_its_volume(one: News) -> bool:
    """Did a word change that disks are judged by? Not progress, of which a running one tells all
    the time.
    """
    return not OF_VOLUMES.isdisjoint(one.words) or (
        "updated_at" in one.words and one.values["status"] in RESTORABLE
    )


def _may_find_more(one: News) -> bool:
    """Findings read the state, the reason, and how it goes on with what is in flight."""
    return one.values["status"] in IN_FLIGHT or not FINDING.isdisjoint(one.words)


def _count_votes(cloud: Cloud, before: Sequence[Votes], after: Sequence[Votes]) -> None:
    cloud.type_votes_0 = max(
        0, cloud.type_votes_0 + sum(v.zero for v in after) - sum(v.zero for v in before)
    )
    cloud.type_votes_1 = max(
        0, cloud.type_votes_1 + sum(v.one for v in after) - sum(v.one for v in before)
    )
