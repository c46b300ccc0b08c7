"""Reads off what is wrong which incidents there are: `analysis.incidents` puts them together. No
query of its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from backups.analysis import incidents as grouping
from backups.analysis import judgement
from backups.analysis.causes import explain, in_few_words
from backups.analysis.incidents import Evidence, Incident, Member, Trouble
from backups.analysis.protection import UNPROTECTED, utc_text
from backups.models import Cloud
from backups.reports.attention import AttentionItem, failures_query
from backups.reports.home_counts import VolumeCount
from backups.reports.open_failures import FailedBackup, OpenFailures
from backups.reports.running_backups import RunningState
from backups.reports.unprotected import UnprotectedVolume

_KIND_OF_STATUS = {
    "error": "backups_fail",
    "error_restoring": "restores_fail",
    "error_deleting": "deletions_fail",
}


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """All that is wrong, as it was read for `attention`; `clouds` are all that the reader may see.

    Of failures the newest are named, of volumes those of clouds in which they are few.
    """

    attention: Sequence[AttentionItem]
    clouds: Sequence[Cloud]
    volumes: Sequence[VolumeCount]
    unprotected: Sequence[UnprotectedVolume]
    failures: Sequence[OpenFailures]
    running: Sequence[RunningState]
    stale_by_cloud: Mapping[str, int]


def incidents(wrong: Wrong, now: datetime) -> list[Incident]:
    """Returns them with the worst first, of one state the newest first."""
    troubles = [
        *_volumes(wrong),
        *_failures(wrong.failures),
        *_stuck(wrong.running),
        *_clouds(wrong),
    ]
    return grouping.incidents(troubles, now)


def _volumes(wrong: Wrong) -> Iterator[Trouble]:
    """Yields the unprotected volumes, by the cause of their newest tries where those failed."""
    reasons = {(group.cloud, group.cause): group for group in wrong.failures}
    listed_at = {cloud.name: cloud.backups_listed_at for cloud in wrong.clouds}
    # The other service of a project may have made, and failed, the newest try of a volume.
    other_service = {cloud.name: cloud.other_service or "" for cloud in wrong.clouds}
    for group in wrong.volumes:
        if group.protection not in UNPROTECTED:
            continue
        members = [
            volume
            for volume in wrong.unprotected
            if (volume.cloud, volume.protection, volume.failing_cause)
            == (group.cloud, group.protection, group.failing_cause)
        ]
        if group.failing_cause is not None:
            failures = reasons.get((group.cloud, group.failing_cause))
            if failures is None:
                there = other_service.get(group.cloud, "")
                failures = reasons.get((there, group.failing_cause))
            yield _failing_volumes(group, group.failing_cause, failures, members)
        else:
            yield _untried_volumes(group, members, listed_at.get(group.cloud))


def _failing_volumes(
    group: VolumeCount,
    cause: str,
    failures: OpenFailures | None,
    members: Sequence[UnprotectedVolume],
) -> Trouble:
    """`failures` None: their newest tries were derived as failed, and are answered for otherwise
    since; or the other service of the project made them, which is not open to the reader.
    """
    reason = failures.newest[0].fail_reason if failures else None
    words = in_few_words(reason) if failures else "the reason is not known here"
    query = {"cloud": group.cloud, "cause": cause, "group": "unprotected"}
    return Trouble(
        kind="backups_fail",
        state=group.protection,
        cloud=group.cloud,
        key=cause,
        volumes=group.count,
        volumes_query=urlencode(query),
        says="have had no good backup" if group.count > 1 else "has had no good backup",
        cause=words,
        next=_next(members, explain(status="error", reason=reason).advice or ""),
        since=group.failing_since,
        evidence=_evidence_of(failures) if failures else Evidence(text="its backups"),
        volume_members=tuple(_volume_member(volume) for volume in members),
    )


def _untried_volumes(
    group: VolumeCount, members: Sequence[UnprotectedVolume], listed_at: datetime | None
) -> Trouble:
    is_never = group.protection == "never"
    has = "have" if group.count > 1 else "has"
    return Trouble(
        kind="no_backups",
        state=group.protection,
        cloud=group.cloud,
        key=group.protection,
        volumes=group.count,
        volumes_query=urlencode(
            {"cloud": group.cloud, "cause": "null", "protection": group.protection}
        ),
        says=f"{has} never had a good backup" if is_never else f"{has} had no good backup in time",
        cause="no try was seen that failed",
        next=_next(members, judgement.NEVER_TRIED if is_never else judgement.NOT_TRIED),
        since=group.since,
        evidence=Evidence(text="the cloud's list of backups", at=listed_at),
        volume_members=tuple(_volume_member(volume) for volume in members),
    )


def _next(members: Sequence[UnprotectedVolume], otherwise: str) -> str:
    """Returns the next step of a single volume; of several, what their sort needs."""
    return members[0].next if len(members) == 1 else otherwise


def _failures(failures: Iterable[OpenFailures]) -> Iterator[Trouble]:
    """Yields the open failures of one cause in one cloud."""
    for group in failures:
        newest = group.newest[0]
        explained = explain(status=group.status, reason=newest.fail_reason)
        yield Trouble(
            kind=_KIND_OF_STATUS[group.status],
            state=group.status,
            cloud=group.cloud,
            key=group.cause,
            backups=group.count,
            backups_query=failures_query(group.cloud, group.cause),
            says=_SAYS[group.status],
            cause=in_few_words(newest.fail_reason),
            next=explained.advice or judgement.ASK_SUPPORT,
            since=group.since,
            evidence=_evidence_of(group),
            backup_members=tuple(_backup_member(backup, group.status) for backup in group.newest),
        )


_SAYS = {
    "error": "failed",
    "error_restoring": "could not be restored",
    "error_deleting": "could not be deleted",
}


def _stuck(running: Iterable[RunningState]) -> Iterator[Trouble]:
    stuck_by_cloud: dict[str, list[RunningState]] = {}
    for state in running:
        if state.stuck_at is not None:
            stuck_by_cloud.setdefault(state.cloud, []).append(state)
    for cloud, states in stuck_by_cloud.items():
        newest = max(states, key=lambda state: (state.stuck_at, str(state.id)))
        yield Trouble(
            kind="stuck",
            state="stuck",
            cloud=cloud,
            key="",
            backups=len(states),
            backups_query=urlencode({"cloud": cloud, "group": "stuck"}),
            says="do not move" if len(states) > 1 else "does not move",
            next=judgement.STUCK,
            since=min(state.stuck_at for state in states if state.stuck_at),
            evidence=Evidence(
                text="the progress that was seen last",
                backup_id=str(newest.id),
                at=newest.refreshed_at,
            ),
            backup_members=tuple(_stuck_member(state) for state in states),
        )


def _clouds(wrong: Wrong) -> Iterator[Trouble]:
    """Yields what is wrong with clouds as a whole: `attention` has found it out."""
    answered_at = {cloud.name: cloud.last_good_at for cloud in wrong.clouds}
    listed_at = {cloud.name: cloud.backups_listed_at for cloud in wrong.clouds}
    for item in wrong.attention:
        if item.what != "cloud" or item.state not in _OF_CLOUDS:
            continue
        kind = _OF_CLOUDS[item.state]
        evidence = Evidence(text="its newest good answer", at=answered_at.get(item.cloud))
        if item.state == "unknown":
            evidence = Evidence(text="the cloud's list of backups", at=listed_at.get(item.cloud))
        is_of_volumes = item.state == "unknown"
        yield Trouble(
            kind=kind.name,
            state=item.state,
            cloud=item.cloud,
            key="",
            volumes=item.count if is_of_volumes else 0,
            volumes_query=item.query if is_of_volumes else "",
            backups=0 if is_of_volumes else wrong.stale_by_cloud.get(item.cloud, 0),
            backups_query="" if is_of_volumes else item.query,
            says=kind.says,
            cause=item.why.rstrip(".") if item.state == "unreachable" else kind.cause,
            next=item.next,
            since=item.since,
            evidence=evidence,
        )


@dataclass(frozen=True)
class _OfCloud:
    name: str
    says: str
    cause: str


_OF_CLOUDS = {
    "unreachable": _OfCloud("cloud_silent", "does not answer", ""),
    "stale": _OfCloud("stale", "cannot be told of now", "the cloud answers, but not for them"),
    "unknown": _OfCloud(
        "unknown",
        "cannot be judged",
        "newer backups may be there, as new ones are not followed or the evidence is old",
    ),
}


def _evidence_of(failures: OpenFailures) -> Evidence:
    newest = failures.newest[0]
    return Evidence(
        text="the newest backup that failed", backup_id=str(newest.id), at=newest.known_at
    )


def _volume_member(volume: UnprotectedVolume) -> Member:
    last_good = "no good backup is known"
    if volume.last_good_at is not None:
        last_good = f"the last good backup holds {utc_text(volume.last_good_at)}"
    is_named = volume.title != volume.volume_id
    return Member(
        id=volume.volume_id,
        name=volume.title if is_named else None,
        says=f"{volume.protection} since {utc_text(volume.since)}, {last_good}",
    )


def _backup_member(backup: FailedBackup, status: str) -> Member:
    return Member(
        id=str(backup.id),
        name=backup.name,
        says=f"{status}, made {utc_text(backup.at)}",
        reason=backup.fail_reason,
        job_id=backup.job_id,
        request_id=backup.request_id,
        volume_id=backup.volume_id,
    )


def _stuck_member(state: RunningState) -> Member:
    says = state.status
    if state.since is not None:
        says += f" since {utc_text(state.since)}"
    if state.moved_at is not None:
        says += f", at {state.progress} % since {utc_text(state.moved_at)}"
    return Member(
        id=str(state.id),
        name=state.name,
        says=says,
        volume_id=state.volume_id,
    )
