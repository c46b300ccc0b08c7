"""Which disks the generated cloud has, and which streams of backups; every state an operator may
meet has its disk.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from backups.simulator.stream import DAY, HOUR, WEEK, SimulatedVolume, Stream

QUARTER = 900
# Name of the disk, then its streams as options of Stream; a number alone is the `keep` of a plain
# nightly stream.
_ROLES: tuple[tuple[str, tuple[int | dict[str, Any], ...]], ...] = (
    ("db-prod-01-data", (14, {"look": "hand", "keep": 2, "period": 9 * DAY, "full_every": 1})),
    ("db-prod-02-data", (14,)),
    (
        "ledger-wal-01",
        (
            {
                "look": "script",
                "period": QUARTER,
                "phase": 0,
                "jitter": 20,
                "seconds": 460,
                "keep": 12,
            },
        ),
    ),
    (
        "ledger-wal-02",
        (
            {
                "look": "script",
                "period": QUARTER,
                "phase": 300,
                "jitter": 20,
                "seconds": 460,
                "keep": 12,
            },
        ),
    ),
    (
        "kafka-log-01",
        (
            {
                "look": "script",
                "period": QUARTER,
                "phase": 600,
                "jitter": 20,
                "seconds": 460,
                "keep": 12,
            },
        ),
    ),
    ("app-prod-01-root", ({"look": "csbs", "keep": 8},)),
    (
        "erp-replica-data",
        (
            {"look": "disk_copy", "keep": 6, "full_every": 1},
            {"look": "vm_copy", "keep": 3, "full_every": 1},
        ),
    ),
    ("hr-vault", (10,)),
    ("mail-store-01", ({"fail_one_in": 2, "cause": 0, "keep": 12},)),
    ("mail-store-02", ({"fail_one_in": 3, "cause": 0, "keep": 12},)),
    ("web-prod-03-root", ({"fail_one_in": 2, "cause": 4, "keep": 12},)),
    ("crm-prod-data", ({"fail_one_in": 2, "cause": 1, "keep": 12},)),
    ("fileserver-eu", ({"look": "reasoned", "keep": 9},)),
    (
        "build-cache-02",
        (6, {"period": WEEK, "keep": 1, "delay": HOUR, "newest": "error_deleting", "cause": 3}),
    ),
    (
        "restore-drill-01",
        (
            4,
            {
                "look": "script",
                "period": 2 * HOUR,
                "keep": 3,
                "delay": QUARTER,
                "newest": "restoring",
            },
        ),
    ),
    ("scratch-07", ({"look": "script", "period": HOUR, "keep": 5, "oldest": "deleting"},)),
    ("search-index-a", (5, {"period": WEEK, "keep": 1, "frozen_at": 37, "phase": 2 * DAY})),
    ("search-index-b", (5, {"period": WEEK, "keep": 1, "frozen_at": 61, "phase": 5 * DAY})),
    (
        "dwh-stage-a",
        (
            5,
            {
                "period": 6 * HOUR,
                "keep": 2,
                "seconds": 19_800,
                "wobble": 0.04,
                "phase": 0,
                "jitter": 0,
            },
        ),
    ),
    (
        "dwh-stage-b",
        (
            5,
            {
                "period": 6 * HOUR,
                "keep": 2,
                "seconds": 19_800,
                "wobble": 0.04,
                "phase": 3 * HOUR,
                "jitter": 0,
            },
        ),
    ),
    (
        "archive-cold",
        (4, {"period": WEEK, "keep": 1, "delay": HOUR, "newest": "moving_to_cold_tier"}),
    ),
    ("archive-warm", (4, {"period": WEEK, "keep": 1, "delay": HOUR, "newest": "error_restoring"})),
    ("legacy-app-01", ({"cycle": 40, "on": 12, "keep": 8},)),
    ("legacy-app-02", ({"cycle": 40, "on": 12, "keep": 8, "phase": 20 * DAY},)),
    ("git-mirror", ({"period": HOUR, "delay": 24 * HOUR + 1500, "keep": 8, "jitter": 300},)),
    ("removed-disk-01", ({"cycle": 40, "on": 12, "keep": 5, "phase": 10 * DAY},)),
    ("wiki-data", ({"full_every": 100_000, "keep": 8},)),
    ("registry-blobs", ({"look": "pruned", "keep": 12},)),
    # From its eighth backup on the newest increment of such a chain stands out; one of the three is
    # always that far.
    ("metrics-tsdb-01", ({"look": "runaway", "keep": 8, "full_every": 12},)),
    ("metrics-tsdb-02", ({"look": "runaway", "keep": 8, "full_every": 12, "phase": 4 * DAY},)),
    ("metrics-tsdb-03", ({"look": "runaway", "keep": 8, "full_every": 12, "phase": 8 * DAY},)),
    ("new-service-01", ({"look": "first_inc", "keep": 8},)),
    ("<i>odd</i> disk & 💾", ({"look": "odd_names", "keep": 8}, {"look": "plain", "keep": 4})),
    ("import-2017", ({"look": "bare", "keep": 3},)),
)
NEVER_BACKED_UP = ("tmp-build-99", "jump-host-root", "analytics-sandbox")
_WORDS = (
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
FILL_KEEP = 14


@dataclass(frozen=True, slots=True)
class Plan:
    volumes: tuple[SimulatedVolume, ...]
    streams: tuple[Stream, ...]


def names_of(seed: int) -> UUID:
    """The UUID5 namespace of one generated cloud."""
    return uuid5(NAMESPACE_URL, f"https://vbs-simulator.example/{seed}")


def make_plan(*, seed: int, backups: int, keep: int = FILL_KEEP) -> Plan:
    """Disks and streams that hold exactly `backups` backups at any time; none at all for 0. `keep`:
    of a plain disk.
    """
    if not backups:
        return Plan((), ())
    space = names_of(seed)
    volumes: list[SimulatedVolume] = []
    streams: list[Stream] = []
    left = backups
    for volume, plans in _volumes_and_streams(space, keep):
        volumes.append(volume)
        for stream in plans:
            streams.append(replace(stream, keep=min(stream.keep, left)))
            left -= streams[-1].keep
            if not left:
                volumes += (
                    _volume(space, index=-1 - i, name=name)
                    for i, name in enumerate(NEVER_BACKED_UP)
                )
                return Plan(tuple(volumes), tuple(streams))
    raise AssertionError("the stream of disks never ends")


def _volumes_and_streams(space: UUID, keep: int) -> Iterator[tuple[SimulatedVolume, list[Stream]]]:
    for index, (name, options) in enumerate(_ROLES):
        volume = _volume(space, index=index, name=name)
        given = [
            _nightly(volume, space, keep=o) if isinstance(o, int) else _special(volume, space, k, o)
            for k, o in enumerate(options)
        ]
        yield volume, given
    index = len(_ROLES)
    while True:
        volume = _volume(space, index=index, name=_name(index))
        yield volume, [replace(_nightly(volume, space, keep=keep), fail_one_in=80, cause=index)]
        index += 1


def _name(index: int) -> str:
    word, place, part = _WORDS[index % 12], _PLACES[index // 5 % 4], _PARTS[index // 3 % 4]
    return f"{word}-{place}-{index:02d}-{part}"


def _volume(space: UUID, *, index: int, name: str) -> SimulatedVolume:
    volume_id = uuid5(space, f"disk {index}")
    dice = volume_id.int
    size = (20, 50, 100, 200, 500, 1000)[dice % 6]
    return SimulatedVolume(
        index=index,
        volume_id=str(volume_id),
        name=name,
        size_gb=size,
        base_mb=size * (100 + dice // 7 % 300),
        growth_mb=size * (dice // 11 % 10) // 10,
        bootable=name.endswith("root"),
        encrypted=name == "hr-vault" or (index >= len(_ROLES) and index % 20 == 0),
        listed=not name.startswith("removed"),
    )


def _night(volume: SimulatedVolume) -> int:
    """Seconds after midnight UTC at which the disk's policy runs: between 19:00 and 05:00."""
    return (19 * HOUR + int(volume.volume_id[:8], 16) % (10 * HOUR)) % DAY


def _nightly(volume: SimulatedVolume, space: UUID, *, keep: int) -> Stream:
    return Stream(
        key=f"{space}/{volume.index}/0",
        volume=volume,
        phase=_night(volume),
        keep=keep,
        seconds=180 + 2 * volume.size_gb,
    )


def _special(volume: SimulatedVolume, space: UUID, place: int, options: dict[str, Any]) -> Stream:
    start = _nightly(volume, space, keep=10)
    options = dict(options)
    if options.get("period", DAY) % DAY == 0:
        options["phase"] = options.get("phase", 0) + start.phase
    return replace(start, key=f"{space}/{volume.index}/{place}", **options)
