"""What needs somebody, the worst first: each with its reason and the next step.

Alike things of one cloud are one item. What a silent cloud hides is no item of its
own: the cloud is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.utils.dateparse import parse_datetime

from backups.analysis import judgement
from backups.analysis.causes import explain
from backups.analysis.incidents import STATES_WORST_FIRST
from backups.analysis.judgement import FailureReason
from backups.analysis.numbers import thousands
from backups.analysis.protection import utc_text
from backups.analysis.rules import span
from backups.clouds import registry
from backups.models import Cloud
from backups.reports.home_counts import HomeCounts, VolumeCount
from backups.reports.open_failures import OpenFailures
from backups.reports.running_backups import RunningState
from backups.reports.unprotected import UnprotectedVolume, crowds

SERVICE_ENDED = (
    "Add an entry with vbs_api: cbr for this project in clouds.yaml, or set vbs_api in this one."
)
_LONGEST_REASON = 300  # characters; the rest is on the page of the cause


# After "Of 12 disks each".
_WHY_UNPROTECTED = {
    "overdue": "has no good backup as new as its rule asks for, and the grace is over.",
    "never": "has no good backup at all.",
}
_WHY_UNKNOWN = (
    "may have newer backups than are known: new ones are not followed, or the evidence is old."
)
_NEXT_UNKNOWN = "Follow the new backups of these disks, or set vbs_follow for their cloud."


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
    clouds: Sequence[Cloud],
    counts: HomeCounts,
    running: Sequence[RunningState],
    failures: Sequence[OpenFailures],
    unprotected: Sequence[UnprotectedVolume],
) -> list[AttentionItem]:
    """Returns them in the order of STATES_WORST_FIRST, and of one state the newest first.

    `clouds` are all that the reader may see. Of one that is not configured any more neither
    silence nor failed backups are told.
    """
    items = [
        *unreachable_clouds(now, clouds, counts.stale_by_cloud),
        *_failed_backups(failures),
        *_single_volumes(unprotected),
        *_crowds_of_volumes(counts.volumes, failures),
        *unknown_volumes(now, clouds, counts.volumes),
        *stale_backups(now, clouds, counts.stale_by_cloud),
        *stuck_backups(now, running),
    ]
    return sorted(items, key=_place)


def _place(item: AttentionItem) -> tuple[int, float, str, str, str]:
    """What has no beginning comes last in its state."""
    newest_first = -item.since.timestamp() if item.since else 0.0
    return STATES_WORST_FIRST.index(item.state), newest_first, item.what, item.cloud, item.id


def unreachable_clouds(
    now: datetime, clouds: Iterable[Cloud], stale_by_cloud: Mapping[str, int]
) -> Iterator[AttentionItem]:
    """Yields those that do not answer, of the configured ones."""
    for cloud in clouds:
        if cloud.name not in registry.configured():
            continue
        if cloud.attempted_at is None or (cloud.error is None and cloud.is_heard(now)):
            continue
        error = cloud.error or {}
        why = error.get("message") or "It has not given a good answer for more than half an hour."
        next_step = "Test the connection: it names the step that fails."
        if cloud.service_ended_at is not None:
            since = utc_text(cloud.service_ended_at)
            why = (
                f"Its backup service ended: it is not found since {since}. Its backups are kept as "
                "they were; whether they are still there is not known."
            )
            next_step = SERVICE_ENDED
        query = ""
        stale = stale_by_cloud.get(cloud.name, 0)
        if stale:
            backups = f"{thousands(stale)} backup{'' if stale == 1 else 's'}"
            why += f" What is known of {backups} in it is old."
            query = urlencode({"cloud": cloud.name, "tracking_state": "stale"})
        yield AttentionItem(
            what="cloud",
            id=cloud.name,
            state="unreachable",
            why=why,
            next=next_step,
            since=parse_datetime(error["since"]) if error.get("since") else cloud.last_good_at,
            cloud=cloud.name,
            title=cloud.name,
            query=query,
        )


def _failed_backups(failures: Iterable[OpenFailures]) -> Iterator[AttentionItem]:
    """Yields an item for each cause in each cloud."""
    for group in failures:
        newest = group.newest[0]
        explained = explain(status=group.status, reason=newest.fail_reason)
        reason = newest.fail_reason or ""
        if len(reason) > _LONGEST_REASON:
            reason = f"{reason[:_LONGEST_REASON]}…"
        title = newest.name or str(newest.id)
        query = ""
        if group.count > 1:
            title = f"{thousands(group.count)} backups"
            query = failures_query(group.cloud, group.cause)
        yield AttentionItem(
            what="backup",
            id=str(newest.id),
            state=group.status,
            why=reason or explained.meaning or "",
            next=explained.advice or judgement.ASK_SUPPORT,
            since=group.since,
            cloud=group.cloud,
            title=title,
            count=group.count,
            query=query,
        )


def failures_query(cloud: str, cause: str) -> str:
    """Returns the list of backups that hold exactly the open failures of one cause in a cloud."""
    return urlencode({"cause": cause, "cloud": cloud, "group": "unresolved"})


def _single_volumes(unprotected: Iterable[UnprotectedVolume]) -> Iterator[AttentionItem]:
    """Yields the volumes that are few enough to be named one by one."""
    for volume in unprotected:
        yield AttentionItem(
            what="volume",
            id=volume.volume_id,
            state=volume.protection,
            why=volume.why,
            next=volume.next,
            since=volume.since,
            cloud=volume.cloud,
            title=volume.title,
        )


def _crowds_of_volumes(
    volumes: Sequence[VolumeCount], failures: Sequence[OpenFailures]
) -> Iterator[AttentionItem]:
    """Yields an item for many unprotected volumes of one cloud."""
    crowded = crowds(volumes)
    groups: dict[tuple[str, str], list[VolumeCount]] = {}
    for group in volumes:
        if group.cloud in crowded.get(group.protection, ()):
            groups.setdefault((group.cloud, group.protection), []).append(group)
    for (cloud, protection), parts in groups.items():
        yield _crowd(
            cloud,
            protection,
            count=sum(part.count for part in parts),
            why=_WHY_UNPROTECTED[protection],
            next_step=_next_of_crowd(protection, parts, failures),
            since=min((part.since for part in parts if part.since), default=None),
        )


def unknown_volumes(
    now: datetime, clouds: Sequence[Cloud], volumes: Sequence[VolumeCount]
) -> Iterator[AttentionItem]:
    """Yields an item for each cloud with volumes that cannot be judged. That a silent cloud leaves
    its volumes unknown is not told.
    """
    answering = {cloud.name for cloud in clouds if cloud.is_heard(now)}
    counts: dict[str, int] = {}
    for group in volumes:
        if group.protection == "unknown" and group.cloud in answering:
            counts[group.cloud] = counts.get(group.cloud, 0) + group.count
    for cloud, count in counts.items():
        yield _crowd(
            cloud, "unknown", count=count, why=_WHY_UNKNOWN, next_step=_NEXT_UNKNOWN, since=None
        )


def _crowd(
    cloud: str, protection: str, *, count: int, why: str, next_step: str, since: datetime | None
) -> AttentionItem:
    title = f"{thousands(count)} disk{'' if count == 1 else 's'}"
    return AttentionItem(
        what="cloud",
        id=cloud,
        state=protection,
        why=f"Of {title} each {why}",
        next=next_step,
        since=since,
        cloud=cloud,
        title=title,
        count=count,
        query=urlencode({"protection": protection, "cloud": cloud}),
    )


def _next_of_crowd(
    protection: str, parts: Sequence[VolumeCount], failures: Sequence[OpenFailures]
) -> str:
    """Returns what to do about the most of them: about the cause by which their newest tries
    failed, if they did.
    """
    largest = max(parts, key=lambda part: (part.count, part.failing_cause or ""))
    for group in failures:
        if (group.cloud, group.cause) == (largest.cloud, largest.failing_cause):
            return FailureReason(group.since, group.newest[0].fail_reason).advice
    return judgement.NOT_TRIED if protection == "overdue" else judgement.NEVER_TRIED


def stale_backups(
    now: datetime, clouds: Sequence[Cloud], stale_by_cloud: Mapping[str, int]
) -> Iterator[AttentionItem]:
    """Yields an item for each cloud that does answer, but not for all of its backups."""
    for cloud in clouds:
        stale = stale_by_cloud.get(cloud.name, 0)
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


def stuck_backups(now: datetime, running: Sequence[RunningState]) -> Iterator[AttentionItem]:
    for state in running:
        if state.stuck_at is None:
            continue
        length = span(now - state.since) if state.since else "long"
        why = f"It has been {state.status} for {length}, far longer than usual, and no "
        why += "progress was seen."
        if state.moved_at is not None:
            still = span(now - state.moved_at)
            why = f"It has been {state.status} for {length} and stands at {state.progress} % for "
            why += f"{still} now: it does not move."
        yield AttentionItem(
            what="backup",
            id=str(state.id),
            state="stuck",
            why=why,
            next=judgement.STUCK,
            since=state.stuck_at,
            cloud=state.cloud,
            title=state.name or str(state.id),
        )
