"""What an answer writes beside the row of its backup."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from backups.models import SearchText
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.tests.otc import running, track
from backups.vbs import payload

pytestmark = [pytest.mark.either, pytest.mark.django_db]
ID = uuid.UUID(int=5)


@pytest.fixture(autouse=True)
def tracked(settings: Any, tmp_path: Path) -> Any:
    with running(settings, tmp_path):
        track([str(ID)])
        yield


def answered(*, minutes: float = 0, **fields: Any) -> None:
    """The cloud answers with these fields, so many minutes from now."""
    asked_at = timezone.now() + timedelta(minutes=minutes)
    body = {"id": str(ID), "status": "available", **fields}
    apply("otc", [Fetched(ID, asked_at, payload.receive(body))])


def is_found_by(text: str) -> bool:
    return SearchText.objects.holding(text).filter(backup=ID).exists()


def test_free_search_finds_a_backup_by_its_newest_name_alone() -> None:
    answered(name="before-the-upgrade")
    assert (is_found_by("before-the-upgrade"), is_found_by("nightly")) == (True, False)
    answered(minutes=1, name="nightly")
    assert (is_found_by("before-the-upgrade"), is_found_by("nightly")) == (False, True)
    answered(minutes=2, name="nightly", size=7)
    assert is_found_by("nightly")
