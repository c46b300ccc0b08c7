"""Policies, vaults and what they do: runs begin at their slots by the clock, make backups, and the
retention removes them.

What both services show is one pool of backups, the store. Each backup is native to one service; one
of a volume that moved is seen through both. Times are seconds since 1970.
"""

import heapq
import itertools
import threading
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple, cast
from uuid import UUID, uuid5

from backups.simulator.body import Facts, uuid_from
from backups.simulator.calendar import next_slot
from backups.simulator.doubts import Doubts
from backups.simulator.peculiarities import automatic_name
from backups.simulator.planned_runs import StreamRuns, checkpoint_of, slot_of
from backups.simulator.policy import (
    Api,
    Deviation,
    Outcome,
    Policy,
    Resource,
    Run,
    Vault,
)
from backups.simulator.store import Origin, Row, RunningBackup, ServerBackup, Store
from backups.simulator.stream import DAY, HOUR
from backups.simulator.timeline import AVAILABLE
from backups.simulator.volumes import VolumeWords
from backups.simulator.world import Slot
from backups.vbs.json_object import JsonObject

LOG_DAYS = 30  # How long tasks are kept.
AS_PLANNED = Deviation()


@dataclass(frozen=True, slots=True)
class CbrRow:
    """A backup as CBR has it: of a volume, of a server with its volumes' as children, or one that
    was put in as it is.
    """

    id: str
    created: float
    row: "Slot | RunningBackup | ServerBackup | JsonObject"
    children: tuple["CbrRow", ...] = ()

    @property
    def resource_id(self) -> str:
        match self.row:
            case Slot() | RunningBackup():
                return self.row.volume_id
            case ServerBackup():
                return self.row.server.id
        return str(self.row.get("resource_id"))


class Held(NamedTuple):
    """A backup that a policy made, while its retention keeps it."""

    backup_id: str
    ends: float
    is_good: bool
    children: tuple[str, ...] = ()


