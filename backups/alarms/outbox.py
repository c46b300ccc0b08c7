"""What each channel is to be told: written in the transaction in which alarms change, sent by
`deliver.py` after it.

What a channel's readers know of an alarm stands in DeliveredAlarm. They are told where it differs
from what is: so nothing is lost that a silence, a filter, a stopped worker or a far side that was
away for days held back, and nothing is told twice.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet

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
from backups.shared.batches import in_batches

CLAIM: Final = timedelta(seconds=60)  # longer than any channel takes for a try
LONGEST_WAIT: Final = timedelta(hours=1)  # between two tries
GATHERED_FOR: Final = timedelta(seconds=30)  # what changes in one cloud is one message
# Of a burst of changes the first two are told at once. After them it is told that the alarm flaps,
# once nothing has changed for SETTLED_AFTER, and each hour as long as it goes on.
TOLD_OF_BURST: Final = 2
SETTLED_AFTER: Final = timedelta(minutes=10)
FLAPPING_TOLD_EVERY: Final = timedelta(hours=1)
FLAPPING_TOLD_FOR: Final = timedelta(days=1)  # after its end
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
    """Returns open alarms of a channel that its readers do not know as they stand."""
    known = _newest(channel.name).filter(alarm=OuterRef("pk"), changes=OuterRef("changes"))
    rows = Alarm.objects.open().filter(
        matching(channel.query, now),
        ~(muted(quiet, now) | inhibited()),
        ~Q(Exists(known)),
        severity__in=channel.severities,
        held_until__lte=now,
        acknowledged_at__isnull=True,
    )
    if channel.only_if_unacked_for is not None:
        rows = rows.filter(changed_at__lte=now - channel.only_if_unacked_for)
    return list(rows.order_by("id"))


def _closed(channel: Channel, quiet: Sequence[Quiet], now: datetime) -> list[Alarm]:
    """Returns closed alarms that are open to the knowledge of a channel's readers, whatever its
    filter is by now, and those that flapped to their end.
    """
    known = _newest(channel.name).filter(is_open=True, alarm__closed_at__isnull=False)
    rows = Alarm.objects.filter(~muted(quiet, now), pk__in=known.values("alarm"))
    flapped = Alarm.objects.filter(
        ~muted(quiet, now),
        Q(Exists(_newest(channel.name).filter(alarm=OuterRef("pk"), is_open=False))),
        ~Q(Exists(_newest(channel.name).filter(alarm=OuterRef("pk"), changes=OuterRef("changes")))),
        burst__gt=TOLD_OF_BURST,
        closed_at__gt=now - FLAPPING_TOLD_FOR,
    )
    return [*rows.order_by("id"), *flapped.order_by("id")]


def _newest(channel: str) -> QuerySet[DeliveredAlarm]:
    """Returns what the readers of a channel know."""
    return DeliveredAlarm.objects.filter(channel=channel, is_newest=True)


def _last_told(channel: str, alarms: Sequence[Alarm]) -> dict[int, DeliveredAlarm]:
    """Returns by alarm what the channel was told last."""
    last: dict[int, DeliveredAlarm] = {}
    changed = [alarm.pk for alarm in alarms if alarm.changes > 1]
    for batch in in_batches(changed):
        for row in _newest(channel).filter(alarm__in=batch):
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
    is_known_open = last is not None and last.is_open
    if is_open == is_known_open:
        # It came and went, or went and came, between two messages.
        return None
    return Told.OPENED if is_open else Told.RECOVERED


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
        # One that waits behind an older message gathers no more: a new one makes a new try.
        written_at__gt=now - GATHERED_FOR,
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
    for batch in in_batches([item.alarm.pk for item in news]):
        _newest(channel).filter(alarm__in=batch).update(is_newest=False)
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


def untell(delivery: Delivery) -> None:
    """Forgets that a delivery told anything, as it never got through: what its readers knew before
    counts again, and what differs is told anew.
    """
    alarms = list(delivery.alarms.values_list("alarm", flat=True))
    delivery.alarms.all().delete()
    for batch in in_batches(alarms):
        remaining = DeliveredAlarm.objects.filter(channel=delivery.channel, alarm__in=batch)
        newest = remaining.order_by().values("alarm").annotate(newest=Max("pk"))
        DeliveredAlarm.objects.filter(pk__in=[row["newest"] for row in newest]).update(
            is_newest=True
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
    """Writes a test to a channel. Raises UnknownChannel, and NotAllowed for who sees some clouds
    only: it reaches people who hear of others.
    """
    if channel not in channels():
        raise UnknownChannel(f"No channel “{channel[:80]}” is configured.")
    if actor.access.clouds is not None:
        raise NotAllowed("A test is for who sees all clouds: it reaches whoever reads the channel.")
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
