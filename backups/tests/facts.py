"""Facts for tests of the pure rules, from the few words that a test cares about."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from backups.analysis.facts import Fact

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def fact(n: int, at: datetime | None = None, **words: Any) -> Fact:
    """A good backup with the ID `n`, made `at`, or n hours after noon."""
    at = at or NOON + timedelta(hours=n)
    plain: dict[str, Any] = {
        "id": uuid.UUID(int=n),
        "volume_id": "disk",
        "kind": "incremental",
        "service_type": "disk",
        "status": "available",
        "name": None,
        "size": 10,
        "created_at": at,
        "updated_at": None,
        "data_timestamp": None,
        "tracked_at": at,
        "gone_at": None,
        "chain_size_mb": None,
        "has_dependent_backups": None,
    }
    return Fact(**{**plain, **words})
