"""What each channel is to be told: written in the transaction in which alarms change, sent by
`deliver.py` after it.

What a channel's readers know of an alarm stands in DeliveredAlarm. They are told where it differs
from what is: so nothing is lost that a silence, a filter or a stopped worker held back, and nothing
is told twice.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from backups.alarms.channels.channel import Channel
from backups.alarms.channels_file import channels
from backups.alarms.message import Message
from backups.edits.common import Actor, NotAllowed
from backups.models import (
    Alarm,
    DeliveredAlarm,
    Delivery,
    DeliveryKind,
    DeliveryState,
    ObjectKind,
    Told,
    Verb,
)
from backups.models.data_version import data_changed
from backups.query.alarms import inhibited, matching, muted
from backups.query.silences import Quiet, quiet_now
from backups.shared import audit, clock

CLAIM: Final = timedelta(seconds=60)  # longer than any channel takes for a try
LONGEST_WAIT: Final = timedelta(hours=1)  # between two tries
GATHERED_FOR: Final = timedelta(seconds=30)  # what changes in one cloud is one message
# Of a burst of changes the first two are told at once. After them it is told that the alarm flaps,
# once nothing has changed for SETTLED_AFTER, and each hour as long as it goes on.
TOLD_OF_BURST: Final = 2
SETTLED_AFTER: Final = timedelta(minutes=10)
FLAPPING_TOLD_EVERY: Final = timedelta(hours=1)
# So long after its end a recovery is told that a silence, or a stopped worker, has held back.
RECOVERY_TOLD_FOR: Final = timedelta(days=7)
_ROWS_PER_WRITE: Final = 250


class UnknownChannel(LookupError):
    """The text is a sentence."""


class UnknownDelivery(LookupError):
    """The text is a sentence."""


@dataclass(frozen=True)
class _News:
    alarm: Alarm
    what: Told


def tell(now: datetime) -> bool:
    """Writes into the outbox what channels are to be told now; returns whether there is any."""
    configured = channels()
    if not configured:
        return False
    quiet = quiet_now(now)
    is_written = False
    for name in sorted(configured):
        news = _news(configured[name], quiet, now)
        by_cloud: dict[str, list[_News]] = {}
        for item in news:
            by_cloud.setdefault(item.alarm.cloud_id, []).append(item)
        for cloud, of_cloud in sorted(by_cloud.items()):
            _write(name, cloud, of_cloud, now)
            is_written = True
    return is_written


def _news(channel: Channel, quiet: Sequence[Quiet], now: datetime) -> list[_News]:
    rows = [*_opened(channel, quiet, now), *_closed(channel, quiet, now)]
    news: list[_News] = []
    last = _last_told(channel.name, rows)
    for alarm in rows:
        what = _what_to_tell(alarm, last.get(alarm.pk), now)
        if what is not None:
            news.append(_News(alarm, what))
    return news


def _opened(channel: Channel, quiet: Sequence[Quiet], now: datetime) -> list[Alarm]:
    """Returns open alarms of a channel that it was not told as they stand."""
    rows = Alarm.objects.open().filter(
        matching(channel.query, now),
        ~(muted(quiet, now) | inhibited()),
        ~_told_of(channel.name),
        severity__in=channel.severities,
        held_until__lte=now,
        acknowledged_at__isnull=True,
    )
    if channel.only_if_unacked_for is not None:
        rows = rows.filter(changed_at__lte=now - channel.only_if_unacked_for)
    return list(rows.order_by("id"))


def _closed(channel: Channel, quiet: Sequence[Quiet], now: datetime) -> list[Alarm]:
    """Returns closed alarms whose opening a channel was told, whatever its filter is by now."""
    rows = Alarm.objects.filter(
        _ever_told(channel.name),
        ~_told_of(channel.name),
        ~muted(quiet, now),
        closed_at__gt=now - RECOVERY_TOLD_FOR,
    )
    return list(rows.order_by("id"))


def _told_of(channel: str) -> Q:
    """Returns the condition of alarms that a channel was told as they stand now."""
    rows = DeliveredAlarm.objects.filter(
        alarm=OuterRef("pk"), channel=channel, changes=OuterRef("changes")
    )
    return Q(Exists(rows))


def _ever_told(channel: str) -> Q:
    """Returns the condition of alarms that a channel was told, or will be: not what never got
    through.
    """
    rows = DeliveredAlarm.objects.filter(
        alarm=OuterRef("pk"),
        channel=channel,
        delivery__state__in=(DeliveryState.WAITING, DeliveryState.SENT),
    )
    return Q(Exists(rows))


def _last_told(channel: str, alarms: Sequence[Alarm]) -> dict[int, DeliveredAlarm]:
    """Returns by alarm what the channel was told last."""
    last: dict[int, DeliveredAlarm] = {}
    changed = [alarm.pk for alarm in alarms if alarm.changes > 1]
    for start in range(0, len(changed), _ROWS_PER_WRITE):
        batch = changed[start : start + _ROWS_PER_WRITE]
        rows = DeliveredAlarm.objects.filter(channel=channel, alarm__in=batch).order_by("id")
        for row in rows:
            last[row.alarm_id] = row
    return last


def _what_to_tell(alarm: Alarm, last: DeliveredAlarm | None, now: datetime) -> Told | None:
    """Returns None where it is too early to tell, or where nothing differs."""
    is_open = alarm.closed_at is None
    if alarm.burst > TOLD_OF_BURST:
        # A clock that was set back counts as settled.
        is_settled = not timedelta(0) <= now - alarm.changed_at < SETTLED_AFTER
        is_due = last is None or not timedelta(0) <= now - last.at < FLAPPING_TOLD_EVERY
        return Told.FLAPPING if is_settled or is_due else None
    if is_open:
        return Told.OPENED
    if last is None or not last.is_open:
        # It came and went between two messages.
        return None
    return Told.RECOVERED


def _write(channel: str, cloud: str, news: Sequence[_News], now: datetime) -> None:
    """Adds to the message that still gathers, or begins one. Who claims it waits for this
    transaction, and then finds what was added.
    """
    gathering = Delivery.objects.select_for_update(no_key=True).filter(
        channel=channel,
        cloud=cloud,
        kind=DeliveryKind.ALARMS,
        state=DeliveryState.WAITING,
        attempts=0,
        send_at__gt=now,
    )
    delivery = gathering.order_by("id").first()
    if delivery is None:
        delivery = Delivery.objects.create(
            channel=channel,
            cloud_id=cloud,
            kind=DeliveryKind.ALARMS,
            written_at=now,
            send_at=now + GATHERED_FOR,
        )
    rows = [_delivered(delivery, item, now) for item in news]
    DeliveredAlarm.objects.bulk_create(rows, batch_size=_ROWS_PER_WRITE)


def _delivered(delivery: Delivery, news: _News, now: datetime) -> DeliveredAlarm:
    return DeliveredAlarm(
        delivery=delivery,
        alarm=news.alarm,
        channel=delivery.channel,
        what=news.what,
        at=now,
        is_open=news.alarm.closed_at is None,
        changes=news.alarm.changes,
    )


def write(channel: str, message: Message, now: datetime) -> bool:
    """Puts a digest or a test into the outbox. Returns False where its event is there already."""
    delivery = Delivery(
        event_id=uuid.UUID(message.event_id),
        channel=channel,
        kind=message.kind,
        written_at=now,
        send_at=now,
        message=message.as_json(),
    )
    with transaction.atomic():
        Delivery.objects.bulk_create([delivery], ignore_conflicts=True)
        is_new = Delivery.objects.filter(event_id=message.event_id, written_at=now).exists()
        if is_new:
            data_changed()
    return is_new


def send_test(channel: str, *, actor: Actor) -> Delivery:
    """Writes a test to a channel. Raises UnknownChannel."""
    if channel not in channels():
        raise UnknownChannel(f"No channel “{channel[:80]}” is configured.")
    message = Message(
        event_id=str(uuid.uuid4()),
        kind=DeliveryKind.TEST,
        written_at=actor.now,
        cloud=None,
        headline=f"vbsdash: a test of the channel {channel}",
        text=(f"{actor.by} asked for this test: alarms reach you here.",),
    )
    with transaction.atomic():
        write(channel, message, actor.now)
        audit.note(Verb.CHANNEL_TEST, ObjectKind.CHANNEL, channel, at=actor.now)
    return Delivery.objects.get(event_id=message.event_id)


def send_again(delivery_id: int, *, actor: Actor) -> Delivery:
    """Lets a message be sent once more, with the same event ID. Raises UnknownDelivery, and
    NotAllowed for one that waits anyway or whose channel is not configured.
    """
    with transaction.atomic():
        visible = Delivery.objects.visible_to(actor.access).filter(pk=delivery_id)
        delivery = visible.select_for_update(of=("self",), no_key=True).first()
        if delivery is None:
            raise UnknownDelivery(f"No delivery {delivery_id} is known.")
        if delivery.channel not in channels():
            raise NotAllowed(f"The channel “{delivery.channel}” is not configured any more.")
        if delivery.state == DeliveryState.WAITING:
            raise NotAllowed("It is not sent yet: it waits for its next try.")
        delivery.state = DeliveryState.WAITING
        delivery.send_at = actor.now
        delivery.asked_again_at = actor.now
        delivery.finished_at = None
        delivery.save(update_fields=["state", "send_at", "asked_again_at", "finished_at"])
        audit.note(
            Verb.DELIVERY_AGAIN,
            ObjectKind.CHANNEL,
            delivery.channel,
            cloud=delivery.cloud_id,
            at=actor.now,
        )
        data_changed()
    return delivery


def channels_due(now: datetime) -> list[str]:
    """Returns the channels to which something can be sent now; one query."""
    due = Delivery.objects.due(now).order_by("channel")
    return list(due.values_list("channel", flat=True).distinct())


def forget_the_future(now: datetime) -> None:
    """Makes due what a clock that was ahead has put off beyond any wait there is."""
    waiting = Delivery.objects.filter(state=DeliveryState.WAITING)
    if waiting.filter(written_at__gt=now + clock.FUTURE).update(written_at=now, send_at=now):
        data_changed()
    waiting.filter(send_at__gt=now + LONGEST_WAIT + clock.FUTURE).update(send_at=now)
    waiting.filter(claimed_until__gt=now + CLAIM + clock.FUTURE).update(claimed_until=None)
