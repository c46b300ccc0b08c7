"""Which volumes the generated cloud has, and which streams of backups; every state an operator may
meet has its volume.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypedDict
from uuid import NAMESPACE_URL, UUID, uuid5

from backups.simulator.stream import DAY, HOUR, WEEK, SimulatedVolume, Stream

QUARTER = 900  # Seconds of a quarter of an hour.
FILL_KEEP = 14


class Special(TypedDict, total=False):
    """What a stream has of its own; all else is as in a nightly stream. Fields as in Stream."""

    peculiarity: str
    keep: int
    period: int
    phase: int
    jitter: int
    seconds: int
    wobble: float
    on: int
    cycle: int
    delay: int
    full_every: int
    fail_one_in: int
    cause: int
    newest: str
    oldest: str
    frozen_at: int
    policy: str
    skips: bool
    times_out: bool


@dataclass(frozen=True, slots=True)
class Role:
    """A volume with a state that an operator may meet. A stream that is a number is nightly and
    keeps so many.
    """

    volume: str
    streams: tuple[int | Special, ...]


@dataclass(frozen=True, slots=True)
class PlannedPolicy:
    """`hour`: of UTC, full. `keep`: its retention."""

    name: str
    hour: int
    keep: int


PRODUCTION = PlannedPolicy("production", hour=22, keep=14)
NIGHTLY = PlannedPolicy("nightly", hour=20, keep=12)
STANDARD = PlannedPolicy("standard", hour=1, keep=8)
SHORT = PlannedPolicy("short", hour=3, keep=5)
ANALYTICS = PlannedPolicy("analytics", hour=1, keep=8)
SERVERS = PlannedPolicy("servers", hour=2, keep=8)
BY_KEEP = {policy.keep: policy for policy in (PRODUCTION, NIGHTLY, STANDARD, SHORT)}
# Whose policy runs in CBR as soon as there is one; VBS still shows them.
ON_THE_MOVE = ("wiki-data", "metrics-tsdb-01", "metrics-tsdb-02")
# What a policy's stream may be peculiar for.
AUTOMATIC = (
    "nightly",
    "available_with_reason",
    "first_is_inc",
    "nulls",
    "pruned",
    "runaway",
)
# How long after its policy's hour a volume's turn comes at the latest, in seconds.
TURNS = 2400


def _every_quarter_hour(phase: int) -> Special:
    return {
        "peculiarity": "by_script",
        "period": QUARTER,
        "phase": phase,
        "jitter": 20,
        "seconds": 460,
        "keep": 11,
    }


def _stands_still(frozen_at: int, day: int) -> Special:
    return {
        "peculiarity": "by_script",
        "period": WEEK,
        "keep": 1,
        "frozen_at": frozen_at,
        "phase": day * DAY,
    }


def _takes_hours(phase: int) -> Special:
    return {
        "peculiarity": "by_script",
        "period": 6 * HOUR,
        "keep": 2,
        "seconds": 19_800,
        "wobble": 0.04,
        "phase": phase,
        "jitter": 0,
    }


def _ends_as(status: str) -> Special:
    return {
        "peculiarity": "by_script",
        "period": WEEK,
        "keep": 1,
        "delay": HOUR,
        "newest": status,
    }


def _ceases(keep: int, day: int = 0) -> Special:
    """Of 40 nights only the first twelve have a backup."""
    return {"cycle": 40, "on": 12, "keep": keep, "phase": day * DAY}


def _skips(day: int) -> Special:
    """Every second night is skipped; of two such volumes one each night."""
    return {"cycle": 2, "on": 1, "keep": 5, "phase": day * DAY, "skips": True}


def _fails(one_in: int, cause: int) -> Special:
    return {"fail_one_in": one_in, "cause": cause, "keep": 12}


def _runs_away(day: int) -> Special:
    return {"peculiarity": "runaway", "keep": 8, "full_every": 12, "phase": day * DAY}


_BY_HAND: Special = {"peculiarity": "by_hand", "keep": 2, "period": 9 * DAY, "full_every": 1}
_VOLUME_COPY: Special = {"peculiarity": "disk_copy", "keep": 6, "full_every": 1}
_VM_COPY: Special = {"peculiarity": "vm_copy", "keep": 3, "full_every": 1}
_RESTORING: Special = {
    "peculiarity": "by_script",
    "period": 2 * HOUR,
    "keep": 3,
    "delay": QUARTER,
    "newest": "restoring",
}
_DELETING: Special = {"peculiarity": "by_script", "period": HOUR, "keep": 5, "oldest": "deleting"}
_APPEARS_A_DAY_LATE: Special = {
    "peculiarity": "by_script",
    "period": HOUR,
    "delay": 24 * HOUR + 1500,
    "keep": 8,
    "jitter": 300,
}
_ROLES = (
    Role("db-prod-01-data", (14, _BY_HAND)),
    Role("db-prod-02-data", (14,)),
    Role("ledger-wal-01", (_every_quarter_hour(phase=0),)),
    Role("ledger-wal-02", (_every_quarter_hour(phase=300),)),
    Role("kafka-log-01", (_every_quarter_hour(phase=600),)),
    Role("app-prod-01-root", ({"peculiarity": "csbs", "keep": 8},)),
    Role("erp-replica-data", (_VOLUME_COPY, _VM_COPY)),
    Role("hr-vault", (12,)),
    Role("mail-store-01", (_fails(one_in=2, cause=0),)),
    Role("mail-store-02", (_fails(one_in=3, cause=0),)),
    Role("web-prod-03-root", ({**_fails(one_in=2, cause=4), "times_out": True},)),
    Role("crm-prod-data", (_fails(one_in=2, cause=1),)),
    Role("fileserver-eu", ({"peculiarity": "available_with_reason", "keep": 8},)),
    Role("build-cache-02", (5, {**_ends_as("error_deleting"), "cause": 3})),
    Role("restore-drill-01", (5, _RESTORING)),
    Role("scratch-07", (_DELETING,)),
    Role("search-index-a", (5, _stands_still(frozen_at=37, day=2))),
    Role("search-index-b", (5, _stands_still(frozen_at=61, day=5))),
    Role("dwh-stage-a", (_skips(day=0), _takes_hours(phase=0))),
    Role("dwh-stage-b", (_skips(day=1), _takes_hours(phase=3 * HOUR))),
    Role("archive-cold", (5, _ends_as("moving_to_cold_tier"))),
    Role("archive-warm", (5, _ends_as("error_restoring"))),
    Role("legacy-app-01", (_ceases(keep=8),)),
    Role("legacy-app-02", (_ceases(keep=8, day=20),)),
    Role("git-mirror", (_APPEARS_A_DAY_LATE,)),
    Role("removed-disk-01", (_ceases(keep=5, day=10),)),
    Role("wiki-data", ({"full_every": 100_000, "keep": 8},)),
    # Of its runs some begin late.
    Role("registry-blobs", ({"peculiarity": "pruned", "keep": 12, "jitter": 9000},)),
    # From its eighth backup on the newest increment of such a chain stands out; one of the three is
    # always that far.
    Role("metrics-tsdb-01", (_runs_away(day=0),)),
    Role("metrics-tsdb-02", (_runs_away(day=4),)),
    Role("metrics-tsdb-03", (_runs_away(day=8),)),
    Role("new-service-01", ({"peculiarity": "first_is_inc", "keep": 8},)),
    Role(
        "<i>odd</i> disk & 💾",
        (
            {"peculiarity": "odd_names", "keep": 8},
            {"peculiarity": "plain_description", "keep": 4},
        ),
    ),
    Role("import-2017", ({"peculiarity": "nulls", "keep": 3},)),
)
NEVER_BACKED_UP = ("tmp-build-99", "jump-host-root", "analytics-sandbox")
_PURPOSES = (
    "db",
    "app",
    "web",
    "cache",
    "queue",
    "mail",
    "search",
    "batch",
    "erp",
    "crm",
    "vault",
    "proxy",
)
_PLACES = ("prod", "test", "stage", "lab")
_PARTS = ("data", "root", "log", "wal")
_SIZES_GB = (20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True, slots=True)
class Plan:
    volumes: tuple[SimulatedVolume, ...]
    streams: tuple[Stream, ...]


def names_of(seed: int) -> UUID:
    """Returns the UUID5 namespace of one generated cloud."""
    return uuid5(NAMESPACE_URL, f"https://vbs-simulator.example/{seed}")


def make_plan(*, seed: int, backups: int, keep: int = FILL_KEEP) -> Plan:
    """Returns volumes and streams that hold exactly `backups` backups at any time; none at all for
    0. `keep`: of a plain volume.
    """
    if not backups:
        return Plan((), ())
    space = names_of(seed)
    volumes: list[SimulatedVolume] = []
    streams: list[Stream] = []
    backups_left = backups
    for volume, volume_streams in _volumes_and_streams(space, keep):
        volumes.append(volume)
        for stream in volume_streams:
            stream = replace(stream, keep=min(stream.keep, backups_left))
            streams.append(stream)
            backups_left -= stream.keep
            if not backups_left:
                volumes += _never_backed_up(space)
                return Plan(tuple(volumes), tuple(streams))
    raise AssertionError("the stream of disks never ends")


def _never_backed_up(space: UUID) -> list[SimulatedVolume]:
    return [
        _volume(space, index=-1 - position, name=name)
        for position, name in enumerate(NEVER_BACKED_UP)
    ]


def _volumes_and_streams(space: UUID, keep: int) -> Iterator[tuple[SimulatedVolume, list[Stream]]]:
    """Yields the volumes with a role, then plain ones without end."""
    for index, role in enumerate(_ROLES):
        volume = _volume(space, index=index, name=role.volume)
        streams: list[Stream] = []
        for position, options in enumerate(role.streams):
            if isinstance(options, int):
                streams.append(_nightly(volume, space, BY_KEEP[options]))
            else:
                streams.append(_special(volume, space, position, options))
        yield volume, streams
    for index in itertools.count(len(_ROLES)):
        volume = _volume(space, index=index, name=_name(index))
        night = _night(volume)
        hour = night // HOUR
        policy = PlannedPolicy(f"nightly {hour:02d}:00", hour, keep)
        stream = _nightly(volume, space, policy)
        yield volume, [replace(stream, phase=night, fail_one_in=80, cause=index)]


def _name(index: int) -> str:
    purpose = _PURPOSES[index % 12]
    place = _PLACES[index // 5 % 4]
    part = _PARTS[index // 3 % 4]
    return f"{purpose}-{place}-{index:02d}-{part}"


def _volume(space: UUID, *, index: int, name: str) -> SimulatedVolume:
    volume_id = uuid5(space, f"disk {index}")
    random_number = volume_id.int
    size_gb = _SIZES_GB[random_number % 6]
    is_plain = index >= len(_ROLES)
    return SimulatedVolume(
        index=index,
        volume_id=str(volume_id),
        name=name,
        size_gb=size_gb,
        base_mb=size_gb * (100 + random_number // 7 % 300),
        growth_mb=size_gb * (random_number // 11 % 10) // 10,
        bootable=name.endswith("root"),
        encrypted=name == "hr-vault" or (is_plain and index % 20 == 0),
        listed=not name.startswith("removed"),
    )


def _night(volume: SimulatedVolume) -> int:
    """Returns the second after midnight UTC at which the volume's policy runs:
    between 19:00 and 05:00.
    """
    return (19 * HOUR + int(volume.volume_id[:8], 16) % (10 * HOUR)) % DAY


def _nightly(volume: SimulatedVolume, space: UUID, policy: PlannedPolicy) -> Stream:
    """Returns the stream of a volume that follows a policy; its turn comes soon after the hour."""
    return Stream(
        key=f"{space}/{volume.index}/0",
        volume=volume,
        phase=policy.hour * HOUR + _night(volume) % TURNS,
        keep=policy.keep,
        seconds=180 + 2 * volume.size_gb,
        policy=policy.name,
        hour=policy.hour,
    )


def _special(volume: SimulatedVolume, space: UUID, position: int, special: Special) -> Stream:
    policy = _policy_of(volume, special)
    nightly = _nightly(volume, space, policy or SHORT)
    nightly = replace(nightly, key=f"{space}/{volume.index}/{position}", keep=10)
    if policy is None:
        nightly = replace(nightly, policy=None)
    stream = replace(nightly, **special)
    if stream.period % DAY == 0:  # It begins at the hour of the policy, some days later.
        return replace(stream, phase=special.get("phase", 0) + nightly.phase)
    return stream


def _policy_of(volume: SimulatedVolume, special: Special) -> PlannedPolicy | None:
    """Returns the policy that a special stream follows: what runs once a night by itself."""
    peculiarity = special.get("peculiarity", "nightly")
    if special.get("period", DAY) != DAY:
        return None
    if volume.name in ON_THE_MOVE:
        return ANALYTICS
    if peculiarity == "csbs":
        return SERVERS
    return BY_KEEP.get(special.get("keep", 10)) if peculiarity in AUTOMATIC else None
