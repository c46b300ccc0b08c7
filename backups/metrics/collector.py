"""All that vbsdash knows as metrics, out of its own database: a scrape makes no call to a cloud.

Names and labels are those of the contract; ages are given as instants, so that the alert
rule does the subtraction.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from backups.analysis.protection import PROTECTIONS
from backups.analysis.runs import RunOutcome
from backups.analysis.sizes import BYTES_PER_MB
from backups.models import Access
from backups.models.backup import TRACKING_STATES
from backups.models.volume import SCHEDULES
from backups.reports import cloud_states, monitoring
from backups.reports.cloud_states import CloudState
from backups.shared import processes
from backups.vbs.statuses import FAILED, BackupStatus

NOT_SEEN = "not_seen"  # the status of a backup that its cloud was not asked about yet
VOLUME_LABELS = ("cloud", "volume_id", "name")
RUN_LABELS = ("cloud", "policy", "outcome")
PROCESS_LABELS = ("part", "host", "pid")
PROCESS_GAUGES = {
    "resident_memory_bytes": "Memory of the process, in bytes.",
    "start_time_seconds": "When the process was started.",
    "open_fds": "Files and connections that the process holds open.",
}


class Metrics(Collector):
    """`access`: the asker's. Who may not see all clouds learns nothing of the processes either.
    `per_volume`: series for each volume too.
    """

    def __init__(self, now: datetime, *, access: Access, per_volume: bool) -> None:
        self._now = now
        self._access = access
        self._per_volume = per_volume

    def collect(self) -> Iterator[Metric]:
        states = cloud_states.states(self._now, access=self._access)
        clouds = [state.name for state in states]
        yield from self._backups(clouds)
        yield from self._in_flight(clouds)
        yield self._volumes(clouds)
        yield self._schedules(clouds)
        yield from self._policies()
        yield self._chain_sizes()
        yield from self._configured_clouds(states)
        yield _cloud_requests(states)
        if self._per_volume:
            yield from self._each_volume()
        if self._access.clouds is None:
            yield _heartbeats()
            yield from self._processes()

    def _backups(self, clouds: list[str]) -> Iterator[Metric]:
        by_status: Counter[tuple[str, str]] = Counter()
        # A series that comes and goes cannot be alerted on, so each state of each cloud has one.
        by_tracking_state = _zeros(clouds, TRACKING_STATES)
        newest: dict[tuple[str, str], float] = defaultdict(float)
        for group in monitoring.backups(self._now, access=self._access):
            by_status[group.cloud, group.status or NOT_SEEN] += group.count
            by_tracking_state[group.cloud, group.tracking_state] += group.count
            outcome = _outcome(group.status)
            if outcome is not None and group.newest_at is not None:
                made_at = max(newest[group.cloud, outcome], group.newest_at.timestamp())
                newest[group.cloud, outcome] = made_at

        backups = GaugeMetricFamily(
            "vbsdash_backups", "Tracked backups by status.", labels=("cloud", "status")
        )
        for labels, count in sorted(by_status.items()):
            backups.add_metric(labels, count)
        yield backups

        tracking = GaugeMetricFamily(
            "vbsdash_backups_tracking",
            "Tracked backups by how well they are known.",
            labels=("cloud", "tracking_state"),
        )
        for labels, count in by_tracking_state.items():
            tracking.add_metric(labels, count)
        yield tracking

        last_backup = GaugeMetricFamily(
            "vbsdash_last_backup_timestamp_seconds",
            "When the newest backup with this outcome was made.",
            labels=("cloud", "outcome"),
        )
        for labels, made_at in sorted(newest.items()):
            last_backup.add_metric(labels, made_at)
        yield last_backup

    def _in_flight(self, clouds: list[str]) -> Iterator[Metric]:
        groups = monitoring.in_flight(access=self._access)
        by_cloud = {group.cloud: group for group in groups}
        in_flight = GaugeMetricFamily(
            "vbsdash_backups_in_flight",
            "Backups that are being made, restored or deleted.",
            labels=("cloud",),
        )
        oldest_age = GaugeMetricFamily(
            "vbsdash_in_flight_oldest_age_seconds",
            "How long the oldest backup in flight has existed.",
            labels=("cloud",),
        )
        for cloud in clouds:
            group = by_cloud.get(cloud)
            in_flight.add_metric((cloud,), group.count if group else 0)
            if group is not None and group.oldest_at is not None:
                oldest_age.add_metric((cloud,), (self._now - group.oldest_at).total_seconds())
        yield in_flight
        yield oldest_age

    def _volumes(self, clouds: list[str]) -> Metric:
        by_protection = _zeros(clouds, PROTECTIONS)
        for group in monitoring.by_protection(self._now, access=self._access):
            if group.cloud in clouds:
                by_protection[group.cloud, group.protection] = group.count
        volumes = GaugeMetricFamily(
            "vbsdash_volumes", "Disks by protection.", labels=("cloud", "protection")
        )
        for labels, count in by_protection.items():
            volumes.add_metric(labels, count)
        return volumes

    def _schedules(self, clouds: list[str]) -> Metric:
        by_schedule = _zeros(clouds, SCHEDULES)
        for group in monitoring.by_schedule(self._now, access=self._access):
            if group.cloud in clouds:
                by_schedule[group.cloud, group.schedule] = group.count
        volumes = GaugeMetricFamily(
            "vbsdash_volumes_by_schedule",
            "Disks by whether a policy promises backups of them.",
            labels=("cloud", "schedule"),
        )
        for labels, count in by_schedule.items():
            volumes.add_metric(labels, count)
        return volumes

    def _policies(self) -> Iterator[Metric]:
        enabled = GaugeMetricFamily(
            "vbsdash_policy_enabled", "Is the policy switched on?", labels=("cloud", "policy")
        )
        runs = CounterMetricFamily(
            "vbsdash_runs",
            "Promised runs by what came of them, one a disk. Those that never started, and those "
            "of which nothing is known, are counted a day after they were promised.",
            labels=RUN_LABELS,
        )
        last_day = GaugeMetricFamily(
            "vbsdash_runs_last_day",
            "Runs that were promised in the last 24 hours, by what came of them as far as is "
            "known, one a disk.",
            labels=RUN_LABELS,
        )
        for policy in monitoring.policies(self._now, access=self._access):
            labels = (policy.cloud, policy.title)
            if policy.is_standing and policy.enabled is not None:
                enabled.add_metric(labels, float(policy.enabled))
            # A series that comes and goes cannot be alerted on.
            for outcome in RunOutcome:
                if outcome != RunOutcome.PENDING:
                    runs.add_metric((*labels, outcome), policy.ended[outcome])
                if policy.is_standing:
                    last_day.add_metric((*labels, outcome), policy.last_day[outcome])
        yield from (enabled, runs, last_day)

    def _chain_sizes(self) -> Metric:
        sizes = GaugeMetricFamily(
            "vbsdash_chain_size_bytes",
            "Stored backup data: the sum of the newest size of every chain.",
            labels=("cloud",),
        )
        for cloud, mb in monitoring.chain_sizes(access=self._access).items():
            sizes.add_metric((cloud,), mb * BYTES_PER_MB)
        return sizes

    def _configured_clouds(self, states: list[CloudState]) -> Iterator[Metric]:
        labels = ("cloud",)
        up = GaugeMetricFamily("vbsdash_cloud_up", "Did the cloud answer last?", labels=labels)
        last_good = GaugeMetricFamily(
            "vbsdash_cloud_last_good_timestamp_seconds", "Last good answer.", labels=labels
        )
        lag = GaugeMetricFamily(
            "vbsdash_refresh_lag_seconds", "How long the longest due backup waits.", labels=labels
        )
        budget = GaugeMetricFamily(
            "vbsdash_cloud_budget_requests_per_second", "Call budget, 0 = none.", labels=labels
        )
        budget_used = GaugeMetricFamily(
            "vbsdash_cloud_budget_used_ratio",
            "Part of the call budget that the last minute used.",
            labels=labels,
        )
        due = GaugeMetricFamily(
            "vbsdash_cloud_due", "Backups that wait to be asked about.", labels=labels
        )
        breaker_open = GaugeMetricFamily(
            "vbsdash_cloud_breaker_open",
            "Is the breaker open after repeated failures?",
            labels=labels,
        )
        paused = GaugeMetricFamily(
            "vbsdash_cloud_paused",
            "Is nothing asked just now (breaker, Retry-After, sign-in)?",
            labels=labels,
        )
        ended = GaugeMetricFamily(
            "vbsdash_cloud_service_ended",
            "Has its backup service gone for good, as far as is known?",
            labels=labels,
        )
        for state in states:
            if not state.configured:
                continue
            cloud = (state.name,)
            ended.add_metric(cloud, float(state.service_ended_at is not None))
            if state.reachable is not None:
                up.add_metric(cloud, float(state.reachable))
            if state.last_good_at is not None:
                last_good.add_metric(cloud, state.last_good_at.timestamp())
            lag.add_metric(cloud, state.lag_seconds)
            if state.requests_per_second is not None:
                budget.add_metric(cloud, state.requests_per_second)
            if state.used_percent is not None:
                budget_used.add_metric(cloud, state.used_percent / 100)
            due.add_metric(cloud, state.due)
            breaker_open.add_metric(cloud, float(state.breaker != "closed"))
            is_paused = state.paused_until is not None and state.paused_until > self._now
            paused.add_metric(cloud, float(is_paused))
        yield from (up, last_good, lag, budget, budget_used, due, breaker_open, paused, ended)

    def _each_volume(self) -> Iterator[Metric]:
        last_good = GaugeMetricFamily(
            "vbsdash_volume_last_good_timestamp_seconds",
            "State of the disk that can be restored.",
            labels=VOLUME_LABELS,
        )
        protected = GaugeMetricFamily(
            "vbsdash_volume_protected",
            "1 = protected; 0 = late, overdue or never; no series while it is unknown.",
            labels=VOLUME_LABELS,
        )
        never_backed_up = GaugeMetricFamily(
            "vbsdash_volume_never_backed_up",
            "A disk of which no backup that could be restored is known, though its cloud's list "
            "was read.",
            labels=VOLUME_LABELS,
        )
        last_outcome_good = GaugeMetricFamily(
            "vbsdash_volume_last_outcome_good",
            "Did the newest backup that has ended succeed?",
            labels=VOLUME_LABELS,
        )
        scheduled = GaugeMetricFamily(
            "vbsdash_volume_scheduled",
            "1 = a policy promises backups; 0 = its policies are off, or it is in none; no series "
            "while it is unknown.",
            labels=VOLUME_LABELS,
        )
        for volume in monitoring.volumes(self._now, access=self._access):
            labels = (volume.cloud, volume.volume_id, volume.title)
            if volume.last_good_at is not None:
                last_good.add_metric(labels, volume.last_good_at.timestamp())
            if volume.protection != "unknown":
                protected.add_metric(labels, float(volume.protection == "protected"))
            if volume.protection == "never":
                never_backed_up.add_metric(labels, 1)
            if volume.last_was_good is not None:
                last_outcome_good.add_metric(labels, float(volume.last_was_good))
            if volume.schedule != "unknown":
                scheduled.add_metric(labels, float(volume.schedule == "scheduled"))
        yield from (last_good, protected, never_backed_up, last_outcome_good, scheduled)

    def _processes(self) -> Iterator[Metric]:
        """Yields what each process noted of itself; what its system does not tell is left out."""
        cpu = CounterMetricFamily(
            "vbsdash_process_cpu_seconds",
            "Seconds of processor time that the process used.",
            labels=PROCESS_LABELS,
        )
        gauges = {
            name: GaugeMetricFamily(f"vbsdash_process_{name}", text, labels=PROCESS_LABELS)
            for name, text in PROCESS_GAUGES.items()
        }
        for process in processes.running(self._now):
            labels = (process.part, process.host, str(process.pid))
            for name, value in process.figures.items():
                if name == "cpu_seconds_total":
                    cpu.add_metric(labels, value)
                elif name in gauges:
                    gauges[name].add_metric(labels, value)
        yield cpu
        yield from gauges.values()


def _zeros(clouds: list[str], states: tuple[str, ...]) -> Counter[tuple[str, str]]:
    """Returns a 0 for each state of each cloud, in order."""
    zeros: Counter[tuple[str, str]] = Counter()
    for cloud in clouds:
        for state in states:
            zeros[cloud, state] = 0
    return zeros


def _outcome(status: str | None) -> str | None:
    if status == BackupStatus.AVAILABLE:
        return "good"
    return "failed" if status in FAILED else None


def _cloud_requests(states: list[CloudState]) -> Metric:
    requests = CounterMetricFamily(
        "vbsdash_cloud_requests", "Calls to the cloud by how they ended.", labels=("cloud", "class")
    )
    for state in states:
        for class_name, count in sorted(state.calls.items()):
            requests.add_metric((state.name, class_name), count)
    return requests


def _heartbeats() -> Metric:
    heartbeats = GaugeMetricFamily(
        "vbsdash_heartbeat_timestamp_seconds",
        "When a part last showed that it works.",
        labels=("part",),
    )
    for part, at in monitoring.heartbeats().items():
        heartbeats.add_metric((part,), at.timestamp())
    return heartbeats
