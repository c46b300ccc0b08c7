"""The one table of states: word → tone, shape, text and tooltip. Templates never choose a colour."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """`tone` names a role of `tokens.css`, `glyph` a symbol of the sprite."""

    tone: str
    glyph: str
    text: str
    tip: str


STATUSES = {
    "available": Look("ok", "ok", "available", "Complete; it can be restored."),
    "error": Look("fail", "fail", "error", "It failed; the reason stands on its page."),
    "error_deleting": Look("fail", "fail", "error deleting", "Deleting it failed."),
    "error_restoring": Look("fail", "fail", "error restoring", "Restoring it failed."),
    "creating": Look("flight", "creating", "creating", "Data is being copied."),
    "restoring": Look("flight", "restoring", "restoring", "It is being written to a disk."),
    "deleting": Look("flight", "deleting", "deleting", "It is being removed."),
    "deleted": Look("mute", "gone", "deleted", "The cloud has removed it."),
}
PENDING = Look("mute", "pending", "no answer yet", "Added; the cloud has not answered for it yet.")
GONE = Look("mute", "gone", "gone", "The cloud said twice that it does not exist. What was known is kept.")


def look(status: str | None, tracking_state: str) -> Look:
    """How a backup is shown. What is old never looks healthy; an unknown status keeps the cloud's own word."""
    if tracking_state == "gone":
        return GONE
    if tracking_state == "pending" or status is None:
        return PENDING
    known = STATUSES.get(status) or Look("unk", "unknown", status[:60], "A status that vbsdash does not know.")
    if tracking_state == "stale":
        return Look("unk", "stale", f"was {known.text}", "Too old to be believed: no good answer in time.")
    return known
