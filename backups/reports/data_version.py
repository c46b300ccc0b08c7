"""What an answer may depend on, as a short text: it changes with any write, and when time alone
changes a state.

States that time changes are never stored, the instants are: the last one that has passed stands for
all of them.
"""

import hashlib
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet, Subquery, Sum

from backups.clouds.registry import configured
from backups.models import Backup, Cloud, Stamp, Volume
from backups.models.cloud import SILENT_AFTER
from backups.models.volume import LISTED_FOR

_INSTANTS: tuple[tuple[type[Backup] | type[Volume], str], ...] = (
    (Backup, "stale_at"),
    (Backup, "stuck_at"),
    (Volume, "late_at"),
    (Volume, "overdue_at"),
    (Volume, "exempt_until"),
)


def data_version(now: datetime) -> str:
    """Two queries, whatever the number of rows."""
    passed = {
        f"turn_{at}": _passed(model, column, now) for at, (model, column) in enumerate(_INSTANTS)
    }
    stamps = Stamp.objects.order_by("shard").filter(shard=0).annotate(**passed)
    total = Stamp.objects.order_by().values(one=F("shard") * 0).annotate(n=Sum("n")).values("n")
    row = stamps.values_list(Subquery(total), *passed).first()
    clouds = Cloud.objects.order_by("name").values_list(
        "name", "last_good_at", "backups_listed_at", "paused_until"
    )
    heard = [
        (
            name,
            good is not None and good > now - SILENT_AFTER,
            listed is not None and listed > now - LISTED_FOR,
            paused is not None and paused > now,
        )
        for name, good, listed, paused in clouds
    ]
    return hashlib.blake2b(repr((row, heard, _settings())).encode(), digest_size=12).hexdigest()


def _passed(model: type[Backup] | type[Volume], column: str, now: datetime) -> Subquery:
    rows: QuerySet[Any] = model._default_manager.filter(**{f"{column}__lte": now})
    return Subquery(rows.order_by(f"-{column}").values(column)[:1])


def _settings() -> list[tuple[object, ...]]:
    """Of the configuration what answers show."""
    clouds = configured().values()
    return [
        (one.name, one.region, one.api, one.type_full, one.requests_per_second, one.follow)
        for one in clouds
    ]
