"""What the list of alarms can be filtered and ordered by; silences and channels say by the same
words which alarms they are about.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict

from backups.models import Alarm, AlarmKind, BackupTag, Ended, Silence, VolumeTag
from backups.query.conditions import condition
from backups.query.definition import ATTENTION, ComputedField, ListDefinition, Rank
from backups.query.fields import FieldValue, FilterField, filter_fields
from backups.query.list_query import InvalidQuery, parse
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
        by_any |= muted_by(holding.silence, now)
    return by_any


def muted_by(silence: Silence, now: datetime) -> Q:
    """Returns the condition of alarms that a silence mutes while it holds; of none where its query
    cannot be read any more.
    """
    try:
        condition_of_query = matching(silence.query, now)
    except InvalidQuery:
        return Q(pk__in=[])
    # Of an empty one Django makes none at all where it stands beside others.
    return condition_of_query or Q(pk__isnull=False)


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


def in_any_stage(stages: Iterable[object], now: datetime, quiet: Sequence[Quiet]) -> Q:
    in_any = Q(pk__in=[])
    for stage in stages:
        in_any |= in_stage(str(stage), now, quiet)
    return in_any


def _in_stages(stages: Sequence[FieldValue | None], now: datetime) -> Q:
    return in_any_stage(stages, now, quiet_now(now))


# What needs attention, the worst first; what is muted needs it least of all that is not over.
_WORST_FIRST: Final = (
    ("open", "critical"),
    ("open", "warning"),
    ("acknowledged", ""),
    ("pending", ""),
    ("muted", ""),
    ("closed", ""),
)


def _in_rank(stage: str, severity: str, now: datetime, quiet: Sequence[Quiet]) -> Q:
    in_rank = in_stage(stage, now, quiet)
    return in_rank & Q(severity=severity) if severity else in_rank


def _rank(stage: str, severity: str, quiet: Sequence[Quiet] | None) -> Rank:
    def rank(now: datetime) -> Q:
        return _in_rank(stage, severity, now, quiet_now(now) if quiet is None else quiet)

    return rank


def _ranks(quiet: Sequence[Quiet] | None) -> tuple[Rank, ...]:
    return tuple(_rank(stage, severity, quiet) for stage, severity in _WORST_FIRST)


ALARMS: Final = replace(
    ALARM_FILTERS,
    computed={"stage": ComputedField(FilterField("stage", "choice", False, STAGES), _in_stages)},
    orders=("opened_at", ATTENTION),
    default_order=ATTENTION,
    ranks=_ranks(None),
    rank_columns=dict.fromkeys(range(len(_WORST_FIRST)), "opened_at"),
)


def alarms_by(quiet: Sequence[Quiet]) -> ListDefinition:
    """Returns ALARMS by silences that have been read, so that its parts do not read them again."""

    def in_stages(stages: Sequence[FieldValue | None], now: datetime) -> Q:
        return in_any_stage(stages, now, quiet)

    stage = replace(ALARMS.computed["stage"], condition=in_stages)
    return replace(ALARMS, computed={"stage": stage}, ranks=_ranks(quiet))
