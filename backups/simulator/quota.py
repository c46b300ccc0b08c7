"""`GET …/cloudbackups/quota` (`backups/vbs/API.md` §5)."""

import json
from collections.abc import Sequence
from typing import Any

from backups.simulator.body import Form
from backups.simulator.store import Row


def quota_body(rows: Sequence[Row], now: float, form: Form) -> dict[str, Any]:
    """Backups by number and by GB of their source disks; the limit is a quarter above what is used.

    The documented example spells the second type with a blank; so does this one.
    """
    used = len(rows)
    gigabytes = sum(json.loads(row.encode(now, form)).get("size") or 0 for row in rows)
    return {
        "quotas": {
            "id": form.project_id,
            "resources": [
                {"type": "backups", "used": used, "reserved": 0, "quota": max(20, used * 5 // 4)},
                {
                    "type": "backup_ gigabytes",
                    "used": gigabytes,
                    "reserved": 0,
                    "quota": max(1000, gigabytes * 5 // 4),
                },
            ],
        }
    }
