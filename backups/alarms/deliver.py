"""Sends what is in the outbox, one message after the other of a channel.

A message is claimed by a conditional UPDATE, so two workers never send the same one. One that dies
between sending and noting it leaves a claim that runs out: then it is sent again, with the same
event ID. No message is sent within a transaction.
"""

import logging
import threading
import time
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q, QuerySet

from backups.alarms import outbox
from backups.alarms.channels.channel import Answer, Channel
from backups.alarms.channels_file import channels
from backups.alarms.message import Message
from backups.alarms.message_of import message_of
from backups.alarms.outbox import CLAIM, GATHERED_FOR, LONGEST_WAIT
from backups.models import Delivery, DeliveryAttempt, DeliveryKind, DeliveryState
from backups.models.data_version import data_changed
from backups.shared import clock

logger = logging.getLogger(__name__)

JOB_S: Final = 30.0  # after that the next task goes on
# After the first try, after the second, and after each further one for a day.
WAITS: Final = (timedelta(seconds=1), timedelta(seconds=30), LONGEST_WAIT)
TRIED_FOR: Final = timedelta(days=1)
LONGEST_SENTENCE: Final = 500  # characters of what came of a try
MOST_LOOKED_AT: Final = 50  # due messages, for one that nobody has in hand

_running: set[str] = set()  # channels of which a task of this process sends
_guard = threading.Lock()


def deliver(name: str) -> int:
    """Sends what is due to a channel, one task in a process at a time: a far side that hangs holds
    up one thread. Returns how many messages went out.
    """
    with _guard:
        if name in _running:
            return 0
        _running.add(name)
    try:
        return send_due(name)
    finally:
        with _guard:
            _running.discard(name)


def send_due(name: str) -> int:
    """Sends until nothing is due, the time is up, or a try fails: others would fail like it."""
    sent = 0
    ends_at = time.monotonic() + JOB_S
    while time.monotonic() < ends_at:
        channel = channels().get(name)
        if channel is None:
            _drop_all(name, clock.now())
            break
        delivery = _claim(name, clock.now())
        if delivery is None or not _send(channel, delivery):
            break
        sent += 1
    return sent


def _claim(name: str, now: datetime) -> Delivery | None:
    """Takes a due message for CLAIM, and fixes what it says at its first try. Of one cloud the
    oldest goes first, due or not: who reads "over" before "open" believes that it is open.
    """
    for due in Delivery.objects.due(now).filter(channel=name)[:MOST_LOOKED_AT]:
        first = due
        if due.kind == DeliveryKind.ALARMS:
            older = Delivery.objects.filter(
                channel=name,
                cloud=due.cloud_id,
                kind=DeliveryKind.ALARMS,
                state=DeliveryState.WAITING,
            )
            first = older.order_by("id").first() or due
        with transaction.atomic():
            if _take(first.pk, now):
                delivery = Delivery.objects.get(pk=first.pk)
                if delivery.message is None:
                    delivery.message = message_of(delivery).as_json()
                    delivery.save(update_fields=["message"])
                data_changed()
                return delivery
    return None


def _take(pk: int, now: datetime) -> bool:
    waiting = Delivery.objects.unclaimed(now).filter(pk=pk)
    return bool(waiting.update(claimed_until=now + CLAIM, attempts=F("attempts") + 1))


def _send(channel: Channel, delivery: Delivery) -> bool:
    """Makes one try and notes what came of it; returns whether the message was taken."""
    message: Any = delivery.message
    began = time.monotonic()
    try:
        answer = channel.send(Message.of_json(message))
    except Exception as e:  # whatever it is, it is a try that failed, and others go on
        logger.exception("channel %s: a message could not be sent", channel.name)
        answer = Answer(is_delivered=False, sentence=f"It could not be sent: {type(e).__name__}.")
    duration_ms = round((time.monotonic() - began) * 1000)
    _note(delivery, answer, duration_ms, clock.now())
    return answer.is_delivered


def _note(delivery: Delivery, answer: Answer, duration_ms: int, now: datetime) -> None:
    with transaction.atomic():
        # Whose claim ran out meanwhile leaves the state to the one that has it now.
        held = Delivery.objects.filter(pk=delivery.pk, claimed_until=delivery.claimed_until)
        if answer.is_delivered:
            held.update(state=DeliveryState.SENT, finished_at=now, claimed_until=None)
            # The channel works again, so nothing but what still gathers waits for its hour.
            has_gathered = Q(attempts__gt=0) | Q(written_at__lte=now - GATHERED_FOR)
            waiting = Delivery.objects.filter(has_gathered, channel=delivery.channel)
            waiting.filter(state=DeliveryState.WAITING, send_at__gt=now).update(send_at=now)
        elif now - _tried_since(delivery) >= TRIED_FOR:
            _give_up(delivery, held, now)
        else:
            _wait_again(delivery, held, now + _wait(delivery, answer), now)
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


def _give_up(delivery: Delivery, held: QuerySet[Delivery], now: datetime) -> None:
    """Ends the tries of a message. What it tells is told anew, if it is still so, unless a try of
    before was taken.
    """
    was_taken = delivery.tries.filter(is_delivered=True).exists()
    state = DeliveryState.SENT if was_taken else DeliveryState.GIVEN_UP
    if held.update(state=state, finished_at=now, claimed_until=None) and not was_taken:
        outbox.untell(delivery)


def _wait_again(
    delivery: Delivery, held: QuerySet[Delivery], until: datetime, now: datetime
) -> None:
    """Puts a message off, and with it the younger ones of its cloud, which go after it."""
    held.update(send_at=until, claimed_until=None)
    if delivery.kind == DeliveryKind.ALARMS:
        younger = Delivery.objects.filter(
            channel=delivery.channel,
            cloud=delivery.cloud_id,
            kind=DeliveryKind.ALARMS,
            state=DeliveryState.WAITING,
            pk__gt=delivery.pk,
        )
        younger.filter(send_at__lte=now).update(send_at=until)


def _tried_since(delivery: Delivery) -> datetime:
    return delivery.asked_again_at or delivery.written_at


def _wait(delivery: Delivery, answer: Answer) -> timedelta:
    """Returns how long to wait for the next try: longer where the far side asked for it, and never
    longer than an hour.
    """
    usual = WAITS[min(delivery.attempts, len(WAITS)) - 1]
    if answer.retry_after is None:
        return usual
    return min(max(answer.retry_after, usual), LONGEST_WAIT)


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
            outbox.untell(delivery)
            data_changed()
