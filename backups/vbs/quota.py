"""The backup quota of a project, out of the answer of `GET …/cloudbackups/quota` (API.md §5)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from backups.vbs import fields
from backups.vbs.json_object import JsonObject

Resource = Literal["backups", "gigabytes"]
_RESOURCES: dict[str, Resource] = {"backups": "backups", "backup_gigabytes": "gigabytes"}


@dataclass(frozen=True, slots=True)
class Quota:
    """How many backups, and GB of their source volumes, a project may have; None: no limit,
    or none was named. `used_…`: how many the cloud counts, None where it does not tell.
    """

    backups: int | None
    gigabytes: int | None
    used_backups: int | None = field(default=None, compare=False)
    used_gigabytes: int | None = field(default=None, compare=False)


def decode(body: JsonObject) -> dict[Resource, int | None]:
    """Returns the limits that an answer names, None for none (-1). A resource that is not named, or
    has no number, is left out.
    """
    limits: dict[Resource, int | None] = {}
    for resource, entry in _resources(body):
        limit = fields.integer(entry, "quota", [], least=-1)
        if limit is not None:
            limits[resource] = None if limit == -1 else limit
    return limits


def decode_used(body: JsonObject) -> dict[Resource, int]:
    """Returns how much of each resource an answer counts as used; what is no number is left out."""
    used: dict[Resource, int] = {}
    for resource, entry in _resources(body):
        number = fields.integer(entry, "used", [], least=0)
        if number is not None:
            used[resource] = number
    return used


def _resources(body: JsonObject) -> Iterator[tuple[Resource, JsonObject]]:
    """Yields the entries that are about backups."""
    quotas = body.get("quotas")
    resources = quotas.get("resources") if isinstance(quotas, dict) else None
    if not isinstance(resources, list):
        return
    for entry in resources:
        if not isinstance(entry, dict):
            continue
        # The documented example spells a type with a blank.
        resource = _RESOURCES.get(str(entry.get("type")).replace(" ", ""))
        if resource is not None:
            yield resource, entry
