"""What the list of alarms can be filtered and ordered by; silences and channels say by the same
words which alarms they are about.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict

from backups.models import Alarm, AlarmKind, BackupTag, Ended, VolumeTag
from backups.query.conditions import condition
from backups.query.definition import ComputedField, ListDefinition
from backups.query.fields import FieldValue, FilterField, filter_fields
from backups.query.list_query import parse
from backups.query.silences import Quiet, quiet_now

# In the order in which JSON shows them.
ALARM_COLUMNS: Final = (
    "id",
    "kind",
    "severity",
    "cloud",
    "subject",
    "state",
    "title",
    "sentence",
    "next",
    "volume_id",
    "backup_id",
    "evidence",
    "evidence_at",
    "since",
    "opened_at",
    "held_until",
    "closed_at",
    "ended",
    "changes",
    "acknowledged_at",
    "acknowledged_by",
    "acknowledged_reason",
)
_ALL_WORDS: Final = ("title", "subject", "sentence", "volume_id")


def inhibited() -> Q:
    """Returns the condition of alarms in a cloud that does not answer: that one is told alone."""
    silent = Alarm.objects.filter(
        kind=AlarmKind.CLOUD_SILENT, closed_at__isnull=True, cloud=OuterRef("cloud")
    )
    return ~Q(kind=AlarmKind.CLOUD_SILENT) & Q(Exists(silent))


def _with_tags(tags: Sequence[str]) -> Q:
    """Returns the condition of alarms whose disk or backup carries one of the tags."""
    of_volume = VolumeTag.objects.filter(
        tag__in=tags, volume__cloud=OuterRef("cloud"), volume__volume_id=OuterRef("volume_id")
    )
    of_backup = BackupTag.objects.filter(tag__in=tags, backup=OuterRef("backup_id"))
    return Q(Exists(of_volume)) | Q(Exists(of_backup))


def _containing(text: str) -> Q:
    """Returns the condition of alarms that hold a text, in the case of any; they are few."""
    holds = Q()
    for column in _ALL_WORDS:
        holds |= Q(**{f"{column}__icontains": text})
    return holds


# What silences and channels are about: what an alarm is, whatever has been done about it.
ALARM_FILTERS: Final = ListDefinition(
    name="alarms",
    model=Alarm,
    columns=filter_fields(
        Alarm,
        ALARM_COLUMNS,
        choices={
            "kind": tuple(AlarmKind.values),
            "severity": ("critical", "warning"),
            "ended": tuple(Ended.values),
        },
    ),
    computed={},
    orders=("opened_at",),
    default_order="-opened_at",
    steady_order="opened_at",
    ranks=(),
    with_tags=_with_tags,
    containing=_containing,
)


def matching(query_string: str, now: datetime) -> Q:
    """Returns the condition of alarms that a query of a silence or channel is about. Raises
    InvalidQuery.
    """
    query = parse(QueryDict(query_string), ALARM_FILTERS)
    text = ALARM_FILTERS.containing(query.q) if query.q else Q()
    return condition(query, ALARM_FILTERS, now, text_condition=text)


def muted(quiet: Sequence[Quiet], now: datetime) -> Q:
    """Returns the condition of alarms that any of these silences mutes."""
    by_any = Q(pk__in=[])
    for holding in quiet:
        by_any |= matching(holding.silence.query, now)
    return by_any


def quieted(quiet: Sequence[Quiet], now: datetime) -> Q:
    """Returns the condition of alarms that are not told: muted, or of a cloud that is silent."""
    return muted(quiet, now) | inhibited()


STAGES: Final = ("pending", "open", "acknowledged", "muted", "closed")


def in_stage(stage: str, now: datetime, quiet: Sequence[Quiet]) -> Q:
    """Returns the condition of alarms in one of STAGES: each alarm is in exactly one. `muted` are
    also those of a cloud that is silent.
    """
    if stage == "closed":
        return Q(closed_at__isnull=False)
    opened = Q(closed_at__isnull=True)
    if stage == "pending":
        return opened & Q(held_until__gt=now)
    raised = opened & Q(held_until__lte=now)
    if stage == "acknowledged":
        return raised & Q(acknowledged_at__isnull=False)
    unacknowledged = raised & Q(acknowledged_at__isnull=True)
    if stage == "muted":
        return unacknowledged & quieted(quiet, now)
    return unacknowledged & ~quieted(quiet, now)


def _in_stages(stages: Sequence[FieldValue | None], now: datetime) -> Q:
    quiet = quiet_now(now)
    condition_of_any = Q()
    for stage in stages:
        condition_of_any |= in_stage(str(stage), now, quiet)
    return condition_of_any


ALARMS: Final = replace(
    ALARM_FILTERS,
    computed={"stage": ComputedField(FilterField("stage", "choice", False, STAGES), _in_stages)},
)
