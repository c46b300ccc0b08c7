"""Backup policies as the cloud tells them: what is promised, since when, and for which volumes.

`schedule` is what `analysis.schedule.read` reads, `retention` what `analysis.retention` does. What
a cloud stops naming is believed after a second reading; rows are kept for the runs that they
promised.
"""

from datetime import datetime
from typing import Any, Final

from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q

from backups.analysis.runs import WINDOW, RunOutcome
from backups.models.access import OfClouds, Row
from backups.models.cloud import Cloud
from backups.models.columns import CodePointText
from backups.models.volume import Volume

# Outcomes that stay once they are known, and those that may become others within WINDOW.
STAYS: Final = (
    RunOutcome.MADE,
    RunOutcome.LATE,
    RunOutcome.SKIPPED,
    RunOutcome.TIMED_OUT,
    RunOutcome.FAILED,
)
MAY_CHANGE: Final = (RunOutcome.NEVER_STARTED, RunOutcome.NOT_KNOWN)


def has_ended(now: datetime) -> Q:
    """Returns the condition of runs that the counter of the metrics has.

    One that never started may yet turn out to have started late, and what is not known may yet be:
    both have ended once nothing belongs to them any more.
    """
    return Q(outcome__in=STAYS) | Q(outcome__in=MAY_CHANGE, slot_at__lte=now - WINDOW)


class PolicyQuerySet(OfClouds["Policy"]):
    def standing(self) -> "PolicyQuerySet":
        """Returns those that the cloud still has, as far as is known."""
        return self.filter(deleted_at=None)


class Policy(models.Model):
    cloud = models.ForeignKey(Cloud, models.PROTECT, db_column="cloud", related_name="policies")
    policy_id = CodePointText()
    api = models.CharField(max_length=8)  # the dialect that told it: "vbs" or "cbr"
    name = CodePointText(null=True)
    enabled = models.BooleanField(null=True)  # null: could not be read
    schedule = models.JSONField(default=dict)
    retention = models.JSONField(default=dict)
    # The longest gap between two of its runs, in seconds; null when the schedule cannot be read.
    period_seconds = models.PositiveIntegerField(null=True)
    # How many volumes the cloud says it has: a control total where members are only observed.
    claimed = models.PositiveIntegerField(null=True)
    # Each vault that it is bound to could be read.
    vaults_known = models.BooleanField(default=True)
    problems = models.JSONField(default=list)  # sentences on what could not be read
    first_seen_at = models.DateTimeField()
    seen_at = models.DateTimeField()  # the last reading that named it
    # The first reading that did not, while that is not confirmed.
    missing_since = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    # Up to then all its tasks are known; null: they were never read, or may not be.
    tasks_read_at = models.DateTimeField(null=True)
    # Runs by outcome that were deleted, so that the counter of the metrics never goes back.
    pruned_runs = models.JSONField(default=dict)

    objects = PolicyQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint("cloud", "policy_id", name="policy_once_in_a_cloud"),
        )

    def __str__(self) -> str:
        return self.name or self.policy_id


class OfPolicies(OfClouds[Row]):
    """Rows of a policy, which lie in its cloud."""

    cloud_path = "policy__cloud"


class PolicyRevision(models.Model):
    """How a policy was read from `since` on, until the next revision. A run is judged by the one
    that was in force at its time.
    """

    policy = models.ForeignKey(Policy, models.CASCADE, related_name="revisions")
    since = models.DateTimeField()
    # The last reading that showed it otherwise; null: it is the first one. Of what was promised
    # between the two, nobody knows by which.
    otherwise_at = models.DateTimeField(null=True)
    enabled = models.BooleanField(null=True)
    schedule = models.JSONField(default=dict)
    retention = models.JSONField(default=dict)

    objects = OfPolicies["PolicyRevision"].as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint("policy", "since", name="policy_revision_once_at_a_time"),
        )

    def __str__(self) -> str:
        return f"{self.policy_id} since {self.since:%Y-%m-%d %H:%M}"


class MemberSource(models.TextChoices):
    """Where it is known from that a policy covers a volume."""

    VAULT = "vault"  # exact: the vault that the policy is bound to names the volume
    SERVER = "server"  # exact: the vault names the server that the volume is attached to
    TASK = "task"  # observed: a task of the policy ran for it
    BACKUP = "backup"  # observed: a backup of the volume names the policy
    DISK = "disk"  # observed: the volume's own metadata name the policy


class PolicyMember(models.Model):
    """A volume that a policy covers, from `since` until `until`, null while it does."""

    policy = models.ForeignKey(Policy, models.CASCADE, related_name="members")
    volume_id = CodePointText()
    source = models.CharField(max_length=8, choices=MemberSource.choices)
    since = models.DateTimeField()
    seen_at = models.DateTimeField()
    missing_since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)

    objects = OfPolicies["PolicyMember"].as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                "policy",
                "volume_id",
                condition=Q(until__isnull=True),
                name="policy_member_once_at_a_time",
            ),
        )
        indexes = (models.Index("volume_id", "policy", name="policy_member_volume"),)

    def __str__(self) -> str:
        return f"{self.volume_id} in {self.policy_id}"


