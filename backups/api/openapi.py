"""What the description of the API says beyond the calls' own words: a guide, their
problems, 304s, units, examples.
"""

import json
from typing import Any

from backups.query.public_fields import BACKUP_FIELD_DESCRIPTIONS
from backups.vbs import payload, seed_example
from backups.vbs.kind import judge

PROBLEM = {
    "description": "A problem (RFC 9457).",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
UNCHANGED = {"description": "The reader has this version already (`If-None-Match`)."}
Schema = dict[str, Any]  # a part of the description, which is JSON
READERS = ("get", "head")
GUIDE = """Volume backups: what a Volume Backup Service says of them, decoded and kept.

* **Sign in** by `Authorization: Bearer KEY`. Keys are made on the account page and by
  `manage.py create_token USER`.
* **Add** with `POST /api/backups/`, up to 10,000 IDs in one call.
  `GET /api/clouds/{cloud}/backups/` lists what a cloud holds and whether it is tracked.
* **Wait**: what was added is `pending` until the cloud has answered.
  `GET /api/backups/?tracking_state=pending` is empty when all have; then each is `fresh`, `stale`
  (the last good answer is old) or `gone` (the cloud said twice that there is none).
* **Tell**: `GET /api/backups/?status=error` for JSON, `GET /api/backups.csv?status=error` for a
  table, with the same filters. `fail_reason` says why; `GET /api/failures/` gives each cause once,
  with advice.
* **Plan**: `GET /api/policies/` says what clouds promise, and what became of it;
  `GET /api/volumes/?schedule=none` names disks that no policy has.
* **Take** what waits for somebody: `GET /api/alarms/?stage=open`, then a POST to `acknowledge/`
  below the alarm; `POST /api/silences/` mutes alarms for a time.
* **Page** by `next` until it is null, a whole walk in `ordering=id` (disks: `volume_id`): in other
  orders backups move while answers of clouds come in, and some are missed.
* **Read** times as UTC, and sizes in the units that the fields name.
* **Problems** are `application/problem+json`; `errors` names the word that is wrong.
"""


def complete(result: Schema, generator: object, request: object, public: bool) -> Schema:
    """Hook of drf-spectacular: adds what any operation may answer beside its own, and examples."""
    for operations in result["paths"].values():
        for method, operation in operations.items():
            _summarise(operation)
            operation["responses"] |= {"4XX": PROBLEM, "5XX": PROBLEM}
            if method in READERS:
                operation["responses"]["304"] = UNCHANGED
    result["info"]["description"] = GUIDE
    schemas = result["components"]["schemas"]
    for name, description in BACKUP_FIELD_DESCRIPTIONS.items():
        schemas["Backup"]["properties"][name]["description"] = description
    schemas["Problem"] = PROBLEM_SCHEMA
    # The parameter `fields` leaves fields out.
    for name in ("Backup", "Alarm", "Silence", "Delivery", "Policy"):
        del schemas[name]["required"]
    schemas["Backup"]["examples"] = [backup_example()]
    schemas["NewBackups"]["examples"] = [{"cloud": "demo", "ids": [seed_example.ID]}]
    schemas["Ids"]["examples"] = [{"ids": [seed_example.ID]}]
    schemas["Retag"]["examples"] = [
        {"ids": [seed_example.ID], "add": ["monthly"], "remove": ["draft"]}
    ]
    schemas["Rule"]["examples"] = [
        {"period_seconds": 86_400, "grace_seconds": 7200},
        {"cron": "0 3 * * *"},
    ]
    return result


def _summarise(operation: Schema) -> None:
    """Puts the first line beside the path, where a reader looks for a call; what follows it is
    shown when it is opened.
    """
    first, _, rest = operation.pop("description", "").partition("\n")
    operation["summary"] = first.rstrip(".")
    if rest.strip():
        operation["description"] = rest.strip()


PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
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


def backup_example() -> Schema:
    """Returns the API page's own example, which the demo cloud holds, in the words of this API."""
    answer = payload.decode(json.loads(seed_example.TEXT)["backup"])
    decoded = answer.columns()
    kind = judge(
        inc=answer.inc,
        type_=answer.metadata.type,
        is_incremental=answer.is_incremental,
        type_interpretation="vbs_1",
    )
    seen = "2026-11-23T12:00:00Z"
    as_json: Schema = json.loads(
        json.dumps(decoded, default=lambda at: at.isoformat().replace("+00:00", "Z"))
    )
    return {
        "id": answer.id,
        "cloud": "demo",
        **as_json,
        "same_as": None,
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
