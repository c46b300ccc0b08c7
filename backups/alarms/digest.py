"""How all stands, told by the clock, also when all is well: who hears nothing else then knows that
it is not silence.

A digest is one event of a channel and its planned time, so it is written once however many workers
look, and once when vbsdash comes back within LATEST of it.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q
from django.http import QueryDict

from backups.alarms.channels.channel import Channel
from backups.alarms.digest_time import DigestTime
from backups.alarms.message import Message
from backups.alarms.words import how_long
from backups.analysis.numbers import thousands
from backups.analysis.outcomes import DayOutcomes, OutcomeCounts
from backups.models import FULL_ACCESS, Access, Alarm, Cloud, Delivery, DeliveryKind
from backups.query.alarms import ALARM_FILTERS, in_stage, matching
from backups.query.list_query import parse
from backups.query.silences import quiet_now
from backups.reports.summary import Summary, summary

LATEST: Final = timedelta(hours=6)  # after its time; what is missed longer is not told any more
MOST_NAMED: Final = 10  # open alarms
_EVENTS: Final = uuid.UUID("5b2dd2f1-6f3b-4a0c-9a87-3b7bb2c7b1d4")
# In the order in which they are told.
_STAGES: Final = ("open", "acknowledged", "muted", "pending")
_PROTECTION_WORDS: Final = ("never", "overdue", "late", "unknown")


@dataclass(frozen=True)
class Due:
    """A digest that is to be written: `planned_at` is the time that channels.yaml says."""

    channel: Channel
    digest: DigestTime
    planned_at: datetime
    event_id: str


def due(channels: Mapping[str, Channel], now: datetime) -> list[Due]:
    """Returns digests whose time has come and that nobody has written; one query."""
    planned: list[Due] = []
    for name in sorted(channels):
        channel = channels[name]
        if channel.digest is None:
            continue
        at = channel.digest.last(now)
        if now - at < LATEST:
            planned.append(Due(channel, channel.digest, at, _event_id(name, at)))
    if not planned:
        return []
    ids = [item.event_id for item in planned]
    written = Delivery.objects.filter(event_id__in=ids).values_list("event_id", flat=True)
    written_ids = {str(event_id) for event_id in written}
    return [item for item in planned if item.event_id not in written_ids]


def message(due: Due, now: datetime) -> Message:
    """Returns what a digest says: disks, answers of clouds, what failed since the last one, and
    alarms by stage; of the clouds that the channel's filter names, if it names any.
    """
    access = _access(due.channel)
    counts = summary(now, due.digest.zone, access=access)
    clouds = list(Cloud.objects.visible_to(access).order_by("name"))
    alarms = _alarms_by_stage(due.channel, now)
    disks = _disks(counts)
    is_open = f"{_counted(alarms['open'], 'alarm')} open" if alarms["open"] else "no alarm is open"
    text = (
        f"{disks[0].upper()}{disks[1:]}, {_newest_answer(clouds, now)}.",
        *_silent(clouds, now),
        _outcomes(counts.outcomes_by_day, due.digest.days),
        _stages(alarms),
        *_open_sentences(due.channel, now),
    )
    return Message(
        event_id=due.event_id,
        kind=DeliveryKind.DIGEST,
        written_at=now,
        cloud=None,
        headline=f"vbsdash: {disks}, {is_open}",
        text=text,
    )


def _event_id(channel: str, at: datetime) -> str:
    return str(uuid.uuid5(_EVENTS, f"{at.isoformat()} {channel}"))


def _access(channel: Channel) -> Access:
    """Returns the access of who sees what the channel is about."""
    query = parse(QueryDict(channel.query), ALARM_FILTERS)
    for comparison in query.comparisons:
        if comparison.field == "cloud" and comparison.lookup == "in":
            return FULL_ACCESS.within(frozenset(str(name) for name in comparison.values))
    return FULL_ACCESS


def _of_channel(channel: Channel, now: datetime) -> Q:
    return matching(channel.query, now) & Q(severity__in=channel.severities)


def _alarms_by_stage(channel: Channel, now: datetime) -> dict[str, int]:
    """Counts the alarms that are not over."""
    quiet = quiet_now(now)
    rows = Alarm.objects.open().filter(_of_channel(channel, now))
    counts: dict[str, int] = {}
    for stage in _STAGES:
        counts[stage] = rows.filter(in_stage(stage, now, quiet)).count()
    return counts


def _open_sentences(channel: Channel, now: datetime) -> list[str]:
    """Returns a sentence for each of the first open alarms, the worst first."""
    quiet = quiet_now(now)
    rows = Alarm.objects.open().filter(_of_channel(channel, now), in_stage("open", now, quiet))
    worst = rows.order_by("severity", "-opened_at", "id")[:MOST_NAMED]
    return [f"{alarm.severity.capitalize()}, {alarm.cloud_id}: {alarm.sentence}" for alarm in worst]


def _disks(counts: Summary) -> str:
    """Returns how many disks are protected, and of the others how many are what."""
    total = counts.volumes.total
    if not total:
        return "no disk is known"
    by_protection = counts.volumes.by_protection
    protected = by_protection.get("protected", 0)
    said = f"{thousands(protected)} of {_counted(total, 'disk')} protected"
    worse = {word: by_protection.get(word, 0) for word in _PROTECTION_WORDS}
    others = [f"{thousands(count)} {word}" for word, count in worse.items() if count]
    return f"{said} ({', '.join(others)})" if others else said


def _newest_answer(clouds: Iterable[Cloud], now: datetime) -> str:
    answers = [cloud.last_good_at for cloud in clouds if cloud.last_good_at is not None]
    if not answers:
        return "no cloud has answered yet"
    return f"newest answer {how_long(now - max(answers))} ago"


def _silent(clouds: Iterable[Cloud], now: datetime) -> list[str]:
    """Returns a sentence for each cloud that does not answer."""
    sentences: list[str] = []
    for cloud in clouds:
        if cloud.is_heard(now):
            continue
        since = "has not answered yet"
        if cloud.last_good_at is not None:
            since = f"has not answered for {how_long(now - cloud.last_good_at)}"
        sentences.append(f"The cloud {cloud.name} {since}: what is said of it is not known to be.")
    return sentences


def _outcomes(by_day: Sequence[DayOutcomes], days: int) -> str:
    """Returns what came of backups on the day before, or on the seven days before."""
    whole_days = by_day[-1 - days : -1]
    total = OutcomeCounts()
    for day in whole_days:
        total = total.plus(OutcomeCounts(day.good, day.failed, day.missed))
    span = "yesterday" if days == 1 else f"in the {days} days before today"
    good = f"{_counted(total.good, 'backup')} good"
    if not total.failed and not total.missed:
        return f"Nothing failed {span}; {good}."
    bad = f"{thousands(total.failed)} failed, {thousands(total.missed)} missed"
    return f"{span[0].upper()}{span[1:]}: {bad}, {good}."


def _stages(alarms: Mapping[str, int]) -> str:
    counts = [f"{thousands(count)} {stage}" for stage, count in alarms.items() if count]
    return f"Alarms: {', '.join(counts)}." if counts else "There is no alarm."


def _counted(count: int, noun: str) -> str:
    return f"{thousands(count)} {noun}" if count == 1 else f"{thousands(count)} {noun}s"
