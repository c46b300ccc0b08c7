"""The configured clouds, one client each per process, and what is known of every cloud."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q

from backups.engine import breaker, calls, clock, signing_in
from backups.engine.meter import Meter
from backups.engine.signing_in import AFTER_REFUSAL, fingerprint
from backups.models import Backup, Cloud
from backups.vbs.client import Client
from backups.vbs.clouds import CloudConfig
from backups.vbs.kind import MIN_VOTES, Reading, Votes, full_type, proves

VBS_CATALOG_TYPES = frozenset({"vbsv2", "vbs"})

__all__ = ["CloudState", "client", "configured", "fingerprint", "must_wait", "reading", "states"]


@dataclass(frozen=True)
class _Line:
    """What this process keeps of a cloud: connections, the token, the way to its budget."""

    config: CloudConfig
    client: Client
    meter: Meter


_lines: dict[str, _Line] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class CloudState:
    """The shape `cloud` of the JSON API; pages read the same."""

    name: str
    region: str | None
    configured: bool
    api: str
    reachable: bool | None
    last_good_at: datetime | None
    error: dict[str, Any] | None
    paused_until: datetime | None
    pause_reason: str | None  # "refused", "retry_after" or "breaker"
    breaker: breaker.State
    requests_per_second: float | None
    used_percent: int | None
    lag_seconds: int
    tracked: int
    due: int  # waiting for a worker
    claimed: int  # in a worker's hands
    list_lacks: list[str] | None  # keys that its lists do not have; None while that is not known
    list_error: str | None  # why its list could not be used
    walked_at: datetime | None  # when its whole list was last read
    calls: dict[str, int]  # since ever, by how they ended
    type_full: int | None
    type_full_source: str
    type_votes: dict[str, int]
    type_sentence: str
    conflicts: int
    volumes_listed_at: datetime | None
    volumes_error: str | None
    signed_in_at: datetime | None
    follow: str


def configured() -> Mapping[str, CloudConfig]:
    found: Mapping[str, CloudConfig] = settings.CLOUDS
    return found


def client(name: str) -> Client:
    """The one client of this process for a configured cloud; it keeps connections and the token."""
    return _line(name).client


def meter(name: str) -> Meter:
    """What admits and counts the calls of this process to a configured cloud."""
    return _line(name).meter


def _line(name: str) -> _Line:
    config = configured()[name]
    with _lock:
        known = _lines.get(name)
        if known is not None and known.config is config:
            return known
        if known is not None:  # another configuration than the one it was made for
            known.client.close()
        meter = Meter(name, config.requests_per_second)
        made = Client(config, clock=clock.now, meter=meter, guard=partial(signing_in.turn, config))
        _lines[name] = _Line(config, made, meter)
        return _lines[name]


def forget_clients() -> None:
    """Close all connections; the next call signs in anew."""
    with _lock:
        for one in _lines.values():
            one.client.close()
        _lines.clear()


def ensure_rows() -> None:
    """A row for each configured cloud, with `follow` as it is configured now; queries compare it."""
    there = dict(Cloud.objects.filter(name__in=configured()).values_list("name", "follow"))
    wanted = [Cloud(name=name, follow=config.follow) for name, config in configured().items()]
    if differing := [cloud for cloud in wanted if there.get(cloud.name) != cloud.follow]:
        Cloud.objects.bulk_create(differing, update_conflicts=True, unique_fields=["name"], update_fields=["follow"])


def must_wait(cloud: Cloud, now: datetime) -> bool:
    """Was the sign-in refused, with this very configuration, less than an hour ago?"""
    return signing_in.must_wait(cloud, configured().get(cloud.name), now)


def health(cloud: Cloud) -> breaker.Health:
    return breaker.Health(cloud.failures, cloud.openings, cloud.paused_until, cloud.pause_reason)


def api(cloud: Cloud, config: CloudConfig | None) -> str:
    """`vbs` or `cinder`; `auto` decides by the catalog type in use or by what a body had."""
    if config is not None and config.api != "auto":
        return config.api
    return "vbs" if cloud.seen_vbs or cloud.catalog_type in VBS_CATALOG_TYPES else "cinder"


def reading(cloud: Cloud, config: CloudConfig | None) -> Reading:
    """Which meaning of Type is in force."""
    if api(cloud, config) == "cinder":
        return "cinder"
    return "vbs_0" if _full(cloud, config) == 0 else "vbs_1"


def _full(cloud: Cloud, config: CloudConfig | None) -> int:
    if config is not None and config.type_full != "auto":
        return int(config.type_full)
    return full_type(Votes(zero=cloud.type_votes_0, one=cloud.type_votes_1))


def states(now: datetime) -> list[CloudState]:
    """Every cloud that is configured or has rows, by name, in five queries."""
    ensure_rows()
    counts = _counts(now)
    return [
        _state(cloud, configured().get(cloud.name), counts.get(cloud.name, _NO_ROWS), now)
        for cloud in Cloud.objects.prefetch_related("calls").order_by("name")
        if cloud.name in configured() or cloud.name in counts
    ]


@dataclass(frozen=True)
class _Counts:
    tracked: int = 0
    due: int = 0
    claimed: int = 0
    conflicts: int = 0
    oldest_due: datetime | None = None


_NO_ROWS = _Counts()


def _counts(now: datetime) -> dict[str, _Counts]:
    rows = Backup.objects.order_by().values("cloud")
    held = Count("pk", filter=Q(claimed_until__gte=now))
    waiting = rows.filter(next_refresh_at__lte=now).annotate(n=Count("pk"), held=held, oldest=Min("next_refresh_at"))
    due = {name: (n, held, oldest) for name, n, held, oldest in waiting.values_list("cloud", "n", "held", "oldest")}
    tracked = rows.annotate(n=Count("pk"), odd=Count("pk", filter=Q(kind_conflict=True)))
    found = {}
    for name, n, odd in tracked.values_list("cloud", "n", "odd"):
        waits, claimed, oldest = due.get(name, (0, 0, None))
        found[name] = _Counts(n, waits - claimed, claimed, odd, oldest)
    return found


def _state(cloud: Cloud, config: CloudConfig | None, counts: _Counts, now: datetime) -> CloudState:
    full, source, sentence = _explain(cloud, config, counts.conflicts)
    reachable = None if cloud.attempted_at is None else cloud.error is None
    until, reason = _pause(cloud, now)
    rate = config.requests_per_second if config else None
    return CloudState(
        name=cloud.name,
        region=config.region if config else None,
        configured=config is not None,
        api=api(cloud, config),
        reachable=reachable if config else None,
        last_good_at=cloud.last_good_at,
        error=cloud.error,
        paused_until=until,
        pause_reason=reason,
        breaker=breaker.state(health(cloud), now),
        requests_per_second=rate,
        used_percent=round(100 * calls.in_last_minute(cloud, now) / (60 * rate)) if rate else None,
        lag_seconds=max(0, int((now - counts.oldest_due).total_seconds())) if counts.oldest_due else 0,
        tracked=counts.tracked,
        due=counts.due,
        claimed=counts.claimed,
        list_lacks=cloud.list_lacks,
        list_error=cloud.list_error,
        walked_at=cloud.walked_at,
        calls={row.class_name: row.n for row in cloud.calls.all()},
        type_full=full,
        type_full_source=source,
        type_votes={"0": cloud.type_votes_0, "1": cloud.type_votes_1},
        type_sentence=sentence,
        conflicts=counts.conflicts,
        volumes_listed_at=cloud.volumes_listed_at,
        volumes_error=cloud.volumes_error,
        signed_in_at=cloud.signed_in_at,
        follow=config.follow if config else "none",
    )


def _pause(cloud: Cloud, now: datetime) -> tuple[datetime | None, str | None]:
    if cloud.refused_at is not None and must_wait(cloud, now):
        return cloud.refused_at + AFTER_REFUSAL, "refused"
    if cloud.paused_until is not None and cloud.paused_until > now:
        return cloud.paused_until, cloud.pause_reason
    return None, None


def _explain(cloud: Cloud, config: CloudConfig | None, conflicts: int) -> tuple[int | None, str, str]:
    """Which Type means full, who says so (`setting`, `evidence`, `default`), and the same in words.

    Evidence decides for 0 as the contract has it, and for 1 by the same measure; else 1 is what the API page says.
    """
    if api(cloud, config) == "cinder":
        told = "Stock Cinder: is_incremental tells full from incremental."
        return None, "default", told + _contradict(conflicts)
    full, votes = _full(cloud, config), Votes(zero=cloud.type_votes_0, one=cloud.type_votes_1)
    seen = f"{votes.zero} answers speak for 0, {votes.one} for 1." + _contradict(conflicts)
    if config is not None and config.type_full != "auto":
        return full, "setting", f"Type {full} means full, as vbs_type_full says; {seen}"
    if proves(votes, full):
        return full, "evidence", f"Type {full} means full by the evidence: {seen}"
    told = "too few" if votes.zero + votes.one < MIN_VOTES else "too divided"
    return full, "default", f"Type 1 means full, as the API page has it; the evidence is {told}: {seen}"


def _contradict(conflicts: int) -> str:
    if not conflicts:
        return " No backup contradicts itself."
    return f" {conflicts:,} backup{' contradicts itself' if conflicts == 1 else 's contradict themselves'}."
