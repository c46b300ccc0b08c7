"""Puts a gathered delivery into the message that all its tries send."""

from collections.abc import Sequence

from django.urls import NoReverseMatch, reverse

from backups.alarms.message import MOST_LINES, AlarmLine, Message
from backups.analysis.numbers import thousands
from backups.models import Alarm, DeliveredAlarm, Delivery, Told

_ORDER = (Told.OPENED, Told.FLAPPING, Told.RECOVERED)


def message_of(delivery: Delivery) -> Message:
    """Returns what a delivery tells: of each alarm what was told last, the worst first."""
    newest: dict[int, DeliveredAlarm] = {}
    for row in delivery.alarms.select_related("alarm").order_by("id"):
        newest[row.alarm_id] = row
    rows = sorted(newest.values(), key=_place)
    counts = dict.fromkeys(Told, 0)
    for row in rows:
        counts[Told(row.what)] += 1
    return Message(
        event_id=str(delivery.event_id),
        kind=delivery.kind,
        written_at=delivery.written_at,
        cloud=delivery.cloud_id,
        headline=_headline(rows, counts),
        opened=counts[Told.OPENED],
        recovered=counts[Told.RECOVERED],
        flapping=counts[Told.FLAPPING],
        lines=tuple(_line(row) for row in rows[:MOST_LINES]),
    )


def _place(row: DeliveredAlarm) -> tuple[int, bool, float, int]:
    since = row.alarm.since or row.alarm.opened_at
    is_mild = row.alarm.severity != "critical"
    return _ORDER.index(Told(row.what)), is_mild, -since.timestamp(), row.alarm_id


def _headline(rows: Sequence[DeliveredAlarm], counts: dict[Told, int]) -> str:
    cloud = rows[0].alarm.cloud_id if rows else ""
    if len(rows) == 1:
        return f"{_says(rows[0])} {rows[0].alarm.sentence.rstrip('.')} ({cloud})"
    parts = []
    for what, noun in ((Told.OPENED, "new"), (Told.FLAPPING, "flapping"), (Told.RECOVERED, "over")):
        if counts[what]:
            parts.append(f"{thousands(counts[what])} {noun}")
    return f"{cloud}: {thousands(len(rows))} alarms, {', '.join(parts)}"


def _says(row: DeliveredAlarm) -> str:
    if row.what == Told.RECOVERED:
        return "Over:"
    if row.what == Told.FLAPPING:
        return "Flapping:"
    return "Critical:" if row.alarm.severity == "critical" else "Warning:"


def _line(row: DeliveredAlarm) -> AlarmLine:
    alarm = row.alarm
    return AlarmLine(
        id=alarm.pk,
        what=row.what,
        is_open=row.is_open,
        kind=alarm.kind,
        severity=alarm.severity,
        state=alarm.state,
        cloud=alarm.cloud_id,
        subject=alarm.subject,
        title=alarm.title,
        sentence=alarm.sentence,
        next=alarm.next,
        since=alarm.since,
        opened_at=alarm.opened_at,
        closed_at=alarm.closed_at,
        ended=alarm.ended,
        evidence=alarm.evidence,
        evidence_at=alarm.evidence_at,
        changes=alarm.burst,
        path=_path(alarm),
    )


def _path(alarm: Alarm) -> str:
    """Returns the page of what the alarm is about; what is stored as a disk's ID may have none."""
    if alarm.subject == alarm.volume_id:
        try:
            return reverse("volume", args=[alarm.cloud_id, alarm.subject])
        except NoReverseMatch:
            return reverse("alarms")
    if alarm.backup_id is not None:
        return reverse("backup", args=[alarm.backup_id])
    return reverse("clouds")
