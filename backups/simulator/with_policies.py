"""What a test sets of policies, vaults, tasks and CBR; the simulator is one of these."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from backups.simulator.calendar import RuleCalendar, VbsCalendar
from backups.simulator.cbr import CbrService
from backups.simulator.doubts import Doubts
from backups.simulator.estate import Estate
from backups.simulator.keystone import Clock, Keystone
from backups.simulator.policy import (
    Api,
    Deviation,
    Habit,
    Outcome,
    Policy,
    Resource,
    Run,
    Vault,
)
from backups.simulator.service import Service
from backups.simulator.vbs_policies import VbsPolicies

NO_HISTORY = timedelta(0)


class WithPolicies:
    """Methods for tests. Whatever the clock reaches happens by itself: runs begin at their slots
    and make backups, and the retention removes them.
    """

    now: Clock
    _space: UUID
    _estate: Estate
    _keystone: Keystone
    _service: Service
    _vbs_policies: VbsPolicies
    _cbr: CbrService
    _apis: set[str]

    # Switches

    @property
    def doubts(self) -> Doubts:
        return self._estate.doubts

    def doubt(self, **switches: Any) -> None:
        """Sets switches of `Doubts`, by name; the others stay as they are."""
        self._estate.doubts = replace(self._estate.doubts, **switches)
        self._keystone.cbr_project = self._estate.doubts.catalog_project
        self._estate.touch()

    def end_service(self, api: Api, *, status: int = 404) -> None:
        """Takes a service out of the catalog; its paths answer `status` from now on."""
        self._service.ended[api] = status
        self._apis.discard(api)
        self._keystone.apis = frozenset(self._apis)

    def reopen_service(self, api: Api) -> None:
        self._service.ended.pop(api, None)
        self._apis.add(api)
        self._keystone.apis = frozenset(self._apis)

    # Policies

    def add_policy(
        self,
        name: str,
        *,
        api: Api = "vbs",
        hours: Sequence[str] = ("22:00",),
        frequency: int | None = None,
        weekdays: Sequence[str] = (),
        time_zone: str | None = None,
        patterns: Sequence[str] = ("FREQ=DAILY;INTERVAL=1;BYHOUR=22;BYMINUTE=00",),
        volumes: Sequence[str] = (),
        keep: int | None = 7,
        days: int | None = None,
        enabled: bool = True,
        history: timedelta = NO_HISTORY,
        seconds: float = 300,
        claimed: int | None = None,
        habits: Sequence[Habit] = (),
        policy_id: str | None = None,
        **words: Any,
    ) -> str:
        """Makes a policy that has run for `history` already, and returns its ID.

        VBS: `hours`, `frequency` or `weekdays`, and `volumes`; without either, it runs every day.
        CBR: `patterns`; what it runs for is in the vaults that are bound to it. `words`: further
        fields of `policy.Policy`.
        """
        since = (self.now() - history).timestamp()
        if policy_id is None:
            policy_id = str(uuid5(self._space, f"policy {api} {name}"))
        if frequency is None and not weekdays:
            frequency = 1
        calendar: VbsCalendar | RuleCalendar
        if api == "vbs":
            calendar = VbsCalendar(tuple(hours), frequency, tuple(weekdays), time_zone)
        else:
            calendar = RuleCalendar(tuple(patterns), since)
        policy = Policy(
            id=policy_id,
            name=name,
            api=api,
            calendar=calendar,
            volumes=tuple(volumes),
            enabled=enabled,
            since=since,
            keep=keep,
            days=days,
            time_zone=time_zone,
            seconds=seconds,
            claimed=claimed,
            habits=tuple(habits),
            **words,
        )
        self._estate.put_policy(policy)
        return policy_id

    def change_policy(self, policy_id: str, **words: Any) -> None:
        """Changes fields of `policy.Policy` from now on, e.g. enabled, keep, volumes, calendar."""
        self._estate.put_policy(replace(self._estate.policy(policy_id), **words))

    def remove_policy(self, policy_id: str) -> None:
        """Takes it out of the list; vaults lose it, its backups stay."""
        self._estate.remove_policy(policy_id)

    def deviate(
        self,
        policy_id: str,
        slot: datetime,
        outcome: Outcome | str = Outcome.MADE,
        *,
        late: float = 0,
        code: str | None = None,
        message: str | None = None,
        resource_id: str | None = None,
    ) -> None:
        """Makes the run of a coming slot differ: "made" (`late` by so many seconds), "skipped",
        "failed", "timed out", or "unlogged"; for one volume or server, or for all.
        """
        deviation = Deviation(outcome=Outcome(outcome), late=late, code=code, message=message)
        self._estate.deviate(policy_id, slot.timestamp(), deviation, resource_id)

    def add_policy_body(self, body: Mapping[str, object], *, api: Api = "vbs") -> None:
        """Lists this policy as it is; it never runs."""
        if api == "vbs":
            self._vbs_policies.add_policy(dict(body))
        else:
            self._cbr.add("policies", dict(body))

    def add_task(self, policy_id: str, body: Mapping[str, object]) -> None:
        """Lists this task of a policy of VBS as it is, before all others."""
        self._vbs_policies.add_task(policy_id, dict(body))

    def runs(self, policy_id: str) -> list[Run]:
        """What the policy did in the last days, oldest first, the runs of now among them."""
        self._estate.advance(self.now().timestamp())
        return self._estate.runs(self._estate.policy(policy_id))

    # Vaults and CBR

    def add_vault(
        self,
        name: str,
        *,
        policy_id: str | None = None,
        volumes: Sequence[str] = (),
        servers: Mapping[str, Sequence[str]] | None = None,
        resources: Sequence[Resource] = (),
        size_gb: int = 1000,
        auto_expand: bool = False,
        vault_id: str | None = None,
        **words: Any,
    ) -> str:
        """Makes a vault and returns its ID. The first one that is bound to a policy has the whole
        history of that. `servers`: the volumes of each; `resources`: those with more to say;
        `words`: further fields of `policy.Vault`.
        """
        if vault_id is None:
            vault_id = str(uuid5(self._space, f"vault {name}"))
        named = list(resources)
        for volume_id in volumes:
            known = self._estate.words_of(volume_id)
            named.append(Resource(id=volume_id, name=known.name, size_gb=known.size_gb))
        for server_id, its_volumes in (servers or {}).items():
            named.append(Resource(id=server_id, kind="server", volumes=tuple(its_volumes)))
        vault = Vault(
            id=vault_id,
            name=name,
            policy_id=policy_id,
            resources=tuple(named),
            size_gb=size_gb,
            auto_expand=auto_expand,
            created=self.now().timestamp(),
            **{"since": self._bound_since(policy_id), **words},
        )
        self._estate.put_vault(vault)
        return vault_id

    def _bound_since(self, policy_id: str | None) -> float:
        if policy_id is None or self._estate.vaults_of(policy_id):
            return self.now().timestamp()
        return self._estate.policy(policy_id).since

    def change_vault(self, vault_id: str, **words: Any) -> None:
        self._estate.put_vault(replace(self._estate.vault(vault_id), **words))

    def remove_vault(self, vault_id: str) -> None:
        self._estate.remove_vault(vault_id)

    def move_volumes(self, *volume_ids: str) -> None:
        """Migrates these: from now on CBR shows their backups too, and VBS what CBR makes."""
        self._estate.move(volume_ids)

    def add_cbr(self, body: Mapping[str, object], *, resource: str = "backups") -> str:
        """Serves this object of CBR as it is: one of backups, vaults, policies, operation-logs,
        checkpoints. Returns its ID.
        """
        if resource == "backups":
            self._estate.add_verbatim(dict(body))
        else:
            self._cbr.add(resource, dict(body))
        return str(body.get("id"))

    def remove_cbr(self, backup_id: str) -> None:
        """Makes a backup of CBR unknown from now on."""
        self._estate.remove_from_cbr(backup_id)

    def create_server_backup(
        self,
        server_id: str,
        volumes: Sequence[str],
        *,
        name: str = "manualbk_0001",
        seconds: float = 10,
        fail: str | None = None,
        vault_id: str | None = None,
    ) -> str:
        """Begins a backup of a server by hand in CBR; those of its volumes are its children."""
        server = Resource(id=server_id, kind="server", name=server_id, volumes=tuple(volumes))
        return self._estate.make_server_backup(
            server, name=name, seconds=seconds, fail=fail, vault_id=vault_id
        )

    @property
    def cbr_ids(self) -> list[str]:
        """The IDs of what CBR lists now, newest first."""
        self._estate.advance(self.now().timestamp())
        return [row.id for row in reversed(self._estate.cbr_rows())]
