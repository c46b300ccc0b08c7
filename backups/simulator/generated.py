"""The policies and vaults of the generated cloud: what its backups were made by.

In VBS alone, in CBR alone, or on the move from one to the other.
"""

from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from backups.simulator.calendar import SHORT_WEEKDAYS, RuleCalendar, VbsCalendar
from backups.simulator.estate import Estate
from backups.simulator.plan import ANALYTICS, NIGHTLY, ON_THE_MOVE, SERVERS
from backups.simulator.policy import (
    Deviation,
    Habit,
    Outcome,
    Policy,
    Resource,
    Vault,
)
from backups.simulator.stream import DAY, HOUR, SimulatedVolume
from backups.simulator.volumes import Volumes
from backups.simulator.world import World

MOST_RESOURCES = 256  # Of one vault.
BEGAN = 1_735_689_600.0  # 2025-01-01, since when the policies stand.
SHOP_DAYS = 31  # Whose history begins with the simulator.
SHOP_KEEPS_DAYS = 7
# Volumes that CBR alone backs up: name, size in GB. The first is a server's root volume.
SHOP = (
    ("shop-prod-01-root", 40),
    ("shop-prod-01-data", 200),
    ("shop-prod-02-data", 100),
    ("shop-lab-01-data", 20),
)


@dataclass(frozen=True, slots=True)
class Followed:
    """A policy of the plan, and the volumes that follow it."""

    name: str
    hour: int
    keep: int
    volumes: list[SimulatedVolume]


def _followed(world: World) -> list[Followed]:
    by_name: dict[str, Followed] = {}
    for stream in world.streams:
        if stream.policy is None:
            continue
        followed = by_name.setdefault(
            stream.policy, Followed(stream.policy, stream.hour, stream.keep, [])
        )
        followed.volumes.append(stream.volume)
    return list(by_name.values())


def furnish(estate: Estate, world: World, volumes: Volumes, *, api: str, space: UUID) -> None:
    """Adds the policies and vaults; nothing where no backups are generated."""
    if not world.streams:
        return
    for followed in _followed(world):
        is_servers = followed.name == SERVERS.name
        is_moving = followed.name == ANALYTICS.name
        if api != "cbr" and not is_servers:
            _add_to_vbs(estate, followed, space, is_left_behind=is_moving and api == "both")
        if api == "cbr" or (api == "both" and (is_servers or is_moving)):
            _add_to_cbr(estate, followed, space)
    if api != "cbr":
        _add_odd_policies(estate, space)
    if api == "both":
        on_the_move = [
            volume.volume_id
            for volume in world.planned_volumes
            if volume.name in (*ON_THE_MOVE, "app-prod-01-root")
        ]
        estate.move(on_the_move)
        _add_shop(estate, volumes, space)


def _add_to_vbs(estate: Estate, followed: Followed, space: UUID, *, is_left_behind: bool) -> None:
    is_by_weekday = followed.name == NIGHTLY.name
    calendar = VbsCalendar(
        hours=(f"{followed.hour:02d}:00",),
        frequency=None if is_by_weekday else 1,
        weekdays=("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT") if is_by_weekday else (),
        time_zone="UTC+01:00",
    )
    policy = Policy(
        id=str(uuid5(space, f"policy vbs {followed.name}")),
        name=followed.name,
        api="vbs",
        calendar=calendar,
        since=BEGAN,
        keep=followed.keep,
        stream_name=followed.name,
    )
    if is_left_behind:
        policy = replace(policy, stream_name=None, enabled=False)
    estate.put_policy(policy)


def _add_to_cbr(estate: Estate, followed: Followed, space: UUID) -> None:
    rule = f"FREQ=DAILY;INTERVAL=1;BYHOUR={followed.hour};BYMINUTE=00"
    if followed.name == NIGHTLY.name:
        days = ",".join(SHORT_WEEKDAYS)
        rule = f"FREQ=WEEKLY;BYDAY={days};BYHOUR={followed.hour};BYMINUTE=00"
    policy = Policy(
        id=str(uuid5(space, f"policy cbr {followed.name}")),
        name=followed.name,
        api="cbr",
        calendar=RuleCalendar((rule,), BEGAN),
        since=BEGAN,
        keep=followed.keep,
        time_zone="UTC+01:00",
        stream_name=followed.name,
    )
    resources: list[Resource] = []
    for volume in followed.volumes:
        if not volume.listed:
            continue
        if followed.name == SERVERS.name:
            resources.append(_server_of(volume))
        else:
            resources.append(
                Resource(id=volume.volume_id, name=volume.name, size_gb=volume.size_gb)
            )
    name = f"vault-{followed.name.replace(' ', '-').replace(':', '')}"
    for start in range(0, len(resources), MOST_RESOURCES):
        batch = tuple(resources[start : start + MOST_RESOURCES])
        numbered = f"{name}-{1 + start // MOST_RESOURCES}" if start else name
        vault = Vault(
            id=str(uuid5(space, f"vault {numbered}")),
            name=numbered,
            resources=batch,
            policy_id=policy.id,
            size_gb=max(100, 2 * sum(resource.size_gb for resource in batch)),
            auto_expand=True,
            created=BEGAN,
        )
        estate.put_vault(vault)
    estate.put_policy(policy)


