"""Notes who did what, in the transaction of the act: what is rolled back leaves no row. Each row
becomes one line of the log, `event` audit, once it is committed, so that it can be shipped away.

    audit.note(Verb.ACCOUNT_EDIT, ObjectKind.ACCOUNT, name, before={"role": "viewer"}, after=…)

What is noted never holds a secret: callers give what a page may show. Texts and lists are cut, so a
row stays below ROW_BYTES whatever people wrote.
"""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import DatabaseError, transaction
from django.utils import timezone

from backups.models import AuditEntry, ObjectKind, Outcome, Verb
from backups.models.audit import (
    LONGEST_ADDRESS,
    LONGEST_BEGINNING,
    LONGEST_NAME,
    LONGEST_REQUEST_ID,
    LONGEST_SENTENCE,
)
from backups.shared import acting, bulk, counters
from backups.shared.acting import Where, Who
from backups.shared.addresses import place
from backups.shared.refusal import printable

logger = logging.getLogger(__name__)

EVENT: Final = "audit"
ROW_BYTES: Final = 16 * 2**10
LONGEST_VALUE: Final = 500  # characters of a text in before and after
LONGEST_SIDE: Final = 4_000  # characters of before, and of after, as JSON
MOST_IN_LIST: Final = 50
# Rows of one act. Of more objects a row for each cloud tells how many there were.
MOST_ROWS: Final = 10_000
ROWS_PER_INSERT: Final = 1_000
REFUSALS_NOTED: Final = "1/minute"  # of one kind, place and account
REFUSALS_COUNTED: Final = "1000000/hour"
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
_COLUMNS: Final = (
    "at",
    "actor_kind",
    "actor",
    "token",
    "token_name",
    "client",
    "request_id",
    "verb",
    "object_kind",
    "object_id",
    "cloud",
    "before",
    "after",
    "outcome",
    "sentence",
)

Side = Mapping[str, object] | None


@dataclass(frozen=True)
class Act:
    """One object of an act. `before` and `after`: what changed, by name."""

    id: str
    cloud: str | None = None
    before: Side = None
    after: Side = None


def note(
    verb: Verb,
    kind: ObjectKind,
    object_id: object,
    *,
    cloud: str | None = None,
    before: Side = None,
    after: Side = None,
    outcome: Outcome = Outcome.DONE,
    sentence: str = "",
    at: datetime | None = None,
    who: Who | None = None,
) -> None:
    """Writes one row. `at`: the time of the act, now without one; `who`: who acts where it is not
    who asks. Call it within the transaction of the act.
    """
    act = Act(str(object_id), cloud, before, after)
    note_many(verb, kind, [act], outcome=outcome, sentence=sentence, at=at, who=who)


def note_many(
    verb: Verb,
    kind: ObjectKind,
    acts: Sequence[Act],
    *,
    outcome: Outcome = Outcome.DONE,
    sentence: str = "",
    at: datetime | None = None,
    who: Who | None = None,
    most_rows: int | None = None,
) -> None:
    """Writes a row for each object of an act, so that each one's own history is whole; of more than
    `most_rows` objects, MOST_ROWS without one, a row for each cloud.
    """
    if len(acts) > (MOST_ROWS if most_rows is None else most_rows):
        acts = _by_cloud(kind, acts)
    at = at or timezone.now()
    who = who or acting.who()
    where = acting.where()
    is_of = (verb.value, kind.value)
    end = (outcome.value, printable(sentence, LONGEST_SENTENCE))
    rows = [_row(at, who, where, is_of, act, end) for act in acts]
    if not rows:
        return
    with transaction.atomic():
        for start in range(0, len(rows), ROWS_PER_INSERT):
            bulk.insert(AuditEntry, _COLUMNS, rows[start : start + ROWS_PER_INSERT])
        transaction.on_commit(lambda: _log(rows))


