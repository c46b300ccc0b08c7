"""One backup's state as a sentence, with what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from backups.analysis.rules import span
from backups.vbs.statuses import IN_FLIGHT
from backups.web import status
from backups.web.status import Badge

_DAY = timedelta(days=1)
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
    badge: Badge
    sentence: str
    next: str
    trouble: str  # why the last look failed, in words; empty when it did not


def verdict(row: Mapping[str, Any], now: datetime) -> Verdict:
    badge = status.of_backup(
        status=row["status"], tracking_state=row["tracking_state"], progress=row["progress"]
    )
    trouble = (
        _ERRORS.get((row["error"] or {}).get("class", ""), "The last look failed.")
        if row["error"]
        else ""
    )
    return Verdict(badge, _sentence(row, badge), _next(row), trouble)


def _sentence(row: Mapping[str, Any], badge: Badge) -> str:
    state, word = row["tracking_state"], row["status"]
    if state == "pending":
        return "No answer yet."
    if state == "gone":
        return (
            f"Gone from the cloud; it was {status.of_status(word).text}."
            if word
            else "Gone: the cloud never had it."
        )
    if state == "stale":
        return f"{badge.text.capitalize()}; nobody knows now."
    if word in IN_FLIGHT and row["progress"]:
        return f"{status.of_status(word).text.capitalize()}, {row['progress']} % done."
    if word == "error" and (length := _length(row)) is not None:
        return f"Failed after {span(length)}."
    return "Failed." if word == "error" else f"{badge.text.capitalize()}."


def _length(row: Mapping[str, Any]) -> timedelta | None:
    """How long it was worked on, as far as its own times tell."""
    created, updated = row["created_at"], row["updated_at"]
    length = updated - created if created and updated else None
    return length if length is not None and timedelta() < length < _DAY else None


def _next(row: Mapping[str, Any]) -> str:
    """What to do about a failure stands beside its reason."""
    if row["tracking_state"] == "stale":
        return "Look at the cloud's state, then refresh."
    return "Untrack it when it is no longer needed here." if row["tracking_state"] == "gone" else ""
