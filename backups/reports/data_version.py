"""What an answer may depend on, as short texts: they change with `data_changed()`, and when time
alone changes a state.

States that time changes are never stored, the instants are: the last one that has passed stands for
all of them.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from django.db import connection

from backups.clouds.registry import configured
from backups.models import Cloud
from backups.models.data_version import FIRST_TOUCHED
from backups.models.volume import LISTED_FOR, POLICIES_READ_FOR
from backups.query.silences import quiet_now

_COLUMNS = (
    "name",
    "last_good_at",
    "backups_listed_at",
    "policies_read_at",
    "service_ended_at",
    "paused_until",
)
# Days turn, and gaps become "missed", at quarters of an hour, whatever the zone.
QUARTER_HOUR = timedelta(minutes=15)
# In SQL of its own: each poll of each page asks for it, and for the ORM to put it together costs
# more than the database needs to answer it. Each MAX is the first entry of an index.
_COUNTS_AND_INSTANTS = """SELECT
    (SELECT SUM(n) FROM backups_dataversion WHERE shard < %(first_touched)s),
    (SELECT SUM(n) FROM backups_dataversion WHERE shard >= %(first_touched)s),
    (SELECT MAX(stale_at) FROM backups_backup WHERE stale_at <= %(now)s),
    (SELECT MAX(stuck_at) FROM backups_backup WHERE stuck_at <= %(now)s),
    (SELECT MAX(late_at) FROM backups_volume WHERE late_at <= %(now)s),
    (SELECT MAX(overdue_at) FROM backups_volume WHERE overdue_at <= %(now)s),
    (SELECT MAX(exempt_until) FROM backups_volume WHERE exempt_until <= %(now)s),
    (SELECT MAX((SELECT MAX(runs_judge_at) FROM backups_volume
        WHERE cloud = backups_cloud.name AND runs_judge_at <= %(now)s)) FROM backups_cloud),
    (SELECT MAX(held_until) FROM backups_alarm WHERE held_until <= %(now)s),
    (SELECT MAX(begins_at) FROM backups_silence WHERE begins_at <= %(now)s),
    (SELECT MAX(ends_at) FROM backups_silence WHERE ends_at <= %(now)s),
    (SELECT COUNT(*) FROM backups_silence WHERE cron IS NOT NULL AND ended_at IS NULL
        AND begins_at <= %(now)s AND (ends_at IS NULL OR ends_at > %(now)s))
"""


@dataclass(frozen=True)
class Versions:
    """`whole` changes with every word of the data. `content` stays as it is while backups are only
    found unchanged: all that is counted stays too, and only times of answers grow. `surroundings`
    change when a cloud falls silent, is heard again or is configured otherwise, and with each
    quarter of an hour.
    """

    whole: str
    content: str
    surroundings: str


def data_version(now: datetime) -> str:
    """Two queries, and one more where silences recur, whatever the number of rows."""
    return versions(now).whole


def versions(now: datetime) -> Versions:
    """Two queries, and one more where silences recur, whatever the number of rows. To be asked for
    before what they stand for is read: what is then read is as new, or newer.
    """
    changes, touched, *instants, recurring = _counts_and_instants(now)
    if recurring:
        # When these hold is in no column: it follows of their cron expressions.
        instants.append([quiet.silence.pk for quiet in quiet_now(now)])
    quarter_hour = int(now.timestamp() // QUARTER_HOUR.total_seconds())
    surroundings = (_clouds(now), _settings(), quarter_hour)
    return Versions(
        whole=_digest(changes, touched, instants, surroundings),
        content=_digest(changes, instants, surroundings),
        surroundings=_digest(surroundings),
    )


def _digest(*seed: object) -> str:
    return hashlib.blake2b(repr(seed).encode(), digest_size=12).hexdigest()


def _counts_and_instants(now: datetime) -> tuple[object, ...]:
    """Returns the counts of changes and of touches, and of each instant that changes a state the
    last one that has passed.
    """
    at = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS_AND_INSTANTS, {"first_touched": FIRST_TOUCHED, "now": at})
        row: tuple[object, ...] = cursor.fetchone()
    return row


def _clouds(now: datetime) -> list[tuple[object, ...]]:
    """Returns of each cloud what time alone changes."""
    states: list[tuple[object, ...]] = []
    for cloud in Cloud.objects.only(*_COLUMNS).order_by("name"):
        listed_at = cloud.backups_listed_at
        is_listed = listed_at is not None and listed_at > now - LISTED_FOR
        read_at = cloud.policies_read_at
        is_read = read_at is not None and read_at > now - POLICIES_READ_FOR
        is_paused = cloud.paused_until is not None and cloud.paused_until > now
        has_ended = cloud.service_ended_at is not None
        states.append((cloud.name, cloud.is_heard(now), is_listed, is_read, has_ended, is_paused))
    return states


def _settings() -> list[tuple[object, ...]]:
    """Returns of the configuration what answers show."""
    shown_settings = attrgetter(
        "name", "region", "api", "type_full", "requests_per_second", "follow"
    )
    return [shown_settings(cloud) for cloud in configured().values()]
