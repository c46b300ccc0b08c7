"""Which clouds are two services of one project (VBS and its successor CBR), and under which of them
the disks that both show are counted.

Two entries of clouds.yaml that lead to one project by two services are lawful and complement each
other: evidence of both counts for a disk, and each disk is counted once. It is counted where
operators have known it, and under the successor once that service has ended or is not configured
any more.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from backups.analysis.facts import SKEW
from backups.clouds import registry
from backups.derived import queue, twins
from backups.models import Backup, Cloud, Volume
from backups.models.data_version import data_changed
from backups.refresh.plan import Fetched
from backups.shared.locks import lock_clouds
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.errors import Gone, Rejected
from backups.vbs.ids import HYPHENATED

_FOREIGN = (
    "CBR does not know this backup, which another service has shown: whether it is still there is "
    "not known."
)
_HEX_DIGITS = 32  # of a project ID without hyphens


def ensure(now: datetime) -> None:
    """Stores which clouds belong together; volumes of those where that has changed are derived
    again. Where the disks are counted changes for all of them at one moment.
    """
    configured = registry.configured()
    clouds = list(Cloud.objects.order_by("name"))
    if not any(_changes(clouds, configured).values()):
        return
    with transaction.atomic():
        lock_clouds(cloud.name for cloud in clouds)
        clouds = list(Cloud.objects.order_by("name"))
        others = _others(clouds, configured)
        for cloud in clouds:
            values = _changes(clouds, configured)[cloud.name]
            if not values:
                continue
            Cloud.objects.filter(pk=cloud.name).update(**values)
            other = others.get(cloud.name)
            if other is None:
                twins.leave(cloud.name)
            elif values.get("counts_disks", cloud.counts_disks):
                twins.place_all(cloud, other)
            queue.mark_runs(Volume.objects.filter(cloud=cloud), now)
        data_changed()


def _changes(
    clouds: Sequence[Cloud], configured: Mapping[str, CloudConfig]
) -> dict[str, dict[str, Any]]:
    """Returns by name of each cloud what its row has to hold instead."""
    others = _others(clouds, configured)
    changes: dict[str, dict[str, Any]] = {}
    for cloud in clouds:
        other = others.get(cloud.name)
        values = {
            "is_configured": cloud.name in configured,
            "other_service": other.name if other is not None else None,
            "counts_disks": other is None or _counts(cloud, other, configured),
        }
        changes[cloud.name] = {
            column: value for column, value in values.items() if getattr(cloud, column) != value
        }
    return changes


def _others(clouds: Sequence[Cloud], configured: Mapping[str, CloudConfig]) -> Mapping[str, Cloud]:
    """Returns the other service of each cloud that has one, by name."""
    by_project: defaultdict[str, list[Cloud]] = defaultdict(list)
    for cloud in clouds:
        project_id = project_of(cloud.endpoint)
        if project_id is not None:
            by_project[project_id].append(cloud)
    others: dict[str, Cloud] = {}
    for of_project in by_project.values():
        # Configured ones before others: an entry may have been renamed.
        of_project.sort(key=lambda cloud: (cloud.name not in configured, cloud.name))
        successors = [cloud for cloud in of_project if _is_successor(cloud, configured)]
        forerunners = [cloud for cloud in of_project if not _is_successor(cloud, configured)]
        if successors and forerunners:
            others[successors[0].name] = forerunners[0]
            others[forerunners[0].name] = successors[0]
    return others


def _is_successor(cloud: Cloud, configured: Mapping[str, CloudConfig]) -> bool:
    return registry.api(cloud, configured.get(cloud.name)) == "cbr"


def _counts(cloud: Cloud, other: Cloud, configured: Mapping[str, CloudConfig]) -> bool:
    """Are the disks that both services show counted under this one?"""
    is_alive = cloud.name in configured and cloud.service_ended_at is None
    is_other_alive = other.name in configured and other.service_ended_at is None
    if is_alive != is_other_alive:
        return is_alive
    return not _is_successor(cloud, configured)


def without_foreign(cloud: Cloud, fetched: Sequence[Fetched]) -> list[Fetched]:
    """Returns the answers, where CBR's not knowing a backup that VBS has shown is no proof that it
    does not exist: an entry may have been turned from the one to the other.
    """
    gone = [answer.id for answer in fetched if isinstance(answer.error, Gone)]
    config = registry.configured().get(cloud.name)
    if not gone or registry.api(cloud, config) != "cbr":
        return list(fetched)
    # Each backup of CBR lies in a vault.
    rows = Backup.objects.filter(pk__in=gone, vault_id=None, refreshed_at__isnull=False)
    foreign = set(rows.values_list("pk", flat=True))
    return [
        replace(answer, error=Rejected(_FOREIGN, http_status=404))
        if answer.id in foreign
        else answer
        for answer in fetched
    ]


def leads(cloud: Cloud) -> bool:
    """Is this the service in which new backups appear, of two that show one project? Both show them
    all after a move; then it is the successor.
    """
    if cloud.other_service is None:
        return True
    other = Cloud.objects.filter(pk=cloud.other_service).first()
    if other is None or not other.is_configured or other.service_ended_at is not None:
        return True
    ours = cloud.newest_created_at
    theirs = other.newest_created_at
    if ours is None or theirs is None:
        # Nothing is known of one of them yet.
        return True
    if abs(ours - theirs) <= SKEW:
        return not cloud.counts_disks
    return ours > theirs


def project_of(endpoint: str | None) -> str | None:
    """Returns the project ID that ends the base URL of a service, in one spelling; None when there
    is none that can be compared.
    """
    if not endpoint:
        return None
    last_step = urlsplit(endpoint).path.rstrip("/").rpartition("/")[2].lower()
    if HYPHENATED.fullmatch(last_step):
        last_step = last_step.replace("-", "")
    is_hex = len(last_step) == _HEX_DIGITS and all(c in "0123456789abcdef" for c in last_step)
    return last_step if is_hex else None
