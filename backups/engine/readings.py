"""When another reading of Type comes into force, every backup of that cloud is judged again, without asking the cloud.

It changes with the evidence, and with `vbs_type_full` or `vbs_api` at a restart. What the judgement needs was decoded
from the stored bodies into columns, so each distinct set of signals is one UPDATE.
"""

import logging
from datetime import datetime

from django.db import transaction

from backups.engine import clouds
from backups.engine.derive import derive_all
from backups.models import Backup, Cloud
from backups.vbs.kind import Reading, judge

logger = logging.getLogger(__name__)


def ensure(cloud_name: str, now: datetime) -> bool:
    """Let every kind and chain of a cloud follow the reading in force; was there anything to do?"""
    if _in_force(Cloud.objects.get(pk=cloud_name)) is None:
        return False
    with transaction.atomic():
        cloud = Cloud.objects.select_for_update().get(pk=cloud_name)
        reading = _in_force(cloud)
        if reading is None:  # somebody else was faster
            return False
        _judge_again(cloud, reading)
        Cloud.objects.filter(pk=cloud_name).update(reading=reading)
        derive_all(cloud_name, now)
    logger.info("%s: kinds were derived again, by %s", cloud_name, reading)
    return True


def ensure_all(now: datetime) -> None:
    for name in clouds.configured():
        ensure(name, now)


def _in_force(cloud: Cloud) -> Reading | None:
    """The reading that its backups do not follow yet."""
    reading = clouds.reading(cloud, clouds.configured().get(cloud.name))
    return reading if reading != cloud.reading else None


def _judge_again(cloud: Cloud, reading: Reading) -> None:
    mine = Backup.objects.filter(cloud=cloud)
    signals = mine.order_by().values_list("inc", "type", "is_incremental").distinct()
    for inc, type_, is_incremental in list(signals):
        verdict = judge(inc=inc, type_=type_, is_incremental=is_incremental, reading=reading)
        same = {"inc": inc, "type": type_, "is_incremental": is_incremental}
        where = {k if v is not None else f"{k}__isnull": True if v is None else v for k, v in same.items()}
        mine.filter(**where).update(kind=verdict.kind, kind_source=verdict.source, kind_conflict=verdict.conflict)
