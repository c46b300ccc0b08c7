"""Judges every backup of a cloud again when another interpretation of Type comes into force.

The cloud is not asked. The interpretation changes with the evidence, and with `vbs_type_full` or
`vbs_api` at a restart. What the judgement needs was decoded from the stored bodies into columns, so
each distinct set of signals is one UPDATE.
"""

import logging
from datetime import datetime

from django.db import transaction

from backups.clouds import registry
from backups.derived import queue
from backups.models import Backup, Cloud, Volume
from backups.models.data_version import data_changed
from backups.shared.locks import lock_cloud
from backups.vbs.kind import judge

logger = logging.getLogger(__name__)


def ensure(cloud_name: str, now: datetime) -> bool:
    """Lets the kinds and chains of a cloud follow the interpretation in force.

    Returns whether there was anything to do.
    """
    if not _is_outdated(Cloud.objects.get(pk=cloud_name)):
        return False
    with transaction.atomic():
        cloud = lock_cloud(cloud_name)
        if not _is_outdated(cloud):
            # Another process was faster.
            return False
        changed = _judge(cloud)
        queue.mark_all(Volume.objects.filter(cloud=cloud), now)
    queue.derive_due(cloud_name, now)
    if changed:
        logger.info(
            "%s: %d backups have another kind now, by %s",
            cloud_name,
            changed,
            cloud.type_interpretation,
        )
    return True


def ensure_all(now: datetime) -> None:
    for name in registry.configured():
        ensure(name, now)


def judge_again(cloud_name: str) -> int:
    """Judges every backup of a cloud, whether the interpretation changed or not.

    Returns how many kinds changed.
    """
    with transaction.atomic():
        return _judge(lock_cloud(cloud_name))


def _is_outdated(cloud: Cloud) -> bool:
    in_force = registry.type_interpretation(cloud, registry.configured().get(cloud.name))
    return in_force != cloud.type_interpretation


def _judge(cloud: Cloud) -> int:
    type_interpretation = registry.type_interpretation(cloud, registry.configured().get(cloud.name))
    backups = Backup.objects.filter(cloud=cloud)
    signals = backups.order_by().values_list("inc", "type", "is_incremental").distinct()
    changed = 0
    for inc, type_, is_incremental in list(signals):
        verdict = judge(
            inc=inc,
            type_=type_,
            is_incremental=is_incremental,
            type_interpretation=type_interpretation,
        )
        columns = {
            "kind": verdict.kind,
            "kind_source": verdict.source,
            "kind_conflict": verdict.conflict,
        }
        alike = backups.filter(inc=inc, type=type_, is_incremental=is_incremental)
        if type_interpretation == "cbr" and verdict.kind == "incremental":
            # Of a first backup in CBR nobody knows (analysis/first_backup.py): that stands.
            alike = alike.exclude(kind="unknown", kind_source=verdict.source)
        changed += alike.exclude(**columns).update(**columns)
    cloud.type_interpretation = type_interpretation
    cloud.save(update_fields=["type_interpretation"])
    data_changed()
    return changed
