"""What CBR writes: backups, vaults, policies, operation logs and checkpoints (`backups/vbs/API.md`
§12).
"""

from collections.abc import Iterable, Mapping

from backups.simulator.body import Facts, uuid_from
from backups.simulator.calendar import RuleCalendar
from backups.simulator.doubts import Doubts, written
from backups.simulator.estate import CbrRow, Estate
from backups.simulator.policy import Policy, Resource, Run, State, Vault
from backups.simulator.store import Origin, RunningBackup, ServerBackup
from backups.simulator.timeline import Phase
from backups.simulator.world import Slot
from backups.vbs.json_object import JsonObject

SERVER = "OS::Nova::Server"
VOLUME = "OS::Cinder::Volume"
PROVIDERS = {
    SERVER: "0daac4c5-6707-4851-97ba-169e36266b66",
    VOLUME: "d1603440-187d-4516-af25-121250c7cc97",
}
# CBR's words for states that VBS has others for; any other stays as it is.
STATUSES = {"creating": "protecting", "error_deleting": "error", "error_restoring": "error"}
LOG_WORDS = {
    State.WAITING: "waiting",
    State.RUNNING: "running",
    State.MADE: "success",
    State.FAILED: "failed",
    State.TIMED_OUT: "timeout",
    State.SKIPPED: "skipped",
}
NEVER = -1  # Of a retention: nothing is deleted by it.
RESOURCE_TYPES = {"server": SERVER, "volume": VOLUME}


