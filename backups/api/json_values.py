"""Values as the JSON API shows them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from backups.models import Backup

_BACKUP_TIMES = frozenset(
    column.name
    for column in Backup._meta.concrete_fields
    if column.get_internal_type() == "DateTimeField"
)


def json_value(value: object) -> object:
    """Returns dataclasses and rows as JSON has them: IDs as text, times with Z."""
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return json_value(asdict(value))
    if isinstance(value, Mapping):
        return {key: json_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(inner) for inner in value]
    return value


def listed_attributes(record: object, names: Iterable[str]) -> dict[str, object]:
    """Returns these attributes of an object, and no other, as JSON has them."""
    return {name: json_value(getattr(record, name)) for name in names}


def backup_rows(
    rows: Sequence[Mapping[str, object]], fields: Sequence[str]
) -> list[dict[str, object]]:
    """Returns rows of `.values()` as JSON has them.

    There may be a thousand, so only the values that need it are touched.
    """
    times = [field for field in fields if field in _BACKUP_TIMES]
    results = []
    for row in rows:
        result = {field: row[field] for field in fields}
        if "id" in result:
            result["id"] = str(result["id"])
        for field in times:
            value = result[field]
            if isinstance(value, datetime):
                result[field] = utc_text(value)
        results.append(result)
    return results


def utc_text(value: datetime) -> str:
    """Returns ISO 8601 in UTC with Z."""
    # What the database gives is UTC already.
    in_utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return in_utc.isoformat().replace("+00:00", "Z")
