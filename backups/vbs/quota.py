"""The backup quota of a project, out of the answer of `GET …/cloudbackups/quota` (API.md §5)."""

from dataclasses import dataclass
from typing import Any

_MOST = 2**53


@dataclass(frozen=True, slots=True)
class Quota:
    """How many backups, and GB of the disks that they are of, a project may have; None: no limit, or none was told."""

    backups: int | None
    gigabytes: int | None


def decode(body: dict[str, Any]) -> Quota:
    """What can be read of it. -1 is no limit; the documented example spells a type with a blank."""
    quotas = body.get("quotas")
    resources = quotas.get("resources") if isinstance(quotas, dict) else None
    found: dict[str, int] = {}
    for one in resources if isinstance(resources, list) else []:
        if isinstance(one, dict) and (limit := _limit(one.get("quota"))) is not None:
            found[str(one.get("type")).replace(" ", "")] = limit
    return Quota(found.get("backups"), found.get("backup_gigabytes"))


def _limit(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= _MOST else None
