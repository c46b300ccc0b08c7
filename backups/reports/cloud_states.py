"""What is known of every cloud: one answer for pages, API and metrics."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Min

from backups.analysis.growth import Change
from backups.analysis.numbers import thousands
from backups.clouds import call_counts, circuit_breaker, quota, registry, same_project
from backups.clouds.sign_in import PAUSE_AFTER_REFUSAL
from backups.models import Access, Backup, Cloud, CloudCalls, StoredDay
from backups.models.columns import unindexed
from backups.reports.computed_once import computed_once
from backups.reports.data_version import Versions
from backups.reports.growth import Growth, changes_by_cloud, growth_of
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.kind import MIN_VOTES, Votes, proves


@dataclass(frozen=True)
class CloudState:
    """The shape `cloud` of the JSON API; pages read the same.

    `type_full`, `type_full_source` and `type_sentence`: see `_explain_type`.
    """

    name: str
    region: str | None
    configured: bool
    api: str
    service: str  # what people call it
    reachable: bool | None
    last_good_at: datetime | None
    error: dict[str, Any] | None
    paused_until: datetime | None
    # "refused", "retry_after" or "breaker".
    pause_reason: str | None
    breaker: circuit_breaker.State
    requests_per_second: float | None
    used_percent: int | None
    # Of the last minute; None where there is no budget.
    calls_in_minute: int | None
    # In a row, until now.
    failures: int
    lag_seconds: int
    tracked: int
    # Backups that wait for a worker, or are in a worker's hands.
    due: int
    # Keys that the entries of its lists do not have; None while that is not known.
    list_lacks: list[str] | None
    # Why its list could not be used, as a sentence.
    list_error: str | None
    # When its whole list was last read.
    walked_at: datetime | None
    # Since the first one, by how they ended.
    calls: dict[str, int]
    type_full: int | None
    type_full_source: str
    type_votes: dict[str, int]
    type_sentence: str
    conflicts: int
    volumes_listed_at: datetime | None
    volumes_error: str | None
    # Other configured clouds, of those that the reader may see, that are the same project at the
    # same endpoint.
    same_project: tuple[str, ...]
    # What its configuration says that has no effect, as sentences.
    warnings: tuple[str, ...]
    # Base URL of its backup service, as last found.
    endpoint: str | None
    # Which way calls take to it, in words, where a variable for proxies concerns it.
    way: str | None
    signed_in_at: datetime | None
    token_expires_at: datetime | None
    # Of vbsdash's clock against the cloud's; negative where it is behind.
    clock_ahead_seconds: int | None
    follow: str
    # Its backup service is gone for good, as far as is known, since then.
    service_ended_at: datetime | None
    # The last whole reading of its policies, and why the newest one failed.
    policies_read_at: datetime | None
    policies_error: str | None
    # Why the log of what the policies did was not read, as a sentence.
    tasks_error: str | None
    # Why the cloud did not tell its quota, and the cure.
    quota_error: str | None
    # What is stored, where it leads, and when a quota is used up.
    growth: Growth


@dataclass(frozen=True)
class _Due:
    """Backups of one cloud that are due; `oldest_at`: since when the first of them is."""

    count: int
    oldest_at: datetime


@dataclass(frozen=True, kw_only=True)
class _Counts:
    """Counts of clouds, by their names; a cloud of which there is nothing to
    count is left out.
    """

    tracked: dict[str, int]
    due: dict[str, _Due] = field(default_factory=dict)
    conflicts: dict[str, int] = field(default_factory=dict)
    calls: dict[str, dict[str, int]] = field(default_factory=dict)
    stored: dict[str, dict[date, Change]] = field(default_factory=dict)


def states(
    now: datetime, *, access: Access, brief: bool = False, versions: Versions | None = None
) -> list[CloudState]:
    """Returns every cloud that is configured or has rows and that the reader may see, by name.

    `brief`: of the counts only `tracked`, in two queries; the others stay 0. Else in six queries.
    With `versions` what is tracked is counted once for all who may see the same clouds.
    """
    configured = registry.configured()
    tracked = computed_once(
        "tracked",
        lambda: _count_tracked(access),
        version=versions.content if versions else None,
        access=access,
    )
    counts = _Counts(tracked=tracked) if brief else _count_all(now, access, tracked)
    clouds = _rows(access)
    projects = same_project.groups(
        (cloud.name, cloud.endpoint) for cloud in clouds if cloud.name in configured
    )
    states = []
    for cloud in clouds:
        config = configured.get(cloud.name)
        if config is not None or counts.tracked.get(cloud.name):
            states.append(_state(cloud, config, counts, projects.get(cloud.name, ()), now))
    return states


def _rows(access: Access) -> list[Cloud]:
    """Makes the rows of clouds of which nothing was written yet, or that were configured otherwise,
    before all that the reader may see are read.
    """
    visible = Cloud.objects.visible_to(access).order_by("name")
    clouds = list(visible)
    follow = {cloud.name: cloud.follow for cloud in clouds}
    for name, config in registry.configured_for(access).items():
        if follow.get(name) != config.follow:
            registry.ensure_rows()
            return list(visible.all())
    return clouds


def _count_all(now: datetime, access: Access, tracked: dict[str, int]) -> _Counts:
    return _Counts(
        tracked=tracked,
        due=_count_due(now, access),
        conflicts=_count_conflicts(access),
        calls=_count_calls(access),
        stored=changes_by_cloud(StoredDay.objects.visible_to(access)),
    )


def _count_tracked(access: Access) -> dict[str, int]:
    """Counts each backup once. The index that counts all of them does not know which ones are
    doubles, so these are counted by themselves and taken off.
    """
    backups = Backup.objects.visible_to(access).order_by()
    counts = dict(backups.values_list("cloud").annotate(Count("pk")))
    doubles: Any = backups.doubles(access).annotate(cloud_name=unindexed("cloud"))
    for cloud, count in doubles.values_list("cloud_name").annotate(Count("pk")):
        counts[cloud] = max(0, counts.get(cloud, 0) - count)
    return counts


def _count_due(now: datetime, access: Access) -> dict[str, _Due]:
    backups = Backup.objects.visible_to(access).filter(next_refresh_at__lte=now).order_by()
    rows = backups.values_list("cloud").annotate(Count("pk"), Min("next_refresh_at"))
    return {cloud: _Due(count, oldest_at) for cloud, count, oldest_at in rows}


def _count_conflicts(access: Access) -> dict[str, int]:
    """Counts the backups whose fields disagree on whether they are full."""
    backups = Backup.objects.visible_to(access).counted(access).filter(kind_conflict=True)
    backups = backups.order_by()
    return dict(backups.values_list("cloud").annotate(Count("pk")))


def _count_calls(access: Access) -> dict[str, dict[str, int]]:
    """Returns the calls by cloud and by how they ended."""
    calls: dict[str, dict[str, int]] = {}
    rows = CloudCalls.objects.visible_to(access).values_list("cloud", "class_name", "n")
    for cloud, class_name, count in rows:
        calls.setdefault(cloud, {})[class_name] = count
    return calls


def _state(
    cloud: Cloud,
    config: CloudConfig | None,
    counts: _Counts,
    same_project_names: tuple[str, ...],
    now: datetime,
) -> CloudState:
    name = cloud.name
    conflicts = counts.conflicts.get(name, 0)
    due = counts.due.get(name)
    full, source, sentence = _explain_type(cloud, config, conflicts)
    paused_until, pause_reason = _pause(cloud, now)
    reachable = None
    if config is not None and cloud.attempted_at is not None:
        reachable = cloud.error is None
    rate = config.requests_per_second if config else None
    used_percent = None
    calls_in_minute = None
    if rate:
        calls = call_counts.in_last_minute(cloud, now)
        calls_in_minute = round(calls)
        used_percent = round(100 * calls / (60 * rate))
    return CloudState(
        name=name,
        region=config.region if config else None,
        configured=config is not None,
        api=registry.api(cloud, config),
        service=registry.dialect(cloud, config).label,
        reachable=reachable,
        last_good_at=cloud.last_good_at,
        error=cloud.error,
        paused_until=paused_until,
        pause_reason=pause_reason,
        breaker=circuit_breaker.state(registry.health(cloud), now),
        requests_per_second=rate,
        used_percent=used_percent,
        calls_in_minute=calls_in_minute,
        failures=cloud.failures,
        lag_seconds=max(0, int((now - due.oldest_at).total_seconds())) if due else 0,
        tracked=counts.tracked.get(name, 0),
        due=due.count if due else 0,
        list_lacks=cloud.list_lacks,
        list_error=cloud.list_error,
        walked_at=cloud.walked_at,
        calls=counts.calls.get(name, {}),
        type_full=full,
        type_full_source=source,
        type_votes={"0": cloud.type_votes_0, "1": cloud.type_votes_1},
        type_sentence=sentence,
        conflicts=conflicts,
        volumes_listed_at=cloud.volumes_listed_at,
        volumes_error=cloud.volumes_error,
        same_project=tuple(other for other in same_project_names if other != name),
        warnings=config.warnings if config else (),
        endpoint=cloud.endpoint,
        way=_way(config, cloud.endpoint),
        signed_in_at=cloud.signed_in_at,
        token_expires_at=cloud.token_expires_at,
        clock_ahead_seconds=cloud.clock_ahead_seconds,
        follow=config.follow if config else "none",
        service_ended_at=cloud.service_ended_at,
        policies_read_at=cloud.policies_read_at,
        policies_error=cloud.policies_error,
        tasks_error=cloud.tasks_error,
        quota_error=quota.problem(cloud),
        growth=growth_of({name: counts.stored.get(name, {})}, {name: quota.in_force(cloud)}, now),
    )


def _way(config: CloudConfig | None, endpoint: str | None) -> str | None:
    if config is None:
        return None
    for url in (endpoint, *config.urls):
        if url:
            return config.proxies.way_to(url) or None
    return None


def _pause(cloud: Cloud, now: datetime) -> tuple[datetime | None, str | None]:
    if cloud.refused_at is not None and registry.is_sign_in_paused(cloud, now):
        return cloud.refused_at + PAUSE_AFTER_REFUSAL, "refused"
    if cloud.paused_until is not None and cloud.paused_until > now:
        return cloud.paused_until, cloud.pause_reason
    return None, None


def _explain_type(
    cloud: Cloud, config: CloudConfig | None, conflicts: int
) -> tuple[int | None, str, str]:
    """Returns which Type means full, who says so (`setting`, `evidence`, `default`), and the same
    in a sentence.

    Evidence decides for 0 as the contract has it, and for 1 by the same measure; else 1 is what the
    API page says.
    """
    contradictions = _contradictions(conflicts)
    if registry.api(cloud, config) == "cinder":
        if cloud.last_good_at is None and (config is None or config.api == "auto"):
            return None, "default", "Not known before the first answer."
        sentence = "Stock Cinder: is_incremental tells full from incremental."
        return None, "default", f"{sentence} {contradictions}"
    if registry.api(cloud, config) == "cbr":
        sentence = "CBR: incremental tells full from incremental, but of a disk's first backup."
        return None, "default", f"{sentence} {contradictions}"
    full = registry.full_in_force(cloud, config)
    votes = Votes(zero=cloud.type_votes_0, one=cloud.type_votes_1)
    evidence = f"{votes.zero} answers speak for 0, {votes.one} for 1. {contradictions}"
    if config is not None and config.type_full != "auto":
        return full, "setting", f"Type {full} means full, as vbs_type_full says; {evidence}"
    if proves(votes, full):
        return full, "evidence", f"Type {full} means full by the evidence: {evidence}"
    doubt = "too few" if votes.zero + votes.one < MIN_VOTES else "too divided"
    sentence = f"Type 1 means full, as the API page has it; the evidence is {doubt}: {evidence}"
    return full, "default", sentence


def _contradictions(conflicts: int) -> str:
    if conflicts == 0:
        return "No backup contradicts itself."
    if conflicts == 1:
        return "1 backup contradicts itself."
    return f"{thousands(conflicts)} backups contradict themselves."
