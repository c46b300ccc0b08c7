"""Settled backups whose entry in a list is the one that is stored: one UPDATE for all of a page,
nothing read.

They are most of all backups at any time. Whatever this does not touch goes the long way of `apply`.
"""

import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection, transaction

from backups.models import Backup
from backups.refresh.schedule import OLD_LOOK, YOUNG, YOUNG_LOOK, jittered
from backups.shared import clock
from backups.shared.locks import lock_cloud
from backups.vbs.statuses import SETTLED

_STEPS, _EACH = 250, 4  # of the jitter: a quarter of the different next looks that there may be
_PICKED = """
    CAST(key AS {id}) AS id, substr(value, 1, 32) AS digest,
    CAST(rtrim(substr(value, 33, 26)) AS {time}) AS old,
    CAST(rtrim(substr(value, 59, 26)) AS {time}) AS young
"""
_SETTLED = ", ".join(f"'{status}'" for status in sorted(SETTLED))
_SET = """
    refreshed_at = {now}, attempted_at = {now}, unlisted_at = NULL,
    failures = 0, error = NULL, missed_at = NULL,
    unchanged_polls = CASE WHEN unchanged_polls < 30000 THEN unchanged_polls + 1
        ELSE unchanged_polls END,
    next_refresh_at = CASE
        WHEN next_refresh_at > {now} AND next_refresh_at <= {landed} THEN next_refresh_at
                           WHEN {is_old} THEN new.old ELSE new.young END,
    stale_at = CASE WHEN {is_old} THEN {stale_old} ELSE {stale_young} END,
    refresh_interval = CASE WHEN {is_old} THEN {old} ELSE {young} END
"""
_WHERE = """
    {table}.id = new.id AND {table}.digest = new.digest
    AND {no}{table}.cloud = {cloud} AND {no}gone_at IS NULL
    AND {no}status IN ({settled}) AND changed_at IS NOT NULL
    AND (attempted_at IS NULL OR attempted_at <= {now})
"""


def mark_unchanged(cloud: str, digests: Mapping[str, str], asked_at: datetime) -> set[str]:
    """Those of these backups, with the digests of their entries, for which that was all there was
    to do.

    IDs are hyphenated and in lower case: of a page as texts alone they cost a third of what they do
    as UUIDs.
    """
    if not digests:
        return set()
    postgres = connection.vendor == "postgresql"
    stored = {
        (one if postgres else one.replace("-", "")): one for one in digests
    }  # as Django writes them
    polls = [
        f"{old:26}{young:26}"
        for old, young in zip(_polls(OLD_LOOK, asked_at), _polls(YOUNG_LOOK, asked_at), strict=True)
    ]
    values = {
        "now": asked_at,
        # a look that somebody asked for after the question stands: plan.is_due_again
        "landed": clock.now(),
        "edge": asked_at - YOUNG,
        "stale_old": asked_at + 2 * OLD_LOOK,
        "stale_young": asked_at + 2 * YOUNG_LOOK,
    }
    given: dict[str, Any] = {
        key: connection.ops.adapt_datetimefield_value(at) for key, at in values.items()
    }
    given |= {
        "cloud": cloud,
        "old": int(OLD_LOOK.total_seconds()),
        "young": int(YOUNG_LOOK.total_seconds()),
    }
    rows = zip(stored, digests.items(), strict=True)
    given["rows"] = json.dumps({pk: digest + polls[_step(one)] for pk, (one, digest) in rows})
    picked = (
        _PICKED.format(id="uuid", time="timestamptz")
        if postgres
        else _PICKED.format(id="text", time="text")
    )
    source = (
        f"(SELECT {picked} FROM {'json_each_text' if postgres else 'json_each'}(%(rows)s)) AS new"  # noqa: S608
    )
    with transaction.atomic():
        lock_cloud(cloud)
        return {stored[pk] for pk in _run(source, given)}


def _run(source: str, given: Mapping[str, Any]) -> list[str]:
    table = Backup._meta.db_table
    names = {
        name: f"%({name})s"
        for name in ("now", "landed", "stale_old", "stale_young", "old", "young", "cloud")
    }
    is_old = "coalesce(created_at, changed_at) <= %(edge)s"
    sets = _SET.format(**names, is_old=is_old)
    no = (
        "+" if connection.vendor == "sqlite" else ""
    )  # no index on these: SQLite would join from the wrong side
    where = _WHERE.format(**names, table=table, settled=_SETTLED, no=no)
    update = f"UPDATE {table} SET {sets} FROM {source} WHERE {where}"  # noqa: S608 - all of it is written above
    with connection.cursor() as cursor:
        cursor.execute(f"{update} RETURNING CAST({table}.id AS text)", given)
        return [row[0] for row in cursor.fetchall()]


def _step(backup_id: str) -> int:
    return int(backup_id.replace("-", ""), 16) // _EACH % _STEPS


def _polls(every: timedelta, now: datetime) -> list[str]:
    """The next look for each step of the jitter, in UTC without saying so: as the connections of
    both databases are.
    """
    naive = now.replace(tzinfo=None)
    return [str(naive + wait) for wait in _waits(every)]


@cache
def _waits(every: timedelta) -> list[timedelta]:
    return [jittered(uuid.UUID(int=step * _EACH), every) for step in range(_STEPS)]