def note_refusal(
    verb: Verb,
    kind: ObjectKind,
    object_id: str,
    *,
    client: str,
    sentence: str,
    outcome: Outcome = Outcome.REFUSED,
    who: Who | None = None,
) -> None:
    """Writes a row at most once a minute for each kind of refusal, place it comes from and account,
    with how many such there were within the hour: a stranger decides how often he is refused.

    The account is the one that a sign-in or a key was for, else that of who acts, so nobody hides
    what another one tries from the same place. Names that no account has are one.

    Nothing was changed, so a database that takes no writes does not stop the refusal itself.
    """
    is_for_account = kind in (ObjectKind.ACCOUNT, ObjectKind.SESSION)
    account = object_id if is_for_account else (who or acting.who()).name
    counted = f"audit/{verb.value}/{place(client) if client else ''}/{account}"
    within_hour = _count(REFUSALS_COUNTED, f"{counted}/hour")
    if not _count(REFUSALS_NOTED, counted).is_within:
        return
    count = within_hour.most - within_hour.remaining
    try:
        note(
            verb,
            kind,
            object_id,
            after={"refused_within_the_hour": count} if count > 1 else None,
            outcome=outcome,
            sentence=sentence,
            who=who,
        )
    except DatabaseError as e:
        logger.warning("a refusal is not noted in the audit log: %s", e)


def stored_id(object_id: str) -> str:
    """Returns an ID as rows hold it."""
    return _short(object_id)


def _row(
    at: datetime,
    who: Who,
    where: Where,
    is_of: tuple[str, str],
    act: Act,
    end: tuple[str, str],
) -> tuple[object, ...]:
    """Returns the values of _COLUMNS."""
    return (
        at,
        who.kind.value,
        _short(who.name),
        who.token[:LONGEST_BEGINNING],
        _short(who.token_name),
        where.client[:LONGEST_ADDRESS],
        where.request_id[:LONGEST_REQUEST_ID],
        *is_of,
        _short(act.id),
        _short(act.cloud) if act.cloud is not None else None,
        _side(act.before),
        _side(act.after),
        *end,
    )


def _count(rate: str, name: str) -> counters.Count:
    count = counters.count(rate, name)
    return count if count is not None else counters.count_here(rate, name)


def _by_cloud(kind: ObjectKind, acts: Sequence[Act]) -> list[Act]:
    counts: dict[str | None, int] = {}
    for act in acts:
        counts[act.cloud] = counts.get(act.cloud, 0) + 1
    summed = []
    for cloud, count in counts.items():
        summed.append(Act(f"{count:,} {kind.value}s", cloud, after={"count": count}))
    return summed


def _log(rows: Sequence[Sequence[object]]) -> None:
    for row in rows:
        fields = dict(zip(_COLUMNS, row, strict=True))
        at = fields.pop("at")
        told = {name: value for name, value in fields.items() if value not in ("", None)}
        logger.info(EVENT, extra={"at": at.isoformat() if isinstance(at, datetime) else at, **told})


def _short(text: str) -> str:
    return printable(text, LONGEST_NAME)


def _side(values: Side) -> dict[str, object] | None:
    """Returns the values as they are stored: JSON, each one and all of them cut."""
    if values is None:
        return None
    cut = {name: _cut(value) for name, value in values.items()}
    length = len(json.dumps(cut))
    if length > LONGEST_SIDE:
        return dict.fromkeys(list(cut)[:MOST_IN_LIST], f"left out: {length:,} characters in all")
    return cut


def _cut(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        pairs = list(value.items())[:MOST_IN_LIST]
        return {_cut_text(str(name)): _cut(inner) for name, inner in pairs}
    if isinstance(value, list | tuple | set | frozenset):
        items = list(value) if isinstance(value, list | tuple) else sorted(map(str, value))
        cut = [_cut(item) for item in items[:MOST_IN_LIST]]
        if len(items) > MOST_IN_LIST:
            cut.append(f"… {len(items) - MOST_IN_LIST:,} more")
        return cut
    if isinstance(value, datetime):
        return value.isoformat()
    return _cut_text(str(value))


def _cut_text(text: str) -> str:
    storable = _NOT_STORABLE.sub("\ufffd", text)
    if len(storable) <= LONGEST_VALUE:
        return storable
    return f"{storable[:LONGEST_VALUE]}… ({len(storable):,} characters)"
