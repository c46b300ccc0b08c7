"""Sign-ins, one at a time over all processes; a refused one is not repeated by itself: repeated
tries lock accounts.

It waits for another configuration, for a person who asks for something, or for an
hour (contract: reads only).
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
from backups.models.data_version import data_changed
from backups.shared import clock
from backups.shared.locks import lock_clouds
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.errors import SignInRefused, Unavailable

PAUSE_AFTER_REFUSAL = timedelta(hours=1)
TURN = timedelta(seconds=12)  # Longer than a sign-in may take.
TURN_WAIT_S = 15.0
POLL_S = 0.05  # Between two tries to get one's turn.


def fingerprint(config: CloudConfig) -> str:
    """Returns a text that changes with the sign-in settings and tells nothing of them."""
    return config.fingerprint(salted_hmac("backups.clouds.registry", config.name).digest())


def is_paused(cloud: Cloud, config: CloudConfig | None, now: datetime) -> bool:
    """Was the sign-in refused, with this very configuration, less than an hour ago?"""
    if cloud.refused_at is None or cloud.refused_at < now - PAUSE_AFTER_REFUSAL or config is None:
        return False
    return cloud.refused_fingerprint == fingerprint(config)


def try_again(names: list[str]) -> None:
    """Ends the pauses after a refusal and of the breaker: a person wants to know, so there is one
    more sign-in, and no waiting for the next probe.
    """
    with transaction.atomic():
        lock_clouds(names)
        Cloud.objects.filter(pk__in=names, refused_at__isnull=False).update(refused_at=None)
        Cloud.objects.filter(pk__in=names, pause_reason="breaker").update(
            paused_until=None, probe_until=None
        )
        data_changed()


@contextmanager
def turn(config: CloudConfig) -> Iterator[None]:
    """Surrounds a sign-in, or an AK/SK call that nobody knows to be accepted. Raises SignInRefused
    without trying while the sign-in is paused.
    """
    turn_end = _wait_for_turn(config)
    try:
        yield
    except SignInRefused as e:
        note_refusal(config, e, clock.now())
        raise e
    else:
        refused = Cloud.objects.filter(pk=config.name, refused_at__isnull=False)
        if refused.update(refused_at=None):
            data_changed()
    finally:
        # Its end is what tells this turn from a later one.
        own_turn = Cloud.objects.filter(pk=config.name, signing_in_until=turn_end)
        own_turn.update(signing_in_until=None)


def note_refusal(config: CloudConfig, error: SignInRefused, now: datetime) -> None:
    """Stores a refusal with its reason: whatever the sign-in was for, the cloud is now left alone
    and its page has to say why.
    """
    row = Cloud.objects.filter(pk=config.name)
    stored_error = row.values_list("error", flat=True).first()
    row.update(
        refused_at=now,
        refused_fingerprint=fingerprint(config),
        error=described(error, now, before=stored_error),
    )
    data_changed()


def _wait_for_turn(config: CloudConfig) -> datetime:
    """Takes the cloud's one turn and returns when it ends. Raises SignInRefused, Unavailable."""
    began = time.monotonic()
    rows = Cloud.objects.filter(pk=config.name)
    while True:
        now = clock.now()
        cloud = rows.first()
        if cloud is None:
            cloud = Cloud.objects.create(name=config.name)
            data_changed()
        if is_paused(cloud, config, now):
            stored_error = cloud.error or {}
            message = stored_error.get("message") or "Sign-in refused."
            raise SignInRefused(
                message,
                http_status=stored_error.get("http_status"),
                request_id=stored_error.get("request_id"),
            )
        is_free = Q(signing_in_until=None) | Q(signing_in_until__lt=now)
        # Not when it was refused meanwhile.
        free_rows = rows.filter(is_free, refused_at=cloud.refused_at)
        if free_rows.update(signing_in_until=now + TURN):
            return now + TURN
        if time.monotonic() - began > TURN_WAIT_S:
            raise Unavailable(
                "Another process has been signing in for too long; it is tried again soon."
            )
        time.sleep(POLL_S)
