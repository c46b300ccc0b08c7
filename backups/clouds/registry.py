"""The configured clouds, one client each per process, and how their answers are to be read."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.conf import settings

from backups.clouds import circuit_breaker, same_project, sign_in
from backups.clouds.call_meter import Meter
from backups.clouds.sign_in import fingerprint
from backups.models import Cloud
from backups.shared import clock
from backups.vbs.client import Client
from backups.vbs.clouds import CloudConfig
from backups.vbs.kind import TypeInterpretation, Votes, full_type

VBS_CATALOG_TYPES = frozenset({"vbsv2", "vbs"})

__all__ = [
    "client",
    "configured",
    "fingerprint",
    "full_in_force",
    "must_wait",
    "type_interpretation",
]


@dataclass(frozen=True)
class _Line:
    """What this process keeps of a cloud: connections, the token, the way to its budget."""

    config: CloudConfig
    client: Client
    meter: Meter


_lines: dict[str, _Line] = {}
_lock = threading.Lock()


def configured() -> Mapping[str, CloudConfig]:
    found: Mapping[str, CloudConfig] = settings.CLOUDS
    return found


def client(name: str) -> Client:
    """The one client of this process for a configured cloud; it keeps connections and the token."""
    return _line(name).client


def meter(name: str) -> Meter:
    """What admits and counts the calls of this process to a configured cloud."""
    line = _line(name)
    line.meter.share(*same_project.budget_of(name, configured()))
    return line.meter


def _line(name: str) -> _Line:
    config = configured()[name]
    with _lock:
        known = _lines.get(name)
        if known is not None and known.config is config:
            return known
        if known is not None:  # another configuration than the one it was made for
            known.client.close()
        meter = Meter(*same_project.budget_of(name, configured()))
        made = Client(config, clock=clock.now, meter=meter, guard=partial(sign_in.turn, config))
        _lines[name] = _Line(config, made, meter)
        return _lines[name]


def forget_clients() -> None:
    """Close all connections; the next call signs in anew."""
    with _lock:
        for one in _lines.values():
            one.client.close()
        _lines.clear()
        same_project.forget()


def ensure_rows() -> None:
    """A row for each configured cloud, with `follow` as it is configured now; queries compare
    it.
    """
    there = dict(Cloud.objects.filter(name__in=configured()).values_list("name", "follow"))
    wanted = [
        Cloud(name=name, follow=config.follow) for name, config in sorted(configured().items())
    ]
    if differing := [cloud for cloud in wanted if there.get(cloud.name) != cloud.follow]:
        Cloud.objects.bulk_create(
            differing, update_conflicts=True, unique_fields=["name"], update_fields=["follow"]
        )


def must_wait(cloud: Cloud, now: datetime) -> bool:
    """Was the sign-in refused, with this very configuration, less than an hour ago?"""
    return sign_in.must_wait(cloud, configured().get(cloud.name), now)


def health(cloud: Cloud) -> circuit_breaker.Health:
    return circuit_breaker.Health(
        cloud.failures, cloud.breaker_openings, cloud.paused_until, cloud.pause_reason
    )


def api(cloud: Cloud, config: CloudConfig | None) -> str:
    """`vbs` or `cinder`; `auto` decides by the catalog type in use or by what a body had."""
    if config is not None and config.api != "auto":
        return config.api
    return "vbs" if cloud.seen_vbs or cloud.catalog_type in VBS_CATALOG_TYPES else "cinder"


def type_interpretation(cloud: Cloud, config: CloudConfig | None) -> TypeInterpretation:
    """Which meaning of Type is in force."""
    if api(cloud, config) == "cinder":
        return "cinder"
    return "vbs_0" if full_in_force(cloud, config) == 0 else "vbs_1"


def full_in_force(cloud: Cloud, config: CloudConfig | None) -> int:
    """Which Type means a full backup: as set, else by the evidence."""
    if config is not None and config.type_full != "auto":
        return int(config.type_full)
    return full_type(Votes(zero=cloud.type_votes_0, one=cloud.type_votes_1))


class UnknownCloud(ValueError):
    """No such cloud is configured; the text is a sentence for a person."""

    def __init__(self, name: str) -> None:
        known = ", ".join(sorted(configured())) or "none"
        super().__init__(f"“{name[:80]}” is no configured cloud. Configured: {known}.")
