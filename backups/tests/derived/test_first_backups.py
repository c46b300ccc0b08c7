"""The kind of a first backup in CBR: unknown until an older one is known, without flapping."""

import json
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from backups.clouds import registry
from backups.models import Backup, Revision, Volume
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.tests.otc import configure, silent, track
from backups.vbs import payload

pytestmark = [pytest.mark.either, pytest.mark.django_db]
SAMPLES = Path(__file__).parents[1] / "samples" / "cbr"
BODY: dict[str, Any] = json.loads((SAMPLES / "30_cbr_disk_backup.json").read_text())["backup"]
FIRST, SECOND, OLDER = [uuid.UUID(int=n) for n in (1, 2, 3)]
DAYS = {FIRST: "2026-11-20", SECOND: "2026-11-21", OLDER: "2026-11-19"}


@pytest.fixture(autouse=True)
def cloud(settings: Any, tmp_path: Path) -> Any:
    configure(settings, tmp_path, silent("otc", vbs_api="cbr"))
    registry.ensure_rows()
    yield
    registry.forget_clients()


def answered(pk: uuid.UUID, minutes: float, **changes: Any) -> None:
    track([str(pk)])
    at = timezone.now() + timedelta(minutes=minutes)
    body = {**BODY, "id": str(pk), "created_at": f"{DAYS[pk]}T06:00:00", **changes}
    apply("otc", [Fetched(pk, at, payload.receive(body))])


def kinds() -> dict[uuid.UUID, tuple[str, str | None]]:
    rows = Backup.objects.values_list("pk", "kind", "kind_source")
    return {pk: (kind, source) for pk, kind, source in rows}


UNKNOWN = ("unknown", "is_incremental")
INCREMENTAL = ("incremental", "is_incremental")


def test_the_oldest_is_unknown_until_an_older_one_is_known() -> None:
    answered(FIRST, 0)
    answered(SECOND, 1)
    assert kinds() == {FIRST: UNKNOWN, SECOND: INCREMENTAL}
    answered(OLDER, 2)
    assert kinds() == {FIRST: INCREMENTAL, SECOND: INCREMENTAL, OLDER: UNKNOWN}


def test_further_answers_and_derivations_change_nothing_and_tell_nothing() -> None:
    answered(FIRST, 0)
    revisions = Revision.objects.count()
    answered(FIRST, 1)
    answered(FIRST, 2, name="renamed")
    assert kinds() == {FIRST: UNKNOWN}
    words = [change["word"] for change in Revision.objects.latest("at", "id").changes]
    assert (words, Revision.objects.count()) == (["name"], revisions + 1)
    call_command("derive", verbosity=0)
    assert kinds() == {FIRST: UNKNOWN}
    call_command("derive", decode=True, verbosity=0)
    assert kinds() == {FIRST: UNKNOWN}


def test_a_first_one_that_says_full_is_full() -> None:
    answered(FIRST, 0, incremental=False)
    answered(SECOND, 1)
    assert kinds() == {FIRST: ("full", "is_incremental"), SECOND: INCREMENTAL}
    chain = Volume.objects.get(volume_id=BODY["resource_id"])
    assert chain.tracked == 2


def test_another_reading_judges_by_its_own_rules(settings: Any, tmp_path: Path) -> None:
    answered(FIRST, 0)
    assert kinds() == {FIRST: UNKNOWN}
    configure(settings, tmp_path, silent("otc", vbs_api="cinder"))
    call_command("derive", verbosity=0)
    assert kinds() == {FIRST: INCREMENTAL}
    configure(settings, tmp_path, silent("otc", vbs_api="cbr"))
    call_command("derive", verbosity=0)
    assert kinds() == {FIRST: UNKNOWN}
