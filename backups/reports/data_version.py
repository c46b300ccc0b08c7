"""What an answer may depend on, as short texts: they change with `data_changed()`, and when time
alone changes a state.

States that time changes are never stored, the instants are: the last one that has passed stands for
all of them.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from django.db.models import F, Q, Subquery, Sum

from backups.clouds.registry import configured
from backups.models import Backup, Cloud, DataVersion, Volume
from backups.models.backup import BackupQuerySet
from backups.models.data_version import FIRST_TOUCHED
from backups.models.volume import LISTED_FOR, VolumeQuerySet

_COLUMNS = ("name", "last_good_at", "backups_listed_at", "paused_until")
# Days turn, and gaps become "missed", at quarters of an hour, whatever the zone.
QUARTER_HOUR = timedelta(minutes=15)


@dataclass(frozen=True)
class Versions:
    """`whole` changes with every word of the data. `content` stays as it is while backups are only
    found unchanged: all that is counted stays too, and only times of answers grow. `states` changes
    when time alone changes a state, and with nothing else.
    """

    whole: str
    content: str
    states: str


def data_version(now: datetime) -> str:
    """Two queries, whatever the number of rows."""
    return versions(now).whole


def versions(now: datetime) -> Versions:
    """Two queries, whatever the number of rows. To be asked for before what they stand for is read:
    what is then read is as new, or newer.
    """
    changes, touched, *instants = _counts_and_instants(now)
    quarter_hour = int(now.timestamp() // QUARTER_HOUR.total_seconds())
    states = (instants, _clouds(now), _settings(), quarter_hour)
    return Versions(
        whole=_digest(changes, touched, states),
        content=_digest(changes, states),
        states=_digest(states),
    )


def _digest(*seed: object) -> str:
    return hashlib.blake2b(repr(seed).encode(), digest_size=12).hexdigest()


def _counts_and_instants(now: datetime) -> tuple[object, ...]:
    """Returns the counts of changes and of touches, and of each instant that changes a state the
    last one that has passed.
    """
    one_group = DataVersion.objects.order_by().values(group=F("shard") * 0)
    is_change = Q(shard__lt=FIRST_TOUCHED)
    changes = one_group.annotate(total=Sum("n", filter=is_change)).values("total")
    touched = one_group.annotate(total=Sum("n", filter=~is_change)).values("total")
    row = (
        DataVersion.objects.filter(shard=0)
        .order_by("shard")
        .values_list(
            Subquery(changes),
            Subquery(touched),
            _last_passed(Backup.objects.all(), "stale_at", now),
            _last_passed(Backup.objects.all(), "stuck_at", now),
            _last_passed(Volume.objects.all(), "late_at", now),
            _last_passed(Volume.objects.all(), "overdue_at", now),
            _last_passed(Volume.objects.all(), "exempt_until", now),
        )
        .first()
    )
    return row or (None, None)


def _last_passed(rows: BackupQuerySet | VolumeQuerySet, column: str, now: datetime) -> Subquery:
    passed = rows.filter(**{f"{column}__lte": now})
    return Subquery(passed.order_by(f"-{column}").values(column)[:1])


def _clouds(now: datetime) -> list[tuple[object, ...]]:
    """Returns of each cloud what time alone changes."""
    states: list[tuple[object, ...]] = []
    for cloud in Cloud.objects.only(*_COLUMNS).order_by("name"):
        listed_at = cloud.backups_listed_at
        is_listed = listed_at is not None and listed_at > now - LISTED_FOR
        is_paused = cloud.paused_until is not None and cloud.paused_until > now
        states.append((cloud.name, cloud.is_heard(now), is_listed, is_paused))
    return states


def _settings() -> list[tuple[object, ...]]:
    """Returns of the configuration what answers show."""
    shown_settings = attrgetter(
        "name", "region", "api", "type_full", "requests_per_second", "follow"
    )
    return [shown_settings(cloud) for cloud in configured().values()]
