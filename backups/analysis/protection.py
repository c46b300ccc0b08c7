"""Is a disk safe? One word and one sentence, from its last good backup, its rule, and how much is
known now.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from backups.analysis.facts import Fact, Moment, moment
from backups.analysis.rules import InForce, span

Protection = Literal["protected", "late", "overdue", "never", "exempt", "unknown", "deleted"]
PROTECTIONS: tuple[Protection, ...] = (
    "protected",
    "late",
    "overdue",
    "never",
    "exempt",
    "unknown",
    "deleted",
)
OUTSIDE: tuple[Protection, ...] = ("exempt", "deleted")  # not in the total of disks


@dataclass(frozen=True)
class Good:
    """A backup that can be restored, and the moment it goes back to."""

    fact: Fact
    moment: Moment


@dataclass(frozen=True)
class Knowledge:
    """How much is known of a disk; each instant is the one until which the knowledge counts, None
    if there is none.

    `heard_until`: its cloud answers; `listed_until`: its list of backups was read; `good_until`:
    the cloud answered for the last good backup. `good_until` asks for nothing when there is no such
    backup.
    """

    heard_until: datetime | None
    listed_until: datetime | None
    good_until: datetime | None
    followed: bool


@dataclass(frozen=True)
class Standing:
    """What a disk's word is derived from. `undated`: what can be restored of it has no time that
    can be believed.

    `has_others`: it may have a good backup beside those that are known under its cloud, newer than
    the last good one.
    """

    good_at: datetime | None
    good_source: str | None
    late_at: datetime | None
    overdue_at: datetime | None
    rule: InForce
    knowledge: Knowledge
    undated: bool = False
    has_others: bool = False
    deleted_at: datetime | None = None
    exempt_reason: str | None = None
    exempt_until: datetime | None = None
    running: bool = False  # a backup of it is being made now


def last_good(facts: Iterable[Fact], now: datetime) -> Good | None:
    """The newest backup that can be restored and whose moment can be believed."""
    found = [
        Good(fact, at) for fact in facts if fact.is_good and (at := moment(fact, now)) is not None
    ]
    return max(found, key=lambda good: (good.moment.at, good.fact.id), default=None)


def running(facts: Iterable[Fact], good_at: datetime | None) -> Fact | None:
    """The newest backup that is being made, begun after the last good one."""
    found = [fact for fact in facts if fact.status == "creating" and fact.gone_at is None]
    newest = max(found, key=lambda fact: (fact.at, fact.id), default=None)
    return newest if newest is not None and (good_at is None or newest.at > good_at) else None


def undated(facts: Iterable[Fact], now: datetime) -> bool:
    """Something can be restored, and nobody can say of when."""
    good = [fact for fact in facts if fact.is_good]
    return bool(good) and all(moment(fact, now) is None for fact in good)


def protection(volume: Standing, now: datetime) -> Protection:
    """The twin of `VolumeQuerySet.with_protection`, which says the same in SQL; a test proves them
    equal.
    """
    if volume.deleted_at is not None:
        return "deleted"
    if volume.exempt_reason is not None and (
        volume.exempt_until is None or volume.exempt_until > now
    ):
        return "exempt"
    if doubt(volume, now) is not None:
        return "unknown"
    if volume.good_at is None:
        return "never"
    if volume.late_at is not None and volume.late_at > now:
        return "protected"
    return "late" if volume.overdue_at is not None and volume.overdue_at > now else "overdue"


def doubt(volume: Standing, now: datetime) -> str | None:
    """Why nothing can be said now, as a sentence; None when something can."""
    known = volume.knowledge
    if known.heard_until is None or known.heard_until <= now:
        return "Its cloud has not given a good answer lately."
    if not known.followed:
        return "New backups are not followed, so a newer one may be there without being known."
    if known.listed_until is None or known.listed_until <= now:
        return "The cloud's list of backups was not read lately, so a newer one may be there."
    if volume.good_at is not None and (known.good_until is None or known.good_until <= now):
        return "What is known of its last good backup is too old to rely on."
    if volume.good_at is None and volume.undated:
        return "It has backups that can be restored, but none with a time that can be believed."
    is_unprotected = volume.good_at is None or volume.late_at is None or volume.late_at <= now
    if is_unprotected and volume.has_others:
        return (
            "It may have a good backup that the cloud has not answered for, or that another cloud "
            "tracks."
        )
    return None


def why(volume: Standing, now: datetime) -> str:
    """The word's reason, in one sentence that stays the same as long as the word does."""
    word = protection(volume, now)
    if word == "deleted" and volume.deleted_at is not None:
        return (
            f"It is not in the cloud's list of disks since {clock(volume.deleted_at)}; its "
            "backups are kept."
        )
    if word == "exempt":
        until = f" until {clock(volume.exempt_until)}" if volume.exempt_until else ""
        return f"It needs no backup{until}: {volume.exempt_reason}"
    if word == "unknown":
        return doubt(volume, now) or ""
    now_made = "; one is being made now" if volume.running else ""
    if (
        word == "never"
        or volume.good_at is None
        or volume.late_at is None
        or volume.overdue_at is None
    ):
        return (
            f"No backup that could be restored is known, and the cloud's list was read{now_made}."
        )
    last = f"The last good backup holds {clock(volume.good_at)} ({volume.good_source})"
    if word == "protected":
        return f"{last}; the next is expected by {clock(volume.late_at)}: {_rule(volume.rule)}."
    if word == "late":
        grace = (
            f"the next was expected by {clock(volume.late_at)} and has grace until "
            f"{clock(volume.overdue_at)}"
        )
        return f"{last}; {grace}{now_made}."
    return (
        f"{last}; the next is overdue since {clock(volume.overdue_at)}{now_made}: "
        f"{_rule(volume.rule)}."
    )


def _rule(in_force: InForce) -> str:
    rule = in_force.rule
    when = (
        f"every {span(rule.period)}"
        if rule.cron is None
        else f"by cron “{rule.cron}” in {rule.zone}"
    )
    return f"{when} with {span(rule.grace)} of grace, {in_force.source}"


def clock(at: datetime) -> str:
    """A time as sentences have it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
