"""How each state looks: tone, glyph, text, tooltip. Templates never choose a colour.

Tones are the roles of `vbsdash.css`: ok, fail, warn, flight, unk (we do not know),
mute (known, needs nothing).
"""

from dataclasses import dataclass, replace

from backups.analysis.running import Slowness
from backups.vbs.statuses import IN_FLIGHT


@dataclass(frozen=True)
class Badge:
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
    "available": Badge("ok", "g-ok", "available", "The backup is complete and can be restored."),
    "creating": Badge("flight", "g-creating", "creating", "The backup is being written."),
    "protecting": Badge("flight", "g-creating", "protecting", "The backup is being written."),
    "waiting_protect": Badge(
        "flight", "g-pending", "waiting", "It is queued: the cloud has not begun to write it."
    ),
    "waiting_restore": Badge(
        "flight", "g-pending", "waiting to restore", "It is queued: its data is to be written back."
    ),
    "waiting_delete": Badge(
        "flight", "g-pending", "waiting to be deleted", "It is queued: the cloud is to remove it."
    ),
    "restoring": Badge(
        "flight", "g-restoring", "restoring", "Its data is being written back to a disk."
    ),
    "deleting": Badge("flight", "g-deleting", "deleting", "The cloud is removing it."),
    "error": Badge(
        "fail", "g-fail", "error", "The backup failed; nothing can be restored from it."
    ),
    "error_deleting": Badge("fail", "g-failo", "error deleting", "The cloud could not delete it."),
    "error_restoring": Badge("fail", "g-fail", "error restoring", "Restoring from it failed."),
    "deleted": Badge("mute", "g-gone", "deleted", "The cloud says that it is deleted."),
}
TRACKING_STATES = {
    "pending": Badge(
        "mute", "g-pending", "no answer yet", "Added; the cloud has not answered for it yet."
    ),
    "fresh": Badge("ok", "g-ok", "fresh", "The last good answer is recent."),
    "stale": Badge(
        "unk", "g-stale", "not known now", "The last good answer is too old to rely on."
    ),
    "gone": Badge(
        "mute",
        "g-gone",
        "gone",
        "The cloud said twice that this backup does not exist. Kept with all that was known.",
    ),
}
KINDS = {
    "full": Badge("mute", "g-full", "full", "Holds the whole disk."),
    "incremental": Badge(
        "mute", "g-inc", "incremental", "Holds what changed; it can be restored by itself."
    ),
    "unknown": Badge(
        "unk", "g-kunk", "unknown", "The cloud gave no sign by which full and incremental differ."
    ),
}
REACHABLE = {
    True: Badge("ok", "g-ok", "reachable", "Its last call was answered."),
    False: Badge("fail", "g-unplug", "not reachable", "Its last call failed."),
    None: Badge("mute", "g-pending", "not asked yet", "No call has been made yet."),
}
SERVICE_ENDED = Badge(
    "fail", "g-gone", "service ended", "Its backup service is there no more; what it had is kept."
)
BREAKERS = {
    "closed": Badge("ok", "g-ok", "none", "Calls go through."),
    "half_open": Badge(
        "warn",
        "g-late",
        "tries",
        "After a pause one call at a time tries whether the cloud is back.",
    ),
    "open": Badge("fail", "g-unplug", "pauses", "No call is made before the pause is over."),
}
NOT_CONFIGURED = Badge(
    "mute", "g-exempt", "not configured", "It is in no clouds.yaml any more; its backups are kept."
)
TOKENS = {
    "usable": Badge("ok", "g-ok", "in use", "It opens what it may."),
    "expired": Badge("mute", "g-gone", "ran out", "Its days are over."),
    "revoked": Badge("mute", "g-exempt", "revoked", "It was ended by hand."),
}
ACCOUNTS = {
    True: Badge("ok", "g-ok", "on", "It can sign in, and its tokens open what they may."),
    False: Badge("mute", "g-gone", "off", "It cannot sign in, and its tokens open nothing."),
}
VERDICTS = {
    "new": Badge("flight", "g-plus", "new", "It will be tracked."),
    "added": Badge("ok", "g-ok", "added", "It is tracked from now on."),
    "already_tracked": Badge("mute", "g-ok", "already tracked", "Nothing to do."),
    "duplicate": Badge("mute", "g-exempt", "twice in your text", "Counted once."),
    "left_out": Badge("mute", "g-exempt", "left out", "It is the ID of something else."),
    "invalid": Badge("warn", "g-late", "not an ID", "Nothing can be tracked by it."),
}
PROTECTION = {
    "overdue": Badge(
        "fail",
        "g-overdue",
        "overdue",
        "The newest good backup is older than the rule and its grace allow.",
    ),
    "never": Badge("fail", "g-never", "never", "No good backup of this disk has been seen."),
    "late": Badge(
        "warn", "g-late", "late", "One is due by the rule, but its grace is not used up yet."
    ),
    "unknown": Badge(
        "unk", "g-unknown", "unknown", "The evidence is old, or nobody follows its new backups."
    ),
    "protected": Badge(
        "ok", "g-ok", "protected", "The newest good backup is younger than the rule allows."
    ),
    "exempt": Badge("mute", "g-exempt", "exempt", "Somebody said why this disk needs no backup."),
    "deleted": Badge(
        "mute",
        "g-gone",
        "deleted",
        "It left the cloud's list of disks; kept, and it needs nothing.",
    ),
}
SCHEDULES = {
    "scheduled": Badge(
        "ok", "g-ok", "scheduled", "A policy that is switched on backs the disk up."
    ),
    "off": Badge(
        "warn", "g-exempt", "schedule off", "The disk is in a policy that is switched off."
    ),
    "none": Badge(
        "warn",
        "g-never",
        "in no schedule",
        "Every policy of its cloud is known with all its disks, and this one is in none.",
    ),
    "unknown": Badge(
        "unk",
        "g-unknown",
        "unknown",
        "The policies of its cloud were not read, or their disks are not all known.",
    ),
}
RUNS = {
    "made": Badge("ok", "g-ok", "made", "It began within an hour of its time."),
    "late": Badge("warn", "g-late", "late", "It began more than an hour after its time."),
    "skipped": Badge(
        "fail", "g-failo", "skipped", "The cloud left this run out; its reason stands beside it."
    ),
    "timed_out": Badge("fail", "g-stuck", "timed out", "The cloud gave it up: it took too long."),
    "failed": Badge("fail", "g-fail", "failed", "It began and came to no backup."),
    "never_started": Badge(
        "fail", "g-never", "never started", "It was promised, and nothing of it was seen."
    ),
    "not_known": Badge(
        "unk", "g-unknown", "not known", "The evidence does not reach it, so nobody can say."
    ),
    "pending": Badge("mute", "g-pending", "due", "Its time has come; it may still begin or end."),
}
_UNKNOWN_RUN = Badge("unk", "g-unknown", "", "An outcome that this version does not know.")
POLICIES = {
    True: Badge("ok", "g-ok", "on", "It is switched on."),
    False: Badge("warn", "g-exempt", "off", "It is switched off: nothing runs by it."),
    None: Badge("unk", "g-unknown", "not known", "Whether it is on could not be read."),
}
POLICY_GONE = Badge(
    "mute", "g-gone", "deleted", "The cloud no longer has it; kept for the runs that it promised."
)
NOT_MOVED = Badge("warn", "g-late", "not moved", "CBR has no vault that names these disks.")
NOT_MOVED_AND_ENDED = Badge(
    "fail", "g-never", "not moved", "The old service ended, and no vault of CBR names these disks."
)
MOVED_IN_PART = Badge("flight", "g-restoring", "on the move", "Both services have these disks.")
MOVED = Badge("ok", "g-ok", "moved", "CBR alone has these disks.")
IN_NO_VAULT = Badge("fail", "g-never", "in neither", "No service backs these disks up.")
COMING = {
    "quota_backups": Badge(
        "warn", "g-late", "quota of backups", "The plans need more backups than the cloud allows."
    ),
    "quota_gigabytes": Badge(
        "warn", "g-late", "quota in GB", "The plans need more room than the cloud allows."
    ),
    "backups_per_disk": Badge(
        "warn", "g-late", "too many backups", "A disk may have only so many backups."
    ),
    "run_too_long": Badge("warn", "g-stuck", "run too long", "A run lasts until the next begins."),
    "vault_full": Badge("fail", "g-fail", "vault full", "A vault has no room, or soon none."),
    "policy_off": Badge("warn", "g-exempt", "policy off", "Nothing runs by this policy."),
    "policy_without_disk": Badge(
        "mute", "g-never", "policy without a disk", "Its runs back up nothing."
    ),
    "disk_left_policy": Badge(
        "warn", "g-never", "left its policy", "A disk was in a policy, and is in none that is on."
    ),
}
_COMING = Badge("warn", "g-late", "", "It follows from plans, growth and limits.")
POLICY_OLD = "So it was when the policies of its cloud were last read. Nobody knows now."
DAYS = {
    "full": Cell("c-full", "", "full", "A full backup of this day is good."),
    "incremental": Cell("c-inc", "", "incremental", "An incremental backup of this day is good."),
    "good": Cell(
        "c-inc",
        "",
        "backed up, kind unknown",
        "A backup of this day is good; nobody knows its kind.",
    ),
    "flight": Cell("c-flight", "", "in flight", "A backup is being written."),
    "failed": Cell("c-fail", "×", "failed", "Backups of this day failed and none is good."),
    "missed": Cell(
        "c-over", "", "missed: due, none seen", "By the rule one was due, and none was seen."
    ),
    "overdue": Cell(
        "c-late",
        "!",
        "overdue today",
        "A good backup is overdue, and none came today so far.",
    ),
    "unknown": Cell("c-unk", "?", "not known", "The evidence does not reach this day."),
    "idle": Cell(
        "c-idle", "·", "nothing was due", "By the rule nothing was due, and nothing came."
    ),
    "none": Cell(
        "c-none",
        "",
        "not known: before the disk was known here",
        "The disk was not known to vbsdash on this day, and no backup of it is.",
    ),
}
# Beside the state of a day: a run that a policy promised was not made.
UNKEPT = Cell(
    "unkept",
    "",
    "promised run not made",
    "A policy promised a backup, and it was skipped, timed out, failed or never started.",
)
STUCK = Badge("warn", "g-stuck", "stuck", "It is in flight and has made no progress for long.")
SLOW = Badge("warn", "g-late", "slow", "It moves, and much slower than backups of its disk do.")
ATTENTION = {
    "overdue": PROTECTION["overdue"],
    "never": PROTECTION["never"],
    "late": PROTECTION["late"],
    "unreachable": Badge("fail", "g-unplug", "not reachable", "The cloud's last call failed."),
    "error": Badge(
        "fail", "g-fail", "failed", "The backup failed; nothing can be restored from it."
    ),
    "error_restoring": Badge("fail", "g-fail", "restore failed", "Restoring from it failed."),
    "error_deleting": Badge(
        "warn", "g-failo", "could not be deleted", "The cloud could not delete it."
    ),
    "stuck": STUCK,
    "stale": Badge(
        "unk", "g-stale", "not known now", "The last good answer is too old to rely on."
    ),
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
AUDIT_OUTCOMES = {
    "done": Badge("ok", "g-ok", "done", "It was done."),
    "refused": Badge("warn", "g-late", "refused", "It was not allowed, and nothing was changed."),
    "failed": Badge("fail", "g-fail", "failed", "It was tried, and failed."),
}
ALARM_KINDS = {
    "cloud_silent": Badge("fail", "g-unplug", "cloud silent", "A cloud does not answer."),
    "backups_fail": Badge("warn", "g-fail", "backups fail", "The newest backups of a disk failed."),
    "no_backups": Badge(
        "fail", "g-overdue", "no backups", "A disk has no good backup as new as its rule asks for."
    ),
    "restores_fail": Badge("warn", "g-fail", "restores fail", "Restoring from a backup failed."),
    "deletions_fail": Badge(
        "warn", "g-failo", "deletions fail", "The cloud could not delete a backup."
    ),
    "stuck": STUCK,
    "stale": TRACKING_STATES["stale"],
    "unknown": Badge("unk", "g-unknown", "cannot be judged", "Newer backups may be there."),
}
SEVERITIES = {
    "critical": Badge(
        "fail", "g-fail", "critical", "A disk would be lost, or a cloud does not answer."
    ),
    "warning": Badge("warn", "g-late", "warning", "It becomes critical where nobody looks at it."),
}
ALARM_STAGES = {
    "open": Badge("fail", "g-overdue", "open", "It waits for somebody."),
    "acknowledged": Badge("flight", "g-ok", "acknowledged", "Somebody has it, until it is over."),
    "muted": Badge(
        "mute", "g-exempt", "muted", "A silence holds now, or its cloud does not answer at all."
    ),
    "pending": Badge(
        "mute", "g-pending", "pending", "It is young, and may be over before it is told."
    ),
    "closed": Badge("ok", "g-ok", "closed", "It is over."),
}
SILENCE_STATES = {
    "holds": Badge("flight", "g-exempt", "holds now", "What it is about is not told."),
    "planned": Badge("mute", "g-pending", "planned", "It holds later, or again."),
    "over": Badge("mute", "g-gone", "over", "It mutes nothing any more."),
}
DELIVERY_STATES = {
    "waiting": Badge("flight", "g-pending", "waiting", "It is sent, or tried again, soon."),
    "sent": Badge("ok", "g-ok", "sent", "The far side took it."),
    "given_up": Badge("fail", "g-fail", "given up", "No try succeeded within a day."),
    "dropped": Badge("mute", "g-gone", "dropped", "Its channel is not configured any more."),
}
STEP_OUTCOMES = {
    "ok": Badge("ok", "g-ok", "works", "This step works."),
    "failed": Badge("fail", "g-fail", "fails", "This is what fails."),
    "not_tried": Badge("mute", "g-pending", "not tried", "A step before it fails."),
}
_NO_STATUS = Badge("unk", "g-unknown", "no status", "The cloud's answer held no status.")
_UNKNOWN = Badge(
    "unk", "g-unknown", "", "A status that vbsdash does not know, in the cloud's own word."
)


def of_status(status: str | None) -> Badge:
    """Returns the badge of a status by itself; one that nobody knows keeps the cloud's own word."""
    if status is None:
        return _NO_STATUS
    return STATUSES.get(status) or replace(_UNKNOWN, text=status)


def of_backup(
    *, status: str | None, tracking_state: str, progress: int | None = None, is_stuck: bool = False
) -> Badge:
    """Returns what may be said of a backup now: old knowledge never looks healthy."""
    if tracking_state in ("pending", "gone"):
        return TRACKING_STATES[tracking_state]
    badge = of_status(status)
    if tracking_state == "stale":
        text = f"was {badge.text}" if status else "not known now"
        tooltip = f"{text.capitalize()} when the cloud last answered. Nobody knows now."
        return Badge("unk", "g-stale", text, tooltip)
    if status not in IN_FLIGHT:
        return badge
    if is_stuck:
        return replace(STUCK, text=f"stuck at {progress} %" if progress else f"{badge.text}, stuck")
    if progress:
        return replace(badge, text=f"{badge.text} {progress} %")
    return badge


def of_run(outcome: str) -> Badge:
    """Returns the badge of what became of a promised run."""
    return RUNS.get(outcome) or replace(_UNKNOWN_RUN, text=outcome.replace("_", " "))


def of_coming(kind: str) -> Badge:
    """Returns the badge of what is going to break."""
    return COMING.get(kind) or replace(_COMING, text=kind.replace("_", " "))


def stuck(progress: int | None) -> Badge:
    return replace(STUCK, text=f"stuck at {progress} %") if progress else STUCK


def slow(progress: int | None, slowness: Slowness) -> Badge:
    tooltip = (
        f"It makes {slowness.percent_per_minute} % a minute; backups of its disk usually make "
        f"{slowness.usual_percent_per_minute}. It will take {slowness.times_as_long} times as long."
    )
    return replace(SLOW, text=f"slow, {progress} %", tooltip=tooltip)


def is_moving(*, status: str | None, tracking_state: str) -> bool:
    """Is it worth a poll every few seconds: without an answer yet, or in flight?"""
    return tracking_state == "pending" or (status in IN_FLIGHT and tracking_state == "fresh")
