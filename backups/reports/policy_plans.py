"""Policies as the JSON API and its CSV list them: some of a page, with the disks that are named."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from backups.analysis.schedule import UnreadableSchedule, read
from backups.models import Access, Policy, PolicyMember
from backups.query.list_query import ListQuery
from backups.query.page import Pages
from backups.query.policies import POLICIES
from backups.reports.policies import (
    PolicyState,
    Revision,
    RunOfDisk,
    Slot,
    policy_detail,
    policy_states,
    visible_policies,
)

MOST_IDS: Final = 100  # of the disks of a policy; `count` says how many there are


@dataclass(frozen=True, kw_only=True)
class PolicyPlan:
    """The shape `policy` of the JSON API. `volume_ids`: the first of its disks."""

    state: PolicyState
    volume_ids: Sequence[str]

    def as_row(self) -> dict[str, Any]:
        """Returns the words of POLICY_FIELDS."""
        state = self.state
        return {
            "cloud": state.cloud,
            "policy_id": state.policy_id,
            "name": state.name,
            "api": state.api,
            "enabled": state.enabled,
            "schedule": {
                "text": state.when,
                "next_run_at": state.next_run_at,
                "why_no_run": state.why_no_run,
                "is_reckoned": state.is_reckoned,
                "readable": state.why_unreadable is None,
                "problem": state.why_unreadable,
            },
            "retention": {**asdict(state.retention), "text": state.retention_in_words},
            "members": {
                "known_from": _known_from(state),
                "count": state.members.known,
                "claimed": state.members.claimed,
                "volume_ids": list(self.volume_ids),
            },
            "vaults": [{"vault_id": vault.vault_id, "name": vault.name} for vault in state.vaults],
            "newest_run": _newest_run(state),
            "runs_30_days": dict(state.outcomes),
            "first_seen_at": state.first_seen_at,
            "seen_at": state.seen_at,
            "deleted_at": state.deleted_at,
            "problems": list(state.problems),
        }


def policy_pages(query: ListQuery, now: datetime, *, access: Access) -> Pages:
    """Returns the pages of what the reader may see: what a cloud has, or had in the last 30
    days.
    """
    return Pages(POLICIES, query, now, rows=visible_policies(now, access=access))


def policy_plans(pks: Sequence[int], now: datetime, *, access: Access) -> list[PolicyPlan]:
    """Returns these policies in this order; six queries."""
    states = policy_states(Policy.objects.filter(pk__in=pks), now, access=access)
    by_pk = {state.pk: state for state in states}
    ids = _named(list(by_pk), access)
    present = [by_pk[pk] for pk in pks if pk in by_pk]
    return [PolicyPlan(state=state, volume_ids=ids.get(state.pk, ())) for state in present]


def one_policy(
    cloud: str, policy_id: str, now: datetime, *, access: Access
) -> dict[str, Any] | None:
    """Returns the shape `policy` of the JSON API with its slots and how it was read before; None
    when there is none, or not where the reader may look.
    """
    detail = policy_detail(cloud, policy_id, now, access=access)
    if detail is None:
        return None
    ids = _named([detail.state.pk], access).get(detail.state.pk, ())
    plan = PolicyPlan(state=detail.state, volume_ids=ids)
    return {
        **plan.as_row(),
        "slots": [_slot(slot) for slot in detail.slots],
        "revisions": [_revision(revision) for revision in detail.revisions],
    }


def next_runs(now: datetime, *, access: Access) -> list[datetime | None]:
    """Returns when each policy that the cloud has runs next, in one query: with the first of them
    that passes, an answer that names it is another one.
    """
    rows = Policy.objects.visible_to(access).standing().filter(enabled=True).order_by("pk")
    runs: list[datetime | None] = []
    for spec in rows.values_list("schedule", flat=True):
        try:
            runs.append(read(spec).next_after(now))
        except UnreadableSchedule:
            runs.append(None)
    return runs


def _named(policies: Sequence[int], access: Access) -> dict[int, list[str]]:
    """Returns the first members of each of these policies by their IDs, in one query."""
    # The type checker knows no annotation.
    members: Any = PolicyMember.objects.visible_to(access)
    members = members.filter(policy__in=policies, until=None)
    place = Window(RowNumber(), partition_by=[F("policy")], order_by="volume_id")
    first = members.annotate(place=place).filter(place__lte=MOST_IDS)
    named: dict[int, list[str]] = {}
    for policy, volume_id in first.order_by("policy", "volume_id").values_list(
        "policy", "volume_id"
    ):
        named.setdefault(policy, []).append(volume_id)
    return named


def _known_from(state: PolicyState) -> str:
    if state.members.known == 0:
        return "exact" if state.api == "cbr" else "observed"
    return "observed" if state.members.observed else "exact"


def _newest_run(state: PolicyState) -> dict[str, Any] | None:
    if state.newest is None:
        return None
    return {"slot_at": state.newest.at, "outcomes": dict(state.newest.counts)}


def _slot(slot: Slot) -> dict[str, Any]:
    return {
        "slot_at": slot.outcomes.at,
        "outcomes": dict(slot.outcomes.counts),
        "not_made": [_run(run) for run in slot.not_made],
        "not_named": slot.outcomes.not_made - len(slot.not_made),
    }


def _run(run: RunOfDisk) -> dict[str, Any]:
    return {
        "volume_id": run.volume_id,
        "name": run.title,
        "outcome": run.outcome,
        "late_seconds": run.late_seconds,
        "duration_seconds": run.duration_seconds,
        "backup_id": run.backup_id,
        "reason": run.reason,
    }


def _revision(revision: Revision) -> dict[str, Any]:
    return {"since": revision.since, "text": revision.sentence}
