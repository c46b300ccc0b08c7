"""Policies and what became of their runs as pages show them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.urls import NoReverseMatch

from backups.analysis.numbers import thousands
from backups.reports.policies import Member, PolicyState, RunOfDisk, Slot
from backups.web import status
from backups.web.page_urls import page_url
from backups.web.status import Badge

NAMED = 10  # disks of one promised run; the others are counted
SOURCES: Mapping[str, str] = {
    "vault": "its vault names the disk",
    "server": "its vault names the server of the disk",
    "task": "seen in a run",
    "backup": "a backup of the disk names the policy",
    "disk": "the disk's own metadata name the policy",
}


@dataclass(frozen=True)
class PolicyRow:
    """A policy of the list. `newest` and `outcomes`: a badge with its number for each outcome."""

    state: PolicyState
    badge: Badge
    href: str | None
    newest: tuple[Badge, ...]
    outcomes: tuple[Badge, ...]


@dataclass(frozen=True)
class SlotRow:
    """A promised run. `named`: the first disks for which it was not made; `unnamed`: how many
    more there are.
    """

    slot: Slot
    outcomes: tuple[Badge, ...]
    named: tuple[RunOfDisk, ...]
    unnamed: int


@dataclass(frozen=True)
class MemberRow:
    member: Member
    known_by: str
    schedule: Badge
    last_run: Badge | None


def policy_url(cloud: str, policy_id: str) -> str | None:
    """Returns the path of a policy's page; None when what is stored can have none."""
    try:
        return page_url("policy", cloud, policy_id)
    except NoReverseMatch:
        return None


def policy_row(state: PolicyState) -> PolicyRow:
    return PolicyRow(
        state=state,
        badge=policy_badge(state),
        href=policy_url(state.cloud, state.policy_id),
        newest=counted(state.newest.counts) if state.newest else (),
        outcomes=counted(state.outcomes),
    )


def policy_badge(state: PolicyState) -> Badge:
    """Returns whether a policy is in force: what is old never looks healthy."""
    if state.deleted_at is not None:
        return status.POLICY_GONE
    badge = status.POLICIES[state.enabled]
    if state.is_current:
        return badge
    return replace(
        badge, tone="unk", glyph="g-stale", text=f"was {badge.text}", tooltip=status.POLICY_OLD
    )


def slot_row(slot: Slot) -> SlotRow:
    named = slot.not_made[:NAMED]
    unnamed = slot.outcomes.not_made - len(named)
    return SlotRow(slot, counted(slot.outcomes.counts), named, unnamed)


def member_row(member: Member) -> MemberRow:
    last_run = None
    if member.last_run_outcome is not None:
        last_run = status.of_run(member.last_run_outcome)
    return MemberRow(
        member=member,
        known_by=SOURCES.get(member.source, member.source),
        schedule=status.SCHEDULES[member.schedule],
        last_run=last_run,
    )


def counted(counts: Mapping[str, int]) -> tuple[Badge, ...]:
    """Returns a badge for each outcome, whose text begins with its number."""
    badges: list[Badge] = []
    for outcome, count in counts.items():
        badge = status.of_run(outcome)
        badges.append(replace(badge, text=f"{thousands(count)} {badge.text}"))
    return tuple(badges)
