"""How many calls each cloud got, by how they ended: since ever, and in the last minute."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from backups.models import Cloud, CloudCalls
from backups.models.data_version import data_touched
from backups.shared.locks import lock_cloud

MINUTE = timedelta(minutes=1)
MINUTE_COLUMNS = ("minute", "calls_this_minute", "calls_last_minute")


def add_to(cloud: Cloud, calls: Mapping[str, int], now: datetime) -> None:
    """Adds calls to the counters. `cloud` is locked by the caller, who saves its MINUTE_COLUMNS."""
    if not calls:
        return
    for class_name, n in sorted(calls.items()):
        rows = CloudCalls.objects.filter(cloud=cloud, class_name=class_name)
        if not rows.update(n=F("n") + n):
            CloudCalls.objects.create(cloud=cloud, class_name=class_name, n=n)
    minute = now.replace(second=0, microsecond=0)
    if cloud.minute != minute:
        was_last_minute = cloud.minute == minute - MINUTE
        cloud.calls_last_minute = cloud.calls_this_minute if was_last_minute else 0
        cloud.calls_this_minute = 0
        cloud.minute = minute
    cloud.calls_this_minute += sum(calls.values())


def add(cloud_name: str, calls: Mapping[str, int], now: datetime) -> None:
    """Counts calls that brought no answer to store."""
    if not calls:
        return
    with transaction.atomic():
        cloud = lock_cloud(cloud_name)
        add_to(cloud, calls, now)
        cloud.save(update_fields=MINUTE_COLUMNS)
        data_touched()


def in_last_minute(cloud: Cloud, now: datetime) -> float:
    """Estimates from two minutes by the clock: the running one, and the part of the one
    before that counts yet.
    """
    minute = now.replace(second=0, microsecond=0)
    part_of_last_minute = 1 - (now - minute) / MINUTE
    if cloud.minute == minute:
        return cloud.calls_this_minute + cloud.calls_last_minute * part_of_last_minute
    if cloud.minute == minute - MINUTE:
        return cloud.calls_this_minute * part_of_last_minute
    return 0.0
