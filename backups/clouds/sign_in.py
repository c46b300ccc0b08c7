"""Sign-ins, one at a time over all processes; a refused one is not repeated by itself: repeated
tries lock accounts.

It waits for another configuration, for a person who asks for something, or for an hour (contract:
reads only).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.crypto import salted_hmac

from backups.clouds.stored_error import described
from backups.models import Cloud
from backups.shared import clock
from backups.shared.locks import lock_clouds
from backups.vbs.clouds import CloudConfig
from backups.vbs.errors import SignInRefused, Unavailable

AFTER_REFUSAL = timedelta(hours=1)
TURN = timedelta(seconds=12)  # longer than a sign-in may take
PATIENCE = 15.0  # seconds to wait for one's turn
LOOK = 0.05  # seconds between two looks


def fingerprint(config: CloudConfig) -> str:
    """Changes with the sign-in settings and tells nothing of them."""
    return config.fingerprint(salted_hmac("backups.clouds.registry", config.name).digest())


def must_wait(cloud: Cloud, config: CloudConfig | None, now: datetime) -> bool:
    """Was the sign-in refused, with this very configuration, less than an hour ago?"""
    if cloud.refused_at is None or cloud.refused_at < now - AFTER_REFUSAL or config is None:
        return False
    return cloud.refused_fingerprint == fingerprint(config)


def try_again(names: list[str]) -> None:
    """A person wants to know: one more sign-in, and no waiting for the breaker's next probe."""
    with transaction.atomic():
        lock_clouds(names)
        Cloud.objects.filter(pk__in=names, refused_at__isnull=False).update(refused_at=None)
        Cloud.objects.filter(pk__in=names, pause_reason="breaker").update(
            paused_until=None, probe_until=None
        )


@contextmanager
def turn(config: CloudConfig) -> Iterator[None]:
    """Around a sign-in, or an AK/SK call that nobody knows to be accepted. Raises SignInRefused
    without trying.
    """
    end = _wait_for_turn(config)
    mine = Cloud.objects.filter(pk=config.name, signing_in_until=end)
    try:
        yield
    except SignInRefused as e:
        note_refusal(config, e, clock.now())
        raise e
    else:
        Cloud.objects.filter(pk=config.name, refused_at__isnull=False).update(refused_at=None)
    finally:
        mine.update(signing_in_until=None)


def note_refusal(config: CloudConfig, error: SignInRefused, now: datetime) -> None:
    """With the reason: whatever the sign-in was for, the cloud is now left alone and its page has
    to say why.
    """
    row = Cloud.objects.filter(pk=config.name)
    said = described(error, now, before=row.values_list("error", flat=True).first())
    row.update(refused_at=now, refused_fingerprint=fingerprint(config), error=said)


def _wait_for_turn(config: CloudConfig) -> datetime:
    """Take the cloud's one turn; its end is what it is known by."""
    began = time.monotonic()
    while True:
        now = clock.now()
        cloud = Cloud.objects.filter(pk=config.name).first() or Cloud.objects.create(
            name=config.name
        )
        if must_wait(cloud, config, now):
            message = (cloud.error or {}).get("message") or "Sign-in refused."
            raise SignInRefused(message, http_status=(cloud.error or {}).get("http_status"))
        free = Q(signing_in_until=None) | Q(signing_in_until__lt=now)
        if Cloud.objects.filter(free, pk=config.name, refused_at=cloud.refused_at).update(
            signing_in_until=now + TURN
        ):
            return now + TURN
        if time.monotonic() - began > PATIENCE:
            raise Unavailable(
                "Another process has been signing in for too long; it is tried again soon."
            )
        time.sleep(LOOK)
