"""What an answer changes in a stored backup: a pure comparison, no clock, no database."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backups.clouds.stored_error import described
from backups.refresh import schedule
from backups.refresh.diff import Difference, difference, moved
from backups.vbs import payload
from backups.vbs.errors import Gone, VBSError
from backups.vbs.kind import TypeInterpretation, judge

ANSWERED_COLUMNS = (  # columns that every good answer writes
    *(
        "refreshed_at",
        "attempted_at",
        "next_refresh_at",
        "refresh_interval",
        "stale_at",
        "unchanged_polls",
    ),
    *("changed_at", "failures", "error", "missed_at", "gone_at"),
)
FAILED_COLUMNS = (
    "attempted_at",
    "next_refresh_at",
    "changed_at",
    "failures",
    "error",
    "missed_at",
    "gone_at",
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """One question to a cloud and its outcome: an answer or an error of ours. `listed`: an entry of
    a list.

    `proved_anew`: the cloud said 401 although the token had been signed in for anew, or the call
    was signed by itself.
    `others_answered`: in the same round others got good answers.
    """

    id: uuid.UUID
    asked_at: datetime
    answer: payload.Received | None = None
    error: VBSError | None = None
    http_status: int = 200
    listed: bool = False
    proved_anew: bool = False
    others_answered: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of a backup, as far as every answer needs it."""

    id: uuid.UUID
    digest: str | None
    attempted_at: datetime | None
    refreshed_at: datetime | None
    status: str | None
    created_at: datetime | None
    changed_at: datetime | None
    unchanged_polls: int
    failures: int
    error: dict[str, Any] | None
    missed_at: datetime | None
    gone_at: datetime | None
    due_again_at: (
        datetime | None
    )  # `next_refresh_at` where it stands whatever the answer says: see `is_due_again`


KNOWN = (
    *(word for word in Known.__dataclass_fields__ if word != "due_again_at"),
    "next_refresh_at",
)


@dataclass(frozen=True, slots=True)
class News:
    """`values` are the columns to write, `body` the text of the answer. `words`: those that
    changed.
    """

    id: uuid.UUID
    values: dict[str, Any]
    body: str
    difference: Difference | None
    words: frozenset[str]
    is_vbs: bool
    is_first: bool


def is_late(known: Known, fetched: Fetched) -> bool:
    """Is the stored knowledge newer than this answer?"""
    return known.attempted_at is not None and known.attempted_at > fetched.asked_at


def is_due_again(due_at: datetime | None, asked_at: datetime, landed_at: datetime) -> bool:
    """Did somebody ask for a look after this answer was asked for? What the answer says may be
    older than the wish.
    """
    return due_at is not None and asked_at < due_at <= landed_at


def is_news(known: Known, answer: payload.Received) -> bool:
    return answer.digest != known.digest or known.gone_at is not None


def touched(known: Known, fetched: Fetched) -> list[Any]:
    """The columns of ANSWERED_COLUMNS after an answer that says nothing new."""
    polls = min(known.unchanged_polls + 1, 30_000)
    times = _times(known, fetched.asked_at, known.status, known.created_at, known.changed_at, polls)
    return [*times, 0, None, None, None]


def news(
    known: Known,
    before: Mapping[str, Any] | None,
    fetched: Fetched,
    answer: payload.Backup,
    *,
    type_interpretation: TypeInterpretation,
) -> News:
    """An answer that differs from the one before. `before`: the stored words; None when there was
    no answer yet.
    """
    kind = judge(
        inc=answer.inc,
        type_=answer.metadata.type,
        is_incremental=answer.is_incremental,
        type_interpretation=type_interpretation,
    )
    derived = {"kind": kind.kind, "kind_source": kind.source, "kind_conflict": kind.conflict}
    words = {**answer.words(), **derived}
    now = fetched.asked_at
    times = _times(known, now, answer.status, answer.created_at, now, 0)
    found = difference(before, words)
    if known.gone_at is not None and before is not None:
        back = moved("gone", "fresh")
        found = Difference(
            [*back.changes, *(found.changes if found else [])], kept=True, whole=True
        )
    digest = fetched.answer.digest if fetched.answer else None
    values = {
        **words,
        **dict(zip(ANSWERED_COLUMNS, [*times, 0, None, None, None], strict=True)),
        "digest": digest,
    }
    changed = frozenset(change["word"] for change in found.changes) if found else frozenset[str]()
    return News(
        known.id, values, answer.body_text, found, changed, answer.is_vbs, is_first=before is None
    )


def _times(
    known: Known,
    now: datetime,
    status: str | None,
    created_at: datetime | None,
    changed_at: datetime | None,
    polls: int,
) -> list[Any]:
    """The columns of ANSWERED_COLUMNS up to `changed_at`."""
    changed_at = changed_at or now
    every = schedule.interval(
        status=status, created_at=created_at, changed_at=changed_at, unchanged_polls=polls, now=now
    )
    poll = schedule.next_poll(known.id, every, now)
    return [
        now,
        now,
        known.due_again_at or poll.next_refresh_at,
        poll.interval,
        poll.stale_at,
        polls,
        changed_at,
    ]


@dataclass(frozen=True, slots=True)
class Failure:
    """`row` holds the columns of FAILED_COLUMNS."""

    id: uuid.UUID
    row: list[Any]
    difference: Difference | None = None


def failed(known: Known, fetched: Fetched) -> Failure:
    now, error = fetched.asked_at, fetched.error
    if isinstance(error, Gone):
        return _missing(known, error, now)
    kept = [known.error, known.missed_at, known.gone_at]
    if error is None or (error.class_name == "unauthorized" and not fetched.proved_anew):
        # The token is at fault, not the backup: it stays due and its cloud says why.
        again = known.due_again_at or now + schedule.LATER
        return Failure(known.id, [now, again, known.changed_at, known.failures, *kept])
    failures = min(known.failures + 1, 30_000)
    again = known.due_again_at or now + schedule.jittered(
        known.id, schedule.later(error.class_name, failures)
    )
    said = described(error, now, before=known.error)
    row = [now, again, known.changed_at, failures, said, known.missed_at, known.gone_at]
    return Failure(known.id, row)


def _missing(known: Known, error: Gone, now: datetime) -> Failure:
    """The first itemNotFound asks for a second look, the second makes it gone; what was known is
    kept.
    """
    if known.gone_at is not None:
        again = schedule.gone_poll(known.gone_at, now)
        return Failure(
            known.id, [now, again, known.changed_at, 0, known.error, known.missed_at, known.gone_at]
        )
    if known.missed_at is None:
        again = known.due_again_at or now + schedule.CONFIRM_GONE
        return Failure(known.id, [now, again, known.changed_at, 0, known.error, now, None])
    row = [now, now + schedule.GONE_LOOK, now, 0, described(error, now), known.missed_at, now]
    return Failure(
        known.id, row, moved("pending" if known.refreshed_at is None else "fresh", "gone")
    )
