"""What the description of the API says of every call: its problems, its 304, its examples."""

import json
from typing import Any

from backups.vbs import payload
from backups.vbs.kind import judge
from backups.vbs.simulator import seed_example

PROBLEM = {
    "description": "A problem (RFC 9457).",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
UNCHANGED = {"description": "The reader has this version already (`If-None-Match`)."}
READERS = ("get", "head")


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Hook of drf-spectacular: what every operation may answer beside its own, and examples."""
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            operation["responses"] |= {"4XX": PROBLEM, "5XX": PROBLEM}
            if method in READERS and not path.endswith(("/schema/", "/clouds/{cloud}/backups/")):
                operation["responses"]["304"] = UNCHANGED
    schemas = result["components"]["schemas"]
    schemas["Problem"] = PROBLEM_SCHEMA
    del schemas["Backup"]["required"]  # `fields` leaves words out
    schemas["Backup"]["examples"] = [backup_example()]
    schemas["NewBackups"]["examples"] = [{"cloud": "demo", "ids": [seed_example.ID]}]
    schemas["Ids"]["examples"] = [{"ids": [seed_example.ID]}]
    schemas["Retag"]["examples"] = [{"ids": [seed_example.ID], "add": ["monthly"], "remove": ["draft"]}]
    schemas["Rule"]["examples"] = [{"period_seconds": 86_400, "grace_seconds": 7200}, {"cron": "0 3 * * *"}]
    return result


PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    },
    "examples": [
        {
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "detail": "limit: Write a number from 1 to 1,000.",
            "errors": {"limit": ["Write a number from 1 to 1,000."]},
        }
    ],
}


def backup_example() -> dict[str, Any]:
    """The API page's own example, which the demo cloud holds, in the words of this API."""
    answer = payload.decode(json.loads(seed_example.TEXT)["backup"])
    words = answer.words()
    kind = judge(inc=answer.inc, type_=answer.metadata.type, is_incremental=answer.is_incremental, reading="vbs_1")
    seen = "2026-11-23T12:00:00Z"
    plain: dict[str, Any] = json.loads(json.dumps(words, default=lambda at: at.isoformat().replace("+00:00", "Z")))
    return {
        "id": answer.id,
        "cloud": "demo",
        **plain,
        "kind": kind.kind,
        "kind_source": kind.source,
        "kind_conflict": kind.conflict,
        "tracked_at": seen,
        "refreshed_at": seen,
        "attempted_at": seen,
        "next_refresh_at": "2026-11-23T18:00:00Z",
        "error": None,
        "note": "",
        "tags": [],
        "version": 1,
        "tracking_state": "fresh",
    }
