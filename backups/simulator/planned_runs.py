"""The runs of the generated policies: the occurrences of the streams that follow them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from backups.simulator.body import uuid_from
from backups.simulator.peculiarities import automatic_name, fail_reason
from backups.simulator.policy import Api, Outcome, Policy, Resource, Run, Vault
from backups.simulator.stream import DAY, HOUR, Stream
from backups.simulator.world import World

FOLLOWS_FOR = 3 * DAY  # How long after its last run a volume is still counted to its policy.
SKIPPED = "the run before was still going on"
# What CBR says where VBS has only a text.
CODES = {"VolumeBackup.0081": "BackupService.6114", "VolumeBackup.0062": "BackupService.6215"}
OTHER_CODE = "BackupService.0006"
TIMED_OUT_CODE = "BackupService.0013"


class StreamRuns:
    def __init__(self, world: World) -> None:
        self._world = world
        self._followers: dict[str, list[Stream]] = defaultdict(list)
        for stream in world.streams:
            if stream.policy is not None:
                self._followers[stream.policy].append(stream)

    def members(self, name: str, now: float) -> tuple[str, ...]:
        """Returns the volumes that the policy of this name runs for."""
        return tuple(
            stream.volume.volume_id
            for stream in self._followers[name]
            if stream.starts(stream.newest_at(now)) > now - FOLLOWS_FOR
        )

    def of(
        self,
        policy: Policy,
        now: float,
        *,
        days: int,
        vaults: Mapping[str, Vault],
        describe: Callable[[str], Resource],
    ) -> list[Run]:
        """Returns the runs of the last `days`, oldest first. `vaults`: by the ID of the volume or
        the server that they protect.
        """
        runs: list[Run] = []
        for stream in self._followers[policy.stream_name or ""]:
            runs += self._of_stream(stream, policy, now, days, vaults, describe)
        return sorted(runs, key=lambda run: (run.begins, run.id))

    def _of_stream(
        self,
        stream: Stream,
        policy: Policy,
        now: float,
        days: int,
        vaults: Mapping[str, Vault],
        describe: Callable[[str], Resource],
    ) -> Iterator[Run]:
        resource = describe(stream.volume.volume_id)
        vault = vaults.get(resource.id)
        if stream.peculiarity == "csbs" and stream.volume.server_id in vaults:
            vault = vaults[stream.volume.server_id]
            for candidate in vault.resources:
                if candidate.id == stream.volume.server_id:
                    resource = candidate
        n = int((now - days * DAY - stream.phase) // stream.period) + 1
        while slot_of(stream, n) <= now:
            run = self._run(stream, n, policy, resource, vault)
            if run is not None:
                yield run
            n += 1

    def _run(
        self, stream: Stream, n: int, policy: Policy, resource: Resource, vault: Vault | None
    ) -> Run | None:
        backup_id = self._world.occurrence_id(stream, n)
        begins = stream.starts(n)
        slot = slot_of(stream, n)
        run_id = uuid_from(f"run {backup_id}")
        vault_id = vault.id if vault is not None else None
        if not stream.exists(n):
            if not stream.skips:
                return None
            return Run(
                id=run_id,
                policy_id=policy.id,
                vault_id=vault_id,
                resource=resource,
                slot=slot,
                begins=slot + 4,
                ends=slot + 5,
                outcome=Outcome.SKIPPED,
                code="BackupService.6203",
                message=SKIPPED,
            )
        outcome = Outcome.MADE
        seconds = stream.takes(n)
        code: str | None = None
        message: str | None = None
        if stream.fails(n):
            seconds *= 0.4
            outcome = Outcome.TIMED_OUT if stream.times_out else Outcome.FAILED
            message = fail_reason(stream, n, backup_id=backup_id)
            code = CODES.get(message.partition(":")[0], OTHER_CODE)
            if stream.times_out:
                code = TIMED_OUT_CODE
        native: Api = "vbs"
        if resource.kind == "server":
            native = "cbr"
            backup_id = uuid_from(f"server backup {backup_id}")
        return Run(
            id=run_id,
            policy_id=policy.id,
            vault_id=vault_id,
            resource=resource,
            slot=slot,
            begins=begins,
            ends=begins + seconds,
            outcome=outcome,
            code=code,
            message=message,
            backup_id=backup_id,
            backup_name=automatic_name(stream, n),
            checkpoint_id=checkpoint_of(vault, slot),
            incremental=not stream.is_full(n),
            native=native,
        )


def slot_of(stream: Stream, n: int) -> float:
    """Returns the hour of the policy at which occurrence `n` was due."""
    begins = stream.phase + n * stream.period
    return begins - (begins - stream.hour * HOUR) % DAY


def checkpoint_of(vault: Vault | None, slot: float) -> str | None:
    """Returns the ID that all backups of one run of a vault share."""
    return None if vault is None else uuid_from(f"checkpoint {vault.id} {slot:.0f}")