class PolicyTask(models.Model):
    """One run of a policy, or one operation, as the cloud's own log of tasks tells it."""

    cloud = models.ForeignKey(Cloud, models.PROTECT, db_column="cloud", related_name="tasks")
    task_id = CodePointText()
    policy_id = CodePointText(null=True)  # as the API names it; null: by hand
    volume_id = CodePointText(null=True)
    server_id = CodePointText(null=True)  # where the task is about a whole server
    state = models.CharField(max_length=16)  # vbs.policies.TaskState
    status = models.TextField(null=True)  # as given
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    backup_id = models.UUIDField(null=True)
    backup_name = models.TextField(null=True)
    error_code = models.TextField(null=True)
    error_message = models.TextField(null=True)
    job_id = models.TextField(null=True)  # of VBS: what `GET /v1/…/jobs/{id}` asks for

    objects = OfClouds["PolicyTask"].as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint("cloud", "task_id", name="policy_task_once_in_a_cloud"),
        )
        indexes = (
            models.Index("cloud", "volume_id", "created_at", name="policy_task_volume"),
            models.Index(
                "cloud", "policy_id", "volume_id", "created_at", name="policy_task_policy"
            ),
            models.Index(
                "cloud",
                "server_id",
                "created_at",
                name="policy_task_server",
                condition=Q(server_id__isnull=False),
            ),
            models.Index(
                "backup_id", name="policy_task_backup", condition=Q(backup_id__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"{self.task_id} {self.state}"


def _same_runs() -> "RunQuerySet":
    """Returns the same run as it is stored with the row of the other service of the project."""
    return Run.objects.filter(
        volume__cloud=OuterRef("volume__also_under"),
        volume__volume_id=OuterRef("volume__volume_id"),
        policy=OuterRef("policy"),
        slot_at=OuterRef("slot_at"),
    ).order_by()


class RunQuerySet(OfPolicies["Run"]):
    def doubles(self) -> "RunQuerySet":
        """Returns those that are stored with the row of the other service as well, until both are
        judged anew after a volume began to count there: each but one is left out of counts.
        """
        counted_there = Volume.objects.filter(
            cloud=OuterRef("also_under"), volume_id=OuterRef("volume_id"), counted_under=None
        )
        volumes = Volume.objects.filter(Exists(counted_there.order_by()), also_under__isnull=False)
        # Where both count for a moment, the one that was stored first does.
        is_first = Q(volume__counted_under=None) & ~Exists(
            _same_runs().filter(pk__lt=OuterRef("pk"))
        )
        rows = self.filter(Exists(_same_runs()), volume__in=volumes.order_by().values("pk"))
        return rows.exclude(is_first)

    def delete_counted(self, now: datetime) -> int:
        """Deletes them, and adds to the counts of their policies what the counter of the metrics
        has had, so that it goes on from there. Returns how many went.

        Whoever calls it is in a transaction, in which policies are locked after volumes.
        """
        deleted: dict[int, dict[str, int]] = {}
        is_kept = Exists(_same_runs().exclude(pk__in=self.order_by().values("pk")))
        left_out = (self.filter(is_kept), self.filter(~is_kept).doubles())
        for sign, runs in ((1, self), *((-1, runs) for runs in left_out)):
            # The type checker knows no annotation.
            rows: Any = runs.filter(has_ended(now)).order_by()
            counts = rows.values_list("policy", "outcome").annotate(Count("pk"))
            for policy, outcome, count in counts:
                of_policy = deleted.setdefault(policy, {})
                of_policy[outcome] = of_policy.get(outcome, 0) + sign * count
        policies = Policy.objects.filter(pk__in=deleted).order_by("pk")
        for row in policies.select_for_update(no_key=True):
            for outcome, count in deleted[row.pk].items():
                if count:
                    row.pruned_runs[outcome] = row.pruned_runs.get(outcome, 0) + count
            row.save(update_fields=["pruned_runs"])
        return self.delete()[0]


class Run(models.Model):
    """What became of one promised run for one volume: written by derived.runs."""

    volume = models.ForeignKey("backups.Volume", models.CASCADE, related_name="runs")
    policy = models.ForeignKey(Policy, models.CASCADE, related_name="runs")
    slot_at = models.DateTimeField()  # when it was promised
    outcome = models.CharField(max_length=16)  # analysis.runs.RunOutcome
    late_seconds = models.IntegerField(null=True)  # from the slot to the start
    duration_seconds = models.PositiveIntegerField(null=True)
    backup_id = models.UUIDField(null=True)
    reason = models.TextField(null=True)  # the cloud's own words, with its code in front

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint("volume", "policy", "slot_at", name="run_once_per_volume"),
        )
        indexes = (
            models.Index("policy", F("slot_at").desc(), "outcome", name="run_of_policy"),
            models.Index("slot_at", name="run_slot"),
        )

    def __str__(self) -> str:
        return f"{self.slot_at:%Y-%m-%d %H:%M} {self.outcome}"
