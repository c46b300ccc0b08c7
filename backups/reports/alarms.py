"""Alarms as pages and API show them: in which stage each one is, what mutes it, how old its
evidence is now; counts of them, and those of one disk, backup or incident.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from django.db.models import (
    BooleanField,
    Case,
    Count,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
)

from backups.analysis.incidents import identity
from backups.models import Access, Alarm, AlarmKind, Backup, Volume
from backups.models.alarm import AlarmQuerySet
from backups.query.alarms import (
    ALARM_COLUMNS,
    STAGES,
    alarms_by,
    in_stage,
    inhibited,
    muted_by,
)
from backups.query.fields import BIGINT
from backups.query.list_query import ListQuery
from backups.query.page import Pages
from backups.query.silences import Quiet, lies_in, quiet_now
from backups.reports.computed_once import computed_once
from backups.reports.data_version import Versions

# The words of an alarm in JSON.
ALARM_FIELDS: Final = (*ALARM_COLUMNS, "stage", "muted")
_BY_ANSWERS: Final = frozenset({AlarmKind.CLOUD_SILENT, AlarmKind.STALE})
_BY_LISTS: Final = frozenset({AlarmKind.NO_BACKUPS, AlarmKind.UNKNOWN})
MOST_OF_ONE: Final = 20  # alarms of one disk or backup; there is one of each kind at most


@dataclass(frozen=True, kw_only=True)
class Mute:
    """Why an alarm is not told. `by`: a silence, or the cloud, which does not answer: then nobody
    knows until when. Of a silence of clouds that are not all open to the reader only its end is
    told.
    """

    by: str
    silence: int | None = None
    until: datetime | None = None
    who: str = ""
    reason: str = ""


@dataclass(frozen=True)
class AlarmState:
    """`values`: those of ALARM_FIELDS, but `stage` and `muted`; `evidence_at` is as it is now."""

    values: Mapping[str, Any]
    stage: str
    muted: Mute | None

    def as_row(self) -> dict[str, Any]:
        return {**self.values, "stage": self.stage, "muted": self.muted}


@dataclass(frozen=True)
class IncidentAlarms:
    """The alarms of one incident that are not over, by stage; `taken_by`: who acknowledged some."""

    ids: tuple[int, ...] = ()
    untaken: tuple[int, ...] = ()
    stages: Mapping[str, int] = field(default_factory=dict)
    taken_by: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


class Alarms:
    """What somebody may see of them now; the silences are read once."""

    def __init__(self, now: datetime, *, access: Access) -> None:
        self._now = now
        self._access = access
        self.quiet = quiet_now(now)
        self.definition = alarms_by(self.quiet)

    @property
    def _rows(self) -> AlarmQuerySet:
        return Alarm.objects.visible_to(self._access)

    def pages(self, query: ListQuery) -> Pages:
        return Pages(self.definition, query, self._now, rows=self._rows)

    def counts(self, query: ListQuery) -> dict[str, int]:
        """Returns how many alarms there are in each stage, by all filters of a list but that of the
        stage.
        """
        comparisons = tuple(one for one in query.comparisons if one.field != "stage")
        rows = self.pages(replace(query, comparisons=comparisons)).matching
        counted = {}
        for stage in STAGES:
            condition = in_stage(stage, self._now, self.quiet)
            counted[stage] = Count("pk", filter=condition)
        return rows.aggregate(**counted)

    def unacknowledged(self) -> int:
        """Counts the alarms that wait for somebody."""
        return self._rows.filter(in_stage("open", self._now, self.quiet)).count()

    def states(self, ids: Sequence[int]) -> list[AlarmState]:
        """Returns these alarms, in this order, without those that are deleted or not open to the
        reader.
        """
        storable = [pk for pk in ids if pk <= BIGINT]
        by_id = {state.values["id"]: state for state in self._read(Q(pk__in=storable))}
        return [by_id[pk] for pk in ids if pk in by_id]

    def one(self, alarm_id: int) -> AlarmState | None:
        states = self.states([alarm_id])
        return states[0] if states else None

    def of_volume(self, cloud: str, volume_id: str) -> list[AlarmState]:
        """Returns what is open of a disk and of its backups, the oldest first."""
        return self._of_one(Q(cloud=cloud, volume_id=volume_id))

    def of_backup(self, cloud: str, backup_id: uuid.UUID) -> list[AlarmState]:
        """Returns what is open of a backup, or seen in it."""
        is_seen_in = Q(backup_id=backup_id)
        return self._of_one(Q(cloud=cloud) & (is_seen_in | Q(subject=str(backup_id))))

    def _of_one(self, condition: Q) -> list[AlarmState]:
        return self._read(condition & Q(closed_at__isnull=True))[:MOST_OF_ONE]

    def by_incident(self, versions: Versions | None = None) -> dict[str, IncidentAlarms]:
        """Returns the alarms that are not over, by the ID of the incident that they belong to."""
        return computed_once(
            "alarms-by-incident",
            self._by_incident,
            version=versions.content if versions else None,
            access=self._access,
        )

    def _by_incident(self) -> dict[str, IncidentAlarms]:
        cause = Backup.objects.visible_to(self._access).filter(pk=OuterRef("backup_id"))
        failing = Volume.objects.visible_to(self._access).filter(
            cloud=OuterRef("cloud"), volume_id=OuterRef("volume_id")
        )
        rows = self._annotated(self._rows.open()).annotate(
            cause_key=Subquery(cause.values("cause")[:1]),
            failing_key=Subquery(failing.values("failing_cause")[:1]),
        )
        grouped: dict[str, list[dict[str, Any]]] = {}
        for row in rows.order_by("pk").values(*_OF_INCIDENTS):
            grouped.setdefault(_incident_of(row), []).append(row)
        return {key: self._incident(of_one) for key, of_one in grouped.items()}

    def _incident(self, rows: Sequence[Mapping[str, Any]]) -> IncidentAlarms:
        taken = [row for row in rows if row["acknowledged_at"] is not None]
        reasons = [row["acknowledged_reason"] for row in taken if row["acknowledged_reason"]]
        return IncidentAlarms(
            ids=tuple(row["id"] for row in rows),
            untaken=tuple(row["id"] for row in rows if row["acknowledged_at"] is None),
            stages=Counter(self._stage(row) for row in rows),
            taken_by=tuple(dict.fromkeys(row["acknowledged_by"] for row in taken)),
            reasons=tuple(dict.fromkeys(reasons)),
        )

    def _annotated(self, rows: AlarmQuerySet) -> Any:
        """Adds which of the silences mutes an alarm, by its place, and whether its cloud does."""
        whens = []
        for place, holding in enumerate(self.quiet):
            whens.append(When(muted_by(holding.silence, self._now), then=Value(place)))
        silence = Case(*whens, default=Value(None), output_field=IntegerField())
        is_inhibited = Case(
            When(inhibited(), then=Value(True)), default=Value(False), output_field=BooleanField()
        )
        return rows.annotate(muting=silence, is_inhibited=is_inhibited)

    def _read(self, condition: Q) -> list[AlarmState]:
        seen_in = Backup.objects.visible_to(self._access).filter(pk=OuterRef("backup_id"))
        rows = self._annotated(self._rows.filter(condition)).annotate(
            backup_at=Subquery(seen_in.values("refreshed_at")[:1]),
        )
        names = (*ALARM_COLUMNS, *_EVIDENCE, "muting", "is_inhibited")
        return [self._state(row) for row in rows.order_by("opened_at", "pk").values(*names)]

    def _state(self, row: Mapping[str, Any]) -> AlarmState:
        values = {name: row[name] for name in ALARM_COLUMNS}
        values["evidence_at"] = _evidence_at(row)
        stage = self._stage(row)
        muted = self._mute(row) if stage == "muted" else None
        return AlarmState(values, stage, muted)

    def _stage(self, row: Mapping[str, Any]) -> str:
        """The same as `in_stage` asks the database."""
        if row["closed_at"] is not None:
            return "closed"
        if row["held_until"] > self._now:
            return "pending"
        if row["acknowledged_at"] is not None:
            return "acknowledged"
        return "muted" if row["is_inhibited"] or row["muting"] is not None else "open"

    def _mute(self, row: Mapping[str, Any]) -> Mute:
        if row["muting"] is None:
            return Mute(by="cloud")
        return mute_of(self.quiet[row["muting"]], self._access)


_EVIDENCE: Final = ("cloud__last_good_at", "cloud__backups_listed_at", "backup_at")
_OF_INCIDENTS: Final = (
    "id",
    "kind",
    "cloud",
    "state",
    "held_until",
    "closed_at",
    "acknowledged_at",
    "acknowledged_by",
    "acknowledged_reason",
    "cause_key",
    "failing_key",
    "muting",
    "is_inhibited",
)


def mute_of(holding: Quiet, access: Access) -> Mute:
    silence = holding.silence
    if not lies_in(silence.query, access):
        return Mute(by="silence", until=holding.until)
    return Mute(
        by="silence",
        silence=silence.pk,
        until=holding.until,
        who=silence.by,
        reason=silence.reason,
    )


def unacknowledged(now: datetime, *, access: Access) -> int:
    """Counts the alarms that wait for somebody: two queries."""
    return Alarms(now, access=access).unacknowledged()


def _evidence_at(row: Mapping[str, Any]) -> datetime | None:
    """Returns when the cloud last said what an alarm is read off; of one that is over, as it was
    then.
    """
    at: datetime | None = row["evidence_at"]
    if row["closed_at"] is not None:
        return at
    if row["kind"] in _BY_ANSWERS:
        return row["cloud__last_good_at"] or at
    if row["kind"] in _BY_LISTS:
        return row["cloud__backups_listed_at"] or at
    return row["backup_at"] or at


def _incident_of(row: Mapping[str, Any]) -> str:
    """Returns the ID of the incident that an alarm is a part of: a disk without backups whose
    newest try failed is one with those failures.
    """
    kind = row["kind"]
    key = ""
    if kind == AlarmKind.NO_BACKUPS:
        key = row["failing_key"] or row["state"]
        kind = AlarmKind.BACKUPS_FAIL if row["failing_key"] else kind
    elif kind in (AlarmKind.BACKUPS_FAIL, AlarmKind.RESTORES_FAIL, AlarmKind.DELETIONS_FAIL):
        key = row["cause_key"] or ""
    return identity(str(kind), row["cloud"], key)


def alarm_ids_of(incident: str, now: datetime, *, access: Access) -> IncidentAlarms:
    """Returns the alarms of an incident as they are now."""
    return Alarms(now, access=access).by_incident().get(incident, IncidentAlarms())


def exist(*, access: Access) -> bool:
    """Tells whether there was ever an alarm that somebody may see."""
    return Alarm.objects.visible_to(access).exists()
