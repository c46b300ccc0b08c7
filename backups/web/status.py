"""One table: word → tone, glyph, text, tooltip. Templates never choose a colour.

Tones are the roles of `tokens.css`: ok, fail, warn, flight, unk (we do not know), mute (known, needs nothing).
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Look:
    tone: str
    glyph: str
    text: str
    tooltip: str


@dataclass(frozen=True)
class Cell:
    """A day of the disk × day grid: a shape of its own, so that it reads in grey and on paper."""

    shape: str
    mark: str
    text: str
    tooltip: str


STATUSES = {
    "available": Look("ok", "g-ok", "available", "The backup is complete and can be restored."),
    "creating": Look("flight", "g-creating", "creating", "The backup is being written."),
    "restoring": Look("flight", "g-restoring", "restoring", "Its data is being written back to a disk."),
    "deleting": Look("flight", "g-deleting", "deleting", "The cloud is removing it."),
    "error": Look("fail", "g-fail", "error", "The backup failed; nothing can be restored from it."),
    "error_deleting": Look("fail", "g-failo", "error deleting", "The cloud could not delete it."),
    "error_restoring": Look("fail", "g-fail", "error restoring", "Restoring from it failed."),
    "deleted": Look("mute", "g-gone", "deleted", "The cloud says that it is deleted."),
}
TRACKING_STATES = {
    "pending": Look("mute", "g-pending", "no answer yet", "Added; the cloud has not answered for it yet."),
    "fresh": Look("ok", "g-ok", "fresh", "The last good answer is recent."),
    "stale": Look("unk", "g-stale", "not known now", "The last good answer is too old to rely on."),
    "gone": Look(
        "mute", "g-gone", "gone", "The cloud said twice that this backup does not exist. Kept with all that was known."
    ),
}
KINDS = {
    "full": Look("mute", "g-full", "full", "Holds the whole disk."),
    "incremental": Look("mute", "g-inc", "incremental", "Holds what changed; it can be restored by itself."),
    "unknown": Look("unk", "g-kunk", "unknown", "The cloud gave no sign by which full and incremental differ."),
}
REACHABLE = {
    True: Look("ok", "g-ok", "reachable", "Its last call was answered."),
    False: Look("fail", "g-unplug", "not reachable", "Its last call failed."),
    None: Look("mute", "g-pending", "not asked yet", "No call has been made yet."),
}
BREAKERS = {
    "closed": Look("ok", "g-ok", "closed", "Calls go through."),
    "half_open": Look("warn", "g-late", "trying", "After a pause one call at a time tries whether the cloud is back."),
    "open": Look("fail", "g-unplug", "open", "No call is made before the pause is over."),
}
NOT_CONFIGURED = Look("mute", "g-exempt", "not configured", "It is in no clouds.yaml any more; its backups are kept.")
TOKENS = {
    "usable": Look("ok", "g-ok", "in use", "It opens what it may."),
    "expired": Look("mute", "g-gone", "ran out", "Its days are over."),
    "revoked": Look("mute", "g-exempt", "revoked", "It was ended by hand."),
}
VERDICTS = {
    "new": Look("flight", "g-plus", "new", "It will be tracked."),
    "added": Look("ok", "g-ok", "added", "It is tracked from now on."),
    "already_tracked": Look("mute", "g-ok", "already tracked", "Nothing to do."),
    "duplicate": Look("mute", "g-exempt", "twice in your text", "Counted once."),
    "invalid": Look("warn", "g-late", "not an ID", "Nothing can be tracked by it."),
}
PROTECTION = {
    "overdue": Look(
        "fail", "g-overdue", "overdue", "The newest good backup is older than the rule and its grace allow."
    ),
    "never": Look("fail", "g-never", "never", "No good backup of this disk has been seen."),
    "late": Look("warn", "g-late", "late", "One is due by the rule, but its grace is not used up yet."),
    "unknown": Look("unk", "g-unknown", "unknown", "The evidence is old, or nobody follows its new backups."),
    "protected": Look("ok", "g-ok", "protected", "The newest good backup is younger than the rule allows."),
    "exempt": Look("mute", "g-exempt", "exempt", "Somebody said why this disk needs no backup."),
    "deleted": Look("mute", "g-gone", "deleted", "It left the cloud's list of disks; kept, and it needs nothing."),
}
DAYS = {
    "full": Cell("c-full", "", "full", "A full backup of this day is good."),
    "incremental": Cell("c-inc", "", "incremental", "An incremental backup of this day is good."),
    "good": Cell("c-inc", "", "backed up, kind unknown", "A backup of this day is good; nobody knows its kind."),
    "flight": Cell("c-flight", "", "in flight", "A backup is being written."),
    "failed": Cell("c-fail", "×", "failed", "Backups of this day failed and none is good."),
    "missed": Cell("c-over", "", "missed: due, none seen", "By the rule one was due, and none was seen."),
    "unknown": Cell("c-unk", "?", "not known", "The evidence does not reach this day."),
    "idle": Cell("c-idle", "·", "nothing was due", "By the rule nothing was due, and nothing came."),
    "none": Cell("c-none", "", "not known here yet", "The disk was not known to vbsdash on this day."),
}
STUCK = Look("warn", "g-stuck", "stuck", "It is in flight and has made no progress for long.")
ATTENTION = {
    **{word: PROTECTION[word] for word in ("overdue", "never", "late")},
    "unreachable": Look("fail", "g-unplug", "not reachable", "The cloud's last call failed."),
    "error": Look("fail", "g-fail", "failed", "The backup failed; nothing can be restored from it."),
    "error_restoring": Look("fail", "g-fail", "restore failed", "Restoring from it failed."),
    "error_deleting": Look("warn", "g-failo", "could not be deleted", "The cloud could not delete it."),
    "stuck": STUCK,
    "stale": Look("unk", "g-stale", "not known now", "The last good answer is too old to rely on."),
    "unknown": PROTECTION["unknown"],
}
STEPS = {
    "name": "Name",
    "tls": "TLS",
    "sign_in": "Sign-in",
    "catalog": "Catalog",
    "permission": "Permission",
    "path": "Path",
}
STEP_OUTCOMES = {
    "ok": Look("ok", "g-ok", "works", "This step works."),
    "failed": Look("fail", "g-fail", "fails", "This is what fails."),
    "not_tried": Look("mute", "g-pending", "not tried", "A step before it fails."),
}
FAILED = tuple(word for word, look in STATUSES.items() if look.tone == "fail")
IN_FLIGHT = tuple(word for word, look in STATUSES.items() if look.tone == "flight")
_NO_STATUS = Look("unk", "g-unknown", "no status", "The cloud's answer held no status.")
_UNKNOWN = Look("unk", "g-unknown", "", "A status that vbsdash does not know, in the cloud's own word.")


def of_status(status: str | None) -> Look:
    """A status by itself; one that nobody knows keeps the cloud's own word."""
    if status is None:
        return _NO_STATUS
    return STATUSES.get(status) or replace(_UNKNOWN, text=status)


def of_backup(*, status: str | None, tracking_state: str, progress: int | None = None, stuck: bool = False) -> Look:
    """What may be said of a backup now: old knowledge never looks healthy."""
    if tracking_state in ("pending", "gone"):
        return TRACKING_STATES[tracking_state]
    look = of_status(status)
    if tracking_state == "stale":
        was = f"was {look.text}" if status else "not known now"
        return Look("unk", "g-stale", was, f"{was.capitalize()} when the cloud last answered. Nobody knows now.")
    if stuck and status in IN_FLIGHT:
        return replace(STUCK, text=f"stuck at {progress} %" if progress else f"{look.text}, stuck")
    if status in IN_FLIGHT and progress:
        return replace(look, text=f"{look.text} {progress} %")
    return look


def stuck(progress: int | None) -> Look:
    return replace(STUCK, text=f"stuck at {progress} %") if progress else STUCK


def is_moving(*, status: str | None, tracking_state: str) -> bool:
    """Worth a look every few seconds: no answer yet, or in flight."""
    return tracking_state == "pending" or (status in IN_FLIGHT and tracking_state == "fresh")
