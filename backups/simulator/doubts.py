"""What the documents leave open, each as a switch (`backups/vbs/API.md` §12).

The defaults are what was recorded, or else what most pages say.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Times = Literal["micro", "offset", "milli", "blank", "zulu", "mixed"]
OptionalList = Literal["list", "null", "absent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    # Both services
    # "micro": 2025-03-25T06:32:07.951164; "offset": the same with +00:00; "milli": three digits and
    # +00:00; "blank": 2025-03-25 07:59:52; "zulu": whole seconds and Z; "mixed": one after another.
    times: Times = "micro"
    policy_times: Times = "blank"  # start_time of a policy of CBR
    count: Literal["total", "page", "absent"] = "total"
    lists: OptionalList = "list"  # of policies and tasks
    policies_allowed: bool = True  # else 403
    # VBS policies
    blank_keys: bool = False  # "backup_policy_name "
    misspelled: bool = True  # rentention_num
    time_zone: Literal["absent", "scheduled", "beside"] = "beside"
    resources: bool = False  # whether a policy names its volumes; no page shows it
    resource_count: Literal["right", "wrong", "absent"] = "right"
    task_times: Times = "micro"
    # Whether a task is created at its slot and waits, or when its backup begins.
    tasks_created: Literal["slot", "start"] = "slot"
    finished_at: bool = True
    job_ids: bool = True  # vbs_job_id of a task
    # Both services seen side by side
    same_ids: bool = True  # a backup that moved has in CBR the ID that it has in VBS
    vbs_shows_cbr: bool = True  # what CBR made of a volume that moved stands in VBS's list too
    # CBR
    catalog_project: bool = False  # whether the catalog's address ends with the project ID
    huawei: bool = False  # the fields that Huawei Cloud alone has
    associated_vaults: OptionalList = "list"
    incremental: Literal["top", "extend_info", "both"] = "both"
    first_incremental: bool = True  # of a disk's first backup, which is full
    policy_ids: bool = True  # scheduled_operation_id of a backup
    server_children_listed: bool = False  # disk backups of a server backup stand in lists
    vault_resources: OptionalList = "list"
    deleted_resources: bool = False  # a vault still names what it no longer protects
    half_vault: bool = False  # the first resource of a vault has no ID
    backup_size: Literal["mb", "gb"] = "mb"
    sizes_as_text: bool = False  # resource_size of a checkpoint
    first_log_offset: Literal[0, 1] = 0  # 1: an offset of 0 of operation-logs is refused
    policy_flips: bool = False  # a policy's `enabled` differs from one answer to the next


def written(seconds: float, form: Times) -> str:
    """Returns a time as the service writes it."""
    moment = datetime.fromtimestamp(seconds, UTC)
    if form == "mixed":
        forms: tuple[Times, ...] = ("micro", "offset", "milli", "blank", "zulu")
        form = forms[int(seconds) % len(forms)]
    match form:
        case "offset":
            return moment.isoformat(timespec="microseconds")
        case "milli":
            return moment.isoformat(timespec="milliseconds")
        case "blank":
            return moment.strftime("%Y-%m-%d %H:%M:%S")
        case "zulu":
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")
