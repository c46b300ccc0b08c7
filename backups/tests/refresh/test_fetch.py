"""One round of questions to a cloud."""

import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from backups.refresh.fetch import FetchBatch
from backups.refresh.plan import Fetched
from backups.simulator import Fault
from backups.tests.otc import running, sign_ins, track
from backups.tests.run_settings import LIMIT_S

pytestmark = [pytest.mark.either, pytest.mark.django_db]


def fetch(ids: list[str]) -> list[Fetched]:
    batch = FetchBatch("otc", ends_at=time.monotonic() + LIMIT_S)
    return [answer for answers in batch.fetch([uuid.UUID(pk) for pk in ids]) for answer in answers]


def test_a_round_signs_in_anew_once_and_asks_again_about_what_was_refused(
    settings: Any, tmp_path: Path
) -> None:
    with running(settings, tmp_path, backups=12) as sim:
        track(sim.ids)
        fetch(sim.ids)
        sim.fault(Fault(kind="expired_token"))
        answers = fetch(sim.ids)
        assert sorted(str(answer.id) for answer in answers) == sorted(sim.ids)
        assert [answer.error for answer in answers] == [None] * len(sim.ids)
        assert sign_ins(sim) == 2
