"""Pages by cursor over the newest-first order: stable while rows come and go."""

import base64
import binascii
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.db.models.functions import Coalesce

from backups.models.backup import BackupQuerySet

SIZE = 50


class BadCursor(ValueError):
    """Not a cursor that this list gave out."""


@dataclass(frozen=True)
class Cursor:
    """Rows after (or before, when `backwards`) this place; without a place: from the very end."""

    backwards: bool
    at: datetime | None = None
    id: uuid.UUID | None = None

    def __str__(self) -> str:
        text = f"{'b' if self.backwards else 'f'}|{self.at.isoformat() if self.at else ''}|{self.id or ''}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Raises BadCursor."""
        try:
            way, at, pk = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
            if way == "b" and at == pk == "":
                return cls(backwards=True)
            place = datetime.fromisoformat(at)
            if way not in ("b", "f") or place.tzinfo is None:
                raise BadCursor
            return cls(way == "b", place, uuid.UUID(pk))
        except (ValueError, binascii.Error) as e:
            raise BadCursor("cursor is none that this list gave out: begin with the first page.") from e


LAST = Cursor(backwards=True)


@dataclass(frozen=True)
class Page:
    rows: list[dict[str, Any]]
    previous: Cursor | None
    next: Cursor | None


def page(rows: BackupQuerySet, cursor: Cursor | None, *words: str) -> Page:
    """One query. The rows hold `words` and `place`, the instant that they are ordered by."""
    back = cursor is not None and cursor.backwards
    placed = rows.annotate(place=Coalesce("created_at", "tracked_at"))
    if cursor is not None and cursor.at is not None:
        beyond = Q(place__gt=cursor.at) if back else Q(place__lt=cursor.at)
        beside = Q(place=cursor.at, id__lt=cursor.id) if back else Q(place=cursor.at, id__gt=cursor.id)
        placed = placed.filter(beyond | beside)
    order = ("place", "-id") if back else ("-place", "id")
    found = list(placed.order_by(*order).values(*words, "place")[: SIZE + 1])
    more, found = len(found) > SIZE, found[:SIZE]
    if back:
        found.reverse()
    has_previous = more if back else cursor is not None
    has_next = more if not back else cursor is not None and cursor.at is not None
    return Page(
        found,
        Cursor(True, found[0]["place"], found[0]["id"]) if found and has_previous else None,
        Cursor(False, found[-1]["place"], found[-1]["id"]) if found and has_next else None,
    )
