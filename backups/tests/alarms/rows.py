"""Rows of alarms and deliveries, as the evaluator and the outbox would have written them."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from backups.models import (
    Alarm,
    AlarmKind,
    Cloud,
    DeliveredAlarm,
    Delivery,
    DeliveryAttempt,
    DeliveryKind,
    DeliveryState,
    Told,
)
from backups.models.alarm import severity_of


def make_alarm(
    subject: str, *, kind: str = AlarmKind.NO_BACKUPS, cloud: str = "otc", **words: Any
) -> Alarm:
    """Makes an open alarm that is not pending, of a disk where its kind is about one."""
    now = timezone.now()
    Cloud.objects.get_or_create(name=cloud)
    opened_at: datetime = words.pop("opened_at", now - timedelta(hours=1))
    values: dict[str, Any] = {
        "severity": severity_of(kind),
        "state": "overdue",
        "title": subject,
        "sentence": f"Disk {subject}: no good backup is as new as its rule asks for.",
        "next": "Look at the newest try.",
        "evidence": "the cloud's list of backups",
        "since": opened_at,
        "opened_at": opened_at,
        "held_until": opened_at,
        "changed_at": opened_at,
        "burst_began_at": opened_at,
    }
    if kind in (AlarmKind.NO_BACKUPS, AlarmKind.BACKUPS_FAIL):
        values["volume_id"] = subject
    return Alarm.objects.create(kind=kind, cloud_id=cloud, subject=subject, **(values | words))


def make_one_of_each(now: datetime) -> dict[str, Alarm]:
    """Makes an alarm of each stage but muted, by the stage."""
    return {
        "open": make_alarm("d-open"),
        "acknowledged": make_alarm("d-taken", acknowledged_at=now, acknowledged_by="bob"),
        "pending": make_alarm("d-new", held_until=now + timedelta(minutes=5)),
        "closed": make_alarm("d-over", closed_at=now, ended="recovered"),
    }


def make_delivery(
    alarm: Alarm, *, channel: str = "ops", is_sent: bool = True, **words: Any
) -> Delivery:
    """Makes a delivery that tells of an alarm, after one try."""
    now = timezone.now()
    delivery = Delivery.objects.create(
        channel=channel,
        kind=DeliveryKind.ALARMS,
        cloud_id=alarm.cloud_id,
        written_at=now,
        send_at=now,
        state=DeliveryState.SENT if is_sent else DeliveryState.WAITING,
        attempts=1,
        finished_at=now if is_sent else None,
        message={"headline": f"{alarm.title} is overdue"},
        **words,
    )
    DeliveryAttempt.objects.create(
        delivery=delivery,
        at=now,
        duration_ms=120,
        is_delivered=is_sent,
        http_status=204 if is_sent else 503,
        sentence="It was taken." if is_sent else "It answered 503.",
    )
    DeliveredAlarm.objects.create(
        delivery=delivery,
        alarm=alarm,
        channel=channel,
        what=Told.OPENED,
        at=now,
        is_open=True,
        changes=alarm.changes,
    )
    return delivery
