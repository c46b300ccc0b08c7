"""The generated history of the simulator, and backups that run by the clock."""

import json
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
import requests

from backups.simulator import Simulator
from backups.simulator.body import Form
from backups.simulator.world import World
from backups.tests.run_settings import LIMIT_S

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FORM = Form(project_id="p")
# Odd hours over a month: whatever the operator's moment is, the demo must show every state.
MOMENTS = [START + timedelta(hours=37 * n, minutes=n) for n in range(20)]
HOUR = timedelta(hours=1)
Entry = dict[str, Any]


def entries(
    moment: datetime, *, seed: int = 1, backups: int = 300, form: Form = FORM
) -> list[Entry]:
    """The generated backups at this moment, oldest first, metadata decoded under `meta`."""
    world = World(seed=seed, backups=backups)
    now = moment.timestamp()
    world.advance(now)
    found = [json.loads(world.slots[backup_id].encode(now, form)) for _, backup_id in world.keys]
    return [entry | {"meta": json.loads(entry["service_metadata"] or "{}")} for entry in found]


@cache
def cached(moment: datetime) -> list[Entry]:
    return entries(moment)


def age(entry: Entry, moment: datetime) -> timedelta:
    return moment - datetime.fromisoformat(entry["created_at"]).replace(tzinfo=UTC)


def names(moment: datetime) -> dict[str, str]:
    """Names of the listed disks by their IDs."""
    return {str(body["id"]): str(body["name"]) for body in World(seed=1, backups=300).volumes(FORM)}


def test_the_same_seed_gives_the_same_backups_after_a_restart() -> None:
    assert entries(START) == entries(START)
    assert {one["id"] for one in entries(START)}.isdisjoint(
        one["id"] for one in entries(START, seed=2)
    )


def test_a_world_that_ran_on_equals_one_that_is_started_later() -> None:
    world = World(seed=1, backups=300)
    later = START + timedelta(days=3)
    for step in range(0, 73, 5):
        world.advance((START + step * HOUR).timestamp())
    world.advance(later.timestamp())
    fresh = World(seed=1, backups=300)
    fresh.advance(later.timestamp())
    assert world.keys == fresh.keys
    world.advance(START.timestamp())
    fresh.advance(START.timestamp())
    assert world.keys == fresh.keys


@pytest.mark.parametrize("backups", [0, 1, 20, 300, 1000])
def test_there_are_as_many_backups_as_asked_for_at_any_time(backups: int) -> None:
    assert [len(entries(moment, backups=backups)) for moment in MOMENTS[:5]] == [backups] * 5


def test_old_backups_go_and_new_ones_come() -> None:
    before, after = (
        {one["id"] for one in entries(START + n * timedelta(days=1))} for n in range(2)
    )
    assert len(before - after) == len(after - before)
    assert 70 < len(after - before) < 150


def error_reasons(found: list[Entry]) -> Counter[str]:
    return Counter(
        one["fail_reason"].partition(":")[0] for one in found if one["status"] == "error"
    )


def chains(found: list[Entry]) -> dict[str, list[int]]:
    sizes: dict[str, list[int]] = defaultdict(list)
    for one in found:
        if one["status"] == "available" and "CS" in one["meta"]:
            sizes[one["volume_id"]].append(one["meta"]["CS"])
    return sizes


def steps(found: list[Entry]) -> list[list[int]]:
    """Growth from one backup to the next, by disk."""
    return [[after - before for before, after in pairwise(s)] for s in chains(found).values()]


def newest_good(found: list[Entry], moment: datetime) -> dict[str, timedelta]:
    """Age of each disk's newest good backup."""
    return {
        one["volume_id"]: age(one, moment)
        for one in found
        if one["status"] in ("available", "restoring")
    }


def long_running(found: list[Entry], moment: datetime, *, moving: bool) -> bool:
    """Whether something runs for more than two hours and makes progress, or makes
    none, within 20 minutes.
    """
    later = {one["id"]: one["meta"].get("progress") for one in cached(moment + HOUR / 3)}
    running = [one for one in found if one["status"] == "creating" and age(one, moment) > 2 * HOUR]
    return any((one["meta"]["progress"] != later[one["id"]]) == moving for one in running)


