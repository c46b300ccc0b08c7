"""When disks are judged again after answers came: at once, at the end of a walk, or
later when very large.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from backups.derived import queue
from backups.edits import tracking
from backups.models import Backup, Volume
from backups.refresh.apply import apply
from backups.refresh.dispatcher import DO, Need, needs
from backups.refresh.plan import Fetched
from backups.tests.otc import configure, silent
from backups.vbs import payload

pytestmark = pytest.mark.django_db
VOLUME = "disk"


@pytest.fixture(autouse=True)
def cloud(settings: Any, tmp_path: Any) -> None:
    configure(settings, tmp_path, silent("otc"))


def answered(n: int, at: datetime, *, more_follows: bool = False, **words: Any) -> None:
    """A good answer about backup `n` of the disk is stored."""
    body: Mapping[str, Any] = {
        "id": str(uuid.UUID(int=n)),
        "status": "available",
        "volume_id": VOLUME,
        **words,
    }
    tracking.add(cloud="otc", values=[body["id"]], now=at)
    answer = payload.receive({"created_at": f"2026-01-{n:02}T00:00:00", **body})
    apply("otc", [Fetched(uuid.UUID(int=n), at, answer)], more_follows=more_follows)


def last_good() -> int | None:
    found = Volume.objects.get().last_good_id
    return found.int if found else None


def test_after_a_batch_its_disks_are_judged() -> None:
    answered(1, timezone.now())
    answered(2, timezone.now())
    assert (last_good(), Volume.objects.get().derive_at) == (2, None)


def test_what_a_dead_worker_left_in_a_walk_is_judged_by_the_next_one() -> None:
    now = timezone.now()
    answered(1, now - timedelta(minutes=1))
    answered(2, now, more_follows=True)
    assert (last_good(), Volume.objects.get().derive_at) == (1, now)
    assert Need("otc", "derive") not in needs(now)
    assert Need("otc", "derive") in needs(now + queue.LEFT_AFTER)
    assert DO["derive"]("otc") == 0
    assert (last_good(), Volume.objects.get().derive_at) == (2, None)
    assert Need("otc", "derive") not in needs(now + queue.LEFT_AFTER)


def test_progress_alone_judges_no_disk() -> None:
    now = timezone.now()
    metadata = '{"progress": "%d"}'
    answered(1, now, status="creating", service_metadata=metadata % 10)
    answered(1, now, status="creating", service_metadata=metadata % 20, more_follows=True)
    assert Backup.objects.get().progress == 20
    assert Volume.objects.get().derive_at is None


@pytest.mark.parametrize(("tracked", "seconds"), [(1_000, 0), (50_000, 50), (10_000_000, 300)])
def test_a_very_large_disk_is_not_read_with_every_batch(tracked: int, seconds: int) -> None:
    now = timezone.now()
    answered(1, now)
    Volume.objects.update(tracked=tracked)  # as if it had so many
    answered(2, now + timedelta(seconds=1), more_follows=True)
    due_at = now + timedelta(seconds=1 + seconds)
    answered(3, now + timedelta(seconds=2), more_follows=True)
    assert Volume.objects.get().derive_at == due_at, "the second batch does not put it off again"
    assert queue.derive_due("otc", due_at - timedelta(seconds=0.5)) == 0
    assert last_good() == 1
    queue.derive_due("otc", due_at)
    assert last_good() == 3
