"""What an answer may depend on, as a short text: it changes with `data_changed()`, and when time
alone changes a state.

States that time changes are never stored, the instants are: the last one that has passed stands for
all of them.
"""

import hashlib
from datetime import datetime
from operator import attrgetter

from django.db.models import F, Subquery, Sum

from backups.clouds.registry import configured
from backups.models import Backup, Cloud, DataVersion, Volume
from backups.models.backup import BackupQuerySet
from backups.models.volume import LISTED_FOR, VolumeQuerySet

_COLUMNS = ("name", "last_good_at", "backups_listed_at", "paused_until")


def data_version(now: datetime) -> str:
    """Two queries, whatever the number of rows."""
    seed = repr((_count_and_instants(now), _clouds(now), _settings()))
    return hashlib.blake2b(seed.encode(), digest_size=12).hexdigest()


def _count_and_instants(now: datetime) -> tuple[object, ...] | None:
    """Returns the count of changes, and of each instant that changes a state the last
    one that has passed.
    """
    one_group = DataVersion.objects.order_by().values(group=F("shard") * 0)
    changes = one_group.annotate(total=Sum("n")).values("total")
    return (
        DataVersion.objects.filter(shard=0)
        .order_by("shard")
        .values_list(
            Subquery(changes),
            _last_passed(Backup.objects.all(), "stale_at", now),
            _last_passed(Backup.objects.all(), "stuck_at", now),
            _last_passed(Volume.objects.all(), "late_at", now),
            _last_passed(Volume.objects.all(), "overdue_at", now),
            _last_passed(Volume.objects.all(), "exempt_until", now),
        )
        .first()
    )


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
