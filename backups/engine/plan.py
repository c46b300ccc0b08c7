"""What an answer changes in a stored backup: a pure comparison, no clock, no database."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backups.engine import schedule
from backups.models import Backup
from backups.vbs import payload
from backups.vbs.errors import Gone, VBSError
from backups.vbs.kind import Reading, judge


@dataclass(frozen=True)
class Fetched:
    """One question to a cloud and its outcome: a decoded answer or an error of ours."""

    id: uuid.UUID
    asked_at: datetime
    answer: payload.Backup | None = None
    error: VBSError | None = None
    http_status: int = 200


@dataclass(frozen=True)
class Change:
    """`values` are the columns to write; `body` is the new text of the answer, None when it did not change."""

    id: uuid.UUID
    values: dict[str, Any]
    body: str | None = None

    @property
    def is_news(self) -> bool:
        """Something of the backup is not as it was; else only times moved."""
        return "digest" in self.values or self.values.get("gone_at") is not None


def plan(stored: Backup, fetched: Fetched, *, reading: Reading) -> Change | None:
    """None when the stored knowledge is newer than this answer."""
    if stored.attempted_at is not None and stored.attempted_at > fetched.asked_at:
        return None
    if fetched.answer is not None:
        return _good(stored, fetched, fetched.answer, reading)
    return _failed(stored, fetched, fetched.error)


def _good(stored: Backup, fetched: Fetched, answer: payload.Backup, reading: Reading) -> Change:
    now, digest = fetched.asked_at, answer.digest
    changed = digest != stored.digest or stored.gone_at is not None
    looks = 0 if changed else stored.unchanged_looks + 1
    changed_at = now if changed or stored.changed_at is None else stored.changed_at
    every = schedule.interval(
        status=answer.status, created_at=answer.created_at, changed_at=changed_at, unchanged_looks=looks, now=now
    )
    look = schedule.look(stored.id, every, now)
    times: dict[str, Any] = {
        "refreshed_at": now,
        "attempted_at": now,
        "next_refresh_at": look.next_refresh_at,
        "stale_at": look.stale_at,
        "unchanged_looks": min(looks, 30_000),
        "changed_at": changed_at,
        "error": None,
        "missed_at": None,
        "gone_at": None,
        "claimed_until": None,
    }
    if not changed:
        return Change(stored.id, times)
    kind = judge(inc=answer.inc, type_=answer.metadata.type, is_incremental=answer.is_incremental, reading=reading)
    derived = {"kind": kind.kind, "kind_source": kind.source, "kind_conflict": kind.conflict}
    return Change(stored.id, {**answer.words(), **derived, **times, "digest": digest}, answer.body_text)


def _failed(stored: Backup, fetched: Fetched, error: VBSError | None) -> Change:
    now = fetched.asked_at
    values: dict[str, Any] = {"attempted_at": now, "claimed_until": None}
    if error is None or error.class_name == "unauthorized":
        # The cloud is at fault, not the backup: it stays due and its cloud says why.
        return Change(stored.id, {**values, "next_refresh_at": now + schedule.FIRST_LOOK * 3})
    if isinstance(error, Gone):
        return Change(stored.id, {**values, **_missing(stored, error, now)})
    since = stored.error["since"] if stored.error and stored.error["class"] == error.class_name else now.isoformat()
    every = schedule.SLOWEST_LOOK if error.class_name == "unavailable" else schedule.YOUNG_LOOK
    look = schedule.look(stored.id, every, now)
    return Change(stored.id, {**values, "next_refresh_at": look.next_refresh_at, "error": described(error, since)})


def _missing(stored: Backup, error: Gone, now: datetime) -> dict[str, Any]:
    """The first itemNotFound asks for a second look, the second makes it gone; what was known is kept."""
    if stored.gone_at is not None:
        return {"next_refresh_at": schedule.gone_look(stored.gone_at, now)}
    if stored.missed_at is None:
        return {"missed_at": now, "next_refresh_at": now + schedule.CONFIRM_GONE}
    return {
        "gone_at": now,
        "changed_at": now,
        "error": described(error, now.isoformat()),
        "next_refresh_at": now + schedule.GONE_LOOK,
    }


def described(error: VBSError, since: str) -> dict[str, Any]:
    """The shape `error` of the JSON API."""
    return {
        "class": error.class_name,
        "http_status": error.http_status,
        "code": error.code,
        "message": error.message,
        "since": since.replace("+00:00", "Z"),
    }
