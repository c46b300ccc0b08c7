"""Whether a cloud may be asked now, and whether it is time to ask it anything at all."""

from datetime import datetime, timedelta

from backups.clouds import registry, same_project
from backups.models import Cloud

# A cloud in which nothing is due is asked so often: each is to be asked every 10 minutes.
ASK_EVERY = timedelta(minutes=8)
ASK_AGAIN_AFTER_FAILURE = timedelta(seconds=30)


def may_ask(name: str, now: datetime) -> Cloud | None:
    """Returns the cloud's row, unless it is to be left alone now: not configured, paused,
    or its sign-in refused.
    """
    if name not in registry.configured():
        return None
    cloud = Cloud.objects.filter(pk=name).first()
    if cloud is None:
        return None
    same_project.learn(registry.configured())
    if cloud.paused_until is not None and cloud.paused_until > now:
        return None
    if registry.is_sign_in_paused(cloud, now):
        return None
    return cloud


def needs_a_call(cloud: Cloud, now: datetime) -> bool:
    """Is it time to ask a cloud something although nothing is due in it?"""
    if cloud.attempted_at is None:
        return True
    pause = ASK_AGAIN_AFTER_FAILURE if cloud.failures else ASK_EVERY
    return cloud.attempted_at < now - pause
