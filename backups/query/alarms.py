"""What the list of alarms can be filtered and ordered by; silences and channels say by the same
words which alarms they are about.
"""

from collections.abc import Sequence
from typing import Final

from django.db.models import Exists, OuterRef, Q

from backups.models import Alarm, AlarmKind, BackupTag, Ended, VolumeTag
from backups.query.definition import ListDefinition
from backups.query.fields import filter_fields

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


ALARMS: Final = ListDefinition(
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
