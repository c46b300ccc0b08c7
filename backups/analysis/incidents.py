"""Puts what is wrong together into incidents: disks, failed backups and their cause in one, with
the next step, what it is read off, and a text for the ticket.

An incident keeps its ID as long as the same thing is wrong in the same cloud by the same cause,
whatever disks and backups come and go in it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from backups.analysis.numbers import thousands
from backups.analysis.protection import utc_text

KINDS = (
    "cloud_silent",
    "backups_fail",
    "no_backups",
    "restores_fail",
    "deletions_fail",
    "stuck",
    "stale",
    "unknown",
)
# As in `attention`: an incident has the worst of its parts.
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
NEW_FOR = timedelta(days=1)
MOST_MEMBERS = 10  # disks, and backups, that a ticket names of each incident
_LONGEST_REASON = 500  # characters of a reason in a ticket
_REQUEST_ID = re.compile(r"\breq-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Member:
    """A disk or a backup as a ticket names it. `says`: what is wrong with it, in few words."""

    id: str
    name: str | None
    says: str
    reason: str | None = None
    job_id: str | None = None
    request_id: str | None = None
    volume_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What an incident is read off. `backup_id`: the backup that shows it, None where none does;
    `at`: when the cloud said so last.
    """

    text: str
    backup_id: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A part of an incident: disks, or backups, that have one thing wrong.

    `key` tells incidents of one kind and cloud apart: the key of the cause, or a protection.
    `says` goes on after "3 disks" or "1 backup"; `cause` is the
    end of the sentence, without a full stop, "" where it is not known. `query` finds exactly the
    `count` rows in the list of disks or of backups.
    """

    kind: str
    state: str
    cloud: str
    key: str
    volumes: int = 0
    volumes_query: str = ""
    backups: int = 0
    backups_query: str = ""
    says: str
    cause: str = ""
    next: str
    since: datetime | None
    evidence: Evidence
    volume_members: tuple[Member, ...] = ()
    backup_members: tuple[Member, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Incident:
    """An entry of `incidents` in `/api/summary/`, and a card on the home page.

    `title` is a sentence without a time and a full stop, of three parts: "3 disks", "have had no
    good backup", "the backup host does not answer". The queries find exactly as many rows as are
    counted. `names` are of the disks, of the backups where it is about no disk. `new`: it began
    less than a day ago. Names and IDs are of at most MOST_MEMBERS each.
    """

    id: str
    kind: str
    state: str
    cloud: str
    title: str
    subject: str
    says: str
    cause: str
    next: str
    since: datetime | None
    new: bool
    volumes: int
    volumes_query: str
    backups: int
    backups_query: str
    evidence: str
    evidence_backup_id: str | None
    evidence_at: datetime | None
    names: tuple[str, ...]
    volume_ids: tuple[str, ...]
    backup_ids: tuple[str, ...]
    ticket: str


def incidents(troubles: Iterable[Trouble], now: datetime) -> list[Incident]:
    """Returns one for each kind, cloud and key: the worst first, of one state the newest first."""
    parts: dict[tuple[str, str, str], list[Trouble]] = {}
    for trouble in troubles:
        parts.setdefault((trouble.kind, trouble.cloud, trouble.key), []).append(trouble)
    found = [_incident(of_one, now) for of_one in parts.values()]
    return sorted(found, key=_place)


def newest_first(found: Iterable[Incident]) -> list[Incident]:
    """Returns them by when they began, whatever they are."""
    return sorted(found, key=lambda incident: (_minus(incident.since), *_place(incident)))


def _place(incident: Incident) -> tuple[int, float, str, str]:
    """What has no beginning comes last of its state."""
    state = STATES_WORST_FIRST.index(incident.state)
    return state, _minus(incident.since), incident.cloud, incident.id


def _minus(at: datetime | None) -> float:
    return -at.timestamp() if at else 0.0


def _incident(parts: Sequence[Trouble], now: datetime) -> Incident:
    """Puts troubles of one kind, cloud and key together. Disks are what it is about where there are
    any: a backup that failed is the reason why a disk has none.
    """
    parts = sorted(parts, key=lambda part: STATES_WORST_FIRST.index(part.state))
    with_volumes = [part for part in parts if part.volumes]
    leading = with_volumes[0] if with_volumes else parts[0]
    volumes = sum(part.volumes for part in parts)
    backups = sum(part.backups for part in parts)
    since = min((part.since for part in parts if part.since), default=None)
    evidence = next((part.evidence for part in parts if part.evidence.backup_id), leading.evidence)
    volume_members = _members(part.volume_members for part in parts)
    backup_members = _members(part.backup_members for part in parts)
    members = volume_members if volumes else backup_members
    subject = _subject(leading, members, volumes, backups)
    cause = next((part.cause for part in parts if part.cause), "")
    incident = Incident(
        id=identity(leading.kind, leading.cloud, leading.key),
        kind=leading.kind,
        state=parts[0].state,
        cloud=leading.cloud,
        title=_sentence(subject, leading.says, cause),
        subject=subject,
        says=leading.says,
        cause=cause,
        next=leading.next,
        since=since,
        new=since is not None and since > now - NEW_FOR,
        volumes=volumes,
        volumes_query=leading.volumes_query,
        backups=backups,
        backups_query=next((part.backups_query for part in parts if part.backups_query), ""),
        evidence=evidence.text,
        evidence_backup_id=evidence.backup_id,
        evidence_at=evidence.at,
        names=tuple(member.name or member.id for member in members),
        volume_ids=tuple(member.id for member in volume_members),
        backup_ids=tuple(member.id for member in backup_members),
        ticket="",
    )
    return replace(incident, ticket=_ticket(incident, volume_members, backup_members))


def _subject(leading: Trouble, members: Sequence[Member], volumes: int, backups: int) -> str:
    """A single disk or backup is named, several are counted."""
    if leading.kind == "cloud_silent":
        return leading.cloud
    noun = "disk" if volumes else "backup"
    count = volumes or backups
    if count == 1 and len(members) == 1:
        return f"{noun} {members[0].name or members[0].id}"
    return _counted(count, noun)


def _members(groups: Iterable[tuple[Member, ...]]) -> list[Member]:
    members: list[Member] = []
    for group in groups:
        members.extend(group)
    return members[:MOST_MEMBERS]


def _counted(count: int, noun: str) -> str:
    return f"{thousands(count)} {noun}{'' if count == 1 else 's'}"


def identity(kind: str, cloud: str, key: str) -> str:
    """Returns the ID of an incident."""
    text = f"{kind}\n{cloud}\n{key}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _sentence(subject: str, says: str, cause: str) -> str:
    return f"{subject} {says}: {cause}" if cause else f"{subject} {says}"


def _ticket(incident: Incident, volumes: Sequence[Member], backups: Sequence[Member]) -> str:
    """Returns what a ticket wants to know, as plain text that stays as long as all of it does."""
    since = f", since {utc_text(incident.since)}" if incident.since else ""
    lines = [f"{incident.title}{since}.", f"Cloud: {incident.cloud}"]
    if incident.next:
        lines.append(f"Next step: {incident.next}")
    evidence_at = f", as of {utc_text(incident.evidence_at)}" if incident.evidence_at else ""
    lines.append(f"Evidence: {incident.evidence}{evidence_at}")
    lines += _lines_of("Disks", volumes, incident.volumes)
    lines += _lines_of("Backups", backups, incident.backups)
    lines.append(f"Incident {incident.id} of vbsdash")
    return "\n".join(lines)


def _lines_of(heading: str, members: Sequence[Member], count: int) -> list[str]:
    if not count:
        return []
    lines = [f"{heading} ({count}):", *(f"- {_line(member)}" for member in members)]
    if len(members) < count:
        lines.append(f"- and {count - len(members)} more")
    return lines


def _line(member: Member) -> str:
    name = f" ({member.name})" if member.name else ""
    text = f"{member.id}{name}: {member.says}"
    if member.volume_id:
        text += f", of disk {member.volume_id}"
    if member.job_id:
        text += f", job {member.job_id}"
    request_id = member.request_id or _request_id_in(member.reason)
    if request_id:
        text += f", request {request_id}"
    if member.reason:
        text += f", “{' '.join(member.reason[:_LONGEST_REASON].split())}”"
    return text


def _request_id_in(reason: str | None) -> str | None:
    match = _REQUEST_ID.search(reason or "")
    return match[0] if match else None
