"""What is kept of observed changes, and for how long."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from backups.models import Backup, Revision
from backups.refresh import retention
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.tests.otc import running, track
from backups.vbs import payload
from backups.vbs.errors import Gone

pytestmark = pytest.mark.django_db
ID = uuid.UUID(int=5)
START = timezone.now()


def answered(minutes: float, **words: Any) -> None:
    at = START + timedelta(minutes=minutes)
    apply(
        "otc",
        [
            Fetched(
                ID, at, payload.receive({"id": str(ID), "status": "creating", "name": "a", **words})
            )
        ],
    )


@pytest.fixture(autouse=True)
def tracked(settings: Any, tmp_path: Path) -> Any:
    with running(settings, tmp_path):
        track([str(ID)])
        yield


def progress(percent: int) -> dict[str, str]:
    return {"service_metadata": f'{{"progress": "{percent}"}}'}


def test_a_change_is_kept_as_a_diff_and_its_body_unless_only_progress_moved() -> None:
    answered(0, **progress(0))
    answered(1, **progress(40))
    answered(2, **progress(40))
    answered(3, status="available", **progress(100))
    first, moved, done = Revision.objects.order_by("id")
    assert {change["word"] for change in first.changes} >= {"status", "name", "progress"}
    assert (first.keep, first.body is None) == (True, False)
    assert (moved.changes, moved.body, moved.keep) == (
        [{"word": "progress", "before": 0, "after": 40}],
        None,
        False,
    )
    assert {"word": "status", "before": "creating", "after": "available"} in done.changes
    assert (done.keep, done.body is None) == (True, False)


def test_an_answer_older_than_the_stored_one_is_ignored() -> None:
    answered(5, status="available")
    answered(3, status="error")
    row = Backup.objects.get()
    assert (row.status, row.refreshed_at, Revision.objects.count()) == (
        "available",
        START + timedelta(minutes=5),
        1,
    )


def test_the_same_batch_twice_changes_nothing_more() -> None:
    answered(1)
    answered(1)
    assert Revision.objects.count() == 1


def test_going_and_coming_back_are_changes_too() -> None:
    answered(0, status="available")
    for minutes in (1, 2):
        apply(
            "otc",
            [Fetched(ID, START + timedelta(minutes=minutes), error=Gone("gone", http_status=404))],
        )
    answered(3, status="available")
    told = [revision.changes for revision in Revision.objects.order_by("id")][1:]
    assert told == [
        [{"word": "tracking_state", "before": "fresh", "after": "gone"}],
        [{"word": "tracking_state", "before": "gone", "after": "fresh"}],
    ]
    assert Backup.objects.get().error is None


def test_ninety_days_later_the_first_the_last_and_every_change_of_status_are_left() -> None:
    answered(0, **progress(0))
    for minutes in range(1, 6):
        answered(minutes, **progress(minutes))
    answered(6, status="available", **progress(7))
    for minutes in (7, 8):
        answered(minutes, status="available", name=f"b{minutes}", **progress(7))
    assert retention.prune(START + timedelta(days=90)) == 0
    call_command("prune_revisions", "--days", "100000")
    assert Revision.objects.count() == 9
    assert retention.prune(START + timedelta(days=91)) == 6
    assert [row.changes[0]["word"] for row in Revision.objects.order_by("id")][1:] == [
        "status",
        "name",
    ]
    assert Revision.objects.order_by("id").last() == Revision.objects.get(changes__0__after="b8")
