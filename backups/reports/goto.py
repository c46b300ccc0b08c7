"""What somebody means who types a few letters or pastes an ID: some backups, disks, causes and
clouds, few of each, whatever there is.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q

from backups.analysis.causes import Explained, explain
from backups.clouds import registry
from backups.models import Access, Backup, Cause, Volume
from backups.query.backups import BACKUPS
from backups.query.list_query import ListQuery
from backups.reports.backup_pages import backup_pages
from backups.vbs.folding import fold
from backups.vbs.id_spellings import read_uuid, stored_spellings

ROWS = 6  # of each kind
LEAST_DIGITS = 4  # of the beginning of a UUID
_HEX = frozenset("0123456789abcdef")
BACKUP_FIELDS = ("id", "name", "cloud", "status", "tracking_state", "progress", "stuck_at")
VOLUME_FIELDS = ("cloud", "volume_id", "name", "label", "protection")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class CauseRow:
    """`title` is what it means; `text` the reason itself, empty where it is not for the reader."""

    key: str
    title: str
    text: str
    code: str | None
    count: int


@dataclass(frozen=True)
class Targets:
    """`unknown_id`: the text is a whole ID, and no backup that the reader may see has it."""

    backups: Sequence[Row]
    volumes: Sequence[Row]
    causes: Sequence[CauseRow]
    clouds: Sequence[str]
    unknown_id: uuid.UUID | None


def targets(text: str, now: datetime, *, access: Access) -> Targets:
    """Returns what a text that is not blank may mean, the likeliest of each kind."""
    backup_id = read_uuid(text)
    backups = _backups(text, backup_id, now, access)
    volumes = _volumes(text, now, access)
    is_known = any(row["id"] == backup_id for row in backups)
    is_volume = bool(volumes) and backup_id is not None
    return Targets(
        backups=backups,
        volumes=volumes,
        causes=[] if backup_id else _causes(text, access),
        clouds=[name for name in registry.configured_for(access) if fold(text) in fold(name)][
            :ROWS
        ],
        unknown_id=None if is_known or is_volume else backup_id,
    )


def _backups(
    text: str, backup_id: uuid.UUID | None, now: datetime, access: Access
) -> Sequence[Row]:
    """A whole or begun ID is looked up by the primary key, any other text by the free search."""
    first, last = _ids_beginning_with(text) if backup_id is None else (backup_id, backup_id)
    if first is not None:
        # The annotation `tracking_state` is no field that the type checker knows.
        rows: Any = Backup.objects.visible_to(access).with_tracking_state(now)
        rows = rows.filter(pk__gte=first, pk__lte=last).order_by("pk")
        by_id = list(rows.values(*BACKUP_FIELDS)[:ROWS])
        if by_id:
            return by_id
    query = ListQuery(q=text, ordering=BACKUPS.default_order, raw_values={"q": (text,)})
    return backup_pages(query, now, access=access).page(None, ROWS, *BACKUP_FIELDS).rows


def _volumes(text: str, now: datetime, access: Access) -> Sequence[Row]:
    """The database looks, which folds less than the search of the list of disks: that reads all of
    them, at each letter.
    """
    is_meant = Q(volume_id__in=stored_spellings(text))
    for field in ("name", "label", "volume_id"):
        is_meant |= Q(**{f"{field}__icontains": text})
    # The annotation `protection` is no field that the type checker knows.
    rows: Any = Volume.objects.visible_to(access).with_protection(now)
    return list(rows.filter(is_meant).order_by("label", "name", "pk").values(*VOLUME_FIELDS)[:ROWS])


def _ids_beginning_with(text: str) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """Returns the first and last UUID that begin so; two None for what is no beginning of one."""
    digits = text.strip().lower().replace("-", "")
    if not LEAST_DIGITS <= len(digits) < 32 or not set(digits) <= _HEX:
        return None, None
    return uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))


def _causes(text: str, access: Access) -> Sequence[CauseRow]:
    """The stored reason is that of a backup in whatever cloud: who may not see all of them searches
    and reads the meaning alone.
    """
    searched = fold(text)
    reads_all = access.clouds is None
    matching: dict[str, Explained] = {}
    for cause in Cause.objects.order_by("key"):
        explained = explain(status=cause.state, reason=cause.text)
        texts = [explained.code, explained.meaning, explained.advice]
        if reads_all:
            texts.append(cause.text)
        if any(searched in fold(searched_text or "") for searched_text in texts):
            matching[cause.key] = explained
    if not matching:
        return []
    rows = Backup.objects.visible_to(access).filter(cause__in=list(matching), gone_at__isnull=True)
    counts = rows.order_by().values_list("cause").annotate(n=Count("pk")).order_by("-n", "cause")
    shown = []
    for key, count in counts[:ROWS]:
        explained = matching[key]
        text_shown = (explained.text or "") if reads_all else ""
        title = explained.meaning or text_shown or explained.code or "A reason"
        shown.append(CauseRow(key, title, text_shown, explained.code, count))
    return shown
