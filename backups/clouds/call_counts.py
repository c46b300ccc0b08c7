"""How many calls each cloud got, by how they ended: since ever, and in the last minute."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from backups.models import Cloud, CloudCalls
from backups.shared.locks import lock_cloud

MINUTE = timedelta(minutes=1)


def count(cloud: Cloud, calls: Mapping[str, int], now: datetime) -> None:
    """Add calls to the counters. `cloud` is locked by the caller, who saves its columns MINUTES."""
    if not calls:
        return
    for class_name, n in sorted(calls.items()):
        mine = CloudCalls.objects.filter(cloud=cloud, class_name=class_name)
        if not mine.update(n=F("n") + n):
            CloudCalls.objects.create(cloud=cloud, class_name=class_name, n=n)
    minute = now.replace(second=0, microsecond=0)
    if cloud.minute != minute:
        before = cloud.calls_this_minute if cloud.minute == minute - MINUTE else 0
        cloud.minute, cloud.calls_this_minute, cloud.calls_last_minute = minute, 0, before
    cloud.calls_this_minute += sum(calls.values())


MINUTES = ("minute", "calls_this_minute", "calls_last_minute")


def keep(cloud_name: str, calls: Mapping[str, int], now: datetime) -> None:
    """Count calls that brought no answer to store."""
    if calls:
        with transaction.atomic():
            cloud = lock_cloud(cloud_name)
            count(cloud, calls, now)
            cloud.save(update_fields=MINUTES)


def in_last_minute(cloud: Cloud, now: datetime) -> float:
    """Estimated from two minutes by the clock: the running one, and the part of the one before that
    counts yet.
    """
    minute = now.replace(second=0, microsecond=0)
    if cloud.minute == minute:
        return cloud.calls_this_minute + cloud.calls_last_minute * (1 - (now - minute) / MINUTE)
    if cloud.minute == minute - MINUTE:
        return cloud.calls_this_minute * (1 - (now - minute) / MINUTE)
    return 0.0
