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
from backups.models import FULL_ACCESS, Access, Backup, Cloud
from backups.models.data_version import data_changed
from backups.shared import clock
from backups.vbs import dialects
from backups.vbs.client import Client
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.dialect import Dialect
from backups.vbs.dialect_cbr import CBR
from backups.vbs.dialect_openstack import CINDER, VBS
from backups.vbs.dialects import AUTO
from backups.vbs.kind import TypeInterpretation, Votes, full_type

__all__ = [
    "client",
    "configured",
    "fingerprint",
    "full_in_force",
    "is_sign_in_paused",
    "type_interpretation",
]


@dataclass(frozen=True)
class _Access:
    """What this process keeps of a cloud: connections, the token, the way to its budget."""

    config: CloudConfig
    client: Client
    meter: Meter


_accesses: dict[str, _Access] = {}
_lock = threading.Lock()


def configured() -> Mapping[str, CloudConfig]:
    clouds: Mapping[str, CloudConfig] = settings.CLOUDS
    return clouds


def configured_for(access: Access) -> Mapping[str, CloudConfig]:
    """Returns the configured clouds that are open to somebody."""
    clouds = configured()
    if access.clouds is None:
        return clouds
    return {name: config for name, config in clouds.items() if access.opens(name)}


def warnings() -> list[str]:
    """Returns what the configuration of the clouds says that has no effect, each sentence once."""
    sentences: list[str] = []
    for config in configured().values():
        sentences += config.warnings
    return list(dict.fromkeys(sentences))


def settings_without_effect() -> list[str]:
    """Returns a sentence for each setting, of clouds or of vbsdash, that is not obeyed as one may
    think, for the start.
    """
    return [*settings.NOTICES, *warnings()]


def client(name: str) -> Client:
    """Returns the one client of this process for a configured cloud; it keeps
    connections and the token.
    """
    return _access(name).client


def meter(name: str) -> Meter:
    """Returns what admits and counts the calls of this process to a configured cloud."""
    meter = _access(name).meter
    meter.share(*same_project.budget_of(name, configured()))
    return meter


def _access(name: str) -> _Access:
    config = configured()[name]
    with _lock:
        access = _accesses.get(name)
        if access is not None:
            if access.config is config:
                return access
            access.client.close()  # Another configuration than the one it was made for.
        meter = Meter(*same_project.budget_of(name, configured()))
        guard = partial(sign_in.turn, config)
        family = partial(pinned_family, name)
        client = Client(config, clock=clock.now, meter=meter, guard=guard, family=family)
        access = _Access(config, client, meter)
        _accesses[name] = access
        return access


def forget_clients() -> None:
    """Closes all connections; the next call signs in anew."""
    with _lock:
        for access in _accesses.values():
            access.client.close()
        _accesses.clear()
        same_project.forget()


def pinned_family(name: str) -> str | None:
    """Returns the dialect that `vbs_api: auto` keeps to in a cloud: once it has answered for a
    backup, the one by which it did. None while it may still choose.

    A service that left the catalog is not followed by another one.
    """
    cloud = Cloud.objects.filter(pk=name).only("catalog_type", "type_interpretation").first()
    if cloud is None:
        return None
    family = _family(cloud)
    if family is None or not Backup.objects.filter(cloud=name, refreshed_at__isnull=False).exists():
        return None
    return family.name


def _family(cloud: Cloud) -> Dialect | None:
    """Returns what the catalog called the service, or how its backups were last read; None where
    neither tells.
    """
    by_catalog = dialects.of_catalog_type(cloud.catalog_type)
    if by_catalog is None and cloud.type_interpretation == CBR.name:
        return CBR
    return by_catalog


def ensure_rows() -> None:
    """Stores a row for each configured cloud, with `follow` as it is configured
    now; queries compare it.
    """
    stored = dict(Cloud.objects.filter(name__in=configured()).values_list("name", "follow"))
    changed: list[Cloud] = []
    for name, config in sorted(configured().items()):
        if stored.get(name) != config.follow:
            changed.append(Cloud(name=name, follow=config.follow))
    if changed:
        Cloud.objects.bulk_create(
            changed, update_conflicts=True, unique_fields=["name"], update_fields=["follow"]
        )
        data_changed()


def is_sign_in_paused(cloud: Cloud, now: datetime) -> bool:
    """Was the sign-in refused, with this very configuration, less than an hour ago?"""
    return sign_in.is_paused(cloud, configured().get(cloud.name), now)


def health(cloud: Cloud) -> circuit_breaker.Health:
    return circuit_breaker.Health(
        cloud.failures, cloud.breaker_openings, cloud.paused_until, cloud.pause_reason
    )


def api(cloud: Cloud, config: CloudConfig | None) -> str:
    """Returns the name of the dialect (`dialects`); `auto` decides by the catalog type
    in use or by what a body had.
    """
    if config is not None and config.api != AUTO:
        return config.api
    family = _family(cloud)
    if family is not None and family is not CINDER:
        return family.name
    return VBS.name if cloud.seen_vbs else CINDER.name


def dialect(cloud: Cloud, config: CloudConfig | None) -> Dialect:
    """Returns what the backup service of a cloud speaks, as far as is known."""
    return dialects.DIALECTS[api(cloud, config)]


def type_interpretation(cloud: Cloud, config: CloudConfig | None) -> TypeInterpretation:
    """Returns which meaning of Type is in force."""
    kinds_by = dialect(cloud, config).kinds_by
    if kinds_by is not None:
        return kinds_by
    return "vbs_0" if full_in_force(cloud, config) == 0 else "vbs_1"


def full_in_force(cloud: Cloud, config: CloudConfig | None) -> int:
    """Returns which Type means a full backup: as set, else by the evidence."""
    if config is not None and config.type_full != "auto":
        return int(config.type_full)
    return full_type(Votes(zero=cloud.type_votes_0, one=cloud.type_votes_1))


class UnknownCloud(ValueError):
    """No such cloud is configured, for whoever asks; the text is a sentence for a person and names
    no cloud that he may not see.
    """

    def __init__(self, name: str, access: Access = FULL_ACCESS) -> None:
        names = ", ".join(sorted(configured_for(access))) or "none"
        super().__init__(f"“{name[:80]}” is no configured cloud. Configured: {names}.")
