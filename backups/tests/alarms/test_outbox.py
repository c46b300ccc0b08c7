"""Who is told what, and when: once, truly, and not while told to be quiet."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backups.alarms import deliver, evaluate, outbox
from backups.alarms.message import Message
from backups.edits.common import Actor, NotAllowed
from backups.models import (
    FULL_ACCESS,
    Alarm,
    Backup,
    Cloud,
    DeliveredAlarm,
    Delivery,
    DeliveryState,
    Silence,
    Told,
    Volume,
    VolumeTag,
)
from backups.models.data_version import data_changed
from backups.refresh import housekeeping
from backups.tests.alarms.estate import DAY, H, M, S, answer, backup, disk, judge, make_clouds
from backups.tests.alarms.far_side import HttpSink, configure, http_sink, webhook
from backups.tests.facts import NOON

pytestmark = pytest.mark.django_db
ANNA = Actor("anna", NOON, FULL_ACCESS)


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with http_sink() as running:
        yield running


@pytest.fixture(autouse=True)
def estate(settings: Any, tmp_path: Path, sink: HttpSink) -> None:
    """Two clouds, and two channels: one for all, one for what is critical."""
    make_clouds(settings, tmp_path)
    entries = {"chat": webhook(sink), "phone": webhook(sink, severities=["critical"])}
    configure(settings, tmp_path, entries)


def fail(*numbers: int, cloud: str = "otc") -> None:
    """Lets disks have a failure after their good backup."""
    for n in numbers:
        backup(n, NOON, status="error", volume_id=disk(n, cloud=cloud), cloud=cloud)


def written(channel: str) -> list[tuple[str, str]]:
    """What a channel is told, by subject."""
    rows = DeliveredAlarm.objects.filter(channel=channel).order_by("id")
    return [(row.what, row.alarm.subject) for row in rows.select_related("alarm")]


def message_in(delivery_id: int) -> Message:
    stored: Any = Delivery.objects.get(pk=delivery_id).message
    return Message.of_json(stored)


def test_two_hundred_faults_of_one_sweep_are_one_message_a_channel() -> None:
    fail(*range(1, 201))
    judge(NOON)
    assert Delivery.objects.count() == 1
    assert Delivery.objects.get().alarms.count() == 200
    # What is found within the half minute joins it; what comes later, and another cloud, does not.
    fail(201)
    judge(NOON + 20 * S)
    fail(202)
    fail(203, cloud="eu")
    judge(NOON + 40 * S)
    sizes = [delivery.alarms.count() for delivery in Delivery.objects.order_by("cloud", "id")]
    assert sizes == [1, 201, 1]


def test_a_channel_is_told_what_its_filter_and_severities_are_about(
    settings: Any, tmp_path: Path, sink: HttpSink
) -> None:
    entries = {"db": webhook(sink, filter="tag=db"), "eu": webhook(sink, filter="cloud=eu")}
    configure(settings, tmp_path, {**entries, "phone": webhook(sink, severities=["critical"])})
    fail(1, 2)
    fail(3, cloud="eu")
    backup(4, NOON - 30 * H)
    judge(NOON)
    assert (written("db"), written("phone")) == ([], [("opened", "disk-4")])
    VolumeTag.objects.create(volume=Volume.objects.get(volume_id="disk-2"), tag="db")
    judge(NOON + M)
    assert written("db") == [("opened", "disk-2")]
    assert written("eu") == [("opened", "disk-3")]


def test_a_recovery_goes_to_those_who_got_the_alarm_whatever_their_filter_is_by_then(
    settings: Any, tmp_path: Path, sink: HttpSink
) -> None:
    fail(1)
    judge(NOON)
    entries = {"chat": webhook(sink, filter="cloud=eu"), "late": webhook(sink)}
    backup(9, NOON + M, volume_id="disk-1")
    configure(settings, tmp_path, entries)
    judge(NOON + 2 * M)
    assert written("chat") == [("opened", "disk-1"), ("recovered", "disk-1")]
    assert written("late") == []


def test_what_is_pending_taken_muted_or_of_a_silent_cloud_is_not_told() -> None:
    fail(1, 2)
    fail(3, cloud="eu")
    Silence.objects.create(
        query="subject=disk-1", reason="work", by="anna", made_at=NOON, begins_at=NOON,
        ends_at=NOON + 10 * M,
    )  # fmt: skip
    Cloud.objects.filter(pk="eu").update(error={"message": "Timeout."})
    judge(NOON)
    # The cloud itself is pending, and its disk is not told meanwhile either.
    assert written("chat") == [("opened", "disk-2")]
    judge(NOON + 5 * M)
    assert written("chat")[1:] == [("opened", "eu")]
    # The silence is over: what is still wrong is told now, unless somebody has taken it.
    answer(NOON + 10 * M)
    judge(NOON + 10 * M)
    assert sorted(written("chat")[2:]) == [
        ("opened", "disk-1"),
        ("opened", "disk-3"),
        ("recovered", "eu"),
    ]


def test_five_thousand_disks_of_a_cloud_that_is_down_are_one_message(
    settings: Any, tmp_path: Path, sink: HttpSink
) -> None:
    Cloud.objects.filter(pk="otc").update(error={"message": "Timeout."})
    fail(*range(1, 201))
    judge(NOON)
    judge(NOON + 6 * M)
    assert Alarm.objects.open().count() == 201
    assert written("chat") == [("opened", "otc")]


def test_a_recovery_waits_for_the_end_of_a_silence() -> None:
    fail(1)
    judge(NOON)
    Silence.objects.create(
        query="cloud=otc", reason="night", by="anna", made_at=NOON, begins_at=NOON,
        ends_at=NOON + H,
    )  # fmt: skip
    backup(9, NOON + M, volume_id="disk-1")
    judge(NOON + 2 * M)
    assert written("chat") == [("opened", "disk-1")]
    answer(NOON + H)
    judge(NOON + H)
    assert written("chat") == [("opened", "disk-1"), ("recovered", "disk-1")]


def test_a_recovery_waits_as_long_as_a_silence_and_what_came_and_went_is_not_told() -> None:
    fail(1, 2)
    judge(NOON)
    Silence.objects.create(
        query="cloud=otc", reason="move", by="anna", made_at=NOON, begins_at=NOON,
        ends_at=NOON + 14 * DAY,
    )  # fmt: skip
    backup(8, NOON + M, volume_id="disk-1")
    good = backup(9, NOON + M, volume_id="disk-2")
    answer(NOON + 20 * M)
    judge(NOON + 20 * M)
    # The second one fails again at once: its readers know it as failing.
    Backup.objects.filter(pk=good.pk).update(status="error")
    judge(NOON + 22 * M)
    assert [alarm.subject for alarm in Alarm.objects.open()] == ["disk-2"]
    assert outbox.tell(NOON + 14 * DAY)
    data_changed()
    assert written("chat")[2:] == [("recovered", "disk-1")]


def test_an_escalation_is_told_what_nobody_has_taken_for_so_long(
    settings: Any, tmp_path: Path, sink: HttpSink
) -> None:
    configure(settings, tmp_path, {"boss": webhook(sink, only_if_unacked_for="30m")})
    fail(1, 2)
    judge(NOON)
    Alarm.objects.filter(subject="disk-1").update(acknowledged_at=NOON, acknowledged_by="anna")
    judge(NOON + 29 * M)
    assert written("boss") == []
    answer(NOON + 30 * M)
    judge(NOON + 30 * M)
    assert written("boss") == [("opened", "disk-2")]


@pytest.mark.either
def test_ten_changes_in_ten_minutes_are_two_messages_and_one_that_counts_them() -> None:
    bad = backup(1, NOON, status="error_restoring", volume_id=disk(1))
    for minute in range(10):
        status = "available" if minute % 2 else "error_restoring"
        Backup.objects.filter(pk=bad.pk).update(status=status)
        judge(NOON + minute * M)
    subject = str(bad.pk)
    assert written("chat") == [("opened", subject), ("recovered", subject)]
    for minute in (10, 18, 19, 24):
        judge(NOON + minute * M)
    assert written("chat")[2:] == [("flapping", subject)]
    newest = Delivery.objects.order_by("-id")[0]
    deliver.deliver("chat")
    line = message_in(newest.pk).lines[0]
    assert (line.what, line.is_open, line.changes) == (Told.FLAPPING, False, 10)


@pytest.mark.either
def test_an_alarm_that_flaps_on_is_told_once_an_hour() -> None:
    bad = backup(1, NOON, status="error_restoring", volume_id=disk(1))
    for minute in range(0, 125, 8):
        status = "available" if minute % 16 else "error_restoring"
        Backup.objects.filter(pk=bad.pk).update(status=status)
        answer(NOON + minute * M)
        judge(NOON + minute * M)
    counts = Counter(what for what, _ in written("chat"))
    assert counts == {"opened": 1, "recovered": 1, "flapping": 1}


@pytest.mark.either
def test_a_message_has_the_worst_first_and_names_a_hundred() -> None:
    fail(*range(1, 121))
    backup(500, NOON - 30 * H)
    judge(NOON)
    message = Message.of_json(_claimed("chat"))
    assert (message.opened, len(message.lines)) == (121, 100)
    assert message.lines[0].subject == "disk-500"
    assert message.headline == "otc: 121 alarms, 121 new"
    assert message.lines[0].path == "/volumes/otc/disk-500/"
    assert Message.of_json(message.as_json()) == message


def test_what_can_be_no_id_of_a_disk_leads_to_the_page_of_alarms() -> None:
    backup(1, NOON, status="error", volume_id="../disk 1")
    judge(NOON)
    message = Message.of_json(_claimed("chat"))
    assert {line.path for line in message.lines} == {"/alarms/"}


def _claimed(channel: str) -> dict[str, Any]:
    claimed = deliver._claim(channel, NOON + M)
    assert claimed is not None
    assert isinstance(claimed.message, dict)
    return claimed.message


def test_a_removed_channel_drops_what_waits_and_is_told_anew_when_it_is_back(
    settings: Any, tmp_path: Path, sink: HttpSink
) -> None:
    fail(1)
    judge(NOON)
    configure(settings, tmp_path, {"other": webhook(sink)})
    assert outbox.channels_due(NOON + M) == ["chat"]
    deliver.deliver("chat")
    dropped = Delivery.objects.get(channel="chat")
    assert dropped.state == DeliveryState.DROPPED
    assert message_in(dropped.pk).opened == 1
    with pytest.raises(NotAllowed, match="not configured any more"):
        outbox.send_again(dropped.pk, actor=ANNA)
    configure(settings, tmp_path, {"chat": webhook(sink)})
    judge(NOON + 2 * M)
    assert written("chat") == [("opened", "disk-1")]
    assert sink.requests == []


@pytest.mark.either
def test_who_knows_what_outlives_the_log_of_deliveries() -> None:
    fail(1)
    judge(NOON)
    deliver.deliver("chat")
    Delivery.objects.update(written_at=NOON - 91 * DAY, state=DeliveryState.SENT)
    housekeeping.prune(NOON)
    assert not Delivery.objects.exists()
    evaluate.evaluate(NOON + M)
    assert not Delivery.objects.exists()
    backup(9, NOON + M, volume_id="disk-1")
    judge(NOON + 2 * M)
    assert written("chat") == [("opened", "disk-1"), ("recovered", "disk-1")]


def test_a_test_is_sent_and_an_unknown_channel_is_named() -> None:
    delivery = outbox.send_test("chat", actor=ANNA)
    assert outbox.channels_due(NOON) == ["chat"]
    with pytest.raises(NotAllowed, match="waits for its next try"):
        outbox.send_again(delivery.pk, actor=ANNA)
    with pytest.raises(outbox.UnknownChannel, match="No channel “fax” is configured"):
        outbox.send_test("fax", actor=ANNA)
    with pytest.raises(outbox.UnknownDelivery):
        outbox.send_again(0, actor=ANNA)
    of_eu = Actor("ben", NOON, FULL_ACCESS.within(frozenset({"eu"})))
    with pytest.raises(NotAllowed, match="for who sees all clouds"):
        outbox.send_test("chat", actor=of_eu)
