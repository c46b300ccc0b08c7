"""Decides what an answer changes in a stored backup: a pure comparison, no clock, no database."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, NamedTuple

from backups.clouds.stored_error import described
from backups.refresh import schedule
from backups.refresh.diff import Difference, difference, tracking_state_change
from backups.vbs import payload
from backups.vbs.errors import Gone, VBSError
from backups.vbs.kind import TypeInterpretation, judge

# The largest value that a small integer column of PostgreSQL may count to, with room to spare.
LARGEST_COUNT = 30_000


@dataclass(frozen=True, slots=True)
class Fetched:
    """One request about a backup and its outcome: an answer, or an error of ours.

    `listed`: the answer is an entry of a list. `after_new_sign_in`: the cloud said 401 although the
    token was just renewed, or the request was signed by itself. `others_answered`: in the same
    batch other requests got good answers.
    """

    id: uuid.UUID
    requested_at: datetime
    answer: payload.Received | None = None
    error: VBSError | None = None
    http_status: int = 200
    listed: bool = False
    after_new_sign_in: bool = False
    others_answered: bool = False

    @classmethod
    def failed(cls, backup_id: uuid.UUID, requested_at: datetime, error: VBSError) -> "Fetched":
        return cls(backup_id, requested_at, error=error, http_status=error.http_status or 0)


@dataclass(frozen=True, slots=True)
class StoredBackup:
    """The columns of a backup that are read for every answer.

    `refresh_requested_at` is `next_refresh_at` if somebody asked for a refresh after the request
    was made (see `is_refresh_requested`); it then stands, whatever the answer says.
    """

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
    stale_at: datetime | None
    refresh_requested_at: datetime | None


# The columns of a StoredBackup in its order; the last is turned into `refresh_requested_at`.
STORED_COLUMNS = (*(field.name for field in fields(StoredBackup)[:-1]), "next_refresh_at")


class TrackingValues(NamedTuple):
    """The columns that every good answer writes."""

    refreshed_at: datetime
    attempted_at: datetime
    next_refresh_at: datetime
    refresh_interval: int
    stale_at: datetime
    unchanged_polls: int
    changed_at: datetime
    failures: int = 0
    error: None = None
    missed_at: None = None
    gone_at: None = None


class FailureValues(NamedTuple):
    """The columns that a failed request writes."""

    attempted_at: datetime
    next_refresh_at: datetime | None
    changed_at: datetime | None
    failures: int
    error: dict[str, Any] | None
    missed_at: datetime | None
    gone_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChangedBackup:
    """An answer that differs from the stored one.

    `values` are the columns to write, `body` is the text of the answer, `changed_columns`
    are those that differ.
    """

    id: uuid.UUID
    values: dict[str, Any]
    body: str
    difference: Difference | None
    changed_columns: frozenset[str]
    is_vbs: bool
    is_first: bool

    def row(self, columns: Sequence[str]) -> list[Any]:
        """Returns the ID and the values of these columns."""
        return [self.id, *(self.values[column] for column in columns)]


@dataclass(frozen=True, slots=True)
class FailedBackup:
    """A request that failed."""

    id: uuid.UUID
    values: FailureValues
    difference: Difference | None = None


def is_outdated(stored: StoredBackup, fetched: Fetched) -> bool:
    """Is what is stored newer than this answer?"""
    return stored.attempted_at is not None and stored.attempted_at > fetched.requested_at


def is_refresh_requested(
    due_at: datetime | None, requested_at: datetime, landed_at: datetime
) -> bool:
    """Did somebody ask for a refresh between the request and the arrival of its answer?

    The answer may be older than that wish, so the backup stays due.
    """
    return due_at is not None and requested_at < due_at <= landed_at


def is_changed(stored: StoredBackup, answer: payload.Received) -> bool:
    return answer.digest != stored.digest or stored.gone_at is not None


def was_fresh(stored: StoredBackup, now: datetime) -> bool:
    """Was it known, and without trouble? Then an equal answer changes nothing but times."""
    is_known = stored.stale_at is not None and stored.stale_at > now
    return is_known and stored.error is None and stored.missed_at is None and not stored.failures


def values_if_unchanged(stored: StoredBackup, requested_at: datetime) -> TrackingValues:
    return _tracking_values(
        stored,
        requested_at,
        status=stored.status,
        created_at=stored.created_at,
        changed_at=requested_at if stored.changed_at is None else stored.changed_at,
        unchanged_polls=min(stored.unchanged_polls + 1, LARGEST_COUNT),
    )


def changed(
    stored: StoredBackup,
    before: Mapping[str, Any] | None,
    received: payload.Received,
    requested_at: datetime,
    *,
    type_interpretation: TypeInterpretation,
) -> ChangedBackup:
    """Returns what to write of an answer that differs from the one before.

    `before` holds the stored decoded columns, None when there was no answer yet.
    """
    answer = received.decode()
    kind = judge(
        inc=answer.inc,
        type_=answer.metadata.type,
        is_incremental=answer.is_incremental,
        type_interpretation=type_interpretation,
    )
    decoded = {
        **answer.columns(),
        **kept(answer, before),
        "kind": _kind(kind.kind, before, type_interpretation),
        "kind_source": kind.source,
        "kind_conflict": kind.conflict,
    }
    tracking = _tracking_values(
        stored,
        requested_at,
        status=answer.status,
        created_at=answer.created_at,
        changed_at=requested_at,
        unchanged_polls=0,
    )
    recorded = difference(before, decoded)
    if stored.gone_at is not None and before is not None:
        # It has come back; both changes are one revision.
        back = tracking_state_change("gone", "fresh")
        if recorded is not None:
            back.changes.extend(recorded.changes)
        recorded = replace(back, needs_body=True)
    return ChangedBackup(
        stored.id,
        values={
            **decoded,
            **tracking._asdict(),
            "digest": received.digest,
        },
        body=answer.body_text,
        difference=recorded,
        changed_columns=frozenset() if recorded is None else recorded.columns,
        is_vbs=answer.is_vbs,
        is_first=before is None,
    )


def kept(answer: payload.Backup, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns the stored words that such an answer has no word for: it says nothing of them."""
    return {} if before is None else {word: before[word] for word in answer.not_supplied}


