"""What is promised for one disk as its page shows it."""

from collections import Counter
from dataclasses import dataclass

from backups.reports.policies import worst_first
from backups.reports.volume_runs import GoingBackup, PolicyOfVolume, RunOfVolume, VolumePlan
from backups.web import status
from backups.web.policy_rows import counted, policy_url
from backups.web.status import Badge

RUNS_SHOWN = 10  # the others are folded away
MOST_FOLDED = 190
GOING_SHOWN = 3


@dataclass(frozen=True)
class PolicyLink:
    policy: PolicyOfVolume
    href: str | None


@dataclass(frozen=True)
class RunRow:
    """`late`: so many seconds, where the run was late by the word."""

    run: RunOfVolume
    badge: Badge
    href: str | None


@dataclass(frozen=True)
class PlanRow:
    """`next`: the policy that runs next; `others`: those beside it. `older`: runs that are folded
    away. `outcomes`: a badge with its number for each outcome of 30 days.
    """

    plan: VolumePlan
    badge: Badge
    next: PolicyLink | None
    others: tuple[PolicyLink, ...]
    outcomes: tuple[Badge, ...]
    newest: tuple[RunRow, ...]
    older: tuple[RunRow, ...]
    untold: int
    going: tuple[GoingBackup, ...]
    more_going: int


def plan_row(plan: VolumePlan) -> PlanRow:
    links = [_link(policy) for policy in plan.policies]
    has_next = plan.next is not None
    rows = [_run_row(run) for run in plan.runs]
    outcomes = Counter(run.outcome for run in plan.runs)
    shown = RUNS_SHOWN + MOST_FOLDED
    return PlanRow(
        plan=plan,
        badge=status.SCHEDULES[plan.word],
        next=links[0] if has_next else None,
        others=tuple(links[1:] if has_next else links),
        outcomes=counted(worst_first(outcomes)),
        newest=tuple(rows[:RUNS_SHOWN]),
        older=tuple(rows[RUNS_SHOWN:shown]),
        untold=max(0, len(rows) - shown),
        going=plan.going[:GOING_SHOWN],
        more_going=max(0, len(plan.going) - GOING_SHOWN),
    )


def _run_row(run: RunOfVolume) -> RunRow:
    return RunRow(run, status.of_run(run.outcome), policy_url(run.policy_cloud, run.policy_id))


def _link(policy: PolicyOfVolume) -> PolicyLink:
    return PolicyLink(policy, policy_url(policy.cloud, policy.policy_id))
