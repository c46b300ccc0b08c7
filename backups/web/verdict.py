"""One backup's state as a sentence, with what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from backups.analysis.rules import span
from backups.vbs.statuses import IN_FLIGHT
from backups.web import status
from backups.web.status import Badge

# What takes longer was not one backup in the making: its times are not believed.
LONGEST_BACKUP = timedelta(days=1)
_ERRORS = {
    "unavailable": "The cloud does not answer.",
    "unauthorized": "The cloud refuses the sign-in.",
    "gone": "The cloud says that this backup does not exist; a second look decides.",
    "wrong_address": "The address of the backup API is wrong for this cloud.",
    "rejected": "The cloud refuses the question.",
    "malformed": "The cloud's answer could not be read.",
}


@dataclass(frozen=True)
class Verdict:
    """`trouble`: why the last poll failed, in a sentence; empty when it did not."""

    badge: Badge
    sentence: str
    next: str
    trouble: str


def verdict(row: Mapping[str, Any], now: datetime) -> Verdict:
    badge = status.of_backup(
        status=row["status"], tracking_state=row["tracking_state"], progress=row["progress"]
    )
    trouble = ""
    if row["error"]:
        trouble = _ERRORS.get(row["error"].get("class", ""), "The last look failed.")
    return Verdict(badge, _sentence(row, badge), _next(row), trouble)


def _sentence(row: Mapping[str, Any], badge: Badge) -> str:
    tracking_state = row["tracking_state"]
    backup_status = row["status"]
    if tracking_state == "pending":
        return "No answer yet."
    if tracking_state == "gone":
        if backup_status:
            return f"Gone from the cloud; it was {status.of_status(backup_status).text}."
        return "Gone: the cloud never had it."
    if tracking_state == "stale":
        return f"{badge.text.capitalize()}; nobody knows now."
    if backup_status in IN_FLIGHT and row["progress"]:
        text = status.of_status(backup_status).text.capitalize()
        return f"{text}, {row['progress']} % done."
    if backup_status == "error":
        length = _length(row)
        return "Failed." if length is None else f"Failed after {span(length)}."
    return f"{badge.text.capitalize()}."


def _length(row: Mapping[str, Any]) -> timedelta | None:
    """Returns how long it was worked on, as far as its own times tell."""
    created: datetime | None = row["created_at"]
    updated: datetime | None = row["updated_at"]
    if created is None or updated is None:
        return None
    length = updated - created
    return length if timedelta() < length < LONGEST_BACKUP else None


def _next(row: Mapping[str, Any]) -> str:
    """What to do about a failure stands beside its reason."""
    if row["tracking_state"] == "stale":
        return "Look at the cloud's state, then refresh."
    if row["tracking_state"] == "gone":
        return "Untrack it when it is no longer needed here."
    return ""
