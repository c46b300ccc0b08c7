"""What follows from plans, growth and limits: what is going to break, when, by which sum, and what
to do about it. Pure.

Only what is certain or plain arithmetic is said. What is not known, a policy's disks, a trend that
may as well be none, a vault that does not say whether it grows, foretells nothing.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from heapq import merge
from itertools import accumulate, pairwise
from statistics import median
from typing import Final, Literal, NamedTuple

from backups.analysis.chains import MOST_BACKUPS
from backups.analysis.growth import days_until, trend
from backups.analysis.numbers import thousands
from backups.analysis.retention import most_kept
from backups.analysis.rules import span
from backups.analysis.schedule import Schedule
from backups.analysis.sizes import MB_PER_GB, size
from backups.vbs.policies import Retention

# What comes later is not said: plans change until then.
HORIZON: Final = timedelta(days=92)
LEAST_DURATIONS: Final = 3  # below it there is no typical duration
_NAMED: Final = 3  # disks or policies in a sentence


class ComingKind(StrEnum):
    QUOTA_BACKUPS = "quota_backups"
    QUOTA_GIGABYTES = "quota_gigabytes"
    BACKUPS_PER_DISK = "backups_per_disk"
    RUN_TOO_LONG = "run_too_long"
    VAULT_FULL = "vault_full"
    POLICY_OFF = "policy_off"
    POLICY_WITHOUT_DISK = "policy_without_disk"
    DISK_LEFT_POLICY = "disk_left_policy"


class Coming(NamedTuple):
    """`at`: when it bites; None: now, or nobody can say. `sum`: the arithmetic in words."""

    kind: ComingKind
    at: datetime | None
    cloud: str
    policy: int | None
    vault: str | None
    volume_id: str | None
    subject: str
    sum: str
    advice: str


class MemberPlan(NamedTuple):
    """A disk of a policy. `kept`: how many backups of it the policy has made that are there;
    `backups`: how many are there at all, by whomever; `size_gb` of the disk, None: not known.
    """

    volume_id: str
    name: str
    kept: int
    backups: int
    size_gb: int | None = None


class LeftDisk(NamedTuple):
    """A disk that is there, and was in a policy until `left_at`."""

    volume_id: str
    name: str
    left_at: datetime


@dataclass(frozen=True, kw_only=True)
class PolicyPlan:
    """A standing policy as it is now.

    `claimed`: how many disks the cloud says it has, None where it does not say; `is_exact`: its
    members are all that it has. `durations`: seconds of its last good runs, of each run the longest
    disk's. `limits_backups`: its service takes at most 20 backups of a disk, as VBS does.
    `off_since`: the reading in which it was off first.
    """

    cloud: str
    policy: int
    name: str
    enabled: bool | None
    schedule: Schedule | None
    retention: Retention
    members: tuple[MemberPlan, ...] = ()
    is_exact: bool = False
    claimed: int | None = None
    durations: tuple[int, ...] = ()
    limits_backups: bool = False
    off_since: datetime | None = None
    left: tuple[LeftDisk, ...] = ()
    # The other service of the project, None where there is none or it has ended, and whether it is
    # not known what that one promises.
    other_service: str | None = None
    is_other_unknown: bool = False

    @property
    def disks(self) -> int:
        """Returns how many disks it has, as far as anybody knows."""
        if self.is_exact:
            return len(self.members)
        return max(len(self.members), self.claimed or 0)

    @property
    def may_have_others(self) -> bool:
        """Returns whether it may have disks that were never seen."""
        if self.is_exact:
            return False
        return self.claimed is None or self.claimed > len(self.members)

    @property
    def has_none(self) -> bool:
        """Returns whether it is known to have no disk."""
        return not self.members and (self.is_exact or self.claimed == 0)


@dataclass(frozen=True, kw_only=True)
class VaultPlan:
    """`samples`: how many MB were used on which days of UTC, in order."""

    cloud: str
    vault: str
    name: str
    size_gb: int | None
    used_mb: int | None
    auto_expand: bool | None
    samples: tuple[tuple[date, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class ProjectPlan:
    """The quotas of a cloud's project; None: no limit, or not known. `used_…`: what counts now.
    `disks`: how many disks its policies had on which days of UTC, in order.
    """

    cloud: str
    quota_backups: int | None = None
    quota_gigabytes: int | None = None
    used_backups: int = 0
    used_gigabytes: int = 0
    disks: tuple[tuple[date, int], ...] = ()


def coming(
    *,
    policies: Sequence[PolicyPlan] = (),
    vaults: Iterable[VaultPlan] = (),
    projects: Iterable[ProjectPlan] = (),
    now: datetime,
) -> list[Coming]:
    """Returns all that is coming within the horizon; what has no date comes first, then by date."""
    events: list[Coming] = []
    in_policies: set[str] = set()
    for policy in policies:
        if policy.enabled is not False:
            in_policies.update(member.volume_id for member in policy.members)
    hiding = {policy.cloud for policy in policies if policy.may_have_others}
    for policy in policies:
        events += _of_policy(policy, now)
        # A disk that left one policy may be among those of another that nobody has seen, here or
        # with the other service of the project.
        if policy.is_other_unknown or not hiding.isdisjoint((policy.cloud, policy.other_service)):
            continue
        for disk in policy.left:
            if disk.volume_id not in in_policies:
                events.append(_left(policy, disk, now))
    for vault in vaults:
        events += _vault_full(vault, now)
    for project in projects:
        own = [policy for policy in policies if policy.cloud == project.cloud and policy.enabled]
        events += _quota(project, own, "backups", now)
        events += _quota(project, own, "gigabytes", now)
    soon = [event for event in events if event.at is None or event.at <= now + HORIZON]
    soon.sort(key=_place)
    return soon


def _place(event: Coming) -> tuple[datetime, str, str, str]:
    earliest = datetime.min.replace(tzinfo=UTC)
    return event.at or earliest, event.cloud, event.kind, event.subject


# --- one policy ---


def _of_policy(policy: PolicyPlan, now: datetime) -> Iterator[Coming]:
    if policy.enabled is False:
        yield from _policy_off(policy, now)
    elif policy.enabled:
        yield from _without_disk(policy, now)
        yield from _too_many_backups(policy, now)
        yield from _run_too_long(policy, now)


def _event(
    kind: ComingKind,
    policy: PolicyPlan,
    at: datetime | None,
    *,
    sentence: str,
    advice: str,
    volume_id: str | None = None,
    subject: str | None = None,
) -> Coming:
    if at is not None and policy.schedule is not None and policy.schedule.is_reckoned:
        sentence += " Its days are by our reckoning."
    return Coming(
        kind=kind,
        at=at,
        cloud=policy.cloud,
        policy=policy.policy,
        vault=None,
        volume_id=volume_id,
        subject=subject or policy.name,
        sum=sentence,
        advice=advice,
    )


def _next_slot(policy: PolicyPlan, now: datetime) -> datetime | None:
    return policy.schedule.next_after(now) if policy.schedule is not None else None


def _policy_off(policy: PolicyPlan, now: datetime) -> Iterator[Coming]:
    if policy.disks == 0:
        return
    since = "" if policy.off_since is None else f" since {_time(policy.off_since)}"
    at = _next_slot(policy, now)
    missed = "" if at is None else f" Its run of {_time(at)} will not be made."
    yield _event(
        ComingKind.POLICY_OFF,
        policy,
        at,
        sentence=(
            f"It is switched off{since}, so that {_disks(policy.disks)} "
            f"{_verb(policy.disks, 'gets', 'get')} no backups by it.{missed}"
        ),
        advice="Switch it on, or move its disks to a policy that is on.",
    )


def _without_disk(policy: PolicyPlan, now: datetime) -> Iterator[Coming]:
    if not policy.has_none:
        return
    yield _event(
        ComingKind.POLICY_WITHOUT_DISK,
        policy,
        _next_slot(policy, now),
        sentence="It is on and has no disk: its runs back up nothing.",
        advice="Add the disks that it was made for, or delete it.",
    )


def _left(policy: PolicyPlan, disk: LeftDisk, now: datetime) -> Coming:
    at = _next_slot(policy, now) if policy.enabled else None
    run = "" if at is None else f" The run of {_time(at)} will be without it."
    return _event(
        ComingKind.DISK_LEFT_POLICY,
        policy,
        at,
        sentence=(
            f"It left policy “{policy.name}” by {_time(disk.left_at)} and is in no other policy "
            f"that is on.{run}"
        ),
        advice="Add it to a policy, or say that it needs no backups.",
        volume_id=disk.volume_id,
        subject=disk.name,
    )


def _too_many_backups(policy: PolicyPlan, now: datetime) -> Iterator[Coming]:
    """Foretells the 21st backup of a disk of VBS: what the policy comes to keep, and those that it
    does not delete, are more than 20.
    """
    most = most_kept(policy.retention, policy.schedule)
    is_endless = most is None and policy.retention.forever
    if not policy.limits_backups or policy.schedule is None or (most is None and not is_endless):
        return
    slots = policy.schedule.slots(_just_after(now), now + HORIZON)
    hits: list[tuple[datetime, MemberPlan]] = []
    for member in policy.members:
        others = max(0, member.backups - member.kept)
        if most is not None and most + others <= MOST_BACKUPS:
            continue
        runs = max(1, MOST_BACKUPS + 1 - member.backups)
        if runs <= len(slots):
            hits.append((slots[runs - 1], member))
    if not hits:
        return
    hits.sort(key=lambda hit: (hit[0], hit[1].name))
    at, first = hits[0]
    if most is None:
        keeps = "It deletes no backup"
    else:
        keeps = f"It comes to keep {_amount(most, 'backups')} of each disk"
    others = max(0, first.backups - first.kept)
    beside = f", beside {others} that it did not make" if others else ""
    sentence = (
        f"{keeps}; one disk may have {MOST_BACKUPS} (VolumeBackup.0040). Disk “{first.name}” has "
        f"{first.backups} now{beside}: the run of {_time(at)} would make one more than that."
    )
    if len(hits) > 1:
        more = len(hits) - 1
        sentence += f" {thousands(more)} more {_verb(more, 'disk follows', 'disks follow')}."
    yield _event(
        ComingKind.BACKUPS_PER_DISK,
        policy,
        at,
        sentence=sentence,
        advice="Let the policy keep fewer backups, or delete those made by hand.",
        volume_id=first.volume_id if len(hits) == 1 else None,
    )


def _run_too_long(policy: PolicyPlan, now: datetime) -> Iterator[Coming]:
    if policy.schedule is None or policy.disks == 0 or len(policy.durations) < LEAST_DURATIONS:
        return
    typical = timedelta(seconds=median(policy.durations))
    slots = policy.schedule.slots(_just_after(now), now + HORIZON)
    for before, after in pairwise(slots):
        if typical <= after - before:
            continue
        yield _event(
            ComingKind.RUN_TOO_LONG,
            policy,
            after,
            sentence=(
                f"Its runs take {span(typical)}, by the median of the last "
                f"{len(policy.durations)} good ones. From the run of {_time(before)} to the next "
                f"there are {span(after - before)}: while one runs, the next one is skipped."
            ),
            advice="Leave more time between its runs, or spread its disks over several policies.",
        )
        return


# --- vaults ---


def _vault_full(vault: VaultPlan, now: datetime) -> Iterator[Coming]:
    """Foretells a vault without room. One that grows by itself does so only before it is full
    (API.md §12).
    """
    if vault.size_gb is None or vault.used_mb is None or vault.size_gb <= 0:
        return
    most_mb = vault.size_gb * MB_PER_GB
    holds = f"It holds {size(vault.used_mb)} of {size(most_mb)}"
    if vault.used_mb >= most_mb:
        expands = " That it may grow by itself has no effect any more." if vault.auto_expand else ""
        yield _of_vault(vault, None, f"{holds}: it is full, and new backups fail.{expands}")
        return
    if vault.auto_expand is not False:
        return
    line = trend(vault.samples)
    days = days_until(most_mb, vault.used_mb, line)
    if days is None or line is None or days > HORIZON.days:
        return
    at = now + timedelta(days=days)
    first_day = vault.samples[0][0]
    known_days = (vault.samples[-1][0] - first_day).days
    sentence = (
        f"{holds}, and grew by {size(round(line.slope))} a day over the last {known_days} days: "
        f"the {size(most_mb - vault.used_mb)} that are left last until {at:%Y-%m-%d}. It does not "
        "grow by itself."
    )
    yield _of_vault(vault, at, sentence)


def _of_vault(vault: VaultPlan, at: datetime | None, sentence: str) -> Coming:
    return Coming(
        kind=ComingKind.VAULT_FULL,
        at=at,
        cloud=vault.cloud,
        policy=None,
        vault=vault.vault,
        volume_id=None,
        subject=vault.name,
        sum=sentence,
        advice="Make the vault larger, delete backups in it, or keep fewer of them.",
    )


# --- quotas ---


Resource = Literal["backups", "gigabytes"]
_KIND_OF: Final[Mapping[Resource, ComingKind]] = {
    "backups": ComingKind.QUOTA_BACKUPS,
    "gigabytes": ComingKind.QUOTA_GIGABYTES,
}


class _Filling:
    """How one policy fills up: at each of its runs each disk adds a backup, until the policy keeps
    as many as it comes to keep; from then on one goes for each that is made.
    """

    def __init__(self, policy: PolicyPlan, weigh: Resource) -> None:
        self.policy = policy
        most = most_kept(policy.retention, policy.schedule)
        self.is_endless = most is None and policy.retention.forever and bool(policy.members)
        self.most = most
        weights = []
        for member in policy.members:
            room = max(0, (most or 0) - member.kept)
            weight = 1 if weigh == "backups" else (member.size_gb or 0)
            weights.append((room, weight))
        weights.sort()
        self._rooms = [room for room, _ in weights]
        self._until = [0, *accumulate(weight for _, weight in weights)]
        self.total_weight = self._until[-1]
        self.planned = self.total_weight * (most or 0)

    def added_by(self, runs_before: int) -> int:
        """Returns how much the run adds that comes after so many."""
        if self.is_endless:
            return self.total_weight
        if self.most is None:
            return 0
        return self.total_weight - self._until[bisect_right(self._rooms, runs_before)]


def _quota(
    project: ProjectPlan, policies: Sequence[PolicyPlan], weigh: Resource, now: datetime
) -> Iterator[Coming]:
    """Foretells that the plans of a project need more than its quota.

    The disks that a policy has by the cloud's own count, but that were never seen, count in the
    plan; for the date only those that are known do.
    """
    quota = project.quota_backups if weigh == "backups" else project.quota_gigabytes
    used = project.used_backups if weigh == "backups" else project.used_gigabytes
    if quota is None or quota < 0:
        return
    fillings = [_Filling(policy, weigh) for policy in policies]
    planned = 0
    for filling in fillings:
        planned += filling.planned
        if weigh == "backups":
            unseen = filling.policy.disks - len(filling.policy.members)
            planned += unseen * (filling.most or 0)
    if planned == 0 and not any(filling.is_endless for filling in fillings):
        return
    at = _reached_at(fillings, used, quota, now)
    sentence = _plan_in_words(fillings, planned, weigh)
    limit = f"the quota is {_amount(quota, weigh)}; {_amount(used, weigh)} count now"
    if at is not None:
        sentence += f"; {limit}. The run of {_time(at)} needs more than the quota."
    elif planned > quota:
        sentence += f"; {limit}."
    else:
        at = _grown_at(project, planned, quota, now)
        if at is None:
            return
        sentence += (
            f"; {limit}. The number of disks grows, and by {at:%Y-%m-%d} as many are to be kept "
            "as the quota allows."
        )
    kinds = "backups" if weigh == "backups" else "GB of backups"
    yield Coming(
        kind=_KIND_OF[weigh],
        at=at,
        cloud=project.cloud,
        policy=fillings[0].policy.policy if len(fillings) == 1 else None,
        vault=None,
        volume_id=None,
        subject=f"quota of {kinds}",
        sum=sentence,
        advice="Ask the cloud for a larger quota, keep fewer backups, or take disks out.",
    )


def _reached_at(
    fillings: Sequence[_Filling], used: int, quota: int, now: datetime
) -> datetime | None:
    """Returns the first run that needs more than the quota, by what is known of the disks."""
    timelines = []
    for place, filling in enumerate(fillings):
        schedule = filling.policy.schedule
        if schedule is None:
            continue
        slots = schedule.slots(_just_after(now), now + HORIZON)
        timelines.append([(slot, place) for slot in slots])
    runs = [0] * len(fillings)
    for slot, place in merge(*timelines):
        used += fillings[place].added_by(runs[place])
        runs[place] += 1
        if used > quota:
            return slot
    return None


def _grown_at(project: ProjectPlan, planned: int, quota: int, now: datetime) -> datetime | None:
    """Returns when so many disks are in policies that their plans need the quota: each new one like
    those that are in now.
    """
    if planned == 0 or not project.disks or project.disks[-1][1] <= 0:
        return None
    disks_now = project.disks[-1][1]
    days = days_until(quota * disks_now / planned, disks_now, trend(project.disks))
    if days is None or days > HORIZON.days:
        return None
    return datetime.combine(now.astimezone(UTC).date(), time(), UTC) + timedelta(days=round(days))


def _plan_in_words(fillings: Sequence[_Filling], planned: int, weigh: Resource) -> str:
    """Writes "Policy “a” comes to keep 10 backups of each of 45 disks: 450 backups"."""
    parts = []
    for filling in fillings:
        disks = _disks(filling.policy.disks)
        if filling.is_endless:
            parts.append(f"policy “{filling.policy.name}” deletes no backup of {disks}")
        elif filling.most is not None and filling.policy.disks:
            parts.append(
                f"policy “{filling.policy.name}” comes to keep "
                f"{_amount(filling.most, 'backups')} of {_each_of(filling.policy.disks)}"
            )
    shown = parts[:_NAMED]
    if len(parts) > len(shown):
        shown.append(f"{len(parts) - len(shown)} more policies theirs")
    text = "; ".join(shown)
    text = text[0].upper() + text[1:]
    if planned:
        text += f": {_amount(planned, weigh)}"
    return text


def _amount(number: int, weigh: Resource) -> str:
    if weigh == "gigabytes":
        return f"{thousands(number)} GB"
    return "1 backup" if number == 1 else f"{thousands(number)} backups"


def _disks(number: int) -> str:
    return "1 disk" if number == 1 else f"{thousands(number)} disks"


def _each_of(number: int) -> str:
    return "1 disk" if number == 1 else f"each of {_disks(number)}"


def _verb(number: int, singular: str, plural: str) -> str:
    return singular if number == 1 else plural


def _just_after(now: datetime) -> datetime:
    return now + timedelta(microseconds=1)


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