class Estate:
    """Safe to use from many threads."""

    def __init__(
        self,
        *,
        store: Store,
        api: Api | str,
        space: UUID,
        clock: Callable[[], float],
        words_of: Callable[[str], VolumeWords],
    ) -> None:
        self._store = store
        self._api = api
        self._space = space
        self._clock = clock
        self.words_of = words_of
        self._lock = threading.RLock()
        self.doubts = Doubts()
        self._policies: dict[str, Policy] = {}
        self._revisions: dict[str, int] = {}
        self._vaults: dict[str, Vault] = {}
        self._vault_by_resource: dict[str, Vault] = {}
        self._runs: dict[str | None, list[Run]] = defaultdict(list)
        self._deviations: dict[tuple[str, str | None, float], Deviation] = {}
        self._held: dict[tuple[str, str], list[Held]] = defaultdict(list)
        self._servers: dict[str, ServerBackup] = {}
        self._verbatim: dict[str, JsonObject] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._moved: set[str] = set()
        self._has_backup: set[str] = set()
        self._version = 0
        self._answers = 0
        self._rows: list[CbrRow] = []
        self._by_id: dict[str, CbrRow] = {}
        self._volume_rows: dict[str, list[Slot | RunningBackup]] = {}
        self._counts: Counter[str] = Counter()
        self._rows_version: tuple[object, ...] = ()
        self._stream_runs = StreamRuns(store.world)
        self._kept_runs: dict[str, tuple[tuple[int, int], list[Run]]] = {}
        self._kept_log: tuple[tuple[int, int], list[Run]] = ((0, -1), [])

    # What there is

    def put_policy(self, policy: Policy) -> None:
        """Adds the policy, or changes it from now on: what ran before stays as it was. What one
        with a history did happens only when the clock is looked at next, so that its vault can be
        bound before.
        """
        with self._lock:
            if policy.id in self._policies:
                self.advance(self._clock())
            self._policies[policy.id] = policy
            revision = self._revisions.get(policy.id, -1) + 1
            self._revisions[policy.id] = revision
            after = policy.since - 1 if not revision else self._clock()
            self._await_slot(policy, revision, after)
            self._version += 1

    def remove_policy(self, policy_id: str) -> None:
        with self._lock:
            self.advance(self._clock())
            del self._policies[policy_id]
            self._revisions[policy_id] += 1
            for vault in self._vaults.values():
                if vault.policy_id == policy_id:
                    self._vaults[vault.id] = replace(vault, policy_id=None)
            self._index_vaults()

    def put_vault(self, vault: Vault) -> None:
        with self._lock:
            if vault.id in self._vaults:
                self.advance(self._clock())
            self._vaults[vault.id] = vault
            self._index_vaults()

    def remove_vault(self, vault_id: str) -> None:
        with self._lock:
            self.advance(self._clock())
            del self._vaults[vault_id]
            self._index_vaults()

    def policy(self, policy_id: str) -> Policy:
        return self._policies[policy_id]

    def vault(self, vault_id: str) -> Vault:
        return self._vaults[vault_id]

    def policies(self, api: Api) -> list[Policy]:
        with self._lock:
            return [policy for policy in self._policies.values() if policy.api == api]

    def vaults(self) -> list[Vault]:
        with self._lock:
            return list(self._vaults.values())

    def vaults_of(self, policy_id: str) -> list[Vault]:
        return [vault for vault in self.vaults() if vault.policy_id == policy_id]

    def flips(self) -> bool:
        """Is `enabled` of policies to be told wrongly in this answer?"""
        with self._lock:
            self._answers += 1
            return self.doubts.policy_flips and self._answers % 2 == 0

    def deviate(
        self, policy_id: str, slot: float, deviation: Deviation, resource_id: str | None
    ) -> None:
        """Makes one coming run differ; `resource_id` None: for all of the policy."""
        with self._lock:
            self._deviations[policy_id, resource_id, slot] = deviation

    def move(self, volume_ids: Iterable[str]) -> None:
        """From now on both services show the backups of these volumes."""
        with self._lock:
            self._moved.update(volume_ids)
            self.touch()

    def members(self, policy: Policy) -> list[Resource]:
        """Returns what the policy runs for now."""
        if policy.api == "cbr":
            return [resource for vault in self.vaults_of(policy.id) for resource in vault.resources]
        volumes = policy.volumes
        if policy.stream_name is not None:
            volumes += self._stream_runs.members(policy.stream_name, self._clock())
        return [self._as_resource(volume_id) for volume_id in volumes]

    def _as_resource(self, volume_id: str) -> Resource:
        words = self.words_of(volume_id)
        return Resource(id=volume_id, name=words.name, size_gb=words.size_gb)

    # Time

    def now(self) -> float:
        return self._clock()

    def advance(self, now: float) -> None:
        """Lets happen what is due."""
        with self._lock:
            while self._events and self._events[0][0] <= now:
                heapq.heappop(self._events)[2]()

    def _at(self, moment: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), action))

    def _await_slot(self, policy: Policy, revision: int, after: float) -> None:
        if policy.stream_name is not None or not policy.enabled:
            return
        slot = next_slot(policy.calendar, after)
        if slot is not None:
            self._at(slot, partial(self._run, policy.id, revision, slot))

    def _run(self, policy_id: str, revision: int, slot: float) -> None:
        if self._revisions[policy_id] != revision:
            return
        policy = self._policies[policy_id]
        self._await_slot(policy, revision, slot)
        vaults: Sequence[Vault | None] = [None]
        if policy.api == "cbr":
            vaults = [vault for vault in self.vaults_of(policy_id) if vault.since <= slot]
        for vault in vaults:
            resources = self.members(policy) if vault is None else vault.resources
            for resource in resources:
                self._start(policy, vault, resource, slot)

    def _deviation(self, policy: Policy, resource: Resource, slot: float) -> Deviation:
        for resource_id in (resource.id, None):
            deviation = self._deviations.get((policy.id, resource_id, slot))
            if deviation is not None:
                return deviation
        for habit in policy.habits:
            is_day = int(slot // DAY) % habit.every == habit.day
            if habit.resource_id == resource.id and is_day:
                return habit.deviation
        return AS_PLANNED

    def _start(self, policy: Policy, vault: Vault | None, resource: Resource, slot: float) -> None:
        deviation = self._deviation(policy, resource, slot)
        if deviation.outcome is Outcome.UNLOGGED:
            return
        text = f"{policy.id}/{resource.id}/{slot:.0f}"
        bits = zlib.crc32(text.encode())
        begins = slot + deviation.late + 3 + bits % 60 + bits % 999_983 / 1e6
        has_backup = deviation.outcome in (Outcome.MADE, Outcome.FAILED)
        run = Run(
            id=str(uuid5(self._space, f"run {text}")),
            policy_id=policy.id,
            vault_id=vault.id if vault else None,
            resource=resource,
            slot=slot,
            begins=begins,
            ends=begins + policy.seconds,
            outcome=deviation.outcome,
            code=deviation.code,
            message=deviation.message,
            backup_id=str(uuid5(self._space, f"backup {text}")) if has_backup else None,
            backup_name=f"autobk_{bits & 0xFFFF:04x}" if has_backup else None,
            checkpoint_id=checkpoint_of(vault, slot),
            incremental=resource.id in self._has_backup,
            native=policy.api,
        )
        self._log(run)
        if has_backup:
            self._has_backup.add(resource.id)
            self._at(begins, partial(self._begin, policy, run))

    def _log(self, run: Run) -> None:
        runs = self._runs[run.policy_id]
        runs.append(run)
        while runs and runs[0].slot < run.slot - LOG_DAYS * DAY:
            runs.pop(0)
        self._version += 1

    def _begin(self, policy: Policy, run: Run) -> None:
        expires = run.begins + policy.days * DAY if policy.days is not None else None
        if policy.keep is not None:
            expires = None  # The number goes before the days.
        children = self._make(run, native=policy.api, expires=expires)
        is_good = run.outcome is Outcome.MADE
        key = (policy.id, run.resource.id)
        self._held[key].append(Held(cast(str, run.backup_id), run.ends, is_good, children))
        self._at(run.ends, partial(self._retain, policy.id, key, run.ends))
        if expires is not None:
            self._at(expires, partial(self._expire, key, cast(str, run.backup_id)))

    def _make(self, run: Run, *, native: Api, expires: float | None) -> tuple[str, ...]:
        """Puts the backups of a run into the pool; returns the IDs of those of a server's."""
        backup_id = cast(str, run.backup_id)
        origin = Origin(
            policy_id=run.policy_id,
            vault_id=run.vault_id,
            checkpoint_id=run.checkpoint_id,
            expires=expires,
            is_first=run.policy_id is not None and not run.incremental,
        )
        fail = None
        if run.outcome is Outcome.FAILED:
            fail = run.message or "the run failed"
        if run.resource.kind == "volume":
            self._put(run, self._facts(run, self._as_known(run.resource)), origin, native, fail)
            return ()
        children: list[RunningBackup] = []
        for volume_id in run.resource.covered:
            facts = self._facts(run, self._as_resource(volume_id))
            facts.id = str(uuid5(self._space, f"child {backup_id}/{volume_id}"))
            child = replace(origin, parent_id=backup_id)
            children.append(self._put(run, facts, child, native, fail))
        self._servers[backup_id] = ServerBackup(
            id=backup_id,
            server=run.resource,
            name=cast(str, run.backup_name),
            created=run.begins,
            seconds=run.ends - run.begins,
            fails=fail is not None,
            origin=origin,
        )
        self._version += 1
        return tuple(child.id for child in children)

    def _as_known(self, resource: Resource) -> Resource:
        return resource if resource.name else self._as_resource(resource.id)

    def _facts(self, run: Run, resource: Resource) -> Facts:
        return Facts(
            id=cast(str, run.backup_id),
            volume_id=resource.id,
            size_gb=resource.size_gb,
            phase=AVAILABLE,
            created=run.begins,
            ended=run.begins,
            name=run.backup_name,
            full=not run.incremental,
            inc=int(run.incremental),
        )

    def _put(
        self, run: Run, facts: Facts, origin: Origin, native: Api, fail: str | None
    ) -> RunningBackup:
        row = RunningBackup(
            facts, seconds=run.ends - run.begins, fail=fail, native=native, origin=origin
        )
        self._store.add(row)
        return row

    def _retain(self, policy_id: str, key: tuple[str, str], now: float) -> None:
        """Removes what the policy keeps no longer: the oldest above its number."""
        policy = self._policies.get(policy_id)
        if policy is None or policy.keep is None:
            return
        held = self._held[key]
        good = [one for one in held if one.is_good and one.ends <= now]
        if len(good) <= policy.keep:
            return
        first_kept = good[-policy.keep]
        while held[0] is not first_kept:
            self._remove(held.pop(0))

    def _expire(self, key: tuple[str, str], backup_id: str) -> None:
        for held in self._held[key]:
            if held.backup_id == backup_id:
                self._held[key].remove(held)
                self._remove(held)
                return

    def _remove(self, held: Held) -> None:
        self._servers.pop(held.backup_id, None)
        for backup_id in (held.backup_id, *held.children):
            self._store.remove(backup_id)
        self._version += 1

    # By hand

    def add_verbatim(self, body: JsonObject) -> None:
        """Shows this backup in CBR as it is."""
        with self._lock:
            self._verbatim[str(body["id"])] = body
            self._version += 1

    def remove_from_cbr(self, backup_id: str) -> None:
        """Removes a backup of CBR, be it native or only seen there."""
        row = self.cbr_row(backup_id)
        with self._lock:
            self._verbatim.pop(backup_id, None)
            self._servers.pop(backup_id, None)
            for one in (row, *row.children) if row is not None else ():
                if isinstance(one.row, Slot | RunningBackup):
                    self._store.remove(one.row.id)
            self._version += 1

    def log_creation(
        self,
        backup_id: str,
        volume_id: str,
        *,
        name: str | None,
        seconds: float,
        fail: str | None,
        native: Api,
    ) -> None:
        """Logs a backup of a volume that somebody asked for just now."""
        now = self._clock()
        vault = self.vault_with(volume_id)
        run = Run(
            id=uuid_from(f"by hand {backup_id}"),
            policy_id=None,
            vault_id=vault.id if vault is not None else None,
            resource=self._as_resource(volume_id),
            slot=now,
            begins=now,
            ends=now + seconds,
            outcome=Outcome.FAILED if fail else Outcome.MADE,
            message=fail,
            backup_id=backup_id,
            backup_name=name,
            native=native,
        )
        with self._lock:
            self._log(run)

    def touch(self) -> None:
        """Makes all be chosen and written anew."""
        with self._lock:
            self._version += 1
            self._store.touch()

    def make_server_backup(
        self, server: Resource, *, name: str, seconds: float, fail: str | None, vault_id: str | None
    ) -> str:
        """Begins a backup of a server that somebody asked for; returns its ID."""
        with self._lock:
            now = self._clock()
            number = next(self._numbers)
            run = Run(
                id=str(uuid5(self._space, f"by hand {number}")),
                policy_id=None,
                vault_id=vault_id,
                resource=server,
                slot=now,
                begins=now,
                ends=now + seconds,
                outcome=Outcome.FAILED if fail else Outcome.MADE,
                message=fail,
                backup_id=str(uuid5(self._space, f"server backup {number}")),
                backup_name=name,
                checkpoint_id=str(uuid5(self._space, f"checkpoint {number}")),
            )
            self._log(run)
            self._make(run, native="cbr", expires=None)
            return cast(str, run.backup_id)

    # What the services show

    def runs(self, policy: Policy) -> list[Run]:
        """Returns the runs of the last days, oldest first."""
        now = self._clock()
        with self._lock:
            if policy.stream_name is None:
                return [run for run in self._runs[policy.id] if run.slot >= now - LOG_DAYS * DAY]
        # Within an hour none is added: slots lie at full hours.
        key = (int(now // HOUR), self._version)
        kept = self._kept_runs.get(policy.id)
        if kept is not None and kept[0] == key:
            return kept[1]
        vaults = {
            resource.id: vault
            for vault in self.vaults_of(policy.id)
            for resource in vault.resources
        }
        runs = self._stream_runs.of(
            policy, now, days=LOG_DAYS, vaults=vaults, describe=self._as_resource
        )
        self._kept_runs[policy.id] = (key, runs)
        return runs

    def runs_of_cbr(self) -> list[Run]:
        """Returns all that CBR logs, newest first."""
        now = self._clock()
        key = (int(now // HOUR), self._version)
        if self._kept_log[0] == key:
            return self._kept_log[1]
        runs: list[Run] = []
        for policy in self.policies("cbr"):
            runs += self.runs(policy)
        with self._lock:
            runs += self._runs[None]
        runs.sort(key=lambda run: (run.slot, run.id), reverse=True)
        self._kept_log = (key, runs)
        return runs

    def is_in_vbs(self, row: Row) -> bool:
        if self._api == "cbr":
            return False
        if row.native == "vbs":
            return True
        return self.doubts.vbs_shows_cbr and row.volume_id in self._moved

    def is_in_cbr(self, row: Row) -> bool:
        if self._api == "cbr":
            return True
        return row.native == "cbr" or row.volume_id in self._moved

    def cbr_id(self, backup_id: str, *, native: Api) -> str:
        """Returns the ID under which CBR shows a backup of the pool."""
        if native == "cbr" or self._api == "cbr" or self.doubts.same_ids:
            return backup_id
        return uuid_from(f"in CBR {backup_id}")

    def cbr_rows(self) -> list[CbrRow]:
        """Returns the backups of CBR, oldest first. The list is shared: do not change it."""
        with self._lock:
            version = (self._store.version, self._version, self.doubts)
            if self._rows_version != version:
                self._index()
                self._rows_version = version
            return self._rows

    def stored(self, resource: Resource, now: float) -> tuple[int, int]:
        """Returns how many backups of a resource there are, and how many MB they take: of each
        chain as many as its newest has.
        """
        self.cbr_rows()
        stored_mb = 0
        for volume_id in resource.covered:
            largest = 0
            for row in self._volume_rows.get(volume_id, ()):
                facts = row.facts_at(now)
                if facts.full:
                    stored_mb += largest
                    largest = 0
                largest = max(largest, facts.chain_mb)
            stored_mb += largest
        return self._counts.get(resource.id, 0), stored_mb

    def cbr_row(self, backup_id: str) -> CbrRow | None:
        self.cbr_rows()
        return self._by_id.get(backup_id.lower())

    def _index(self) -> None:
        rows: list[CbrRow] = [_as_it_is(body) for body in self._verbatim.values()]
        children: dict[str, list[CbrRow]] = defaultdict(list)
        volume_rows: dict[str, list[Slot | RunningBackup]] = defaultdict(list)
        servers = dict(self._servers)
        for row in self._store.all_rows():
            if not self.is_in_cbr(row):
                continue
            volume_rows[row.volume_id].append(row)
            shown = CbrRow(self.cbr_id(row.id, native=row.native), row.key[0], row)
            parent_id = row.parent_id
            if parent_id is None:
                rows.append(shown)
                continue
            children[parent_id].append(shown)
            if isinstance(row, Slot):
                servers[parent_id] = self._server_of(row, parent_id)
        for server in servers.values():
            row_ids = tuple(children[server.id])
            rows.append(CbrRow(server.id, server.created, server, row_ids))
        self._by_id = {row.id.lower(): row for row in rows}
        for group in children.values():
            self._by_id.update((child.id, child) for child in group)
            if self.doubts.server_children_listed:
                rows += group
        rows.sort(key=lambda row: (row.created, row.id))
        self._rows = rows
        self._volume_rows = volume_rows
        self._counts = Counter(row.resource_id for row in rows)

    def children_of(self, backup_id: str) -> list[CbrRow]:
        row = self.cbr_row(backup_id)
        return list(row.children) if row is not None else []

    def _server_of(self, slot: Slot, backup_id: str) -> ServerBackup:
        """Returns the server backup that a generated backup of one volume belongs to."""
        stream = slot.stream
        volume = stream.volume
        server = Resource(
            id=volume.server_id,
            kind="server",
            name=volume.name.removesuffix("-root"),
            size_gb=volume.size_gb,
            volumes=(volume.volume_id,),
        )
        return ServerBackup(
            id=backup_id,
            server=server,
            name=automatic_name(stream, slot.n),
            created=slot.start,
            seconds=stream.takes(slot.n),
            fails=stream.fails(slot.n),
            origin=replace(self.origin_of(slot), parent_id=None),
        )

    def origin_of(self, row: Slot | RunningBackup) -> Origin:
        """Returns where a backup is from; of a generated one by the vault that has it now."""
        if isinstance(row, RunningBackup):
            if row.origin is not None:
                return row.origin
            vault = self.vault_with(row.volume_id)
            return Origin(vault_id=vault.id if vault is not None else None)
        stream = row.stream
        vault = self.vault_with(row.volume_id) or self.vault_with(stream.volume.server_id)
        if vault is None:
            return Origin(parent_id=row.parent_id)
        if stream.policy is None:  # By hand or by a script.
            return Origin(vault_id=vault.id, parent_id=row.parent_id)
        return Origin(
            policy_id=vault.policy_id,
            vault_id=vault.id,
            checkpoint_id=checkpoint_of(vault, slot_of(stream, row.n)),
            parent_id=row.parent_id,
        )

    def vault_with(self, resource_id: str) -> Vault | None:
        """Returns the vault that protects a volume or a server."""
        return self._vault_by_resource.get(resource_id)

    def _index_vaults(self) -> None:
        by_resource: dict[str, Vault] = {}
        for vault in self._vaults.values():
            for resource in vault.resources:
                by_resource.setdefault(resource.id, vault)
        self._vault_by_resource = by_resource
        self._version += 1


def _as_it_is(body: JsonObject) -> CbrRow:
    text = str(body.get("created_at"))
    try:
        created = datetime.fromisoformat(text)
    except ValueError:
        created = datetime.min  # It is sorted as the oldest.
    if created.tzinfo is None:
        created = created.replace(tzinfo=UTC)
    return CbrRow(str(body["id"]), created.timestamp(), body)