STATES: dict[str, Callable[[list[Entry], datetime], bool]] = {
    "one is always in flight": lambda f, t: any(
        one["status"] == "creating" and age(one, t) < timedelta(minutes=10) for one in f
    ),
    "policies name autobk": lambda f, t: (
        sum((one["name"] or "").startswith("autobk_") for one in f) > 100
    ),
    "made by hand": lambda f, t: any(
        (one["name"] or "").startswith("db-prod-01-data-before") for one in f
    ),
    "made by CSBS": lambda f, t: any(
        one["name"].startswith("manualbk_") and "VMID" in one["meta"] for one in f if one["name"]
    ),
    "copies of disks and of VMs": lambda f, t: {4, 5} <= {one["meta"].get("ST") for one in f},
    "encrypted": lambda f, t: any(
        len(one["meta"].get("VK", "")) == 64 and one["meta"]["CMKID"] for one in f
    ),
    "failed with a code, often for one cause": lambda f, t: (
        error_reasons(f)["VolumeBackup.0064"] >= 3
    ),
    "failed in free text": lambda f, t: any(
        not reason.startswith("VolumeBackup") for reason in error_reasons(f)
    ),
    "available with a reason": lambda f, t: any(
        one["status"] == "available" and one["fail_reason"] for one in f
    ),
    "error_deleting": lambda f, t: any(
        one["status"] == "error_deleting" and one["fail_reason"] for one in f
    ),
    "restoring": lambda f, t: any(one["status"] == "restoring" for one in f),
    "error_restoring": lambda f, t: any(one["status"] == "error_restoring" for one in f),
    "deleting": lambda f, t: any(one["status"] == "deleting" for one in f),
    "unknown status": lambda f, t: any(one["status"] == "moving_to_cold_tier" for one in f),
    "stuck": lambda f, t: long_running(f, t, moving=False),
    "slow": lambda f, t: long_running(f, t, moving=True),
    "late": lambda f, t: any(24 * HOUR < old < 26 * HOUR for old in newest_good(f, t).values()),
    "overdue, of a listed disk": lambda f, t: any(
        old > timedelta(days=5) for volume, old in newest_good(f, t).items() if volume in names(t)
    ),
    "never backed up": lambda f, t: bool(names(t).keys() - {one["volume_id"] for one in f}),
    "gone from the volume list": lambda f, t: bool(
        {one["volume_id"] for one in f} - names(t).keys()
    ),
    "start not tracked": lambda f, t: any(
        {one["meta"].get("Type") for one in f if one["volume_id"] == volume} == {1}
        for volume, name in names(t).items()
        if name == "wiki-data"
    ),
    "pruned chain": lambda f, t: any(
        min(growth, default=0) < 0 < max(growth) for growth in steps(f)
    ),
    "odd jump": lambda f, t: any(
        max(growth) > 20 * sorted(growth)[len(growth) // 2] > 0 for growth in steps(f) if growth
    ),
    "INC 1 on a full one": lambda f, t: any(
        '"INC":1' in (one["description"] or "") and one["meta"].get("Type") == 0 for one in f
    ),
    "odd names": lambda f, t: (
        any("<script>" in (one["name"] or "") for one in f)
        and any("\u202e" in (one["name"] or "") for one in f)
        and any("💾" in (one["name"] or "") for one in f)
    ),
    "plain descriptions": lambda f, t: any(
        one["description"] == "Backup of {prod} at 100%" for one in f
    ),
    "nothing but nulls": lambda f, t: any(
        one["name"] is one["service_metadata"] is one["updated_at"] is None for one in f
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_the_history_covers_at_any_moment(state: str) -> None:
    assert [moment for moment in MOMENTS if not STATES[state](cached(moment), moment)] == []


def test_type_follows_the_reading_that_is_asked_for() -> None:
    nought, one = (
        {
            entry["id"]: entry["meta"].get("Type")
            for entry in entries(START, form=Form(type_full=full))
        }
        for full in (0, 1)
    )
    assert set(nought.values()) == {0, 1, None}
    assert {key: None if value is None else 1 - value for key, value in nought.items()} == one


def test_a_nightly_chain_grows_with_every_increment_and_begins_anew_each_week() -> None:
    (volume,) = (volume for volume, name in names(START).items() if name == "db-prod-02-data")
    nightly = [one for one in cached(START) if one["volume_id"] == volume]
    kinds = [one["meta"]["Type"] for one in nightly]
    sizes = [one["meta"]["CS"] for one in nightly]
    assert kinds.count(0) == 2
    assert all(
        (after > before) == (kind == 1)
        for before, after, kind in zip(sizes, sizes[1:], kinds[1:], strict=False)
    )


def test_many_backups_are_made_small() -> None:
    tracemalloc.start()
    smaller = World(seed=1, backups=2_000)
    smaller.advance(START.timestamp())
    assert (
        sum(len(slot.encode(START.timestamp(), FORM)) for slot in smaller.slots.values())
        > 2_000_000
    )
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


class Life:
    """One backup in a simulator whose clock is moved by hand."""

    def __init__(self, **create: Any) -> None:
        self.now = START
        self.simulator = Simulator(clock=lambda: self.now).start()
        self.id = self.simulator.create("disk", **create)
        self.headers = {"X-Auth-Token": self.simulator.issue_token()}

    def at(self, seconds: float) -> Entry:
        self.now = START + timedelta(seconds=seconds)
        answer = requests.get(
            f"{self.simulator.vbs_endpoint}/backups/{self.id}",
            headers=self.headers,
            timeout=LIMIT_S,
        )
        body: Entry = answer.json()["backup"]
        return body


def test_a_created_backup_runs_by_the_clock_and_ends_in_two_steps() -> None:
    life = Life(name="mine", description="before upgrade", seconds=100)
    first, moving, racing, done = (life.at(seconds) for seconds in (0, 35, 101, 103))
    life.simulator.stop()
    assert [one["status"] for one in (first, moving, racing, done)] == [
        "creating",
        "creating",
        "available",
        "available",
    ]
    assert (first["service_metadata"], racing["service_metadata"]) == (None, None)
    text = moving["service_metadata"]
    assert (text[0], text[-1], json.loads(text)["progress"]) == (" ", " ", "35")
    metadata = json.loads(done["service_metadata"])
    assert (metadata["Type"], metadata["CS"], metadata["progress"]) == (1, 642, "0")
    assert (done["name"], done["description"]) == ("mine", '{"DESC": "before upgrade", "INC": 1}')


def test_progress_never_goes_back() -> None:
    life = Life(seconds=100)
    seen = [
        int(json.loads(life.at(second)["service_metadata"])["progress"])
        for second in range(10, 100, 5)
    ]
    life.simulator.stop()
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (10, 95)


def test_a_created_backup_may_fail() -> None:
    life = Life(seconds=100, fail="VolumeBackup.0064", incremental=False)
    failed = life.at(100)
    life.simulator.stop()
    assert (failed["status"], failed["fail_reason"], failed["description"]) == (
        "error",
        "VolumeBackup.0064",
        '{"ST":0,"INC":0}',
    )
