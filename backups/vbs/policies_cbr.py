"""Policies, vaults and the log of operations of CBR (API.md §12.4 to §12.6), as they are decoded
for all dialects (policies.py). Decoding never raises on a JSON value.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from backups.vbs import fields
from backups.vbs.dialect import Ask, Query
from backups.vbs.errors import VBSError
from backups.vbs.fields import Problems
from backups.vbs.json_object import JsonObject
from backups.vbs.payload_cbr import SERVER_TYPES, VOLUME_TYPES
from backups.vbs.policies import (
    PolicyAnswer,
    Reading,
    ResourceType,
    Retention,
    TaskAnswer,
    TasksRead,
    TaskState,
    VaultAnswer,
    VaultResourceAnswer,
)
from backups.vbs.policy_entries import (
    INT4,
    MOST_KEPT,
    Entries,
    believed_end,
    identifier,
    nested,
    objects,
    read_pages,
    texts,
)

WITHOUT_DISKS: Final = frozenset({"OS::Sfs::Turbo"})
PAGE: Final = 1000  # Entries: the most that the service gives (API.md §12.2).
_STATES: Final = {
    "success": TaskState.MADE,
    "skipped": TaskState.SKIPPED,
    "failed": TaskState.FAILED,
    "timeout": TaskState.TIMED_OUT,
    "running": TaskState.RUNNING,
    "waiting": TaskState.WAITING,
}


def read_policies(ask: Ask) -> Reading:
    """Asks for the policies of backups, which have no documented pages, and for the vaults."""
    policies = read_pages(ask, "/policies", "policies", {"operation_type": "backup"})
    vaults = read_pages(ask, "/vaults", "vaults", {"limit": PAGE})
    return Reading(
        tuple(decode_policy(entry) for entry in filter(_is_of_backups, policies.entries)),
        tuple(decode_vault(entry) for entry in vaults.entries),
        is_whole=policies.is_whole and vaults.is_whole,
        problems=(*policies.problems, *vaults.problems),
    )


def read_tasks(ask: Ask, *, since: datetime) -> TasksRead:
    """Asks the log for what was created since then. Its order is not documented: of one that was
    not read to its end nobody knows what is missing.
    """
    query: Query = {
        "operation_type": "backup",
        "start_time": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "limit": PAGE,
    }
    pages = Entries()
    error: VBSError | None = None
    try:
        read_pages(ask, "/operation-logs", "operation_logs", query, into=pages)
    except VBSError as e:
        error = e
    tasks: list[TaskAnswer] = []
    for entry in pages.entries:
        if not _is_of_backups(entry):
            # What deletes, restores or copies is no run of a policy.
            continue
        task = decode_task(entry)
        if task is None:
            pages.doubt("A task has no time that can be read.")
        elif task.created_at >= since:
            tasks.append(task)
    is_whole = pages.is_whole and error is None
    known_since = since if is_whole else None
    return TasksRead(
        tuple(tasks), known_since, is_whole=is_whole, error=error, problems=tuple(pages.problems)
    )


def _is_of_backups(entry: JsonObject) -> bool:
    """Is a policy, or an operation, about making backups? The filter of the query may be ignored,
    and a policy of replication makes none.
    """
    return entry.get("operation_type") in (None, "", "backup")


def decode_policy(entry: JsonObject) -> PolicyAnswer:
    """Decodes an entry that has an ID."""
    problems: Problems = []
    name = fields.text(entry, "name", problems)
    enabled = fields.flag(entry, "enabled", problems)
    definition = nested(entry, "operation_definition", problems)
    properties = nested(nested(entry, "trigger", problems), "properties", problems)
    patterns = _patterns(properties, problems)
    schedule: JsonObject = {
        "calendar": "rrule",
        "patterns": patterns,
        "start_time": fields.text(properties, "start_time", problems),
        "time_zone": fields.text(definition, "timezone", problems),
    }
    retention = _retention(definition, problems)
    vault_ids, vaults_known = _vault_ids(entry, problems)
    return PolicyAnswer(
        id=identifier(entry, "id") or "",
        name=name,
        enabled=enabled,
        schedule=schedule,
        retention=retention,
        vault_ids=vault_ids,
        vaults_known=vaults_known,
        problems=tuple(problems),
    )


def _patterns(properties: Mapping[str, object], problems: Problems) -> list[str]:
    """Returns the rules of a calendar. One of them holds commas, so a single text is one rule."""
    value = properties.get("pattern")
    if isinstance(value, str):
        value = [value]
    return texts({"pattern": value}, "pattern", problems) or []


def _retention(definition: JsonObject, problems: Problems) -> Retention:
    """Reads what is kept; -1 means that this deletes nothing."""
    days = fields.integer(definition, "retention_duration_days", problems, least=-1, most=MOST_KEPT)
    count = fields.integer(definition, "max_backups", problems, least=-1, most=MOST_KEPT)
    is_unlimited = days == -1 or count == -1
    kept_days = days if days is not None and days > 0 else None
    kept = count if count is not None and count > 0 else None
    return Retention(
        count=kept,
        days=kept_days,
        forever=is_unlimited and kept is None and kept_days is None,
        per_day=_number_kept(definition, "day_backups", problems),
        per_week=_number_kept(definition, "week_backups", problems),
        per_month=_number_kept(definition, "month_backups", problems),
        per_year=_number_kept(definition, "year_backups", problems),
    )


def _number_kept(definition: JsonObject, key: str, problems: Problems) -> int:
    return fields.integer(definition, key, problems, most=MOST_KEPT) or 0


def _vault_ids(entry: JsonObject, problems: Problems) -> tuple[tuple[str, ...], bool]:
    """Returns the vaults that a policy is bound to, and whether these are all; `null` means none
    (API.md §12.5).
    """
    if "associated_vaults" not in entry:
        problems.append("To which vaults the policy is bound is not told.")
        return (), False
    value = entry["associated_vaults"]
    if value is None:
        return (), True
    ids: list[str] = []
    unread: Problems = []

    def unreadable() -> None:
        unread.append("One of the vaults that the policy is bound to cannot be read.")

    for vault in objects(value, unreadable):
        vault_id = identifier(vault, "vault_id")
        if vault_id is None:
            unreadable()
        else:
            ids.append(vault_id)
    problems += unread
    return tuple(dict.fromkeys(ids)), not unread


def decode_vault(entry: JsonObject) -> VaultAnswer:
    """Decodes an entry that has an ID."""
    problems: Problems = []
    billing = nested(entry, "billing", problems)
    read = Entries(problems=problems)

    def unreadable() -> None:
        read.doubt("Not all that the vault holds can be read.")

    resources: list[VaultResourceAnswer] = []
    for item in objects(entry.get("resources"), unreadable):
        resource = _resource(item, unreadable, problems)
        if resource is None:
            unreadable()
        else:
            resources.append(resource)
    return VaultAnswer(
        id=identifier(entry, "id") or "",
        name=fields.text(entry, "name", problems),
        status=fields.text(billing, "status", problems),
        object_type=fields.text(billing, "object_type", problems),
        size_gb=fields.integer(billing, "size", problems),
        allocated_gb=fields.integer(billing, "allocated", problems),
        used_mb=fields.integer(billing, "used", problems),
        auto_expand=fields.flag(entry, "auto_expand", problems),
        locked=fields.flag(entry, "locked", problems),
        resources=tuple(resources),
        is_whole=read.is_whole,
        problems=tuple(problems),
    )


def _resource(
    entry: JsonObject, unreadable: Callable[[], None], problems: Problems
) -> VaultResourceAnswer | None:
    """Decodes what a vault holds; None when nobody can tell what it is."""
    resource_id = identifier(entry, "id")
    resource_type = entry.get("type")
    if resource_id is None or not isinstance(resource_type, str):
        return None
    if _type(resource_type) == ResourceType.OTHER and resource_type.strip() not in WITHOUT_DISKS:
        # It may have disks that nobody names.
        unreadable()
    extra = entry.get("extra_info")
    extra_info = extra if isinstance(extra, dict) else {}
    return VaultResourceAnswer(
        id=resource_id,
        type=_type(resource_type),
        name=fields.text(entry, "name", problems),
        size_gb=fields.integer(entry, "size", problems),
        stored_mb=fields.integer(entry, "backup_size", problems),
        backup_count=fields.integer(entry, "backup_count", problems, most=INT4),
        protect_status=fields.text(entry, "protect_status", problems),
        excluded=_volume_ids(extra_info.get("exclude_volumes"), unreadable) or (),
        included=_volume_ids(extra_info.get("include_volumes"), unreadable),
    )


def _volume_ids(value: object, unreadable: Callable[[], None]) -> tuple[str, ...] | None:
    """Returns the IDs of a list, of texts or of objects with one; None when nothing is named: an
    empty list is no choice.
    """
    if value is None or value == []:
        return None
    if not isinstance(value, list):
        unreadable()
        return ()
    ids: list[str] = []
    for item in value:
        volume_id = identifier(item if isinstance(item, dict) else {"id": item}, "id")
        if volume_id is None:
            unreadable()
        else:
            ids.append(volume_id)
    return tuple(ids)


def _type(value: object) -> ResourceType:
    if not isinstance(value, str):
        return ResourceType.OTHER
    resource_type = value.strip()
    if resource_type in VOLUME_TYPES:
        return ResourceType.VOLUME
    return ResourceType.SERVER if resource_type in SERVER_TYPES else ResourceType.OTHER


def decode_task(entry: JsonObject) -> TaskAnswer | None:
    """Decodes an entry of the log; None when it has no ID or no time at all."""
    ignored: Problems = []
    task_id = identifier(entry, "id")
    started_at = fields.instant(entry, "started_at", ignored)
    ended_at = fields.instant(entry, "ended_at", ignored)
    created_at = fields.instant(entry, "created_at", ignored) or started_at or ended_at
    if task_id is None or created_at is None:
        return None
    extra_info = _object(entry, "extra_info")
    backup = _object(extra_info, "backup")
    resource = _object(extra_info, "resource")
    error = _object(entry, "error_info")
    status = fields.text(entry, "status", ignored)
    return TaskAnswer(
        id=task_id,
        state=_STATES.get(status or "", TaskState.UNKNOWN),
        status=status,
        policy_id=identifier(entry, "policy_id"),
        resource_id=identifier(resource, "id"),
        resource_type=_type(resource.get("type")),
        created_at=created_at,
        started_at=started_at,
        ended_at=believed_end(started_at or created_at, ended_at),
        backup_id=identifier(backup, "backup_id"),
        backup_name=fields.text(backup, "backup_name", ignored) or None,
        error_code=identifier(error, "code"),
        error_message=fields.text(error, "message", ignored, most=fields.LONG) or None,
    )


def _object(source: Mapping[str, object], key: str) -> JsonObject:
    value = source.get(key)
    return value if isinstance(value, dict) else {}