def _kind(
    kind: str, before: Mapping[str, Any] | None, type_interpretation: TypeInterpretation
) -> str:
    """Returns the kind to store. Of a first backup in CBR, "unknown" stands until `derived` takes
    it back (analysis/first_backup.py): an answer says nothing of the backups before it.
    """
    if before is None or type_interpretation != "cbr":
        return kind
    is_first = before["kind"] == "unknown" and before["kind_source"] == "is_incremental"
    return "unknown" if is_first and kind == "incremental" else kind


def _tracking_values(
    stored: StoredBackup,
    now: datetime,
    *,
    status: str | None,
    created_at: datetime | None,
    changed_at: datetime,
    unchanged_polls: int,
) -> TrackingValues:
    interval = schedule.poll_interval(
        status=status,
        created_at=created_at,
        changed_at=changed_at,
        unchanged_polls=unchanged_polls,
        now=now,
    )
    poll = schedule.next_poll(stored.id, interval, now)
    return TrackingValues(
        refreshed_at=now,
        attempted_at=now,
        next_refresh_at=stored.refresh_requested_at or poll.next_refresh_at,
        refresh_interval=poll.interval,
        stale_at=poll.stale_at,
        unchanged_polls=unchanged_polls,
        changed_at=changed_at,
    )


def failed(stored: StoredBackup, fetched: Fetched) -> FailedBackup:
    """Returns what to write of a request that got no answer about the backup."""
    now = fetched.requested_at
    error = fetched.error
    values = FailureValues(
        attempted_at=now,
        next_refresh_at=stored.refresh_requested_at,
        changed_at=stored.changed_at,
        failures=stored.failures,
        error=stored.error,
        missed_at=stored.missed_at,
        gone_at=stored.gone_at,
    )
    if isinstance(error, Gone):
        return _not_found(stored, values, error, now)
    if error is None or (error.class_name == "unauthorized" and not fetched.after_new_sign_in):
        # The token is at fault, not the backup: it stays due, and its cloud's row holds the error.
        retry_at = now + schedule.UNAVAILABLE_FIRST_DELAY
        return FailedBackup(
            stored.id, values._replace(next_refresh_at=values.next_refresh_at or retry_at)
        )
    failures = min(stored.failures + 1, LARGEST_COUNT)
    delay = schedule.retry_delay(error.class_name, failures)
    retry_at = now + schedule.jittered(stored.id, delay)
    values = values._replace(
        next_refresh_at=values.next_refresh_at or retry_at,
        failures=failures,
        error=described(error, now, before=stored.error),
    )
    return FailedBackup(stored.id, values)


def _not_found(
    stored: StoredBackup, values: FailureValues, error: Gone, now: datetime
) -> FailedBackup:
    """Returns what to write of an itemNotFound.

    The first one asks for a second request, and only that makes the backup gone. The decoded
    columns stay as they are.
    """
    values = values._replace(failures=0)
    if stored.gone_at is not None:
        next_refresh_at = schedule.next_poll_of_gone(stored.gone_at, now)
        return FailedBackup(stored.id, values._replace(next_refresh_at=next_refresh_at))
    if stored.missed_at is None:
        confirm_at = values.next_refresh_at or now + schedule.CONFIRM_GONE
        return FailedBackup(stored.id, values._replace(next_refresh_at=confirm_at, missed_at=now))
    values = values._replace(
        next_refresh_at=now + schedule.GONE_INTERVAL,
        changed_at=now,
        error=described(error, now),
        gone_at=now,
    )
    state_before = "pending" if stored.refreshed_at is None else "fresh"
    return FailedBackup(stored.id, values, tracking_state_change(state_before, "gone"))
