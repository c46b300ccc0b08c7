"""The simulated CBR: its documented shapes, its doubts, and an estate that moves to it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from backups.simulator import Fault
from backups.simulator.access_rules import AccessRule
from backups.simulator.policy import Resource
from backups.tests.run_settings import LIMIT_S
from backups.tests.simulator.test_policies import DAY, DISK, OTHER, START, Cloud

SERVER = "b0b1c2d3-0000-4000-8000-000000000001"
# The keys of the recorded backup of a volume.
BACKUP_KEYS = {
    *("children", "checkpoint_id", "created_at", "description", "expired_at", "extend_info", "id"),
    *("image_type", "incremental", "name", "parent_id", "project_id", "protected_at"),
    *("provider_id", "replication_records", "resource_az", "resource_id", "resource_name"),
    *("resource_size", "resource_type", "scheduled_operation_id", "status", "updated_at"),
    "vault_id",
}
PATTERN_START = "policies.0.trigger.properties.start_time"
VAULT_KEYS = {
    *("auto_bind", "auto_expand", "billing", "bind_rules", "created_at", "description", "id"),
    *("locked", "name", "project_id", "provider_id", "resources", "tags", "user_id"),
}


class Cbr(Cloud):
    """Asks CBR. `vault_id` and `policy_id`: of one volume and one server with two others."""

    def ask(self, path: str, *, status: int = 200) -> Any:
        return self.get(f"/cbr/v3/{{p}}/{path}", status=status)

    def furnish(self, **words: Any) -> None:
        self.sim.add_volume({"id": DISK, "name": "disk-1", "size": 20})
        self.policy_id = self.sim.add_policy("daily", api="cbr", **{"keep": 3, **words})
        self.vault_id = self.sim.add_vault(
            "vault-1",
            policy_id=self.policy_id,
            volumes=[DISK],
            servers={SERVER: [OTHER, "root"]},
            size_gb=100,
        )


@contextmanager
def cbr(**options: Any) -> Iterator[Cbr]:
    made = Cbr(**{"api": "cbr", **options})
    with made.sim:
        yield made
        made.session.close()


def test_a_policy_makes_backups_of_what_its_vault_has() -> None:
    with cbr() as one:
        one.furnish(seconds=600)
        one.now = START.replace(hour=22, minute=3)
        listed = one.ask("backups")
        assert (listed["count"], listed["offset"], listed["limit"]) == (2, 0, 1000)
        kinds = {backup["resource_type"]: backup for backup in listed["backups"]}
        disk, server = kinds["OS::Cinder::Volume"], kinds["OS::Nova::Server"]
        assert disk.keys() == server.keys() == BACKUP_KEYS
        assert {disk["status"], server["status"]} == {"protecting"}
        assert (disk["resource_id"], disk["resource_name"], disk["resource_size"]) == (
            DISK,
            "disk-1",
            20,
        )
        assert disk["vault_id"] == server["vault_id"] == one.vault_id
        assert disk["scheduled_operation_id"] == one.policy_id
        assert disk["checkpoint_id"] == server["checkpoint_id"]
        assert 0 < disk["extend_info"]["progress"] < 100
        assert (disk["expired_at"], disk["protected_at"], disk["name"][:7]) == (
            None,
            None,
            "autobk_",
        )
        assert server["children"] == []
        whole = one.ask(f"backups/{server['id']}")["backup"]
        assert [child["resource_id"] for child in whole["children"]] == [OTHER, "root"]
        assert {child["parent_id"] for child in whole["children"]} == {server["id"]}
        one.now += timedelta(minutes=20)
        assert {backup["status"] for backup in one.ask("backups")["backups"]} == {"available"}
        one.now += 5 * DAY
        assert one.ask("backups")["count"] == 6
        one.ask(f"backups/{server['id']}", status=404)


def test_backups_end_when_their_days_are_over() -> None:
    with cbr() as one:
        one.furnish(keep=None, days=2, history=4 * DAY)
        backups = one.ask("backups")["backups"]
        assert len(backups) == 4
        for backup in backups:
            created, expired = (
                datetime.fromisoformat(backup[key]) for key in ("created_at", "expired_at")
            )
            assert expired - created == 2 * DAY
        one.now += timedelta(hours=11)
        assert one.ask("backups")["count"] == 4


def test_vaults_and_policies_name_each_other() -> None:
    with cbr() as one:
        one.furnish(history=2 * DAY, time_zone="UTC+01:00")
        (vault,) = one.ask("vaults")["vaults"]
        (policy,) = one.ask("policies")["policies"]
        assert vault.keys() == VAULT_KEYS
        assert one.ask(f"vaults/{vault['id']}") == {"vault": vault}
        assert one.ask(f"policies/{policy['id']}") == {"policy": policy}
        billing = vault["billing"]
        assert (billing["size"], billing["allocated"], billing["status"]) == (100, 30, "available")
        assert billing["used"] == sum(entry["backup_size"] for entry in vault["resources"]) > 0
        disk, server = vault["resources"]
        assert disk.keys() == server.keys()
        assert (disk["type"], disk["backup_count"], disk["extra_info"]) == (
            "OS::Cinder::Volume",
            2,
            {},
        )
        assert server["extra_info"] == {"exclude_volumes": []}
        assert policy["associated_vaults"] == [
            {"vault_id": vault["id"], "destination_vault_id": None}
        ]
        assert (policy["enabled"], policy["operation_type"]) == (True, "backup")
        assert policy["trigger"]["properties"] == {
            "pattern": ["FREQ=DAILY;INTERVAL=1;BYHOUR=22;BYMINUTE=00"],
            "start_time": "2026-11-21 12:00:00",
        }
        assert policy["operation_definition"] == {
            "retention_duration_days": -1,
            "max_backups": 3,
            "day_backups": 0,
            "week_backups": 0,
            "month_backups": 0,
            "year_backups": 0,
            "timezone": "UTC+01:00",
        }
        for query in (f"vault_id={vault['id']}", "operation_type=backup"):
            assert one.ask(f"policies?{query}")["count"] == 1
        assert one.ask("policies?operation_type=replication")["policies"] == []
        for query in (f"policy_id={policy['id']}", f"resource_ids=x,{DISK}", "object_type=server"):
            assert one.ask(f"vaults?{query}")["count"] == 1
        assert one.ask("vaults?name=other")["vaults"] == []


def test_a_server_may_leave_volumes_out() -> None:
    with cbr() as one:
        server = Resource(
            id=SERVER,
            kind="server",
            volumes=(DISK, OTHER),
            excluded=(OTHER,),
            protect_status="error",
        )
        policy_id = one.sim.add_policy("daily", api="cbr", history=DAY)
        some = Resource(id="server-2", kind="server", volumes=("a", "b"), included=("b",))
        one.sim.add_vault("v", policy_id=policy_id, resources=[server, some])
        one.now += DAY
        entries = one.ask("vaults")["vaults"][0]["resources"]
        assert entries[0]["extra_info"] == {"exclude_volumes": [OTHER]}
        assert entries[1]["extra_info"]["include_volumes"] == [{"id": "b", "os_version": None}]
        covered: set[str] = set()
        for backup in one.ask("backups")["backups"]:
            children = one.ask(f"backups/{backup['id']}")["backup"]["children"]
            covered |= {child["resource_id"] for child in children}
        assert covered == {DISK, "b"}


def test_operation_logs_tell_of_each_run() -> None:
    with cbr() as one:
        one.furnish()
        slots = [START.replace(hour=22) + n * DAY for n in range(4)]
        words: dict[str, Any] = {"code": "BackupService.6203", "message": "A backup is running."}
        one.sim.deviate(one.policy_id, slots[0], "skipped", resource_id=DISK, **words)
        one.sim.deviate(one.policy_id, slots[1], "failed", resource_id=DISK, **words)
        one.sim.deviate(one.policy_id, slots[2], "timed out", resource_id=DISK)
        one.now = slots[3] + timedelta(seconds=1)
        logs = one.ask(f"operation-logs?resource_id={DISK}")["operation_logs"]
        assert [log["status"] for log in logs] == ["waiting", "timeout", "failed", "skipped"]
        waiting, _, failed, skipped = logs
        assert (
            failed["error_info"]
            == skipped["error_info"]
            == {
                "code": "BackupService.6203",
                "message": "A backup is running.",
            }
        )
        assert (failed["policy_id"], failed["vault_id"], failed["vault_name"]) == (
            one.policy_id,
            one.vault_id,
            "vault-1",
        )
        assert failed["extra_info"]["resource"] == {
            "id": DISK,
            "type": "OS::Cinder::Volume",
            "name": "disk-1",
        }
        backup = one.ask(f"backups/{failed['extra_info']['backup']['backup_id']}")["backup"]
        assert (backup["status"], backup["name"]) == (
            "error",
            failed["extra_info"]["backup"]["backup_name"],
        )
        assert waiting["error_info"] == {"code": "", "message": ""}
        assert (waiting["started_at"], waiting["ended_at"]) == (None, None)
        assert one.ask(f"operation-logs/{failed['id']}") == {"operation_log": failed}
        for query, count in {
            "status=failed": 1,
            "status=failed&status=skipped": 2,
            "operation_type=restore": 0,
            f"start_time={slots[2]:%Y-%m-%dT%H:%M:%SZ}": 4,
            f"end_time={slots[0]:%Y-%m-%dT%H:%M:%SZ}": 0,
            "limit=3": 8,
        }.items():
            assert one.ask(f"operation-logs?{query}")["count"] == count
        checkpoint = one.ask(f"checkpoints/{failed['checkpoint_id']}")["checkpoint"]
        assert checkpoint["vault"]["skipped_resources"] == [
            {
                "id": DISK,
                "type": "OS::Cinder::Volume",
                "name": "disk-1",
                "code": "BackupService.6203",
                "reason": "A backup is running.",
            }
        ]
        assert [entry["id"] for entry in checkpoint["vault"]["resources"]] == [SERVER]


def test_what_is_not_there_has_a_code_of_its_own() -> None:
    with cbr() as one:
        codes = {
            "policies": "6000",
            "vaults": "6105",
            "backups": "6200",
            "checkpoints": "6217",
            "operation-logs": "6500",
        }
        for resource, code in codes.items():
            answer = one.ask(f"{resource}/{DISK}", status=404)
            assert answer["error_code"] == f"BackupService.{code}"
            assert answer["error_msg"].endswith("does not exist.")
        assert one.ask("checkpoints", status=404)
        wrong = one.ask("backups?limit=x", status=400)
        assert wrong["error_code"] == "BackupService.9900"
        for query in ("sort=size", "limit=0", "start_time=x", "marker=none", "own_type=x"):
            one.ask(f"backups?{query}", status=400)
        assert one.get("/cbr/v3/other/backups", status=403)["error_code"] == "APIG.0302"
        one.sim.fault(Fault("status", status=500))
        assert one.ask("vaults", status=500)["error_code"] == "BackupService.9910"
        one.sim.clear_faults()
        one.sim.fault(Fault("status", status=429, retry_after=3))
        assert one.ask("vaults", status=429)["error_code"].startswith("APIG.")


def test_backups_are_filtered_sorted_and_cut() -> None:
    with cbr() as one:
        one.furnish(history=3 * DAY)
        every = one.ask("backups")["backups"]
        ids = [backup["id"] for backup in every]
        assert [backup["created_at"] for backup in every] == sorted(
            (backup["created_at"] for backup in every), reverse=True
        )
        assert one.sim.ids == one.sim.cbr_ids == ids
        oldest_first = one.ask("backups?sort=created_at:asc")["backups"]
        assert [backup["id"] for backup in oldest_first] == ids[::-1]
        page = one.ask("backups?limit=2&offset=4")
        assert ([backup["id"] for backup in page["backups"]], page["count"]) == (ids[4:], 6)
        assert [b["id"] for b in one.ask(f"backups?marker={ids[3]}")["backups"]] == ids[4:]
        one.sim.doubt(count="page")
        assert one.ask("backups?limit=5")["count"] == 5
        server = next(backup for backup in every if backup["resource_id"] == SERVER)
        for query, count in {
            f"resource_id={DISK}": 3,
            "resource_type=OS::Nova::Server": 3,
            "status=available": 6,
            "status=error&status=available": 6,
            "status=error": 0,
            f"vault_id={one.vault_id}": 6,
            f"checkpoint_id={server['checkpoint_id']}": 2,
            f"parent_id={server['id']}": 2,
            f"name={server['name']}": 1,
            "own_type=shared": 0,
            "image_type=replication": 0,
        }.items():
            assert len(one.ask(f"backups?{query}")["backups"]) == count, query


def key_of(body: Any, path: str) -> Any:
    for key in path.split("."):
        body = body[int(key)] if isinstance(body, list) else body.get(key, "absent")
    return body


@pytest.mark.parametrize(
    ("switch", "path", "key", "value"),
    [
        ({"associated_vaults": "null"}, "policies", "policies.0.associated_vaults", None),
        ({"associated_vaults": "absent"}, "policies", "policies.0.associated_vaults", "absent"),
        ({"policy_times": "zulu"}, "policies", PATTERN_START, "2026-11-22T12:00:00Z"),
        ({"lists": "null"}, "policies", "policies", None),
        ({"lists": "absent"}, "operation-logs", "operation_logs", "absent"),
        ({"huawei": True}, "policies", "policies.0.policy_type", "custom_policy"),
        ({"huawei": True}, "vaults", "vaults.0.threshold", 80),
        ({"vault_resources": "null"}, "vaults", "vaults.0.resources", None),
        ({"vault_resources": "absent"}, "vaults", "vaults.0.resources", "absent"),
        ({"half_vault": True}, "vaults", "vaults.0.resources.0.id", "absent"),
        ({"deleted_resources": True}, "vaults", "vaults.0.resources.2.protect_status", "deleted"),
        ({"incremental": "top"}, "backups", "backups.0.extend_info.incremental", "absent"),
        ({"incremental": "extend_info"}, "backups", "backups.0.incremental", "absent"),
        ({}, "backups", "backups.0.incremental", True),
        ({"first_incremental": False}, "backups", "backups.0.incremental", False),
        ({"policy_ids": False}, "backups", "backups.0.scheduled_operation_id", "absent"),
        ({"count": "absent"}, "backups", "count", "absent"),
        ({"server_children_listed": True}, "backups", "count", 4),
    ],
)
def test_each_doubt_is_a_switch(switch: dict[str, Any], path: str, key: str, value: object) -> None:
    with cbr() as one:
        one.furnish(history=DAY)
        one.sim.doubt(**switch)
        assert key_of(one.ask(path), key) == value


@pytest.mark.parametrize(
    ("form", "time"),
    [
        ("micro", "2026-11-22T22:00:01.000000"),
        ("offset", "2026-11-22T22:00:01.000000+00:00"),
        ("milli", "2026-11-22T22:00:01.000+00:00"),
        ("blank", "2026-11-22 22:00:01"),
        ("zulu", "2026-11-22T22:00:01Z"),
    ],
)
def test_times_come_in_each_form_that_was_seen(form: str, time: str) -> None:
    with cbr() as one:
        one.furnish(history=DAY)
        one.sim.doubt(times=form)
        assert one.ask("operation-logs?limit=1")["operation_logs"][0]["created_at"] == time
        one.sim.doubt(times="mixed")
        backups = one.ask("backups")["backups"]
        assert all(datetime.fromisoformat(backup["created_at"]) for backup in backups)


def test_odd_sizes_and_offsets() -> None:
    with cbr() as one:
        one.furnish(history=DAY)
        one.sim.doubt(backup_size="gb", sizes_as_text=True, first_log_offset=1)
        one.ask("operation-logs?offset=0", status=400)
        (log, _) = one.ask("operation-logs?offset=1&limit=1")["operation_logs"] * 2
        checkpoint = one.ask(f"checkpoints/{log['checkpoint_id']}")["checkpoint"]
        sizes = {entry["resource_size"] for entry in checkpoint["vault"]["resources"]}
        assert sizes == {"20", "10"}
        assert one.ask("vaults")["vaults"][0]["resources"][0]["backup_size"] == 0


def test_bodies_are_served_as_they_are() -> None:
    with cbr() as one:
        body = {"id": "x", "created_at": "2025-03-25T06:23:27.304116", "children": [{"id": "y"}]}
        one.sim.add_cbr(body)
        assert one.ask("backups")["backups"] == [body | {"children": []}]
        assert one.ask("backups/x") == {"backup": body}
        one.sim.remove_cbr("x")
        one.ask("backups/x", status=404)
        for resource in ("vaults", "policies", "operation-logs"):
            one.sim.add_cbr({"id": "x", "odd": None}, resource=resource)
            word = resource.replace("-", "_")
            assert one.ask(resource)[word] == [{"id": "x", "odd": None}]
            assert one.ask(f"{resource}/x")
        one.sim.add_cbr({"id": "x"}, resource="checkpoints")
        assert one.ask("checkpoints/x") == {"checkpoint": {"id": "x"}}


def test_backups_by_hand_of_a_volume_and_of_a_server() -> None:
    with cbr() as one:
        mine = one.sim.create(DISK, name="mine", seconds=100, api="cbr")
        server = one.sim.create_server_backup(SERVER, [OTHER], fail="no")
        assert one.ask(f"backups/{mine}")["backup"]["status"] == "protecting"
        one.now += timedelta(minutes=5)
        found = {backup["id"]: backup for backup in one.ask("backups")["backups"]}
        assert (found[mine]["status"], found[server]["status"]) == ("available", "error")
        assert found[mine]["scheduled_operation_id"] is found[mine]["expired_at"] is None
        logs = one.ask("operation-logs")["operation_logs"]
        assert {log["policy_id"] for log in logs} == {None}
        assert {log["status"] for log in logs} == {"success", "failed"}


def test_cbr_alone_shows_the_whole_generated_cloud() -> None:
    with cbr(backups=300) as one:
        listed = one.ask("backups")
        assert listed["count"] == 300
        kinds = Counter(backup["resource_type"] for backup in listed["backups"])
        assert kinds["OS::Nova::Server"] == 8
        vaults = one.ask("vaults")["vaults"]
        assert len(vaults) == one.ask("policies")["count"] == 6
        statuses = Counter(log["status"] for log in one.ask("operation-logs")["operation_logs"])
        assert {"success", "failed", "skipped", "timeout"} <= statuses.keys()
        one.get("/v2/{p}/backuppolicy", status=404)
        assert "protecting" in {backup["status"] for backup in listed["backups"]}


def test_an_estate_on_the_move_shows_each_backup_where_it_is() -> None:
    with cbr(api="both", backups=300) as one:
        in_vbs = {backup["id"]: backup for backup in one.backups()}
        in_cbr = {}
        for backup in one.ask("backups")["backups"]:
            whole = one.ask(f"backups/{backup['id']}")["backup"]
            for disk in whole["children"] or [whole]:
                in_cbr[disk["id"]] = disk
        both = in_vbs.keys() & in_cbr.keys()
        assert (len(in_vbs), len(both)) == (300, 32)
        assert len(in_cbr) > len(both)
        for backup_id in both:
            seen = in_cbr[backup_id]
            assert seen["created_at"] == in_vbs[backup_id]["created_at"]
            assert seen["extend_info"]["snapshot_id"] == in_vbs[backup_id]["snapshot_id"]
            assert seen["resource_id"] == in_vbs[backup_id]["volume_id"]
        one.sim.doubt(same_ids=False)
        again = one.ask("backups?resource_type=OS::Cinder::Volume")["backups"]
        assert in_vbs.keys().isdisjoint(backup["id"] for backup in again)
        one.ask(f"backups/{again[-1]['id']}")
        # What CBR alone has is attached to a server that the list of volumes names.
        volumes = one.get("/evs/v2/{p}/volumes/detail")["volumes"]
        servers = {entry["server_id"] for volume in volumes for entry in volume["attachments"]}
        vaults = one.ask("vaults")["vaults"]
        protected = {entry["id"] for vault in vaults for entry in vault["resources"]}
        assert len(protected & servers) == 2
        left = {policy["backup_policy_name"]: policy for policy in one.policies()}["analytics"]
        assert left["scheduled_policy"]["status"] == "OFF"


def test_a_volume_that_moves_is_seen_through_both_from_then_on() -> None:
    with cbr(api="both") as one:
        vbs_policy = one.sim.add_policy("nightly", volumes=[DISK], keep=2, history=3 * DAY)
        assert (len(one.backups()), one.ask("backups")["count"]) == (2, 0)
        one.sim.move_volumes(DISK)
        one.sim.change_policy(vbs_policy, enabled=False)
        one.furnish(keep=5)
        assert {b["id"] for b in one.backups()} == {b["id"] for b in one.ask("backups")["backups"]}
        one.now += DAY
        assert (len(one.backups()), one.ask("backups")["count"]) == (3, 4)
        one.sim.doubt(vbs_shows_cbr=False)
        assert len(one.backups()) == 2


def test_a_service_that_ends_leaves_the_catalog() -> None:
    with cbr(api="both") as one:
        user = {
            "name": one.sim.username,
            "domain": {"name": one.sim.account.domain_name},
            "password": one.sim.password,
        }
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"id": one.sim.project_id}}

        def types() -> set[str]:
            body = {"auth": {"identity": identity, "scope": scope}}
            url = f"{one.sim.auth_url}/auth/tokens"
            token = one.session.post(url, json=body, timeout=LIMIT_S).json()["token"]
            return {entry["type"] for entry in token["catalog"]}

        assert {"vbs", "vbsv2", "cbr"} <= types()
        one.sim.end_service("vbs")
        assert {"vbs", "vbsv2"}.isdisjoint(types())
        assert one.get("/v2/{p}/backups", status=404)["error_code"] == "APIGW.0101"
        one.sim.reopen_service("vbs")
        one.sim.end_service("cbr", status=410)
        assert "cbr" not in types()
        one.ask("backups", status=410)
        one.get("/v2/{p}/backups")


def test_faults_and_access_rules_hold_for_cbr_too() -> None:
    with cbr() as one:
        one.furnish(history=3 * DAY)
        one.sim.fault(Fault("poison", path="vaults"))
        assert one.ask("vaults")["vaults"][0] == {"id": None, "status": ["?"]}
        one.sim.fault(Fault("shift", rows=1))
        first, second = (one.ask(f"backups?limit=2&offset={n}")["backups"] for n in (0, 2))
        assert first[1]["id"] == second[0]["id"]
        one.sim.clear_faults()
        one.sim.fault(Fault("not_json", path="policies", times=1))
        with pytest.raises(ValueError):
            one.ask("policies")
        rule = AccessRule("cbr", "GET", "/v3/{project}/backups")
        assert rule.covers("cbr", "GET", f"/v3/{one.sim.project_id}/backups")
        assert [record.path for record in one.sim.requests][-1].startswith("/cbr/v3/")


def test_a_bad_choice_of_services_is_refused() -> None:
    for words in ({"api": "csbs"}, {"api": "both", "flavor": "cinder"}):
        with pytest.raises(ValueError, match="api is vbs, cbr or both"):
            Cloud(**words)
