"""Marks settled backups whose list entry equals the stored one: one UPDATE for a whole page, which
reads no row.

At any time most backups are of this sort. What is not marked here goes through `apply`, which
reads the rows first. The UPDATE writes what `plan.values_if_unchanged` gives;
backups/tests/refresh/test_unchanged.py proves that they are equal.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection, transaction

from backups.models import Backup
from backups.models.data_version import data_changed, data_touched
from backups.refresh.plan import LARGEST_COUNT
from backups.refresh.schedule import (
    JITTER_STEPS,
    OLD_INTERVAL,
    RECENT_FOR,
    RECENT_INTERVAL,
    at_jitter_step,
)
from backups.shared import bulk, clock
from backups.shared.locks import lock_cloud
from backups.vbs.statuses import SETTLED

# `next_refresh_at` is computed in Python, for both intervals, because of the jitter; the UPDATE
# chooses one by the age of the backup.
_PAGE_COLUMNS = {
    "id": "uuid",
    "digest": "text",
    "next_if_recent": "timestamptz",
    "next_if_old": "timestamptz",
}

# The cloud and the status are compared as expressions, not as columns. Without statistics, and
# nothing collects them, SQLite would take an index on the columns for the better one: it would go
# through all backups of the cloud, and for each through the page, rather than look up each ID.
_UPDATE = """
UPDATE {backup} SET
    refreshed_at = %(requested_at)s,
    attempted_at = %(requested_at)s,
    next_refresh_at = CASE
        WHEN next_refresh_at > %(requested_at)s AND next_refresh_at <= %(landed_at)s
            THEN next_refresh_at
        WHEN coalesce(created_at, changed_at) > %(recent_since)s THEN page.next_if_recent
        ELSE page.next_if_old
    END,
    stale_at = CASE
        WHEN coalesce(created_at, changed_at) > %(recent_since)s THEN %(stale_if_recent)s
        ELSE %(stale_if_old)s
    END,
    refresh_interval = CASE
        WHEN coalesce(created_at, changed_at) > %(recent_since)s THEN %(recent_interval)s
        ELSE %(old_interval)s
    END,
    unchanged_polls = CASE
        WHEN unchanged_polls < %(largest_count)s THEN unchanged_polls + 1
        ELSE %(largest_count)s
    END,
    failures = 0,
    error = NULL,
    missed_at = NULL,
    unlisted_at = NULL
FROM {page}
WHERE {backup}.id = page.id
    AND {backup}.digest = page.digest
    AND coalesce({backup}.cloud, '') = %(cloud)s
    AND coalesce(status, '') IN ({settled})
    AND gone_at IS NULL
    AND changed_at IS NOT NULL
    AND (attempted_at IS NULL OR attempted_at <= %(requested_at)s)
RETURNING CAST({backup}.id AS text)
"""

# Were they all fresh and without trouble? Then nothing that is counted changes. The page comes
# first, for the reason above.
_HAVE_OTHER_STATES = """
SELECT EXISTS (
    SELECT 1 FROM {page} CROSS JOIN {backup}
    WHERE {backup}.id = page.id
        AND {backup}.digest = page.digest
        AND coalesce(status, '') IN ({settled})
        AND (
            coalesce(stale_at, %(landed_at)s) <= %(landed_at)s
            OR failures > 0
            OR error IS NOT NULL
            OR missed_at IS NOT NULL
            OR unlisted_at IS NOT NULL
        )
)
"""


def mark_unchanged(cloud: str, digests: Mapping[str, str], requested_at: datetime) -> set[str]:
    """Marks backups, given the digests of their entries by ID; returns the IDs that need no more.

    IDs are hyphenated and in lower case: for a whole page, texts cost a third of what UUIDs do.
    """
    if not digests:
        return set()
    next_if_recent = _next_refreshes(RECENT_INTERVAL, requested_at)
    next_if_old = _next_refreshes(OLD_INTERVAL, requested_at)
    is_sqlite = connection.vendor == "sqlite"
    id_by_key: dict[str, str] = {}
    page: list[tuple[str, str, str, str]] = []
    for backup_id, digest in digests.items():
        hex_id = backup_id.replace("-", "")
        # As Django stores it.
        key = hex_id if is_sqlite else backup_id
        step = int(hex_id, 16) % JITTER_STEPS
        id_by_key[key] = backup_id
        page.append((key, digest, next_if_recent[step], next_if_old[step]))
    times = {
        "requested_at": requested_at,
        # A refresh that somebody asked for since the request stands: plan.is_refresh_requested.
        "landed_at": clock.now(),
        "recent_since": requested_at - RECENT_FOR,
        "stale_if_recent": requested_at + 2 * RECENT_INTERVAL,
        "stale_if_old": requested_at + 2 * OLD_INTERVAL,
    }
    parameters: dict[str, Any] = {
        "page": json.dumps(page),
        "cloud": cloud,
        "recent_interval": int(RECENT_INTERVAL.total_seconds()),
        "old_interval": int(OLD_INTERVAL.total_seconds()),
        "largest_count": LARGEST_COUNT,
    }
    for name, time in times.items():
        parameters[name] = connection.ops.adapt_datetimefield_value(time)
    names = {
        "backup": Backup._meta.db_table,
        "page": bulk.json_table("page", _PAGE_COLUMNS),
        "settled": ", ".join(f"'{status}'" for status in SETTLED),
    }
    with transaction.atomic():
        lock_cloud(cloud)
        with connection.cursor() as cursor:
            cursor.execute(_HAVE_OTHER_STATES.format(**names), parameters)
            [have_other_states] = cursor.fetchone()
            cursor.execute(_UPDATE.format(**names), parameters)
            unchanged = {id_by_key[key] for (key,) in cursor.fetchall()}
        if have_other_states:
            data_changed()
        else:
            data_touched()
    return unchanged


def _next_refreshes(interval: timedelta, now: datetime) -> list[str]:
    """Returns the next refresh at each step of the jitter, in UTC but without an offset.

    The connections to both databases are in UTC.
    """
    naive = now.replace(tzinfo=None)
    return [str(naive + wait) for wait in _jittered_intervals(interval)]


@cache
def _jittered_intervals(interval: timedelta) -> list[timedelta]:
    return [at_jitter_step(step, interval) for step in range(JITTER_STEPS)]
