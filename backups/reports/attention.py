"""What needs somebody, the worst first: each with its reason and the next step.

Alike things of one cloud are one item. What a silent cloud hides is no item of its
own: the cloud is.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import CharField, Count, Exists, Max, Min, OuterRef, Q
from django.db.models.functions import Cast, Coalesce
from django.utils.dateparse import parse_datetime

from backups.analysis.causes import explain
from backups.analysis.numbers import thousands
from backups.analysis.rules import span
from backups.clouds import registry
from backups.models import Access, Backup, Cloud, Volume
from backups.models.columns import unindexed
from backups.reports.home_counts import HomeCounts, VolumeCount
from backups.reports.running_backups import RunningState
from backups.vbs.statuses import FAILED

MOST_SINGLE_VOLUMES = 10  # more volumes of one cloud with one protection are one item
STATES_WORST_FIRST = (
    "unreachable",
    "overdue",
    "never",
    "error",
    "error_restoring",
    "stuck",
    "error_deleting",
    "stale",
    "unknown",
)
_LONGEST_REASON = 300  # characters; the rest is on the page of the cause


@dataclass(frozen=True)
class _Advice:
    """`why` stands after "It" or "Of 12 disks each"; `next` is the next step."""

    why: str
    next: str


_UNPROTECTED = {
    "overdue": _Advice(
        "has no good backup as new as its rule asks for, and the grace is over.",
        "See whether the backup policy ran and still holds it; make a backup by hand meanwhile.",
    ),
    "never": _Advice(
        "has no good backup at all.",
        "Put it into a backup policy, make a backup, or say why it needs none.",
    ),
}
_UNKNOWN = _Advice(
    "may have newer backups than are known: new ones are not followed, or the evidence is old.",
    "Follow the new backups of these disks, or set vbs_follow for their cloud.",
)


@dataclass(frozen=True, kw_only=True)
class AttentionItem:
    """An entry of `attention`, and what pages want beside it.

    `id` is a backup's, a volume's or a cloud's; `count` is how many are meant, and `query`
    finds them in the list of backups or volumes, "" where it is a single one. `title` is what
    a person calls it.
    """

    what: str
    id: str
    state: str
    why: str
    next: str
    since: datetime | None
    cloud: str
    title: str
    count: int = 1
    query: str = ""


def attention_items(
    now: datetime,
    *,
    access: Access,
    clouds: Sequence[Cloud],
    counts: HomeCounts,
    running: Sequence[RunningState],
) -> list[AttentionItem]:
    """Returns them in the order of STATES_WORST_FIRST, and of one state the oldest first.

    `clouds` are all that the reader may see. Of one that is not configured any more neither
    silence nor failed backups are told.
    """
    configured = {cloud.name: cloud for cloud in clouds if cloud.name in registry.configured()}
    items = [
        *_unreachable_clouds(now, configured.values(), counts),
        *_failed_backups(list(configured), access),
        *_single_volumes(now, clouds, counts),
        *_crowds_of_volumes(now, clouds, counts),
        *_stale_backups(now, clouds, counts),
        *_stuck_backups(now, running),
    ]
    return sorted(items, key=_place)


def _place(item: AttentionItem) -> tuple[int, float, str, str, str]:
    since = item.since.timestamp() if item.since else 0
    return STATES_WORST_FIRST.index(item.state), since, item.what, item.cloud, item.id


def _unreachable_clouds(
    now: datetime, clouds: Iterable[Cloud], counts: HomeCounts
) -> Iterator[AttentionItem]:
    for cloud in clouds:
        if cloud.attempted_at is None or (cloud.error is None and cloud.is_heard(now)):
            continue
        error = cloud.error or {}
        why = error.get("message") or "It has not given a good answer for more than half an hour."
        query = ""
        stale = counts.stale_by_cloud.get(cloud.name, 0)
        if stale:
            backups = f"{thousands(stale)} backup{'' if stale == 1 else 's'}"
            why += f" What is known of {backups} in it is old."
            query = urlencode({"cloud": cloud.name, "tracking_state": "stale"})
        yield AttentionItem(
            what="cloud",
            id=cloud.name,
            state="unreachable",
            why=why,
            next="Test the connection: it names the step that fails.",
            since=parse_datetime(error["since"]) if error.get("since") else cloud.last_good_at,
            cloud=cloud.name,
            title=cloud.name,
            query=query,
        )


def _failed_backups(cloud_names: Sequence[str], access: Access) -> Iterator[AttentionItem]:
    """Yields an item for each cause in each cloud.

    A backup that failed before its volume got a good one is done with, unless it could not be
    deleted. The column `cloud` is not asked for as such, because its index is the slow way to the
    few that failed. The text of a cause is of the backup that had it first, in whatever cloud: who
    may not see all of them reads that of a backup of his own.
    """
    reason = "cause__text" if access.clouds is None else "fail_reason"
    newer_good_backup = Volume.objects.filter(
        cloud=OuterRef("cloud"),
        volume_id=OuterRef("volume_id"),
        last_good_at__gt=OuterRef("created_at"),
    )
    failed = (
        Backup.objects.annotate(cloud_name=unindexed("cloud"))
        .filter(
            ~Q(status="error") | ~Exists(newer_good_backup),
            cause__isnull=False,
            status__in=FAILED,
            cloud_name__in=cloud_names,
        )
        .order_by()
    )
    causes = failed.values("cloud_name", "status", "cause").annotate(
        count=Count("pk"),
        since=Min(Coalesce("created_at", "tracked_at")),
        id=Max(Cast("pk", CharField())),
        name=Max("name"),
        reason=Max(reason),
    )
    for row in causes:
        count = row["count"]
        backup_id = str(uuid.UUID(row["id"]))
        explained = explain(status=row["status"], reason=row["reason"])
        reason = row["reason"] or ""
        if len(reason) > _LONGEST_REASON:
            reason = f"{reason[:_LONGEST_REASON]}…"
        query = urlencode({"cause": row["cause"], "cloud": row["cloud_name"]})
        yield AttentionItem(
            what="backup",
            id=backup_id,
            state=str(row["status"]),
            why=reason or explained.meaning or "",
            next=explained.advice or "",
            since=row["since"],
            cloud=row["cloud_name"],
            title=f"{thousands(count)} backups" if count > 1 else row["name"] or backup_id,
            count=count,
            query=query if count > 1 else "",
        )


def _is_crowd(group: VolumeCount) -> bool:
    return group.protection in _UNPROTECTED and group.count > MOST_SINGLE_VOLUMES


def _single_volumes(
    now: datetime, clouds: Sequence[Cloud], counts: HomeCounts
) -> Iterator[AttentionItem]:
    """Yields the volumes that are few enough to be named one by one."""
    crowded: dict[str, list[str]] = {"overdue": [], "never": []}
    for group in counts.volumes:
        if _is_crowd(group):
            crowded[group.protection].append(group.cloud)
    # Most volumes are done with by these columns, without the subqueries of the protection.
    may_be_never = Q(last_good_at__isnull=True) & ~Q(cloud__in=crowded["never"])
    may_be_overdue = Q(overdue_at__lte=now) & ~Q(cloud__in=crowded["overdue"])
    volumes: Any = Volume.objects.with_protection(now).order_by()
    unprotected = volumes.filter(
        may_be_never | may_be_overdue,
        cloud__in=clouds,
        protection__in=_UNPROTECTED,
    )
    rows = unprotected.values(
        "cloud",
        "volume_id",
        "protection",
        title=Coalesce("label", "name", "volume_id"),
        since=Coalesce("overdue_at", "first_seen_at"),
    )
    for row in rows:
        advice = _UNPROTECTED[row["protection"]]
        yield AttentionItem(
            what="volume",
            id=row["volume_id"],
            state=row["protection"],
            why=f"It {advice.why}",
            next=advice.next,
            since=row["since"],
            cloud=row["cloud"],
            title=row["title"],
        )


def _crowds_of_volumes(
    now: datetime, clouds: Sequence[Cloud], counts: HomeCounts
) -> Iterator[AttentionItem]:
    """Yields an item for many volumes of one cloud. That a silent cloud leaves its volumes unknown
    is not told.
    """
    answering = {cloud.name for cloud in clouds if cloud.is_heard(now)}
    for group in counts.volumes:
        if _is_crowd(group):
            advice = _UNPROTECTED[group.protection]
            since = group.since
        elif group.protection == "unknown" and group.cloud in answering:
            advice = _UNKNOWN
            since = None
        else:
            continue
        title = f"{thousands(group.count)} disk{'' if group.count == 1 else 's'}"
        yield AttentionItem(
            what="cloud",
            id=group.cloud,
            state=group.protection,
            why=f"Of {title} each {advice.why}",
            next=advice.next,
            since=since,
            cloud=group.cloud,
            title=title,
            count=group.count,
            query=urlencode({"protection": group.protection, "cloud": group.cloud}),
        )


def _stale_backups(
    now: datetime, clouds: Sequence[Cloud], counts: HomeCounts
) -> Iterator[AttentionItem]:
    """Yields an item for each cloud that does answer, but not for all of its backups."""
    for cloud in clouds:
        stale = counts.stale_by_cloud.get(cloud.name, 0)
        if not stale or not cloud.is_heard(now):
            continue
        title = f"{thousands(stale)} backup{'' if stale == 1 else 's'}"
        yield AttentionItem(
            what="cloud",
            id=cloud.name,
            state="stale",
            why=f"The cloud answers, but not for {title}: what is known is old.",
            next="Refresh them; if it stays so, look at their errors and at the cloud's call "
            "budget.",
            since=None,
            cloud=cloud.name,
            title=title,
            count=stale,
            query=urlencode({"cloud": cloud.name, "tracking_state": "stale"}),
        )


def _stuck_backups(now: datetime, running: Sequence[RunningState]) -> Iterator[AttentionItem]:
    for state in running:
        if state.stuck_at is None:
            continue
        length = span(now - state.since) if state.since else ""
        progress = f" and stands at {state.progress} %" if state.progress else ""
        yield AttentionItem(
            what="backup",
            id=str(state.id),
            state="stuck",
            why=f"It has been {state.status} for {length}{progress}: far longer than usual, or "
            "without progress.",
            next="Look in the cloud whether the job still runs; if it does not move, ask the "
            "cloud's support to end it.",
            since=state.stuck_at,
            cloud=state.cloud,
            title=state.name or str(state.id),
        )
