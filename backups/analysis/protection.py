"""Whether a volume is safe: its protection and the reason in one sentence, from its last good
backup, its rule, and how much is known now.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from backups.analysis.facts import Fact, Moment, moment
from backups.analysis.rules import InForce, span
from backups.vbs.statuses import MAKING

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
UNPROTECTED: tuple[Protection, ...] = ("overdue", "never")
OUTSIDE: tuple[Protection, ...] = ("exempt", "deleted")  # not in the total of volumes


@dataclass(frozen=True)
class Good:
    """A backup that can be restored, and the moment it goes back to."""

    fact: Fact
    moment: Moment


@dataclass(frozen=True)
class Knowledge:
    """How much is known of a volume; each instant is the one until which the knowledge counts, None
    if there is none.

    `answering_until`: its cloud answers; `listed_until`: its list of backups was read;
    `good_until`: the cloud answered for the last good backup, which asks for nothing when there is
    no such backup. `followed`: its new backups are found.
    """

    answering_until: datetime | None
    listed_until: datetime | None
    good_until: datetime | None
    followed: bool


@dataclass(frozen=True)
class Standing:
    """What the protection of a volume is derived from. `undated`: what can be restored of it has no
    time that can be believed.

    `has_others`: it may have a good backup beside those that are known under its cloud, newer than
    the last good one. `running`: a backup of it is being made now.
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
    running: bool = False


def last_good(facts: Iterable[Fact], now: datetime) -> Good | None:
    """Returns the newest backup that can be restored and whose moment can be believed."""
    candidates: list[Good] = []
    for fact in facts:
        if fact.is_good:
            holds = moment(fact, now)
            if holds is not None:
                candidates.append(Good(fact, holds))
    return max(candidates, key=lambda good: (good.moment.at, good.fact.id), default=None)


def running(facts: Iterable[Fact], good_at: datetime | None) -> Fact | None:
    """Returns the newest backup that is being made, if it was begun after the last good one."""
    making = [fact for fact in facts if fact.status in MAKING and fact.gone_at is None]
    newest = max(making, key=lambda fact: (fact.at, fact.id), default=None)
    if newest is None or (good_at is not None and newest.at <= good_at):
        return None
    return newest


def undated(facts: Iterable[Fact], now: datetime) -> bool:
    """Returns whether something can be restored, and nobody can say of when."""
    good = [fact for fact in facts if fact.is_good]
    return bool(good) and all(moment(fact, now) is None for fact in good)


def protection(volume: Standing, now: datetime) -> Protection:
    """The twin of `VolumeQuerySet.with_protection`, which says the same in SQL; a
    test proves them equal.
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
    if volume.overdue_at is not None and volume.overdue_at > now:
        return "late"
    return "overdue"


def doubt(volume: Standing, now: datetime) -> str | None:
    """Returns why nothing can be said now, as a sentence; None when something can."""
    knowledge = volume.knowledge
    if knowledge.answering_until is None or knowledge.answering_until <= now:
        return "Its cloud has not given a good answer lately."
    if not knowledge.followed:
        return "New backups are not followed, so a newer one may be there without being known."
    if knowledge.listed_until is None or knowledge.listed_until <= now:
        return "The cloud's list of backups was not read lately, so a newer one may be there."
    if volume.good_at is not None:
        if knowledge.good_until is None or knowledge.good_until <= now:
            return "What is known of its last good backup is too old to rely on."
    elif volume.undated:
        return "It has backups that can be restored, but none with a time that can be believed."
    is_unprotected = volume.good_at is None or volume.late_at is None or volume.late_at <= now
    if is_unprotected and volume.has_others:
        return (
            "It may have a good backup that the cloud has not answered for, or that another cloud "
            "tracks."
        )
    return None


def why(volume: Standing, now: datetime) -> str:
    """Returns the reason for the protection, in one sentence that stays the same as long
    as the protection does.
    """
    state = protection(volume, now)
    if state == "deleted" and volume.deleted_at is not None:
        return (
            f"It is not in the cloud's list of disks since {utc_text(volume.deleted_at)}; its "
            "backups are kept."
        )
    if state == "exempt":
        until = f" until {utc_text(volume.exempt_until)}" if volume.exempt_until else ""
        return f"It needs no backup{until}: {volume.exempt_reason}"
    if state == "unknown":
        return doubt(volume, now) or ""
    being_made = "; one is being made now" if volume.running else ""
    if volume.good_at is None or volume.late_at is None or volume.overdue_at is None:
        return (
            f"No backup that could be restored is known, and the cloud's list was read{being_made}."
        )
    last_good = f"The last good backup holds {utc_text(volume.good_at)} ({volume.good_source})"
    late_at = utc_text(volume.late_at)
    overdue_at = utc_text(volume.overdue_at)
    rule = _rule(volume.rule)
    if state == "protected":
        return f"{last_good}; the next is expected by {late_at}: {rule}."
    if state == "late":
        return (
            f"{last_good}; the next was expected by {late_at} and has grace until "
            f"{overdue_at}{being_made}."
        )
    return f"{last_good}; the next is overdue since {overdue_at}{being_made}: {rule}."


def _rule(in_force: InForce) -> str:
    rule = in_force.rule
    return f"{rule.when} with {span(rule.grace)} of grace, {in_force.source}"


def utc_text(at: datetime) -> str:
    """Returns a time as sentences have it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