def _server_of(volume: SimulatedVolume) -> Resource:
    return Resource(
        id=volume.server_id,
        kind="server",
        name=volume.name.removesuffix("-root"),
        size_gb=volume.size_gb,
        volumes=(volume.volume_id,),
    )


def _add_odd_policies(estate: Estate, space: UUID) -> None:
    """Adds one that is switched off and one that is on; neither has a volume."""
    plain = Policy(
        id=str(uuid5(space, "policy vbs old-project")),
        name="old-project",
        api="vbs",
        calendar=VbsCalendar(("04:00",), frequency=3),
        since=BEGAN,
        keep=3,
        enabled=False,
    )
    estate.put_policy(plain)
    estate.put_policy(
        replace(
            plain,
            id=str(uuid5(space, "policy vbs empty")),
            name="empty",
            calendar=VbsCalendar(("23:00",), frequency=None, weekdays=("SUN",)),
            keep=None,
            days=30,
            enabled=True,
        )
    )


def _add_shop(estate: Estate, volumes: Volumes, space: UUID) -> None:
    """Adds a server and a volume that were never in VBS, with the history of their policy."""
    made: list[SimulatedVolume] = []
    for number, (name, size_gb) in enumerate(SHOP):
        volume = SimulatedVolume(
            index=900 + number,
            volume_id=str(uuid5(space, f"shop volume {name}")),
            name=name,
            size_gb=size_gb,
            base_mb=size_gb * 200,
            growth_mb=size_gb,
            bootable=name.endswith("root"),
        )
        made.append(volume)
    root, data, other, unused = made
    data = replace(data, root_volume_id=root.volume_id)
    for volume in (root, data, other, unused):
        volumes.add_generated(volume)
    server = replace(_server_of(root), volumes=(root.volume_id, data.volume_id))
    single = Resource(id=other.volume_id, name=other.name, size_gb=other.size_gb)
    lab = Resource(id=unused.volume_id, name=unused.name, size_gb=unused.size_gb)
    policy = Policy(
        id=str(uuid5(space, "policy cbr shop")),
        name="shop",
        api="cbr",
        calendar=RuleCalendar(("FREQ=DAILY;INTERVAL=1;BYHOUR=2;BYMINUTE=30",), BEGAN),
        since=estate.now() - SHOP_DAYS * DAY,
        days=SHOP_KEEPS_DAYS,
        time_zone="UTC+01:00",
        seconds=900,
        habits=(
            Habit(
                resource_id=server.id,
                every=6,
                day=1,
                deviation=Deviation(late=2 * HOUR),
            ),
            Habit(
                resource_id=other.volume_id,
                every=5,
                day=2,
                deviation=Deviation(
                    outcome=Outcome.FAILED,
                    code="BackupService.6114",
                    message="The vault capacity is used up.",
                ),
            ),
            Habit(
                resource_id=other.volume_id,
                every=5,
                day=4,
                deviation=Deviation(
                    outcome=Outcome.SKIPPED,
                    code="BackupService.6203",
                    message="A backup of the resource is being made.",
                ),
            ),
        ),
    )
    vaults = (
        Vault(
            id=str(uuid5(space, "vault shop")),
            name="vault-shop",
            resources=(server,),
            size_gb=600,
            policy_id=policy.id,
            created=BEGAN,
        ),
        Vault(
            id=str(uuid5(space, "vault shop disks")),
            name="vault-shop-disks",
            resources=(single,),
            size_gb=1,
            policy_id=policy.id,
            created=BEGAN,
        ),
    )
    for vault in vaults:
        estate.put_vault(vault)
    estate.put_policy(policy)
    switched_off = replace(
        policy,
        id=str(uuid5(space, "policy cbr shop-lab")),
        name="shop-lab",
        enabled=False,
        habits=(),
    )
    estate.put_vault(
        Vault(
            id=str(uuid5(space, "vault shop-lab")),
            name="vault-shop-lab",
            resources=(lab,),
            policy_id=switched_off.id,
            size_gb=100,
            created=BEGAN,
        )
    )
    estate.put_policy(switched_off)
