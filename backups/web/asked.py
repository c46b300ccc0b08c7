"""A refresh ends in an answer: what a reader asked for is followed until all of it is answered, and
then said in one sentence.

What was asked is kept in his session: a few acts, each under the page that it belongs to.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils.dateparse import parse_datetime

from backups.analysis.numbers import thousands
from backups.reports.asked import Outcome, count_unanswered, outcome
from backups.shared.access import access_of
from backups.web.status import of_status
from backups.web.time_zone import zone

SESSION_KEY = "asked"
LIST = "list"
BACKUP = "backup"
MOST_ACTS = 5  # of one session; the oldest is forgotten
# Above it only numbers are followed: a session is read with each request.
MOST_IDS = 1000
FOLLOWED = timedelta(minutes=2)
SHOWN = timedelta(minutes=10)
LONGEST_ERROR = 200  # characters
MOST_FIELDS_NAMED = 4


@dataclass(frozen=True)
class Asked:
    """`is_over`: all are answered, or the time for it is; the sentence says which."""

    sentence: str
    is_over: bool


def is_followed(act: Asked | None) -> bool:
    return act is not None and not act.is_over


def of_backup(backup_id: uuid.UUID) -> str:
    return f"{BACKUP} {backup_id}"


def of_volume(cloud: str, volume_id: str) -> str:
    return f"volume {cloud}/{volume_id}"


def follow(
    request: HttpRequest, page: str, ids: Sequence[str], *, total: int, at: datetime
) -> None:
    """Notes that the reader asked about these, `total` of which are tracked, from this page."""
    acts = dict(request.session.get(SESSION_KEY, {}))
    acts.pop(page, None)
    act: dict[str, Any] = {"at": at.isoformat(), "total": total}
    if len(ids) <= MOST_IDS:
        act["ids"] = [uuid.UUID(backup_id).hex for backup_id in ids]
    acts[page] = act
    for oldest in list(acts)[:-MOST_ACTS]:
        del acts[oldest]
    request.session[SESSION_KEY] = acts


def asked(request: HttpRequest, page: str, now: datetime) -> Asked | None:
    """Returns what is to be said of the last refresh from this page; None where none was lately."""
    act = request.session.get(SESSION_KEY, {}).get(page)
    at = parse_datetime(act["at"]) if act else None
    if at is None or not at <= now <= at + SHOWN:
        return None
    if "sentence" in act:
        return Asked(act["sentence"], is_over=True)
    is_late = now > at + FOLLOWED
    if "ids" in act:
        ids = [uuid.UUID(backup_id) for backup_id in act["ids"]]
        result = outcome(ids, at, access=access_of(request))
    else:
        waiting = count_unanswered(at, access=access_of(request))
        result = Outcome(act["total"], answered=max(0, act["total"] - waiting))
    is_over = is_late or result.answered >= result.total
    if not is_over:
        return Asked(_so_far(result, page), is_over=False)
    when = f"{at.astimezone(zone(request)):%H:%M}"
    sentence = f"Asked at {when}: {_in_the_end(result, counts_only='ids' not in act)}"
    # What came of it is counted once; it changes no more.
    kept = request.session[SESSION_KEY] | {page: {"at": act["at"], "sentence": sentence}}
    request.session[SESSION_KEY] = kept
    return Asked(sentence, is_over=True)


def _so_far(result: Outcome, page: str) -> str:
    if result.answered:
        return f"{thousands(result.answered)} of {thousands(result.total)} answered."
    if page.startswith(BACKUP):
        return "The cloud is being asked about this backup now."
    backups = "backup is" if result.total == 1 else "backups are"
    return f"{thousands(result.total)} {backups} asked about now."


def _in_the_end(result: Outcome, *, counts_only: bool) -> str:
    if not result.total:
        return "nothing of it is tracked any more."
    parts = [_number_of_answers(result)]
    if result.answered and not counts_only:
        parts = [part for part in (parts[0], _changes(result), *_faults(result)) if part]
    return " ".join(parts)


def _number_of_answers(result: Outcome) -> str:
    if result.total == 1:
        return (
            "" if result.answered else "no answer came in two minutes; its cloud may be left alone."
        )
    if result.answered >= result.total:
        return f"all {thousands(result.total)} answered."
    answered = f"{thousands(result.answered)} of {thousands(result.total)} answered"
    return f"{answered} in two minutes; the clouds of the others may be busy or left alone."


def _changes(result: Outcome) -> str:
    good = result.answered - result.failed - result.gone
    if not good:
        return ""
    if not result.changed:
        return "Nothing changed." if result.total > 1 else "nothing changed."
    if result.total == 1:
        for status in result.statuses:
            return f"now {of_status(status).text}."
        names = sorted(result.changed_fields)
        more = " and more" if len(names) > MOST_FIELDS_NAMED else ""
        return f"changed: {', '.join(names[:MOST_FIELDS_NAMED])}{more}."
    counted = [f"{thousands(result.changed)} changed"]
    for status, count in result.statuses.most_common():
        counted.append(f"{thousands(count)} now {of_status(status).text}")
    return f"{', '.join(counted)}."


def _faults(result: Outcome) -> list[str]:
    faults = []
    if result.gone:
        if result.total == 1:
            faults.append("the cloud says that it does not exist any more.")
        else:
            faults.append(f"{thousands(result.gone)} gone.")
    if result.failed:
        error = result.error[:LONGEST_ERROR].rstrip(".")
        if result.total == 1:
            faults.append(f"it could not be asked: {error}.")
        else:
            faults.append(f"{thousands(result.failed)} could not be asked: {error}.")
    return faults
