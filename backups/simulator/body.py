"""One backup as the API writes it: VBS v2 and stock Cinder v3 (`backups/vbs/API.md`
§1.1, §3, §4, §9).
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from backups.simulator.timeline import Phase
from backups.vbs.json_object import JsonObject

# Links name the server's own idea of its address.
INTERNAL_HOST = "http://192.0.2.22:8776"
USER_ID = "c853ca26e8ea47978a52ee124a013d0e"


@dataclass(frozen=True, slots=True)
class Form:
    """How to write a backup: the API's flavor, the polarity of Type, the minor
    number of Cinder's microversion.
    """

    flavor: str = "vbs"
    project_id: str = ""
    url: str = ""
    type_full: int = 0
    minor: int = 0


@dataclass(slots=True)
class Facts:
    """What is true of one backup at one moment. Times are seconds since 1970; sizes
    as their names say.

    `keys` and `metadata` overwrite what would be written at top level and inside service_metadata.
    """

    id: str
    volume_id: str
    size_gb: int
    phase: Phase
    created: float
    ended: float
    name: str | None = None
    description: str | None = None
    wrapped: bool = True
    full: bool = False
    inc: int = 1
    chain_mb: int = 0
    speed: float = 14.6
    has_dependent: bool = False
    encryption_key_id: str | None = None
    bootable: bool = False
    zone: str = "eu-de-01"
    fail_reason: str | None = None
    keys: JsonObject = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)


def stamp(seconds: float) -> str:
    """Writes a time as the API does: six digits, no zone, UTC (§1.1)."""
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="microseconds")


def uuid_from(text: str) -> str:
    """Returns a UUID that is always the same for the same text."""
    digits = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def describe(facts: Facts) -> str | None:
    """Returns the description: VBS wraps the user's text; without one the wrapper
    has ST instead (§4).
    """
    if not facts.wrapped:
        return facts.description
    if facts.description is None:
        return f'{{"ST":{facts.metadata.get("ST", 0)},"INC":{facts.inc}}}'
    return json.dumps({"DESC": facts.description, "INC": facts.inc})


def service_metadata(facts: Facts, *, type_full: int) -> str | None:
    """Returns the JSON text of `service_metadata`, as far as the phase has it."""
    type_of_backup = type_full if facts.full else 1 - type_full
    if facts.phase.metadata == "none":
        return None
    if facts.phase.metadata == "short":
        short: JsonObject = {
            "bootable": facts.bootable,
            "backupurl": uuid_from(f"image {facts.id}") if facts.phase.status != "creating" else "",
            "BackupSize": 0,
            "progress": str(facts.phase.progress or 0),
            "snap_id": uuid_from(f"snapshot {facts.id}").replace("-", ""),
            "Type": type_of_backup,
        }
        return f" {json.dumps(short)} "
    path = f"{uuid_from('pool')}/{uuid_from('unit')}/{facts.volume_id}"
    full: JsonObject = {
        "DL": 2,
        "VK": "",
        "bootable": facts.bootable,
        "SP": path,
        "backupurl": uuid_from(f"image {facts.id}"),
        "ST": 0,
        "BT": "2",
        "SS": 72,
        "BP": "192.0.2.41:/vbsBackup01",
        "CMKID": "",
        "progress": "0",
        "CS": facts.chain_mb,
        "VT": "pool1",
        "OMID": "node-0a12",
        "Type": type_of_backup,
        "ebk_T_I": uuid_from(f"job {facts.id}"),
        "AT": facts.speed,
    }
    return json.dumps(full | facts.metadata)


def vbs_body(facts: Facts, form: Form) -> JsonObject:
    """Returns a backup as VBS v2 answers it."""
    running = facts.phase.metadata == "none" or facts.phase.status == "creating"
    path = f"{form.project_id}/backups/{facts.id}"
    body: JsonObject = {
        "status": facts.phase.status,
        "object_count": None if running else facts.chain_mb,
        "os-bak-tenant-attr:tenant_id": form.project_id,
        "container": None,
        "name": facts.name,
        "links": [
            {"href": f"{INTERNAL_HOST}/v2/{path}", "rel": "self"},
            {"href": f"{INTERNAL_HOST}/{path}", "rel": "bookmark"},
        ],
        "availability_zone": None if running else facts.zone,
        "has_dependent_backups": False,
        "snapshot_id": uuid_from(f"snapshot {facts.id}"),
        "volume_id": facts.volume_id,
        "is_incremental": False,
        "id": facts.id,
        "size": facts.size_gb,
        "description": describe(facts),
        "fail_reason": facts.fail_reason,
        "created_at": stamp(facts.created),
        "updated_at": stamp(facts.created + 1 if running else facts.ended),
        "data_timestamp": stamp(facts.created - 33),
        "service_metadata": service_metadata(facts, type_full=form.type_full),
    }
    return body | facts.keys


def cinder_body(facts: Facts, form: Form) -> JsonObject:
    """Returns stock Cinder's view; keys come with the microversion (§9)."""
    path = f"{form.project_id}/backups/{facts.id}"
    body: JsonObject = {
        "id": facts.id,
        "status": facts.phase.status,
        "size": facts.size_gb,
        "object_count": facts.chain_mb // 50,
        "availability_zone": facts.zone,
        "container": "volumebackups",
        "created_at": stamp(facts.created),
        "updated_at": stamp(facts.created + 1 if facts.phase.status == "creating" else facts.ended),
        "name": facts.name,
        "description": facts.description,
        "fail_reason": facts.fail_reason,
        "volume_id": facts.volume_id,
        "links": [
            {"href": f"{form.url}/volume/v3/{path}", "rel": "self"},
            {"href": f"{form.url}/volume/{path}", "rel": "bookmark"},
        ],
        "is_incremental": not facts.full,
        "has_dependent_backups": facts.has_dependent,
        "snapshot_id": None,
        "data_timestamp": stamp(facts.created),
    }
    if form.minor >= 18:
        body["os-backup-project-attr:project_id"] = form.project_id
    if form.minor >= 43:
        body["metadata"] = {}
    if form.minor >= 56:
        body["user_id"] = USER_ID
    if form.minor >= 64 and facts.encryption_key_id:
        body["encryption_key_id"] = facts.encryption_key_id
    return body


def write(facts: Facts, form: Form) -> bytes:
    """Returns the inner backup object as JSON bytes, ready for an envelope or a list."""
    body = cinder_body(facts, form) if form.flavor == "cinder" else vbs_body(facts, form)
    return json.dumps(body).encode()
