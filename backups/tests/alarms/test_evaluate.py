"""What is wrong opens an alarm, and an answer that says that it is over closes it."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backups.alarms import evaluate
from backups.models import FULL_ACCESS, Alarm, AlarmKind, Backup, Cloud, Ended, Volume
from backups.models.data_version import data_changed
from backups.reports.summary import summary
from backups.tests.alarms.estate import H, M, answer, backup, disk, judge, make_clouds
from backups.tests.facts import NOON

pytestmark = pytest.mark.django_db
REASON = "VolumeBackup.0064: the backup host does not answer"


@pytest.fixture(autouse=True)
def _clouds(settings: Any, tmp_path: Path) -> None:
    make_clouds(settings, tmp_path)


def kinds(alarms: list[Alarm]) -> list[tuple[str, str, str]]:
    return [(alarm.kind, alarm.cloud_id, alarm.subject) for alarm in alarms]


def test_each_thing_that_home_calls_wrong_is_one_alarm() -> None:
    backup(1, NOON - 30 * H)
    backup(2, NOON - H, status="error", fail_reason=REASON)
    backup(12, NOON - 2 * H, status="error", fail_reason=REASON, volume_id="disk-2")
    backup(3, NOON - H, status="error_restoring")
    backup(4, NOON - H, status="error_deleting", cloud="eu")
    backup(5, NOON - H, status="error", volume_id=None)
    backup(6, NOON - 9 * H, status="creating", progress=3)
    Backup.objects.filter(pk=backup(7, NOON - H).pk).update(stale_at=NOON - M)
    Volume.objects.create(
        cloud_id="eu", volume_id="new", first_seen_at=NOON - 80 * H, derive_at=NOON
    )
    judge(NOON)
    Cloud.objects.filter(pk="eu").update(error={"class": "unavailable", "message": "Timeout."})
    opened = judge(NOON + 5 * M)
    assert ("cloud_silent", "eu", "eu") in kinds(opened)
    assert {alarm.kind for alarm in opened} <= set(AlarmKind)
    shown = summary(NOON + 5 * M, access=FULL_ACCESS)
    states = {item.state for item in shown.attention}
    assert {alarm.state for alarm in opened} == states
    failing = next(alarm for alarm in opened if alarm.subject == "disk-2")
    assert failing.sentence.startswith("The newest 2 backups of disk disk-2 failed: ")
    assert failing.evidence_at == NOON


def test_the_queries_are_as_many_with_one_disk_as_with_fifty() -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            evaluate.evaluate(NOON)
        return len(captured)

    backup(1, NOON - 30 * H)
    backup(101, NOON - H, status="error", volume_id="disk-1")
    judge(NOON)
    with_one = queries()
    for n in range(2, 51):
        backup(n, NOON - 30 * H)
        backup(100 + n, NOON - H, status="error", volume_id=f"disk-{n}")
    assert len(judge(NOON)) == 100
    assert queries() == with_one == 13


@pytest.mark.either
def test_a_hundred_polls_that_say_the_same_change_nothing() -> None:
    backup(1, NOON, status="error", fail_reason=REASON, volume_id=disk(1))
    (alarm,) = judge(NOON)
    Alarm.objects.update(acknowledged_at=NOON, acknowledged_by="anna")
    for minute in range(1, 101):
        answer(NOON + minute * M)
        evaluate.evaluate(NOON + minute * M)
    (after,) = Alarm.objects.all()
    assert (after.pk, after.acknowledged_by, after.changes) == (alarm.pk, "anna", 1)


def test_a_good_backup_closes_the_alarm_of_its_disk() -> None:
    backup(1, NOON - 30 * H)
    backup(2, NOON - H, status="error", volume_id="disk-1")
    assert kinds(judge(NOON)) == [
        ("backups_fail", "otc", "disk-1"),
        ("no_backups", "otc", "disk-1"),
    ]
    backup(3, NOON + M, volume_id="disk-1")
    assert judge(NOON + 2 * M) == []
    assert set(Alarm.objects.values_list("ended", "closed_at")) == {(Ended.RECOVERED, NOON + 2 * M)}


def test_what_nobody_answers_for_is_no_recovery() -> None:
    backup(1, NOON - 30 * H)
    backup(2, NOON - 9 * H, status="creating", progress=3, volume_id=disk(2))
    judge(NOON)
    answer(NOON + 2 * H)
    before = kinds(judge(NOON + 2 * H))
    assert [kind for kind, _, _ in before] == ["no_backups", "stuck"]
    later = kinds(judge(NOON + 3 * H))
    assert [kind for kind, _, _ in later] == ["cloud_silent", "cloud_silent", "no_backups", "stuck"]


def test_an_alarm_of_what_is_judged_no_more_is_dropped() -> None:
    backup(1, NOON - 30 * H)
    backup(2, NOON - H, status="error_restoring", volume_id=disk(2))
    assert len(judge(NOON)) == 2
    Volume.objects.filter(volume_id="disk-1").update(exempt_reason="scratch")
    Backup.objects.filter(status="error_restoring").update(gone_at=NOON)
    assert judge(NOON + M) == []
    assert set(Alarm.objects.values_list("ended", flat=True)) == {Ended.DROPPED}


def test_a_cloud_that_is_silent_for_less_than_its_hold_leaves_no_trace() -> None:
    Cloud.objects.filter(pk="eu").update(error={"message": "Timeout."})
    (alarm,) = judge(NOON)
    assert alarm.held_until == NOON + 5 * M
    answer(NOON + 2 * M, "eu")
    judge(NOON + 2 * M)
    assert not Alarm.objects.exists()


def test_what_comes_back_within_minutes_is_the_same_alarm_and_nobodys() -> None:
    bad = backup(1, NOON - H, status="error_restoring", volume_id=disk(1))
    (alarm,) = judge(NOON)
    Alarm.objects.update(acknowledged_at=NOON, acknowledged_by="anna")
    for minute, status in enumerate(("available", "error_restoring") * 2, start=1):
        Backup.objects.filter(pk=bad.pk).update(status=status)
        judge(NOON + minute * M)
    again = Alarm.objects.get()
    assert (again.pk, again.changes, again.burst) == (alarm.pk, 5, 5)
    assert (again.acknowledged_at, again.acknowledged_by) == (None, "")
    Backup.objects.filter(pk=bad.pk).update(status="available")
    answer(NOON + 30 * M)
    judge(NOON + 30 * M)
    assert Alarm.objects.get().burst == 1
    Backup.objects.filter(pk=bad.pk).update(status="error_restoring")
    answer(NOON + 50 * M)
    judge(NOON + 50 * M)
    assert Alarm.objects.count() == 2


def test_a_batch_of_one_cloud_leaves_the_alarms_of_others_alone() -> None:
    backup(1, NOON, status="error_restoring", volume_id=disk(1))
    backup(2, NOON, status="error_restoring", volume_id=disk(2, cloud="eu"), cloud="eu")
    judge(NOON)
    evaluate.evaluate_cloud("eu", NOON + M)
    Backup.objects.update(status="available")
    # Without a change that is shown, nothing is judged again.
    with CaptureQueriesContext(connection) as captured:
        evaluate.evaluate_cloud("eu", NOON + M)
    assert len(captured) == 2
    data_changed()
    evaluate.evaluate_cloud("eu", NOON + M)
    assert [alarm.cloud_id for alarm in Alarm.objects.open()] == ["otc"]


def test_a_call_that_fails_after_an_outage_is_no_change_of_its_alarm() -> None:
    Cloud.objects.filter(pk="eu").update(error={"message": "Timeout."})
    judge(NOON)
    judge(NOON + 6 * M)
    answer(NOON + 7 * M, "eu")
    judge(NOON + 7 * M)
    Cloud.objects.filter(pk="eu").update(error={"message": "Timeout."})
    judge(NOON + 8 * M)
    answer(NOON + 9 * M, "eu")
    judge(NOON + 9 * M)
    assert [(alarm.changes, alarm.ended) for alarm in Alarm.objects.all()] == [(2, "recovered")]


def test_what_was_counted_in_an_outage_has_to_last_after_it() -> None:
    backup(1, NOON, volume_id=disk(1, cloud="eu"), cloud="eu")
    Backup.objects.update(stale_at=NOON - M)
    Cloud.objects.filter(pk="eu").update(error={"message": "Timeout."})
    assert ("stale", "eu", "eu") in kinds(judge(NOON))
    judge(NOON + 20 * M)
    Cloud.objects.filter(pk="eu").update(error=None, last_good_at=NOON + 20 * M)
    after = {alarm.kind: alarm for alarm in judge(NOON + 21 * M)}
    assert after["stale"].held_until == NOON + 36 * M
    assert "cloud_silent" not in after


def test_an_alarm_of_a_clock_that_was_ahead_is_of_now() -> None:
    backup(1, NOON, status="error_restoring", volume_id=disk(1))
    judge(NOON + H)
    (alarm,) = judge(NOON)
    assert (alarm.opened_at, alarm.held_until, alarm.changed_at) == (NOON, NOON, NOON)
