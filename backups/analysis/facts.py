"""A tracked backup as analysis sees it, and the moment to which it holds the disk's data."""

import uuid
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

GOOD = frozenset({"available", "restoring"})  # something can be restored from it
LONG_BEFORE = timedelta(hours=24)  # a data_timestamp that lies further before created_at is not believed
SKEW = timedelta(minutes=5)  # how far two clocks may differ; a time further in the future is not believed
MomentSource = Literal["data_timestamp", "created_at"]
MadeBy = Literal["policy", "csbs", "hand"]


class Fact(NamedTuple):
    """Columns of one backup, under their own names. A tuple: 100,000 of them are made in one recomputation."""

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
    outcome: str | None = None  # analysis.outcomes

    @property
    def is_good(self) -> bool:
        """Copies and VM backups count; what is gone does not."""
        return self.status in GOOD and self.gone_at is None


class Moment(NamedTuple):
    """The disk is held as it was `at`; `source` is the word that says so."""

    at: datetime
    source: MomentSource


def moment(fact: Fact, now: datetime) -> Moment | None:
    """`data_timestamp` when plausible: no later than updated_at, not long before created_at; else `created_at`.

    None when there is no time that can be believed: one in the future would make a disk green for years.
    On VBS data_timestamp is the time of the snapshot, before created_at (backups/vbs/API.md §11.12).
    """
    latest = now + SKEW
    data, created = fact.data_timestamp, fact.created_at
    plausible = data is not None and data <= min(fact.updated_at or latest, latest)
    if data is not None and plausible and (created is None or data >= created - LONG_BEFORE):
        return Moment(data, "data_timestamp")
    return Moment(created, "created_at") if created is not None and created <= latest else None


def made_by(*, name: str | None, service_type: str | None) -> MadeBy:
    """By the names that the services give (backups/vbs/API.md §1.1): a policy `autobk_…`, CSBS `manualbk_…` or a VM."""
    if (name or "").startswith("autobk_"):
        return "policy"
    return "csbs" if service_type == "vm" or (name or "").startswith("manualbk_") else "hand"
