"""What is wrong now, as home says it: each disk, backup and cloud by itself, so that it can be
taken, muted and told by itself.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from backups.analysis import judgement
from backups.analysis.causes import explain, in_few_words
from backups.analysis.numbers import thousands
from backups.clouds import registry
from backups.models import FULL_ACCESS, AlarmKind, Backup, Cloud, Volume
from backups.reports import attention
from backups.reports.attention import AttentionItem
from backups.reports.home_counts import (
    count_doubles,
    count_stale,
    count_volumes,
    stale_counted,
)
from backups.reports.open_failures import FailingSubject, failing_subjects
from backups.reports.running_backups import RunningState, running_backups
from backups.reports.unprotected import UnprotectedVolume, unprotected_volumes

_KIND_OF_STATUS = {
    "error": AlarmKind.BACKUPS_FAIL,
    "error_restoring": AlarmKind.RESTORES_FAIL,
    "error_deleting": AlarmKind.DELETIONS_FAIL,
}
_SAYS_OF_STATUS = {
    "error": "failed",
    "error_restoring": "could not be restored",
    "error_deleting": "could not be deleted",
}
_NO_CROWDS: dict[str, list[str]] = {"overdue": [], "never": []}
# Those that count over all rows of a cloud; they hold for a quarter of an hour at least, so they
# are looked for each minute and not after each batch.
COUNTED = frozenset({AlarmKind.STALE, AlarmKind.UNKNOWN})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong; the columns of `Alarm` with these names say the same."""

    kind: AlarmKind
    cloud: str
    subject: str
    state: str
    title: str
    sentence: str
    next: str
    since: datetime | None
    evidence: str
    evidence_at: datetime | None
    volume_id: str | None = None
    backup_id: uuid.UUID | None = None


def findings(now: datetime, clouds: Sequence[Cloud], *, counted: bool) -> list[Finding]:
    """Returns all that is wrong in these clouds. `counted`: with the kinds in COUNTED too."""
    names = [cloud.name for cloud in clouds]
    configured = [name for name in names if name in registry.configured()]
    running = running_backups(now, clouds)
    stale_by_cloud: dict[str, int] = {}
    if counted:
        backups = Backup.objects.visible_to(FULL_ACCESS).order_by()
        stale_by_cloud = stale_counted(
            count_stale(backups.filter(gone_at__isnull=True), clouds, now),
            count_doubles(backups.doubles(FULL_ACCESS), clouds, now),
        )
    of_clouds = {cloud.name: cloud for cloud in clouds}
    unprotected = unprotected_volumes(now, clouds, _NO_CROWDS, running, told_by_cloud=True)
    result = [
        *_silent(attention.unreachable_clouds(now, clouds, {}), of_clouds),
        *(_failing(subject) for subject in failing_subjects(now, configured)),
        *(_unprotected(volume, of_clouds[volume.cloud]) for volume in unprotected),
        *_stuck(attention.stuck_backups(now, running), running),
    ]
    if counted:
        volumes = count_volumes(Volume.objects.counted().filter(cloud__in=names), now)
        result += _of_clouds(
            attention.stale_backups(now, clouds, stale_by_cloud),
            AlarmKind.STALE,
            of_clouds,
        )
        result += _of_clouds(
            attention.unknown_volumes(now, clouds, volumes), AlarmKind.UNKNOWN, of_clouds
        )
    return result


def _silent(items: Iterable[AttentionItem], clouds: dict[str, Cloud]) -> Iterator[Finding]:
    for item in items:
        yield Finding(
            kind=AlarmKind.CLOUD_SILENT,
            cloud=item.cloud,
            subject=item.cloud,
            state=item.state,
            title=item.title,
            sentence=f"The cloud {item.cloud} does not answer: {item.why}",
            next=item.next,
            since=item.since,
            evidence="its newest good answer",
            evidence_at=clouds[item.cloud].last_good_at,
        )


def _of_clouds(
    items: Iterable[AttentionItem], kind: AlarmKind, clouds: dict[str, Cloud]
) -> Iterator[Finding]:
    for item in items:
        cloud = clouds[item.cloud]
        is_stale = kind == AlarmKind.STALE
        yield Finding(
            kind=kind,
            cloud=item.cloud,
            subject=item.cloud,
            state=item.state,
            title=item.cloud,
            sentence=f"Cloud {item.cloud}: {item.why}",
            next=item.next,
            since=item.since,
            evidence="its newest good answer" if is_stale else "the cloud's list of backups",
            evidence_at=cloud.last_good_at if is_stale else cloud.backups_listed_at,
        )


def _failing(failing: FailingSubject) -> Finding:
    newest = failing.newest
    kind = _KIND_OF_STATUS[failing.status]
    explained = explain(status=failing.status, reason=newest.fail_reason)
    title = failing.title or newest.name or str(newest.id)
    if failing.title is None:
        sentence = f"Backup {title} {_SAYS_OF_STATUS[failing.status]}"
    elif failing.count == 1:
        sentence = f"The newest backup of disk {title} failed"
    else:
        sentence = f"The newest {thousands(failing.count)} backups of disk {title} failed"
    return Finding(
        kind=kind,
        cloud=failing.cloud,
        subject=failing.subject,
        state=failing.status,
        title=title,
        sentence=f"{sentence}: {in_few_words(newest.fail_reason)}.",
        next=explained.advice or judgement.ASK_SUPPORT,
        since=failing.since,
        evidence="the newest backup that failed",
        evidence_at=newest.known_at,
        volume_id=newest.volume_id,
        backup_id=newest.id,
    )


def _unprotected(volume: UnprotectedVolume, cloud: Cloud) -> Finding:
    return Finding(
        kind=AlarmKind.NO_BACKUPS,
        cloud=volume.cloud,
        subject=volume.volume_id,
        state=volume.protection,
        title=volume.title,
        sentence=f"Disk {volume.title}: {volume.why}",
        next=volume.next,
        since=volume.since,
        evidence="the cloud's list of backups",
        evidence_at=cloud.backups_listed_at,
        volume_id=volume.volume_id,
    )


def _stuck(items: Iterable[AttentionItem], running: Sequence[RunningState]) -> Iterator[Finding]:
    states = {str(state.id): state for state in running}
    for item in items:
        state = states[item.id]
        # Its length grows with every minute: told is since when, which stays.
        standing = "no progress was seen"
        if state.moved_at is not None:
            standing = f"it stands at {state.progress} %"
        yield Finding(
            kind=AlarmKind.STUCK,
            cloud=item.cloud,
            subject=item.id,
            state=item.state,
            title=item.title,
            sentence=f"Backup {item.title} has been {state.status} far longer than usual, and "
            f"{standing}.",
            next=item.next,
            since=state.since,
            evidence="the progress that was seen last",
            evidence_at=state.refreshed_at,
            volume_id=state.volume_id,
            backup_id=state.id,
        )
