"""How many workers are called for what is due."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from backups.clouds import registry
from backups.models import Backup, Cloud
from backups.refresh.dispatcher import Need, needs
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]


def refresh_workers(settings: Any, folder: Path, *, due: int, per_second: float) -> int:
    """How many workers are called for when so many backups of a cloud without lists are due."""
    now = timezone.now()
    configure(settings, folder, silent("otc", vbs_requests_per_second=per_second))
    registry.ensure_rows()
    Cloud.objects.update(
        last_good_at=now,
        attempted_at=now,
        list_error="The list is refused.",
        list_checked_at=now,
    )
    Backup.objects.bulk_create(
        Backup(id=uuid.UUID(int=n + 1), cloud_id="otc", tracked_at=now, next_refresh_at=now)
        for n in range(due)
    )
    [need] = [need for need in needs(now) if need.work == "refresh"]
    return need.workers


@pytest.mark.parametrize(
    ("due", "per_second", "workers"),
    [
        (1, 0, 1),
        (400, 0, 1),
        (401, 0, 2),
        (401, 50, 1),
        (801, 51, 2),
        (3600, 0, 8),
    ],
)
def test_a_worker_is_called_for_400_backups_and_50_calls_a_second_eight_at_the_most(
    settings: Any, tmp_path: Path, due: int, per_second: float, workers: int
) -> None:
    assert refresh_workers(settings, tmp_path, due=due, per_second=per_second) == workers


def test_one_worker_is_called_for_any_other_work() -> None:
    assert Need("otc", "sweep").workers == 1
