"""A tracked backup as analysis sees it, and the moment to which it holds the volume's data."""

import uuid
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from backups.vbs.statuses import CAME_GOOD, LEAVING, RESTORABLE

# A data_timestamp that lies further before created_at is not believed.
LONG_BEFORE = timedelta(hours=24)
# How far two clocks may differ: a time further in the future is not believed.
SKEW = timedelta(minutes=5)
OUTCOMES = ("good", "failed")  # of making a backup
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
    """Columns of one backup, under their own names. A tuple: 100,000 of them are
    made in one recomputation.
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
    cause: str | None = None
    snapshot_id: str | None = None
    policy_id: str | None = None  # of the policy that made it, where the cloud says so

    @property
    def at(self) -> datetime:
        """Returns its place in time; what has no time of its own stands where it was added."""
        return self.created_at or self.data_timestamp or self.tracked_at

    @property
    def is_good(self) -> bool:
        """Copies and VM backups count; what is gone does not."""
        return self.status in RESTORABLE and self.gone_at is None


class Moment(NamedTuple):
    """The volume is held as it was `at`; `source` is the field that says so."""

    at: datetime
    source: MomentSource


def moment(fact: Fact, now: datetime) -> Moment | None:
    """Returns `data_timestamp` when plausible: no later than updated_at, not long before
    created_at. Else `created_at`.

    None when there is no time that can be believed: one in the future would make a
    volume green for years. On VBS data_timestamp is the time of the snapshot,
    before created_at (backups/vbs/API.md §11.12).
    """
    latest = now + SKEW
    data_at = fact.data_timestamp
    created_at = fact.created_at
    if data_at is not None:
        is_too_late = data_at > min(fact.updated_at or latest, latest)
        is_too_early = created_at is not None and data_at < created_at - LONG_BEFORE
        if not is_too_late and not is_too_early:
            return Moment(data_at, "data_timestamp")
    if created_at is not None and created_at <= latest:
        return Moment(created_at, "created_at")
    return None


def made_by(*, name: str | None, service_type: str | None) -> MadeBy:
    """Tells by the names that the services give (backups/vbs/API.md §1.1): a policy `autobk_…`,
    CSBS `manualbk_…` or a VM.
    """
    if (name or "").startswith("autobk_"):
        return "policy"
    return "csbs" if service_type == "vm" or (name or "").startswith("manualbk_") else "hand"


def outcome(before: str | None, status: str | None) -> str | None:
    """Returns `good`, `failed` or None, which is not known yet; `before` is what was known.

    A backup that is deleted keeps what came of it, so its day stays what it was. One that was first
    seen while it was being deleted is neither: nobody knows how it had been.
    """
    if status in CAME_GOOD:
        return "good"
    return "failed" if status == "error" else before


def was_good(backup: Made) -> bool:
    """Returns whether it could be restored once. Of one that is being deleted and was never seen
    before, that is believed.
    """
    known_outcome = outcome(backup.outcome, backup.status)
    if known_outcome is None:
        return backup.status in LEAVING
    return known_outcome == "good"
