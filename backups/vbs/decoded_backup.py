"""A backup in the fields of vbsdash, whatever the shape of the answer that told of it."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from backups.vbs.fields import Link
from backups.vbs.json_object import JsonObject
from backups.vbs.service_metadata import Metadata

# The words that CBR alone has.
WORDS_OF_CBR: Final = frozenset({"expired_at", "vault_id", "policy_id", "parent_id"})


@dataclass(frozen=True)
class Backup:
    """An answer in the fields of vbsdash; times are aware, in UTC. `raw` has VK redacted."""

    id: str | None
    status: str | None
    name: str | None
    size: int | None  # GB of the source volume
    volume_id: str | None
    availability_zone: str | None
    fail_reason: str | None
    object_count: int | None
    container: str | None
    created_at: datetime | None
    updated_at: datetime | None
    data_timestamp: datetime | None
    snapshot_id: str | None
    is_incremental: bool | None
    has_dependent_backups: bool | None
    links: list[Link]
    tenant_id: str | None
    expired_at: datetime | None  # when the cloud deletes it; this and the next three: CBR alone
    vault_id: str | None
    policy_id: str | None
    parent_id: str | None  # the backup of a server that it is a part of
    description: str | None
    inc: int | None
    metadata: Metadata
    decode_problems: tuple[str, ...]
    # The body has what stock Cinder never sends: service_metadata or the VBS tenant key.
    is_vbs: bool
    # Columns that such bodies have no word for: null says nothing, so what is stored stays.
    not_supplied: frozenset[str]
    raw: JsonObject = field(repr=False)

    def columns(self) -> dict[str, Any]:
        """Returns every stored field but `kind*`, flat, ready for the database."""
        columns = vars(self) | vars(self.metadata)
        for name in ("metadata", "raw", "id", "is_vbs", "not_supplied"):
            del columns[name]
        columns["decode_problems"] = list(self.decode_problems)
        return columns

    @property
    def body_text(self) -> str:
        """The redacted body as ASCII JSON text, JSON-equal to what came but for VK."""
        return json.dumps(self.raw)
