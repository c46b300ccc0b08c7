"""`GET …/cloudbackups/quota` (`backups/vbs/API.md` §5)."""

import json
from collections.abc import Sequence

from backups.simulator.body import Form
from backups.simulator.store import Row
from backups.vbs.json_object import JsonObject


def quota_body(rows: Sequence[Row], now: float, form: Form) -> JsonObject:
    """Returns backups by number and by GB of their source volumes; the limit is a quarter above
    what is used.

    The documented example spells the second type with a blank; so does this one.
    """
    gigabytes = 0
    for row in rows:
        gigabytes += json.loads(row.encode(now, form)).get("size") or 0
    resources = [
        _resource("backups", used=len(rows), least=20),
        _resource("backup_ gigabytes", used=gigabytes, least=1000),
    ]
    return {"quotas": {"id": form.project_id, "resources": resources}}


def _resource(resource_type: str, *, used: int, least: int) -> JsonObject:
    return {"type": resource_type, "used": used, "reserved": 0, "quota": max(least, used * 5 // 4)}
