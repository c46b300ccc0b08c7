"""All that vbsdash knows as metrics, out of its own database: a scrape makes no call to a cloud.

Names and labels are those of the contract; ages are given as instants, so that the alert rule does
the subtraction.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from backups.analysis.protection import PROTECTIONS
from backups.models.backup import TRACKING_STATES
from backups.reports import cloud_states, monitoring
from backups.shared import processes
from backups.vbs.statuses import FAILED, BackupStatus

MIB = 1024 * 1024  # the API's MB
NOT_SEEN = "not_seen"  # the status of a backup that its cloud was not asked about yet
VOLUME = ("cloud", "volume_id", "name")
PROCESS = {
    "cpu_seconds_total": "Seconds of processor time that the process used.",
    "resident_memory_bytes": "Memory of the process, in bytes.",
    "start_time_seconds": "When the process was started.",
    "open_fds": "Files and connections that the process holds open.",
}


class Metrics(Collector):
    """`only`: the clouds that the asker may see, None for all. `per_disk`: series for each disk
    too.
    """

    def __init__(self, now: datetime, *, only: frozenset[str] | None, per_volume: bool) -> None:
        self._now, self._only, self._per_volume = now, only, per_volume

    def collect(self) -> Iterator[Metric]:
        states = [state for state in cloud_states.states(self._now) if self._sees(state.name)]
        names = [state.name for state in states]
        yield from self._backups(names)
        yield from self._volumes(names)
        yield from self._clouds(states)
        yield _calls(states)
        if self._per_volume:
            yield from self._each_volume()
        if self._only is None:
            yield from self._parts()

    def _sees(self, cloud: str) -> bool:
        return self._only is None or cloud in self._only

    def _backups(self, names: list[str]) -> Iterator[Metric]:
        found = [one for one in monitoring.backups(self._now) if self._sees(one.cloud)]
        yield _gauge(
            "vbsdash_backups",
            "Tracked backups by status.",
            ("cloud", "status"),
            sorted(
                _summed(((one.cloud, one.status or NOT_SEEN), one.count) for one in found).items()
            ),
        )
        states = _summed(((one.cloud, one.tracking_state), one.count) for one in found)
        yield _gauge(
            "vbsdash_backups_tracking",
            "Tracked backups by how well they are known.",
            ("cloud", "tracking_state"),
            _zeroed(names, TRACKING_STATES, states),
        )
        newest: dict[tuple[str, str], float] = {}
        for one in found:
            if one.newest_at and (word := _outcome(one.status)):
                newest[one.cloud, word] = max(
                    newest.get((one.cloud, word), 0.0), one.newest_at.timestamp()
                )
        yield _gauge(
            "vbsdash_last_backup_timestamp_seconds",
            "When the newest backup with this outcome was made.",
            ("cloud", "outcome"),
            sorted(newest.items()),
        )
        running_backups = {one.cloud: one for one in monitoring.in_flight()}
        yield _gauge(
            "vbsdash_backups_in_flight",
            "Backups that are being made, restored or deleted.",
            ("cloud",),
            (
                ((name,), running_backups[name].count if name in running_backups else 0)
                for name in names
            ),
        )
        oldest = [
            (name, running_backups[name].oldest_at) for name in names if name in running_backups
        ]
        yield _gauge(
            "vbsdash_in_flight_oldest_age_seconds",
            "How long the oldest backup in flight has existed.",
            ("cloud",),
            (((name,), (self._now - at).total_seconds()) for name, at in oldest if at),
        )

    def _volumes(self, names: list[str]) -> Iterator[Metric]:
        yield _gauge(
            "vbsdash_volumes",
            "Disks by protection.",
            ("cloud", "protection"),
            _zeroed(
                names,
                PROTECTIONS,
                {(cloud, word): n for cloud, word, n in monitoring.by_protection(self._now)},
            ),
        )
        yield _gauge(
            "vbsdash_chain_size_bytes",
            "Stored backup data: the sum of the newest size of every chain.",
            ("cloud",),
            (
                ((cloud,), mb * MIB)
                for cloud, mb in monitoring.chain_sizes().items()
                if self._sees(cloud)
            ),
        )

    def _clouds(self, states: list[cloud_states.CloudState]) -> Iterator[Metric]:
        def each(
            name: str, text: str, value: Callable[[cloud_states.CloudState], float | None]
        ) -> Metric:
            found = ((state.name, value(state)) for state in states if state.configured)
            return _gauge(
                name, text, ("cloud",), (((cloud,), one) for cloud, one in found if one is not None)
            )

        def paused(state: cloud_states.CloudState) -> float:
            return float(state.paused_until is not None and state.paused_until > self._now)

        yield each("vbsdash_cloud_up", "Did the cloud answer last?", lambda s: _flag(s.reachable))
        yield each(
            "vbsdash_cloud_last_good_timestamp_seconds",
            "Last good answer.",
            lambda s: _stamp(s.last_good_at),
        )
        yield each(
            "vbsdash_refresh_lag_seconds",
            "How long the longest due backup waits.",
            lambda s: s.lag_seconds,
        )
        yield each(
            "vbsdash_cloud_budget_requests_per_second",
            "Call budget, 0 = none.",
            lambda s: s.requests_per_second,
        )
        yield each(
            "vbsdash_cloud_budget_used_ratio",
            "Part of the call budget that the last minute used.",
            lambda s: None if s.used_percent is None else s.used_percent / 100,
        )
        yield each("vbsdash_cloud_due", "Backups that wait to be asked about.", lambda s: s.due)
        yield each(
            "vbsdash_cloud_breaker_open", "Is the breaker open after repeated failures?", _breaker
        )
        yield each(
            "vbsdash_cloud_paused",
            "Is nothing asked just now (breaker, Retry-After, sign-in)?",
            paused,
        )

    def _each_volume(self) -> Iterator[Metric]:
        volumes = [
            (volume, (volume.cloud, volume.volume_id, volume.title))
            for volume in monitoring.volumes(self._now)
        ]
        volumes = [(volume, labels) for volume, labels in volumes if self._sees(volume.cloud)]
        yield _gauge(
            "vbsdash_volume_last_good_timestamp_seconds",
            "State of the disk that can be restored.",
            VOLUME,
            (
                (labels, volume.last_good_at.timestamp())
                for volume, labels in volumes
                if volume.last_good_at
            ),
        )
        yield _gauge(
            "vbsdash_volume_protected",
            "1 = protected; 0 = late, overdue or never; no series while it is unknown.",
            VOLUME,
            (
                (labels, float(volume.protection == "protected"))
                for volume, labels in volumes
                if volume.protection != "unknown"
            ),
        )
        yield _gauge(
            "vbsdash_volume_never_backed_up",
            "A disk of which no backup that could be restored is known, though its cloud's list "
            "was read.",
            VOLUME,
            ((labels, 1.0) for volume, labels in volumes if volume.protection == "never"),
        )
        yield _gauge(
            "vbsdash_volume_last_outcome_good",
            "Did the newest backup that has ended succeed?",
            VOLUME,
            (
                (labels, float(volume.last_was_good))
                for volume, labels in volumes
                if volume.last_was_good is not None
            ),
        )

    def _parts(self) -> Iterator[Metric]:
        beats = monitoring.heartbeats().items()
        yield _gauge(
            "vbsdash_heartbeat_timestamp_seconds",
            "When a part last showed that it works.",
            ("part",),
            (((part,), at.timestamp()) for part, at in beats),
        )
        running = processes.running(self._now)
        for name, text in PROCESS.items():
            labels = ("part", "host", "pid")
            rows = [
                ((one.part, one.host, str(one.pid)), one.figures[name])
                for one in running
                if name in one.figures
            ]
            if name.endswith("_total"):
                family = CounterMetricFamily(
                    f"vbsdash_process_{name.removesuffix('_total')}", text, labels=labels
                )
                for values, value in rows:
                    family.add_metric(values, value)
                yield family
            else:
                yield _gauge(f"vbsdash_process_{name}", text, labels, rows)


def _zeroed(
    names: list[str], words: Iterable[str], counts: Mapping[tuple[str, str], float]
) -> Iterator[tuple[tuple[str, str], float]]:
    """A row for each word of each cloud: a series that comes and goes cannot be alerted on."""
    return (((name, word), counts.get((name, word), 0)) for name in names for word in words)


def _summed(rows: Iterable[tuple[tuple[str, str], int]]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for labels, count in rows:
        found[labels] = found.get(labels, 0) + count
    return found


def _calls(states: list[cloud_states.CloudState]) -> Metric:
    family = CounterMetricFamily(
        "vbsdash_cloud_requests", "Calls to the cloud by how they ended.", labels=("cloud", "class")
    )
    for state in states:
        for class_name, count in sorted(state.calls.items()):
            family.add_metric((state.name, class_name), count)
    return family


def _gauge(
    name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _outcome(status: str | None) -> str | None:
    return "good" if status == BackupStatus.AVAILABLE else "failed" if status in FAILED else None


def _flag(value: bool | None) -> float | None:
    return None if value is None else float(value)


def _breaker(state: cloud_states.CloudState) -> float:
    return float(state.breaker != "closed")


def _stamp(value: datetime | None) -> float | None:
    return value.timestamp() if value else None
