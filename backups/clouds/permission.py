"""Whether a cloud may be asked now, and whether it is time to ask it anything at all."""

from datetime import datetime, timedelta

from backups.clouds import registry, same_project
from backups.models import Cloud

ASK_EVERY = timedelta(
    minutes=8
)  # a cloud in which nothing is due; each is to be asked every 10 minutes
ASK_AGAIN = timedelta(seconds=30)  # … or sooner, when its last call failed


def may_ask(name: str, now: datetime) -> Cloud | None:
    """The cloud's row, unless it is to be left alone now: not configured, paused, or its sign-in
    refused.
    """
    if name not in registry.configured():
        return None
    cloud = Cloud.objects.filter(pk=name).first()
    if cloud is None:
        return None
    same_project.learn(registry.configured())
    paused = cloud.paused_until is not None and cloud.paused_until > now
    return None if paused or registry.must_wait(cloud, now) else cloud


def is_silent(cloud: Cloud, now: datetime) -> bool:
    """Is it time to ask a cloud something although nothing is due in it?"""
    return cloud.attempted_at is None or cloud.attempted_at < now - (
        ASK_AGAIN if cloud.failures else ASK_EVERY
    )
