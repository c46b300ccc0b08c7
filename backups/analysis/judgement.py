"""What is said of a volume and what to do next: one sentence and one advice for home, its own page,
the pages of its backups and the API.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from backups.analysis import protection
from backups.analysis.causes import explain, in_few_words
from backups.analysis.facts import SKEW, Fact
from backups.analysis.protection import Protection, Standing, utc_text
from backups.vbs.statuses import MAKING

ASK_SUPPORT = "Neither the cloud nor its documents say what to do: ask its support with the job ID."
REASON_ELSEWHERE = "the other service of its project has the reason"
_LOOK_ELSEWHERE = "See the reason in the other service of its project, or ask who may look there."
_IS_BEING_MADE = "Nothing yet: a backup is being made now; see that it succeeds."
NOT_TRIED = (
    "See in the cloud whether the backup policy still runs and holds the disk; make a backup by "
    "hand meanwhile."
)
NEVER_TRIED = "Put it into a backup policy, make a backup, or exempt it and say why."
_LATE = "Nothing yet; see that the next try succeeds before the grace ends."
STUCK = (
    "Look in the cloud whether the job still runs; if it does not move, ask the cloud's support to "
    "end it."
)
UNFOLLOWED = "Follow its new backups, so that it can be judged."
_UNKNOWN = "Look at the state of its cloud: as soon as it answers for its backups, this is judged."


@dataclass(frozen=True)
class FailedTries:
    """The tries to back a volume up that failed since anything else came of one: the first of them
    was made at `since`, the newest one has the ID `newest_id` and this cause.
    """

    since: datetime
    newest_id: uuid.UUID
    cause: str | None


@dataclass(frozen=True)
class FailureReason:
    """What the newest try of a volume failed by, in the cloud's own words. `is_open`: False where
    the other service of its project made that try, which is not open to the reader.
    """

    since: datetime
    fail_reason: str | None
    is_open: bool = True

    @property
    def meaning(self) -> str:
        """Returns it in few words, without a full stop."""
        return in_few_words(self.fail_reason) if self.is_open else REASON_ELSEWHERE

    @property
    def advice(self) -> str:
        if not self.is_open:
            return _LOOK_ELSEWHERE
        return explain(status="error", reason=self.fail_reason).advice or ASK_SUPPORT


@dataclass(frozen=True)
class Judgement:
    """`why` is one sentence that stays the same as long as the protection does and no new backup
    comes; `next` is the next step, empty where there is nothing to do.
    """

    protection: Protection
    why: str
    next: str


def failed_tries(
    facts: Iterable[Fact], now: datetime, *, good_at: datetime | None
) -> FailedTries | None:
    """Returns the newest tries of a volume when they failed; None when the newest did not, or when
    its last good backup holds a later moment, `good_at`.

    What is being made now is no try yet. A failed one that is gone from the cloud counts, but it is
    not the one to look at.
    """
    tries = [fact for fact in facts if fact.status not in MAKING or fact.gone_at is not None]
    if not any(fact.status == "error" for fact in tries):
        return None
    tries.sort(key=lambda fact: (_tried_at(fact, now), fact.id), reverse=True)
    newest: Fact | None = None
    first_at = now
    for fact in tries:
        tried_at = _tried_at(fact, now)
        is_failed = fact.status == "error" or fact.outcome == "failed"
        if not is_failed or (good_at is not None and tried_at < good_at):
            break
        first_at = tried_at
        if newest is None and fact.status == "error" and fact.gone_at is None:
            newest = fact
    if newest is None:
        return None
    return FailedTries(first_at, newest.id, newest.cause)


def judge(volume: Standing, now: datetime, *, failure: FailureReason | None) -> Judgement:
    """Judges a volume at `now`. `failure`: of its newest try, None when that did not fail."""
    state = protection.protection(volume, now)
    why = protection.why(volume, now)
    if failure is not None and state in ("protected", "late", "overdue", "never"):
        tries = f"every try since {utc_text(failure.since)} failed: {failure.meaning}."
        why = f"{why.rstrip('.')}; {tries}"
    return Judgement(state, why, _next(volume, state, failure))


def _next(volume: Standing, state: Protection, failure: FailureReason | None) -> str:
    if state == "unknown":
        return _UNKNOWN if volume.knowledge.followed else UNFOLLOWED
    if state not in ("protected", "late", "overdue", "never"):
        return ""
    if volume.running and state != "protected":
        return _IS_BEING_MADE
    if failure is not None:
        return failure.advice
    if state == "overdue":
        return NOT_TRIED
    if state == "never":
        return NEVER_TRIED
    return _LATE if state == "late" else ""


def _tried_at(fact: Fact, now: datetime) -> datetime:
    """Returns when a try was made; a time in the future gives way to when it was added here."""
    return fact.at if fact.at <= now + SKEW else fact.tracked_at
