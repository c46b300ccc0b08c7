"""A backup fails in a cloud, and those hear of it who want to: then that it is over, and each
morning how all stands.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from celery import current_app
from django.utils import timezone

from backups import tasks
from backups.models import Alarm, Delivery, DeliveryState, Heartbeat
from backups.tests.alarms.far_side import configure, http_sink, mail, smtp_sink, webhook
from backups.tests.otc import make_due, row, running, track

pytestmark = [pytest.mark.either, pytest.mark.django_db]
SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture
def eager() -> Iterator[None]:
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = False


def sample(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((SAMPLES / name).read_text())
    backup: dict[str, Any] = body.get("backup", body)
    return backup


def test_a_failure_its_recovery_and_a_digest_reach_web_and_mail(
    settings: Any,
    tmp_path: Path,
    eager: None,
    clock: time_machine.Traveller,
    django_capture_on_commit_callbacks: Any,
) -> None:
    body = sample("08_error_swift_blank_padded.json")
    with (
        running(settings, tmp_path, backups=0, entry={"vbs_follow": "all"}) as sim,
        http_sink() as web,
        smtp_sink() as mails,
    ):
        entries = {"chat": webhook(web), "ops": mail(mails, digest="daily 08:00 UTC")}
        beats = {"url": f"http://127.0.0.1:{web.port}/beat", "every": "1h"}
        configure(settings, tmp_path, entries, beats)
        for seeded in sim.ids:
            sim.remove(seeded)
        backup_id = sim.add({**body, "created_at": timezone.now().isoformat()})
        track([backup_id])

        def minute_passes() -> None:
            clock.shift(60)
            make_due()
            tasks.dispatch()
            tasks.judge_alarms()
            clock.shift(31)
            tasks.dispatch()

        minute_passes()
        assert row(backup_id).status == "error"
        told = [posted for posted in web.requests if posted.path == "/hook"]
        assert told[0].json()["opened"] >= 1
        assert any(
            line["backup_id" if "backup_id" in line else "kind"] for line in told[0].json()["lines"]
        )
        subjects = {alarm.kind for alarm in Alarm.objects.open()}
        assert "backups_fail" in subjects
        # One beat, as one hour has not passed.
        minute_passes()
        assert [posted.path for posted in web.requests].count("/beat") == 1
        assert Heartbeat.objects.filter(part="alarms").exists()
        # Good again: the same backup is available now.
        sim.add({**body, "status": "available", "created_at": timezone.now().isoformat()})
        minute_passes()
        assert not Alarm.objects.open().filter(kind="backups_fail").exists()
        assert web.requests[-1].json()["recovered"] >= 1
        assert {mail.recipients[0] for mail in mails.mails} == {"ops@example.org"}
        # The next morning, told once.
        before = len(mails.mails)
        clock.move_to(timezone.now().replace(hour=8, minute=3))
        clock.shift(24 * 3600)
        minute_passes()
        minute_passes()
        digests = [mail for mail in mails.mails[before:] if "disk" in mail.message["Subject"]]
        assert (
            len([mail for mail in digests if mail.message["Subject"].startswith("vbsdash:")]) == 1
        )
        assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.SENT}
