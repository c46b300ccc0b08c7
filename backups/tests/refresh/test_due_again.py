"""A person's wish to know now outlives an answer that was asked for before it."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from backups.edits import tracking
from backups.models import Backup
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.refresh.unchanged import mark_unchanged
from backups.tests.otc import configure, silent
from backups.vbs import payload
from backups.vbs.errors import Gone, Unavailable, VBSError

pytestmark = pytest.mark.django_db
ID = str(uuid.UUID(int=5))
BODY = payload.receive({"id": ID, "status": "available", "created_at": "2026-01-01T00:00:00"})


@pytest.fixture(autouse=True)
def known(settings: Any, tmp_path: Any) -> None:
    configure(settings, tmp_path, silent("otc"))
    asked_at = timezone.now() - timedelta(minutes=10)
    tracking.add(cloud="otc", values=[ID], now=asked_at)
    apply("otc", [Fetched(uuid.UUID(ID), asked_at, BODY)])


@pytest.mark.parametrize(
    "outcome",
    [
        {"answer": BODY},
        {"answer": payload.receive({**BODY.raw, "status": "error"})},
        {"error": Unavailable("busy", http_status=503)},
        {"error": Gone("no such backup", http_status=404)},
    ],
    ids=["unchanged", "changed", "failed", "missing"],
)
def test_an_answer_that_was_asked_for_before_the_wish_leaves_it_due(
    outcome: dict[str, Any],
) -> None:
    asked_at = timezone.now() - timedelta(seconds=2)
    pressed_at = asked_at + timedelta(seconds=1)
    tracking.refresh_now([ID], pressed_at)
    apply("otc", [Fetched(uuid.UUID(ID), asked_at, **outcome)])
    assert Backup.objects.get().next_refresh_at == pressed_at


def test_a_page_that_was_asked_for_before_the_wish_leaves_it_due() -> None:
    asked_at = timezone.now() - timedelta(seconds=2)
    tracking.refresh_now([ID], asked_at + timedelta(seconds=1))
    assert mark_unchanged("otc", {ID: BODY.digest}, asked_at) == {ID}
    assert Backup.objects.get().next_refresh_at == asked_at + timedelta(seconds=1)


@pytest.mark.parametrize("error", [None, Unavailable("busy", http_status=503)])
def test_an_answer_that_was_asked_for_after_it_fulfils_the_wish(error: VBSError | None) -> None:
    asked_at = timezone.now() - timedelta(seconds=1)
    tracking.refresh_now([ID], asked_at)
    apply("otc", [Fetched(uuid.UUID(ID), asked_at, None if error else BODY, error)])
    row = Backup.objects.get()
    assert row.next_refresh_at is not None
    assert row.next_refresh_at > timezone.now() + timedelta(seconds=5)
