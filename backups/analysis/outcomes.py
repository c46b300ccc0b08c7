"""What came of making a backup, and of the days on which one was due."""

from typing import Literal

Outcome = Literal["good", "failed"]
_GOOD = frozenset({"available", "restoring", "error_restoring"})


def outcome(before: str | None, status: str | None) -> str | None:
    """`before` is what was known. A backup that is deleted keeps what came of it: its day stays what it was.

    One that was first seen while it was being deleted had come into being, though nobody knows how: it is no good one.
    """
    if status in _GOOD:
        return "good"
    return "failed" if status == "error" else before
