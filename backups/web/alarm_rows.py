"""How an alarm, a silence, a delivery and a channel are shown: their words, badges and links."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.urls import reverse

from backups.alarms.channels.channel import Channel
from backups.analysis.rules import span
from backups.models import Access
from backups.models.alarm import HOLDS, OF_CLOUDS
from backups.query.alarms import ALARM_FILTERS
from backups.query.list_query import InvalidQuery, parse
from backups.query.silences import lies_in
from backups.reports.alarms import Alarms, AlarmState, IncidentAlarms
from backups.reports.deliveries import DeliveryStateRow
from backups.reports.silences import SilenceState
from backups.web import status
from backups.web.chips import chips
from backups.web.live import to_the_minute
from backups.web.page_urls import backup_url
from backups.web.status import Badge
from backups.web.volume_url import volume_url

UNTAKEN = frozenset({"open", "muted", "pending"})
LONGEST_SENTENCE = 600  # characters
EVERY_ALARM = "every alarm"
_TELLS = (("opened", "opened"), ("flapping", "flapping"), ("recovered", "over"))


@dataclass(frozen=True)
class AlarmRow:
    """`alarm`: its values by name; `badge`: what is wrong; `href`: the page of what it is about.
    Its sentence is `before`, `name` and `after`.
    """

    alarm: dict[str, Any]
    state: AlarmState
    before: str
    name: str
    after: str
    badge: Badge
    severity: Badge
    stage: Badge
    href: str

    @property
    def is_untaken(self) -> bool:
        return self.state.stage in UNTAKEN and self.alarm["acknowledged_at"] is None

    @property
    def is_taken(self) -> bool:
        return self.alarm["acknowledged_at"] is not None and self.alarm["closed_at"] is None

    @property
    def may_snooze(self) -> bool:
        return self.state.stage in ("open", "pending")

    @property
    def hold(self) -> str:
        """Returns how long alarms of its kind are pending."""
        return span(HOLDS.get(self.alarm["kind"], timedelta(0)))


@dataclass(frozen=True)
class SilenceRow:
    """`what`: its filter in words; `href`: the list of all it is about; `muted_href`: of what it
    mutes now.
    """

    silence: dict[str, Any]
    badge: Badge
    what: str
    href: str
    muted_href: str
    length: str


@dataclass(frozen=True)
class DeliveryRow:
    delivery: dict[str, Any]
    badge: Badge
    what: str
    may_send_again: bool


@dataclass(frozen=True)
class ChannelRow:
    """`filter` is "" where it names clouds that are not open to the reader, or filters nothing."""

    name: str
    kind: str
    filter: str
    href: str
    severities: str
    digest: str
    waits: str


def alarm_row(state: AlarmState) -> AlarmRow:
    values = dict(state.values)
    kind = status.ALARM_KINDS.get(values["kind"], status.SEVERITIES["warning"])
    sentence = values["sentence"][:LONGEST_SENTENCE]
    name = values["title"] or values["subject"] or "without a name"
    before, named, after = sentence.partition(name)
    if not named:
        # The name is cut off, or not a part of it.
        before = ""
        after = f" {sentence}"
    return AlarmRow(
        alarm={**values, "stage": state.stage, "muted": state.muted},
        state=state,
        before=before,
        name=name,
        after=after,
        badge=status.ATTENTION.get(values["state"], kind),
        severity=status.SEVERITIES.get(values["severity"], kind),
        stage=status.ALARM_STAGES[state.stage],
        href=_href(values),
    )


def alarm_rows(states: Sequence[AlarmState]) -> list[AlarmRow]:
    return [alarm_row(state) for state in states]


def alarms_as_shown(rows: Sequence[AlarmRow]) -> list[AlarmRow]:
    """Returns the rows for an ETag: how old the evidence is, to the minute, since that changes each
    second while a refresh runs.
    """
    shown = []
    for row in rows:
        evidence_at = to_the_minute(row.alarm["evidence_at"])
        values = {**row.alarm, "evidence_at": evidence_at}
        state = replace(row.state, values={**row.state.values, "evidence_at": evidence_at})
        shown.append(replace(row, alarm=values, state=state))
    return shown


def rows_of_volume(cloud: str, volume_id: str, now: datetime, *, access: Access) -> list[AlarmRow]:
    return alarm_rows(Alarms(now, access=access).of_volume(cloud, volume_id))


def rows_of_backup(cloud: str, backup_id: Any, now: datetime, *, access: Access) -> list[AlarmRow]:
    return alarm_rows(Alarms(now, access=access).of_backup(cloud, backup_id))


def incident_words(alarms: IncidentAlarms) -> str:
    """Returns what has been done about the alarms of an incident; "" where nothing was."""
    count = len(alarms.ids)
    taken = count - len(alarms.untaken)
    words = []
    if taken:
        by = ", ".join(alarms.taken_by[:3])
        part = "" if taken == count else f"{taken} of {count} "
        words.append(f"{part}acknowledged by {by}" if by else f"{part}acknowledged")
    for stage in ("muted", "pending"):
        in_stage = alarms.stages.get(stage, 0)
        if in_stage:
            words.append(stage if in_stage == count else f"{in_stage} of {count} {stage}")
    return ", ".join(words)


def silence_row(state: SilenceState, zone: ZoneInfo) -> SilenceRow:
    query = state.values["query"]
    duration = state.values["duration_seconds"]
    return SilenceRow(
        silence=state.as_row(),
        badge=status.SILENCE_STATES[state.state],
        what=query_in_words(query, zone),
        href=_list_url(query),
        muted_href=_list_url(f"{query}&stage=muted" if query else "stage=muted"),
        length="" if duration is None else span(timedelta(seconds=duration)),
    )


def delivery_row(state: DeliveryStateRow, channels: Sequence[str]) -> DeliveryRow:
    delivery = state.as_row()
    what = state.headline
    if not what:
        told = []
        for name, word in _TELLS:
            if state.tells.get(name):
                told.append(f"{state.tells[name]} {word}")
        what = ", ".join(told) or delivery["kind"]
    is_done = delivery["state"] != "waiting"
    return DeliveryRow(
        delivery=delivery,
        badge=status.DELIVERY_STATES.get(delivery["state"], status.DELIVERY_STATES["waiting"]),
        what=what,
        may_send_again=is_done and delivery["channel"] in channels,
    )


def channel_rows(
    channels: Iterable[Channel], zone: ZoneInfo, *, access: Access
) -> list[ChannelRow]:
    """Returns those that tell of no cloud but of those that are open to the reader."""
    return [_channel_row(channel, zone) for channel in channels if lies_in(channel.query, access)]


def _channel_row(channel: Channel, zone: ZoneInfo) -> ChannelRow:
    waits = ""
    if channel.only_if_unacked_for is not None:
        waits = f"what nobody has acknowledged for {span(channel.only_if_unacked_for)}"
    return ChannelRow(
        name=channel.name,
        kind=channel.kind,
        filter=query_in_words(channel.query, zone),
        href=_list_url(channel.query),
        severities=" and ".join(sorted(channel.severities)),
        digest="" if channel.digest is None else str(channel.digest),
        waits=waits,
    )


def query_in_words(query: str, zone: ZoneInfo) -> str:
    """Returns what a silence or channel is about; its own text where it is no filter any more."""
    parameters = QueryDict(query)
    try:
        selection = parse(parameters, ALARM_FILTERS)
    except InvalidQuery:
        return query
    return "; ".join(chip.text for chip in chips(parameters, selection, zone)) or EVERY_ALARM


def _list_url(query: str) -> str:
    return f"{reverse('alarms')}?{query}" if query else reverse("alarms")


def _href(values: dict[str, Any]) -> str:
    if values["kind"] in OF_CLOUDS:
        return f"{reverse('clouds')}#c-{values['cloud']}"
    if values["subject"] == values["volume_id"]:
        return volume_url(values["cloud"], values["subject"]) or ""
    return backup_url(values["backup_id"]) if values["backup_id"] else ""
