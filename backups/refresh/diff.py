"""What changed between two answers about a backup, word by word. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from backups.vbs import payload

_NOT_STORED = frozenset({"id", "metadata", "is_vbs", "raw"})
WORDS = (  # every stored word that an answer decides
    *(field.name for field in fields(payload.Backup) if field.name not in _NOT_STORED),
    *(field.name for field in fields(payload.Metadata)),
    *("kind", "kind_source", "kind_conflict"),
)
MOVING = frozenset(
    {"progress", "throughput_mb_s", "updated_at"}
)  # move while a backup runs, and tell no story


@dataclass(frozen=True)
class Difference:
    """`changes`: [{word, before, after}] as JSON. `kept`: never pruned. `whole`: worth the whole
    body.
    """

    changes: list[dict[str, Any]]
    kept: bool
    whole: bool


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Difference | None:
    """None when no word changed. `before` None: the first answer, told as a change from nothing."""
    changes = [
        {"word": word, "before": _json(before and before[word]), "after": _json(after[word])}
        for word in WORDS
        if (before[word] if before else None) != after[word]
        and (before or _says_something(after[word]))
    ]
    words = {change["word"] for change in changes}
    if not changes:
        return None
    return Difference(changes, kept=before is None or "status" in words, whole=not words <= MOVING)


def _says_something(value: Any) -> bool:
    return value is not None and value is not False and value != []


def moved(before: str, after: str) -> Difference:
    """A change of `tracking_state` that the cloud's answer caused."""
    return Difference(
        [{"word": "tracking_state", "before": before, "after": after}], kept=True, whole=False
    )


def _json(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
