"""The demo shows every promised state whenever somebody starts it: at each hour of a week,
and on odd days.

What a newcomer sees is a function of the time alone. So the simulated cloud is set to one hour
after the other and its answers go through the same pure rules as in the product; `test_demo.py`
takes a few instants all the way to the API.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from backups.analysis import facts as judged
from backups.analysis import outcomes, protection
from backups.analysis.chains import Chain, chains
from backups.analysis.facts import Fact
from backups.analysis.rules import DEFAULT
from backups.analysis.running import FLOOR
from backups.edits import demo
from backups.reports.growth import Growth, growth_of_volume
from backups.runner.parts import DEMO_BACKUPS
from backups.simulator.body import Form
from backups.simulator.world import World
from backups.vbs import kind, payload

HOUR = timedelta(hours=1)
FURNISHED = {demo.EXEMPT, demo.UNFOLLOWED, demo.ANNOTATED, demo.TAGGED}
FORM = Form(project_id="p")  # in which Type 0 is full, as `make run` starts it
BERLIN = ZoneInfo("Europe/Berlin")
A_WEEK = datetime(2026, 11, 23, 0, 10, tzinfo=UTC)
ODD_DAYS = {
    "the last Sunday of March": datetime(2027, 3, 28, tzinfo=BERLIN),
    "the last Sunday of October": datetime(2027, 10, 31, tzinfo=BERLIN),
    "New Year's Eve": datetime(2026, 12, 31, tzinfo=UTC),
    "New Year": datetime(2027, 1, 1, tzinfo=UTC),
    "28 February": datetime(2027, 2, 28, tzinfo=UTC),
    "1 March": datetime(2027, 3, 1, tzinfo=UTC),
    "29 February": datetime(2028, 2, 29, tzinfo=UTC),
}


def hours(begin: datetime, count: int) -> list[datetime]:
    return [begin.astimezone(UTC) + n * HOUR for n in range(count)]


@cache
def fact_of(body: bytes) -> Fact:
    """One answer of the cloud as analysis sees it. Each has a time of its own,
    so `tracked_at` never counts.
    """
    decoded = payload.decode(json.loads(body))
    words = decoded.columns()
    verdict = kind.judge(
        inc=words["inc"],
        type_=words["type"],
        is_incremental=words["is_incremental"],
        type_interpretation="vbs_0",
    )
    known = {name: words[name] for name in Fact._fields if name in words}
    outcome = judged.outcome(None, words["status"])
    known |= {
        "id": UUID(decoded.id),
        "kind": verdict.kind,
        "outcome": outcome,
        "gone_at": None,
        "tracked_at": A_WEEK,
    }
    return Fact(**known)


@cache
def chains_of(facts: tuple[Fact, ...]) -> tuple[Chain, ...]:
    return chains(facts)


@cache
def growth_on(day: datetime, facts: tuple[Fact, ...]) -> Growth:
    return growth_of_volume("demo", chains_of(facts), facts, day)


class Shown:
    """What the demo shows at one instant to somebody who has just started it."""

    def __init__(self, world: World, now: datetime) -> None:
        self.now = now
        world.advance(now.timestamp())
        of_volume: dict[str, list[Fact]] = defaultdict(list)
        for slot in world.slots.values():
            fact = fact_of(slot.encode(now.timestamp(), FORM))
            of_volume[fact.volume_id or ""].append(fact)
        self.volumes = {volume_id: tuple(facts) for volume_id, facts in of_volume.items()}
        self.listed = {body["id"]: body["name"] for body in world.volumes(FORM)}
        self.facts = [fact for facts in self.volumes.values() for fact in facts]
        self.chains = [chain for facts in self.volumes.values() for chain in chains_of(facts)]
        self.statuses = {fact.status for fact in self.facts}

    def protection(self, facts: tuple[Fact, ...]) -> str:
        good = protection.last_good(facts, self.now)
        if good is None:
            return "never"
        late_at = DEFAULT.late_at(good.moment.at)
        if late_at > self.now:
            return "protected"
        return "late" if late_at + DEFAULT.grace > self.now else "overdue"

    def missing(self) -> Iterator[str]:
        """The promised states that are not shown."""
        for state, is_shown in self.promised().items():
            if not is_shown:
                yield state

    def promised(self) -> dict[str, bool]:
        words = {
            self.protection(facts)
            for volume_id, facts in self.volumes.items()
            if volume_id in self.listed
        }
        notes = {note for chain in self.chains for note in chain.notes}
        members = [member for chain in self.chains for member in chain.members]
        member_notes = {member.note for member in members}
        grown = [growth_on(_midnight(self.now), facts) for facts in self.volumes.values()]
        long_ago = self.now - FLOOR
        long = [fact for fact in self.facts if fact.status == "creating" and fact.at < long_ago]
        return {
            "protected": "protected" in words,
            "late": "late" in words,
            "overdue": "overdue" in words,
            "never": bool(self.listed.keys() - self.volumes.keys()),
            "deleted": bool(self.volumes.keys() - self.listed.keys()),
            "each disk that the demo furnishes": set(self.listed.values()) >= FURNISHED,
            "start not tracked": "start not tracked" in notes,
            "each service type": {chain.service_type for chain in self.chains}
            == {"disk", "vm", "disk_copy", "vm_copy"},
            "pruned": "pruned: the chain was larger before" in member_notes,
            "failed": "failed: it stores nothing" in member_notes,
            "made by each": {member.made_by for member in members} == {"policy", "hand", "csbs"},
            "a disk with a running backup": any(
                self._is_running(facts) for facts in self.volumes.values()
            ),
            "a jump": any(one.jump for one in grown),
            "not enough data": any("Not enough data" in one.sentence for one in grown),
            "an end in sight": any(limit.days is not None for one in grown for limit in one.limits),
            "each bad status": {"error", "error_deleting", "error_restoring"} <= self.statuses,
            "each status in flight": {"creating", "restoring", "deleting"} <= self.statuses,
            "an unknown status": "moving_to_cold_tier" in self.statuses,
            "running for too long": bool(long),
            "a missed day": any(self._has_missed(facts) for facts in self.volumes.values()),
        }

    def _is_running(self, facts: tuple[Fact, ...]) -> bool:
        good = protection.last_good(facts, self.now)
        return protection.running(facts, good.moment.at if good else None) is not None

    def _has_missed(self, facts: tuple[Fact, ...]) -> bool:
        told = outcomes.count_outcomes(facts, rule=DEFAULT, since=self.now, now=self.now)
        return any(tally.missed for tally in outcomes.counts_at(told, self.now).values())


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def not_shown(moments: list[datetime]) -> dict[str, list[str]]:
    """Each promised state that is missing at some of these moments, with those moments."""
    world = World(seed=1, backups=DEMO_BACKUPS)
    found: dict[str, list[str]] = {}
    for moment in moments:
        for state in Shown(world, moment).missing():
            found.setdefault(state, []).append(f"{moment:%a %Y-%m-%d %H:%M}")
    return found


def test_every_promised_state_is_shown_at_each_of_the_168_hours_of_a_week() -> None:
    assert not_shown(hours(A_WEEK, 168)) == {}


@pytest.mark.parametrize("day", ODD_DAYS)
def test_every_promised_state_is_shown_at_each_hour_of_an_odd_day(day: str) -> None:
    assert not_shown(hours(ODD_DAYS[day], 25)) == {}
