"""Workers, and people beside them, that write about the same backups and disks at the
same time: no deadlock.
"""

import json
import random
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from backups.analysis.rules import by_period
from backups.clouds import registry
from backups.derived import queue, volumes
from backups.edits import backup_edits, protection_rules, tracking, volume_edits
from backups.edits.common import Actor
from backups.models import Cloud, Volume
from backups.refresh import claims, type_interpretation, volume_list
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.refresh.unchanged import mark_unchanged
from backups.refresh.volume_list import SingleAnswers
from backups.tests.otc import configure, silent
from backups.vbs import payload
from backups.vbs.listed_volume import ListedVolume

CLOUDS = ("one", "two")
VOLUMES, BACKUPS, WORKERS = 30, 150, 4


class Writer:
    """Does one of the things that write, on backups and disks that it picks."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._now = timezone.now()
        self._hand = Actor(f"operator-{seed}", self._now)

    def write(self) -> None:
        ways: list[Callable[[str], object]] = [
            *(
                self._answers,
                self._answers,
                self._unchanged,
                self._derive,
                self._claim,
                self._refresh,
            ),
            *(self._edit_volumes, self._tag_backups, self._list_volumes, self._note_listing),
            *(self._untrack_and_add, self._rule_of_cloud, self._rule_of_tag, self._judge),
        ]
        self._dice.choice(ways)(self._dice.choice(CLOUDS))

    def _ids(self, cloud: str, most: int) -> list[uuid.UUID]:
        """In any order."""
        return self._dice.sample(backups_of(cloud), self._dice.randint(2, most))

    def _volumes(self) -> list[str]:
        return self._dice.sample(volume_ids(), self._dice.randint(2, VOLUMES))

    def _body(self, pk: uuid.UUID) -> dict[str, Any]:
        status = self._dice.choice(["available", "error", "creating"])
        reason = f"reason {self._dice.randint(1, 9)}" if status == "error" else None
        metadata = {"Type": self._dice.randint(0, 1), "CS": self._dice.randint(1, 99)}
        return {
            "id": str(pk),
            "volume_id": self._dice.choice(volume_ids()),
            "status": status,
            "fail_reason": reason,
            "created_at": f"2026-11-{self._dice.randint(1, 24):02}T02:00:00",
            "size": 10,
            "service_metadata": json.dumps(metadata),
        }

    def _answers(self, cloud: str) -> None:
        apply(
            cloud,
            [
                Fetched(pk, self._now, payload.receive(self._body(pk)))
                for pk in self._ids(cloud, 60)
            ],
        )

    def _unchanged(self, cloud: str) -> None:
        digests = {str(pk): payload.receive(self._body(pk)).digest for pk in self._ids(cloud, 60)}
        mark_unchanged(cloud, digests, self._now)

    def _derive(self, cloud: str) -> None:
        volumes.derive(cloud, self._volumes(), self._now)

    def _claim(self, cloud: str) -> None:
        claims.release(claims.claim(cloud, self._ids(cloud, 60), self._now))

    def _refresh(self, _cloud: str) -> None:
        tracking.refresh_now(
            [str(pk) for cloud in CLOUDS for pk in self._ids(cloud, 40)], self._now
        )

    def _edit_volumes(self, _cloud: str) -> None:
        known = list(Volume.objects.values_list("cloud", "volume_id"))
        picked = self._dice.sample(known, min(len(known), 20))
        with suppress(volume_edits.UnknownVolume):  # somebody untracked its last backup meanwhile
            volume_edits.add_tags(
                picked, [f"t{self._dice.randint(1, 3)}"], ["t2"], actor=self._hand
            )

    def _tag_backups(self, _cloud: str) -> None:
        ids = [pk for cloud in CLOUDS for pk in self._ids(cloud, 20)]
        backup_edits.add_tags(ids, [f"t{self._dice.randint(1, 3)}"], ["t2"], actor=self._hand)

    def _list_volumes(self, cloud: str) -> None:
        kept = volume_list.store_listed(
            cloud,
            [ListedVolume(one, self._dice.choice("abc"), 10) for one in self._volumes()],
            self._now,
        )
        volume_list.judge_absent(cloud, kept, SingleAnswers({}, []), self._now)

    def _note_listing(self, cloud: str) -> None:
        listed = {
            one: volumes.Listed(self._dice.randint(1, 3), self._now) for one in self._volumes()
        }
        volumes.note_listing(cloud, listed, self._now)
        volumes.note_newest(cloud, listed)

    def _untrack_and_add(self, cloud: str) -> None:
        ids = [str(pk) for pk in self._ids(cloud, 20)]
        tracking.untrack(ids)
        tracking.add(cloud=cloud, values=ids, now=self._now)

    def _rule_of_cloud(self, cloud: str) -> None:
        protection_rules.set_cloud_rule(cloud, self._rule(), actor=self._hand)

    def _rule_of_tag(self, _cloud: str) -> None:
        protection_rules.set_tag_rule(
            f"t{self._dice.randint(1, 3)}", self._rule(), actor=self._hand
        )

    def _rule(self) -> Any:
        return by_period(period_seconds=3600 * self._dice.randint(1, 9), grace_seconds=0)

    def _judge(self, cloud: str) -> None:
        Cloud.objects.filter(pk=cloud).update(type_interpretation="cinder")
        type_interpretation.ensure(cloud, self._now)
        queue.derive_due(cloud, self._now)


def volume_ids() -> list[str]:
    return [f"disk-{n:02}" for n in range(VOLUMES)]


def backups_of(cloud: str) -> list[uuid.UUID]:
    first = CLOUDS.index(cloud) * BACKUPS
    return [uuid.UUID(int=n + 1) for n in range(first, first + BACKUPS)]


@pytest.fixture
def estate(settings: Any, tmp_path: Path) -> Iterator[None]:
    configure(settings, tmp_path, silent(*CLOUDS))
    registry.ensure_rows()
    for cloud in CLOUDS:
        tracking.add(
            cloud=cloud, values=map(str, backups_of(cloud)), now=timezone.now() - timedelta(hours=1)
        )
    yield
    registry.forget_clients()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "rounds",
    [
        20,
        pytest.param(400, marks=[pytest.mark.soak, pytest.mark.long], id="a minute"),
    ],
)
def test_four_workers_on_the_same_disks_never_wait_in_a_ring(estate: None, rounds: int) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time anyway")

    def work(seed: int) -> None:
        writer = Writer(seed)
        try:
            for _ in range(rounds):
                writer.write()
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as workers:
        work_of_each = [workers.submit(work, seed) for seed in range(WORKERS)]
    assert [one.exception() for one in work_of_each] == [None] * WORKERS
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert cursor.fetchone()[0] == 0
