"""The backup quota of a project, out of the answer of `GET …/cloudbackups/quota` (API.md §5)."""

from dataclasses import dataclass
from typing import Any, Literal

from backups.vbs import fields

Resource = Literal["backups", "gigabytes"]
_RESOURCES: dict[str, Resource] = {"backups": "backups", "backup_gigabytes": "gigabytes"}


@dataclass(frozen=True, slots=True)
class Quota:
    """How many backups, and GB of the disks that they are of, a project may have; None: no limit,
    or none was told.
    """

    backups: int | None
    gigabytes: int | None


def decode(body: dict[str, Any]) -> dict[Resource, int | None]:
    """The limits that it tells, None for none (-1). A resource that is not named, or has no number,
    is left out.

    The documented example spells a type with a blank.
    """
    quotas = body.get("quotas")
    resources = quotas.get("resources") if isinstance(quotas, dict) else None
    found: dict[Resource, int | None] = {}
    for one in resources if isinstance(resources, list) else []:
        if not isinstance(one, dict):
            continue
        resource = _RESOURCES.get(str(one.get("type")).replace(" ", ""))
        limit = fields.integer(one, "quota", [], least=-1)
        if resource is not None and limit is not None:
            found[resource] = None if limit == -1 else limit
    return found
