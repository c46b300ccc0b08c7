"""The backup quota of a project, out of the answer of `GET …/cloudbackups/quota` (API.md §5)."""

from dataclasses import dataclass
from typing import Literal

from backups.vbs import fields
from backups.vbs.json_object import JsonObject

Resource = Literal["backups", "gigabytes"]
_RESOURCES: dict[str, Resource] = {"backups": "backups", "backup_gigabytes": "gigabytes"}


@dataclass(frozen=True, slots=True)
class Quota:
    """How many backups, and GB of their source volumes, a project may have; None: no limit,
    or none was named.
    """

    backups: int | None
    gigabytes: int | None


def decode(body: JsonObject) -> dict[Resource, int | None]:
    """Returns the limits that an answer names, None for none (-1). A resource that is not named, or
    has no number, is left out.
    """
    quotas = body.get("quotas")
    resources = quotas.get("resources") if isinstance(quotas, dict) else None
    if not isinstance(resources, list):
        return {}
    limits: dict[Resource, int | None] = {}
    for entry in resources:
        if not isinstance(entry, dict):
            continue
        # The documented example spells a type with a blank.
        resource = _RESOURCES.get(str(entry.get("type")).replace(" ", ""))
        limit = fields.integer(entry, "quota", [], least=-1)
        if resource is not None and limit is not None:
            limits[resource] = None if limit == -1 else limit
    return limits
