"""How long it takes to judge each promised run of 30 days: of 8,000 disks by the rules alone, and
of the filled database with reading and writing.
"""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone

from backups.analysis import runs as judged
from backups.analysis.runs import Evidence, Slot, judge, when_to_judge
from backups.analysis.schedule import Schedule, read
from backups.bench.fill import CLOUD, ready
from backups.bench.report import Report, spent
from backups.derived import queue, volumes
from backups.models import (
    Backup,
    Policy,
    PolicyMember,
    PolicyRevision,
    PolicyTask,
    Run,
    Volume,
)
from backups.vbs.policies import TaskState

DISKS = 8000
DAYS = 30
BATCH = 600  # disks of one batch of answers
NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
SEED = 19
POLICIES = (
    {"calendar": "vbs", "hours": ["22:00"], "frequency": 1, "weekdays": None, "time_zone": None},
    {
        "calendar": "rrule",
        "patterns": ["FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=1;BYMINUTE=30"],
        "start_time": "2026-05-08T06:57:05Z",
        "time_zone": "UTC+01:00",
    },
)
_STATES = (
    *[TaskState.MADE] * 16,
    TaskState.FAILED,
    TaskState.SKIPPED,
    TaskState.TIMED_OUT,
    TaskState.UNKNOWN,
)
Disk = tuple[Sequence[Slot], Sequence[Evidence]]


def run(report: Report) -> None:
    if connection.vendor == "sqlite":
        # No database is asked, so it is measured once.
        _judge_by_rules(report)
    _judge_in_database(report)


def _judge_in_database(report: Report) -> None:
    """Derives disks of the filled database with and without a policy that covers them all."""
    now = timezone.now()
    ready(now)
    queue.derive_due(CLOUD, now)
    volume_ids = list(Volume.objects.filter(cloud=CLOUD).values_list("volume_id", flat=True))
    batch = volume_ids[:BATCH]
    report.head(f"Deriving {len(volume_ids):,} disks of {Backup.objects.count():,} backups")
    without = spent(lambda: volumes.derive(CLOUD, volume_ids, now)).cpu
    batch_without = spent(lambda: volumes.derive(CLOUD, batch, now)).cpu
    policy = _add_policy(volume_ids, now)
    try:
        first = spent(lambda: volumes.derive(CLOUD, volume_ids, now)).cpu
        again = spent(lambda: volumes.derive(CLOUD, volume_ids, now)).cpu
        after_batch = spent(lambda: volumes.derive(CLOUD, batch, now)).cpu
        report.row("runs that are stored", Run.objects.filter(policy=policy).count(), "")
    finally:
        PolicyTask.objects.filter(cloud=CLOUD).delete()
        policy.delete()
        Volume.objects.filter(cloud=CLOUD).update(
            policy=None, last_run_at=None, last_run_outcome=None, runs_judge_at=None
        )
    report.row("all without a policy", without, "s")
    report.row("… with one, the first time", first, "s", reference=without)
    report.row("… and once more", again, "s", reference=without)
    report.row(f"a batch of {len(batch)} without a policy", batch_without, "s")
    report.row("… with one", after_batch, "s", reference=batch_without)
    report.row("of that for its runs", after_batch - batch_without, "s", most=0.3)


def _add_policy(volume_ids: Sequence[str], now: datetime) -> Policy:
    since = now - timedelta(days=DAYS + 10)
    words = {"enabled": True, "schedule": POLICIES[0], "retention": {}}
    policy = Policy.objects.create(
        cloud_id=CLOUD,
        policy_id="of the bench",
        api="vbs",
        name="bench",
        period_seconds=86_400,
        first_seen_at=since,
        seen_at=now,
        tasks_read_at=now,
        **words,
    )
    PolicyRevision.objects.create(policy=policy, since=since, **words)
    members = [
        PolicyMember(policy=policy, volume_id=volume_id, source="task", since=since, seen_at=now)
        for volume_id in volume_ids
    ]
    PolicyMember.objects.bulk_create(members, batch_size=500)
    slots = read(POLICIES[0]).slots(now - timedelta(days=DAYS), now)
    tasks: list[PolicyTask] = []
    for volume_id in volume_ids:
        for number, at in enumerate(slots):
            tasks.append(
                PolicyTask(
                    cloud_id=CLOUD,
                    task_id=f"{volume_id} {number}",
                    policy_id=policy.policy_id,
                    volume_id=volume_id,
                    state=TaskState.MADE.value,
                    created_at=at,
                    ended_at=at + timedelta(minutes=20),
                )
            )
    PolicyTask.objects.bulk_create(tasks, batch_size=500)
    return policy


def _judge_by_rules(report: Report) -> None:
    schedules = [read(spec) for spec in POLICIES]
    disks = _disks(schedules)
    report.head(f"Verdicts of {DISKS:,} disks over {DAYS} days")
    bare = spent(lambda: _walk(disks)).cpu
    verdicts = spent(lambda: _judge_all(disks)).cpu
    report.row("slots", sum(len(slots) for slots, _ in disks), "")
    report.row("tasks and backups", sum(len(evidence) for _, evidence in disks), "")
    report.row("slots of every disk, by its policy's schedule", _slots_of_all(schedules), "s")
    report.row("every verdict", verdicts, "s", most=3)
    report.row("… against walking over the same, judging nothing", verdicts, "s", reference=bare)
    batch = spent(lambda: _judge_all(disks[:BATCH])).cpu
    report.row(f"after a batch on {BATCH} disks", batch, "s", most=0.3)


def _disks(schedules: Sequence[Schedule]) -> list[Disk]:
    """Makes disks of which nearly each run has a task and the backup that it made."""
    chance = random.Random(SEED)  # noqa: S311 - nothing secret
    begin = NOW - timedelta(days=DAYS)
    disks: list[Disk] = []
    for number in range(DISKS):
        policy = number % len(schedules)
        slots = [Slot(policy, at) for at in schedules[policy].slots(begin, NOW)]
        evidence: list[Evidence] = []
        for slot in slots:
            if chance.random() < 0.03:
                continue
            at = slot.at + timedelta(seconds=chance.randrange(-60, 7200))
            ended_at = at + timedelta(minutes=chance.randrange(2, 90))
            state = chance.choice(_STATES)
            evidence.append(Evidence(at, state, policy, ended_at, None, None, from_task=True))
            if state is TaskState.MADE:
                made_at = at + timedelta(seconds=40)
                evidence.append(
                    Evidence(made_at, state, None, ended_at, "b", None, from_task=False)
                )
        disks.append((slots, evidence))
    return disks


def _slots_of_all(schedules: Sequence[Schedule]) -> float:
    begin = NOW - timedelta(days=DAYS)

    def ask() -> None:
        for number in range(DISKS):
            schedules[number % len(schedules)].slots(begin, NOW)

    return spent(ask).cpu


def _walk(disks: Sequence[Disk]) -> None:
    for slots, evidence in disks:
        for _ in slots:
            pass
        for _ in evidence:
            pass


def _judge_all(disks: Sequence[Disk]) -> list[judged.Run]:
    runs: list[judged.Run] = []
    for slots, evidence in disks:
        of_disk = judge(slots, evidence, complete_until=NOW, now=NOW)
        when_to_judge(None, of_disk, NOW)
        runs += of_disk
    return runs
