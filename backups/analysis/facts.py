"""A tracked backup as analysis sees it, and the moment to which it holds the disk's data."""

import uuid
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from backups.vbs.statuses import CAME_GOOD, LEAVING, RESTORABLE

LONG_BEFORE = timedelta(
    hours=24
)  # a data_timestamp that lies further before created_at is not believed
SKEW = timedelta(
    minutes=5
)  # how far two clocks may differ; a time further in the future is not believed
MomentSource = Literal["data_timestamp", "created_at"]
MadeBy = Literal["policy", "csbs", "hand"]


class Made(Protocol):
    """A backup: when it was made, its last known status, and what came of it."""

    @property
    def at(self) -> datetime: ...
    @property
    def status(self) -> str | None: ...
    @property
    def outcome(self) -> str | None: ...


class Fact(NamedTuple):
    """Columns of one backup, under their own names. A tuple: 100,000 of them are made in one
    recomputation.
    """

    id: uuid.UUID
    volume_id: str | None
    kind: str
    service_type: str | None
    status: str | None
    name: str | None
    size: int | None
    created_at: datetime | None
    updated_at: datetime | None
    data_timestamp: datetime | None
    tracked_at: datetime
    gone_at: datetime | None
    chain_size_mb: int | None
    has_dependent_backups: bool | None
    outcome: str | None = None

    @property
    def at(self) -> datetime:
        """Its place in time; what has no time of its own stands where it was added."""
        return self.created_at or self.data_timestamp or self.tracked_at

    @property
    def is_good(self) -> bool:
        """Copies and VM backups count; what is gone does not."""
        return self.status in RESTORABLE and self.gone_at is None


class Moment(NamedTuple):
    """The disk is held as it was `at`; `source` is the word that says so."""

    at: datetime
    source: MomentSource


def moment(fact: Fact, now: datetime) -> Moment | None:
    """`data_timestamp` when plausible: no later than updated_at, not long before created_at; else
    `created_at`.

    None when there is no time that can be believed: one in the future would make a disk green for
    years. On VBS data_timestamp is the time of the snapshot, before created_at (backups/vbs/API.md
    §11.12).
    """
    latest = now + SKEW
    data, created = fact.data_timestamp, fact.created_at
    plausible = data is not None and data <= min(fact.updated_at or latest, latest)
    if data is not None and plausible and (created is None or data >= created - LONG_BEFORE):
        return Moment(data, "data_timestamp")
    return Moment(created, "created_at") if created is not None and created <= latest else None


def made_by(*, name: str | None, service_type: str | None) -> MadeBy:
    """By the names that the services give (backups/vbs/API.md §1.1): a policy `autobk_…`, CSBS
    `manualbk_…` or a VM.
    """
    if (name or "").startswith("autobk_"):
        return "policy"
    return "csbs" if service_type == "vm" or (name or "").startswith("manualbk_") else "hand"


def outcome(before: str | None, status: str | None) -> str | None:
    """`good`, `failed` or not known yet; `before` is what was known.

    A backup that is deleted keeps what came of it, so its day stays what it was. One that was first
    seen while it was being deleted is neither: nobody knows how it had been.
    """
    if status in CAME_GOOD:
        return "good"
    return "failed" if status == "error" else before


def was_good(one: Made) -> bool:
    """Could it be restored once? Of one that is being deleted and was never seen before, that is
    believed.
    """
    came = outcome(one.outcome, one.status)
    return came == "good" or (came is None and one.status in LEAVING)
