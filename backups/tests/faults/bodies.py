"""A backup that is being written and has moved on since the last look."""

from datetime import datetime
from typing import Any


def in_flight(backup_id: str, now: datetime) -> dict[str, Any]:
    at = now.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return {
        "id": backup_id,
        "status": "creating",
        "name": None,
        "size": 10,
        "volume_id": "3d0f6a52-77c1-4b0e-9a44-0c6b2f1d9e10",
        "description": None,
        "created_at": f"{at[:11]}00:00:00.000000",
        "updated_at": at,
        "service_metadata": None,
        "os-bak-tenant-attr:tenant_id": "0f0e",
    }
