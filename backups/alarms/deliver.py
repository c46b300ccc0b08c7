"""Sends what is in the outbox, one message after the other of a channel.

A message is claimed by a conditional UPDATE, so two workers never send the same one. One that dies
between sending and noting it leaves a claim that runs out: then it is sent again, with the same
event ID. No message is sent within a transaction.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F

from backups.alarms.channels.channel import Answer, Channel
from backups.alarms.channels_file import channels
from backups.alarms.message import Message
from backups.alarms.message_of import message_of
from backups.alarms.outbox import CLAIM, LONGEST_WAIT
from backups.models import Delivery, DeliveryAttempt, DeliveryState
from backups.models.data_version import data_changed
from backups.shared import clock

logger = logging.getLogger(__name__)

JOB_S: Final = 30.0  # after that the next task goes on
# After the first try, after the second, and after each further one for a day.
WAITS: Final = (timedelta(seconds=1), timedelta(seconds=30), LONGEST_WAIT)
TRIED_FOR: Final = timedelta(days=1)
LONGEST_SENTENCE: Final = 500  # characters of what came of a try


def deliver(name: str) -> int:
    """Sends what is due to a channel; returns how many messages went out."""
    sent = 0
    ends_at = time.monotonic() + JOB_S
    while time.monotonic() < ends_at:
        channel = channels().get(name)
        if channel is None:
            _drop_all(name, clock.now())
            break
        delivery = _claim(name, clock.now())
        if delivery is None:
            break
        sent += _send(channel, delivery)
    return sent


def _claim(name: str, now: datetime) -> Delivery | None:
    """Takes the oldest due message for CLAIM, and fixes what it says at its first try."""
    while True:
        due = Delivery.objects.due(now).filter(channel=name)
        pk = due.values_list("pk", flat=True).first()
        if pk is None:
            return None
        with transaction.atomic():
            claimed = Delivery.objects.due(now).filter(pk=pk)
            if claimed.order_by().update(claimed_until=now + CLAIM, attempts=F("attempts") + 1):
                delivery = Delivery.objects.get(pk=pk)
                if delivery.message is None:
                    delivery.message = message_of(delivery).as_json()
                    delivery.save(update_fields=["message"])
                data_changed()
                return delivery


def _send(channel: Channel, delivery: Delivery) -> bool:
    """Makes one try and notes what came of it; returns whether the message was taken."""
    message: Any = delivery.message
    began = time.monotonic()
    answer = channel.send(Message.of_json(message))
    duration_ms = round((time.monotonic() - began) * 1000)
    _note(delivery, answer, duration_ms, clock.now())
    return answer.is_delivered


def _note(delivery: Delivery, answer: Answer, duration_ms: int, now: datetime) -> None:
    with transaction.atomic():
        # Whose claim ran out meanwhile leaves the state to the one that has it now.
        held = Delivery.objects.filter(pk=delivery.pk, claimed_until=delivery.claimed_until)
        if answer.is_delivered:
            held.update(state=DeliveryState.SENT, finished_at=now, claimed_until=None)
            # The channel works again, so nothing waits for its hour.
            waiting = Delivery.objects.filter(channel=delivery.channel, attempts__gt=0)
            waiting.filter(state=DeliveryState.WAITING, send_at__gt=now).update(send_at=now)
        elif now - _tried_since(delivery) >= TRIED_FOR:
            held.update(state=DeliveryState.GIVEN_UP, finished_at=now, claimed_until=None)
        else:
            held.update(send_at=now + _wait(delivery, answer), claimed_until=None)
        DeliveryAttempt.objects.create(
            delivery=delivery,
            at=now,
            duration_ms=duration_ms,
            is_delivered=answer.is_delivered,
            http_status=answer.http_status,
            sentence=answer.sentence[:LONGEST_SENTENCE],
        )
        data_changed()
    if not answer.is_delivered:
        logger.warning("channel %s: %s", delivery.channel, answer.sentence[:LONGEST_SENTENCE])


def _tried_since(delivery: Delivery) -> datetime:
    return delivery.asked_again_at or delivery.written_at


def _wait(delivery: Delivery, answer: Answer) -> timedelta:
    """Returns how long to wait for the next try: what the far side asked for, within bounds."""
    usual = WAITS[min(delivery.attempts, len(WAITS)) - 1]
    if answer.retry_after is None:
        return usual
    return min(max(answer.retry_after, WAITS[0]), WAITS[-1])


def _drop_all(name: str, now: datetime) -> None:
    """Ends what waits for a channel that is not configured any more. Should it come back, alarms
    that are open by then are told to it anew.
    """
    with transaction.atomic():
        waiting = Delivery.objects.filter(channel=name, state=DeliveryState.WAITING)
        for delivery in waiting.select_for_update(of=("self",), no_key=True).order_by("id"):
            if delivery.message is None:
                delivery.message = message_of(delivery).as_json()
            delivery.state = DeliveryState.DROPPED
            delivery.finished_at = now
            delivery.claimed_until = None
            delivery.save(update_fields=["message", "state", "finished_at", "claimed_until"])
            delivery.alarms.all().delete()
            data_changed()