class CbrBodies:
    """Writes for one moment. `now`: seconds since 1970."""

    def __init__(self, estate: Estate, *, project_id: str, now: float) -> None:
        self._estate = estate
        self._project_id = project_id
        self._now = now
        self._doubts: Doubts = estate.doubts

    def _time(self, seconds: float | None) -> str | None:
        return None if seconds is None else written(seconds, self._doubts.times)

    # Backups

    def status(self, row: CbrRow) -> str:
        if isinstance(row.row, dict):
            return str(row.row.get("status"))
        if isinstance(row.row, ServerBackup):
            status = row.row.phase(self._now).status
        else:
            status = row.row.status(self._now)
        return STATUSES.get(status, status)

    def name(self, row: CbrRow) -> str:
        if isinstance(row.row, dict):
            return str(row.row.get("name"))
        if isinstance(row.row, ServerBackup):
            return row.row.name or ""
        return row.row.name(self._now) or ""

    def backup(self, row: CbrRow, *, whole: bool) -> JsonObject:
        """Returns a backup; `whole`: with its children, which lists never have."""
        if isinstance(row.row, dict):
            return row.row if whole else row.row | {"children": []}
        if isinstance(row.row, ServerBackup):
            body = self._server_backup(row.row, row)
        else:
            body = self._volume_backup(row.row, row)
        if whole:
            body["children"] = [self.backup(child, whole=False) for child in row.children]
        return body

    def _volume_backup(self, row: Slot | RunningBackup, shown: CbrRow) -> JsonObject:
        facts = row.facts_at(self._now)
        origin = self._estate.origin_of(row)
        words = self._estate.words_of(facts.volume_id)
        resource = Resource(id=facts.volume_id, name=words.name, size_gb=facts.size_gb)
        body = self._common(facts.phase, origin, resource, shown)
        incremental = not facts.full or (origin.is_first and self._doubts.first_incremental)
        extend_info: JsonObject = {
            "auto_trigger": origin.policy_id is not None,
            "bootable": facts.bootable,
            "progress": _progress(facts.phase),
            "snapshot_id": uuid_from(f"snapshot {facts.id}"),
            "support_lld": True,
            "supported_restore_mode": None,
            "os_images_data": None,
            "contain_system_disk": False,
            "system_disk": facts.bootable,
            "encrypted": facts.encryption_key_id is not None,
            "architecture": None,
            "app_consistency": None,
            "is_multi_az": False,
        }
        self._say_incremental(body, extend_info, incremental=incremental)
        body |= {
            "name": facts.name or "",
            "description": facts.description or "",
            "resource_az": facts.zone,
            "protected_at": None,
            "updated_at": self._time(_updated(facts)),
            "extend_info": extend_info,
        }
        return body

    def _server_backup(self, row: ServerBackup, shown: CbrRow) -> JsonObject:
        phase = row.phase(self._now)
        body = self._common(phase, row.origin, row.server, shown)
        extend_info: JsonObject = {
            "auto_trigger": row.origin.policy_id is not None,
            "bootable": True,
            "progress": _progress(phase),
            "snapshot_id": None,
            "support_lld": True,
            "supported_restore_mode": "backup",
            "os_images_data": [],
            "contain_system_disk": True,
            "system_disk": False,
            "encrypted": False,
            "architecture": "x86_64",
            "app_consistency": {
                "app_consistency": "0",
                "app_consistency_status": "0",
                "app_consistency_error_code": "0",
                "app_consistency_error_message": "",
            },
            "is_multi_az": False,
        }
        self._say_incremental(body, extend_info, incremental=True)
        ended = min(self._now, row.created + row.seconds)
        body |= {
            "name": row.name or "",
            "description": "",
            "resource_az": "eu-de-01",
            "protected_at": self._time(row.created + row.seconds / 3),
            "updated_at": self._time(max(row.created, ended)),
            "extend_info": extend_info,
        }
        return body

    def _common(
        self, phase: Phase, origin: Origin, resource: Resource, shown: CbrRow
    ) -> JsonObject:
        kind = RESOURCE_TYPES[resource.kind]
        body: JsonObject = {
            "children": [],
            "checkpoint_id": origin.checkpoint_id or uuid_from(f"checkpoint of {shown.id}"),
            "created_at": self._time(shown.created),
            "expired_at": self._time(origin.expires),
            "id": shown.id,
            "image_type": "backup",
            "parent_id": origin.parent_id,
            "project_id": self._project_id,
            "provider_id": PROVIDERS[kind],
            "resource_id": resource.id,
            "resource_name": resource.name,
            "resource_size": resource.size_gb,
            "resource_type": kind,
            "status": STATUSES.get(phase.status, phase.status),
            "vault_id": origin.vault_id,
            "replication_records": [],
        }
        if self._doubts.policy_ids:
            body["scheduled_operation_id"] = origin.policy_id
        if self._doubts.huawei:
            body |= {"version": 3, "enterprise_project_id": "0", "incremental": True}
        return body

    def _say_incremental(
        self, body: JsonObject, extend_info: JsonObject, *, incremental: bool
    ) -> None:
        if self._doubts.incremental in ("top", "both"):
            body["incremental"] = incremental
        if self._doubts.incremental in ("extend_info", "both"):
            extend_info["incremental"] = incremental

    # Vaults

    def vault(self, vault: Vault) -> JsonObject:
        protected: list[JsonObject] = []
        used_mb = 0
        allocated_gb = 0
        for resource in vault.resources:
            entry, stored_mb = self._resource(resource)
            used_mb += stored_mb
            allocated_gb += resource.size_gb
            protected.append(entry)
        if self._doubts.half_vault and protected:
            del protected[0]["id"]
        if self._doubts.deleted_resources:
            gone = Resource(
                id=uuid_from(f"gone of {vault.id}"), name="gone", protect_status="deleted"
            )
            protected.append(self._resource(gone)[0])
        body: JsonObject = {
            "id": vault.id,
            "name": vault.name,
            "description": "",
            "project_id": self._project_id,
            "provider_id": PROVIDERS[SERVER if vault.object_type == "server" else VOLUME],
            "user_id": uuid_from("user of vaults").replace("-", ""),
            "created_at": self._time(vault.created),
            "tags": [],
            "auto_bind": False,
            "bind_rules": {"tags": []},
            "auto_expand": vault.auto_expand,
            "locked": vault.locked,
            "billing": self._billing(vault, used_mb=used_mb, allocated_gb=allocated_gb),
        }
        if self._doubts.vault_resources != "absent":
            is_null = self._doubts.vault_resources == "null"
            body["resources"] = None if is_null else protected
        if self._doubts.huawei:
            body |= {
                "threshold": 80,
                "smn_notify": True,
                "availability_zone": None,
                "backup_name_prefix": "",
                "frozen": False,
                "cross_account": False,
                "enterprise_project_id": "0",
            }
        return body | vault.keys

    def _billing(self, vault: Vault, *, used_mb: int, allocated_gb: int) -> JsonObject:
        return {
            "allocated": allocated_gb,
            "charging_mode": "post_paid",
            "cloud_type": "public",
            "consistent_level": "crash_consistent",
            "frozen_scene": None,
            "object_type": vault.object_type,
            "product_id": None,
            "order_id": None,
            "protect_type": "backup",
            "size": vault.size_gb,
            "spec_code": "vault.backup.server.normal"
            if vault.object_type == "server"
            else "vault.backup.volume.normal",
            "status": vault.status,
            "storage_unit": None,
            "used": used_mb,
        }

    def _resource(self, resource: Resource) -> tuple[JsonObject, int]:
        """Returns a resource of a vault, and how many MB its backups take."""
        count, stored_mb = self._estate.stored(resource, self._now)
        extra_info: JsonObject = {}
        if resource.kind == "server":
            extra_info["exclude_volumes"] = list(resource.excluded)
            if resource.included is not None:
                extra_info["include_volumes"] = [
                    {"id": volume_id, "os_version": None} for volume_id in resource.included
                ]
        size = stored_mb if self._doubts.backup_size == "mb" else stored_mb // 1024
        entry: JsonObject = {
            "id": resource.id,
            "type": RESOURCE_TYPES[resource.kind],
            "name": resource.name,
            "size": resource.size_gb,
            "backup_size": size,
            "backup_count": count,
            "protect_status": resource.protect_status,
            "extra_info": extra_info,
        }
        if self._doubts.huawei:
            entry["auto_protect"] = False
        return entry, stored_mb

    # Policies

    def policy(self, policy: Policy, vaults: Iterable[Vault], *, enabled: bool) -> JsonObject:
        patterns: list[str] = []
        start: str | None = None
        if isinstance(policy.calendar, RuleCalendar):
            patterns = list(policy.calendar.patterns)
            start = written(policy.calendar.start, self._doubts.policy_times)
        properties: JsonObject = {"pattern": patterns, "start_time": start}
        operation: JsonObject = {
            "retention_duration_days": NEVER if policy.days is None else policy.days,
            "max_backups": NEVER if policy.keep is None else policy.keep,
            "day_backups": policy.per_day,
            "week_backups": policy.per_week,
            "month_backups": policy.per_month,
            "year_backups": policy.per_year,
        }
        if policy.time_zone is not None:
            operation["timezone"] = policy.time_zone
        associated = [{"vault_id": vault.id, "destination_vault_id": None} for vault in vaults]
        body: JsonObject = {
            "id": policy.id,
            "name": policy.name,
            "enabled": enabled,
            "operation_type": "backup",
            "operation_definition": operation,
            "trigger": {
                "id": uuid_from(f"trigger of {policy.id}"),
                "name": "default",
                "type": "time",
                "properties": properties,
            },
        }
        if self._doubts.huawei:
            operation["full_backup_interval"] = NEVER
            properties["start_window_minutes"] = 0
            body["policy_type"] = "custom_policy"
        if self._doubts.associated_vaults != "absent":
            is_null = self._doubts.associated_vaults == "null"
            body["associated_vaults"] = None if is_null else associated
        return body | policy.keys

    # Operation logs

    def log_word(self, run: Run) -> str:
        """Returns the status of an operation."""
        return LOG_WORDS[run.state(self._now)]

    def log(self, run: Run, vaults: Mapping[str, Vault]) -> JsonObject:
        state = run.state(self._now)
        is_over = state not in (State.WAITING, State.RUNNING)
        is_bad = state in (State.FAILED, State.TIMED_OUT, State.SKIPPED)
        code = ""
        if is_bad:
            code = run.code or "BackupService.9910"
        kind = RESOURCE_TYPES[run.resource.kind]
        vault = vaults.get(run.vault_id or "")
        backup_id: str | None = None
        if run.backup_id is not None and state is not State.WAITING:
            backup_id = self._estate.cbr_id(run.backup_id, native=run.native)
        made: JsonObject | None = None
        if state is not State.SKIPPED:
            made = {
                "backup_id": backup_id,
                "backup_name": run.backup_name,
                "incremental": "true" if run.incremental else "false",
                "app_consistency_error_code": "0",
                "app_consistency_error_message": "",
                "app_consistency_status": "0",
            }
        ended = self._time(run.ends) if is_over else None
        started = None if state is State.WAITING else self._time(run.begins)
        return {
            "id": run.id,
            "checkpoint_id": run.checkpoint_id,
            "created_at": self._time(run.slot + 1),
            "started_at": started,
            "ended_at": ended,
            "updated_at": ended or started or self._time(run.slot + 1),
            "error_info": {"code": code, "message": (run.message or "") if is_bad else ""},
            "extra_info": {
                "backup": made,
                "common": {
                    "progress": run.progress(self._now),
                    "request_id": f"req-{uuid_from(f'request of {run.id}')}",
                    "task_id": uuid_from(f"task of {run.id}"),
                },
                "resource": {"id": run.resource.id, "type": kind, "name": run.resource.name},
                "restore": None,
                "delete": None,
                "sync": None,
                "remove_resources": None,
                "replication": None,
                "vault_delete": None,
            },
            "operation_type": "backup",
            "policy_id": run.policy_id,
            "project_id": self._project_id,
            "provider_id": PROVIDERS[kind],
            "status": LOG_WORDS[state],
            "vault_id": run.vault_id,
            "vault_name": vault.name if vault is not None else None,
        }

    # Checkpoints

    def checkpoint(self, checkpoint_id: str, runs: list[Run], vault: Vault | None) -> JsonObject:
        """Returns what one run of a vault made, and what it left out and why."""
        protected: list[JsonObject] = []
        skipped: list[JsonObject] = []
        for run in runs:
            kind = RESOURCE_TYPES[run.resource.kind]
            if run.state(self._now) in (State.SKIPPED, State.TIMED_OUT, State.FAILED):
                skipped.append(
                    {
                        "id": run.resource.id,
                        "type": kind,
                        "name": run.resource.name,
                        "code": run.code or "BackupService.9910",
                        "reason": run.message or "",
                    }
                )
                continue
            entry, _ = self._resource(run.resource)
            size = entry.pop("size")
            entry["resource_size"] = str(size) if self._doubts.sizes_as_text else size
            protected.append(entry)
        is_running = any(run.state(self._now) is State.RUNNING for run in runs)
        return {
            "id": checkpoint_id,
            "project_id": self._project_id,
            "status": "protecting" if is_running else "available",
            "created_at": self._time(min(run.slot for run in runs) + 1),
            "vault": {
                "id": vault.id if vault is not None else None,
                "name": vault.name if vault is not None else None,
                "resources": protected,
                "skipped_resources": skipped,
            },
            "extra_info": {"name": "", "description": "", "retention_duration": NEVER},
        }


def _progress(phase: Phase) -> int | None:
    if phase.status == "creating":
        return phase.progress or 0
    return 100 if phase.status == "available" else None


def _updated(facts: Facts) -> float:
    if facts.phase.status == "creating":
        return facts.created + 1
    return facts.ended
