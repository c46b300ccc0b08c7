"""The configured clouds, one client each per process, and what is known of every cloud."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from backups.models import Backup, Cloud
from backups.vbs.client import Client
from backups.vbs.clouds import CloudConfig
from backups.vbs.kind import MIN_VOTES, Reading, Votes, full_type, proves

VBS_CATALOG_TYPES = frozenset({"vbsv2", "vbs"})
AFTER_REFUSAL = timedelta(hours=1)  # a refused sign-in is repeated neither sooner nor elsewhere: it locks accounts

_clients: dict[str, tuple[CloudConfig, Client]] = {}
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
    requests_per_second: float | None
    used_percent: int | None
    lag_seconds: int
    tracked: int
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
    config = configured()[name]
    with _lock:
        known = _clients.get(name)
        if known is not None and known[0] is config:
            return known[1]
        if known is not None:  # another configuration than the one it was made for
            known[1].close()
        _clients[name] = (config, Client(config, clock=timezone.now))
        return _clients[name][1]


def forget_clients() -> None:
    """Close all connections; the next call signs in anew."""
    with _lock:
        for _, one in _clients.values():
            one.close()
        _clients.clear()


def ensure_rows() -> None:
    """A row for each configured cloud, with `follow` as it is configured now; queries compare it."""
    there = dict(Cloud.objects.filter(name__in=configured()).values_list("name", "follow"))
    wanted = [Cloud(name=name, follow=config.follow) for name, config in configured().items()]
    if differing := [cloud for cloud in wanted if there.get(cloud.name) != cloud.follow]:
        Cloud.objects.bulk_create(differing, update_conflicts=True, unique_fields=["name"], update_fields=["follow"])


def fingerprint(config: CloudConfig) -> str:
    """Changes with the sign-in settings and tells nothing of them."""
    return config.fingerprint(salted_hmac("backups.engine.clouds", config.name).digest())


def must_wait(cloud: Cloud, now: datetime) -> bool:
    """Was the sign-in refused, with this very configuration, less than an hour ago?"""
    if cloud.refused_at is None or cloud.refused_at < now - AFTER_REFUSAL:
        return False
    config = configured().get(cloud.name)
    return config is not None and cloud.refused_fingerprint == fingerprint(config)


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
    """Every cloud that is configured or has rows, by name, in two queries."""
    ensure_rows()
    free = Q(next_refresh_at__lte=now) & (Q(claimed_until=None) | Q(claimed_until__lt=now))
    odd = Count("id", filter=Q(kind_conflict=True))
    rows = Backup.objects.values("cloud").annotate(
        n=Count("id"), due=Min("next_refresh_at", filter=free), conflicts=odd
    )
    counts: dict[str, dict[str, Any]] = {row["cloud"]: dict(row) for row in rows}
    return [
        _state(cloud, configured().get(cloud.name), counts.get(cloud.name, {"n": 0, "due": None, "conflicts": 0}), now)
        for cloud in Cloud.objects.order_by("name")
        if cloud.name in configured() or cloud.name in counts
    ]


def _state(cloud: Cloud, config: CloudConfig | None, counts: dict[str, Any], now: datetime) -> CloudState:
    full, source, sentence = _explain(cloud, config, counts["conflicts"])
    reachable = None if cloud.attempted_at is None else cloud.error is None
    return CloudState(
        name=cloud.name,
        region=config.region if config else None,
        configured=config is not None,
        api=api(cloud, config),
        reachable=reachable if config else None,
        last_good_at=cloud.last_good_at,
        error=cloud.error,
        paused_until=cloud.refused_at + AFTER_REFUSAL if cloud.refused_at and must_wait(cloud, now) else None,
        requests_per_second=config.requests_per_second if config else None,
        used_percent=None,
        lag_seconds=max(0, int((now - counts["due"]).total_seconds())) if counts["due"] else 0,
        tracked=counts["n"],
        type_full=full,
        type_full_source=source,
        type_votes={"0": cloud.type_votes_0, "1": cloud.type_votes_1},
        type_sentence=sentence,
        conflicts=counts["conflicts"],
        volumes_listed_at=cloud.volumes_listed_at,
        volumes_error=cloud.volumes_error,
        signed_in_at=cloud.signed_in_at,
        follow=config.follow if config else "none",
    )


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
