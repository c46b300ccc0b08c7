"""Messages reach a far side that is slow, wrong, away or gone: none is lost, none is doubled."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection

from backups.alarms import deliver, outbox
from backups.alarms.channels.channel import Answer
from backups.alarms.channels_file import channels
from backups.alarms.message import Message
from backups.alarms.outbox import CLAIM
from backups.edits.common import Actor
from backups.models import FULL_ACCESS, Delivery, DeliveryAttempt, DeliveryState
from backups.tests.alarms.estate import H, M, S, backup, disk, judge, make_clouds
from backups.tests.alarms.far_side import (
    HttpSink,
    SmtpSink,
    configure,
    http_sink,
    mail,
    smtp_sink,
    webhook,
)
from backups.tests.facts import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with http_sink() as running:
        yield running


@pytest.fixture
def mails() -> Iterator[SmtpSink]:
    with smtp_sink() as running:
        yield running


@pytest.fixture
def chat(settings: Any, tmp_path: Path, sink: HttpSink, clock: time_machine.Traveller) -> HttpSink:
    """A channel with one alarm to tell, at an hour at which it may be told."""
    make_clouds(settings, tmp_path)
    configure(settings, tmp_path, {"chat": webhook(sink)})
    one_alarm()
    clock.move_to(NOON + M)
    return sink


def one_alarm() -> None:
    backup(1, NOON, status="error", volume_id=disk(1))
    judge(NOON)


def state() -> tuple[str, int]:
    delivery = Delivery.objects.get()
    return delivery.state, delivery.attempts


def test_a_message_that_is_taken_is_sent_once(chat: HttpSink) -> None:
    assert deliver.deliver("chat") == 1
    assert deliver.deliver("chat") == 0
    (posted,) = chat.requests
    assert posted.json()["event_id"] == str(Delivery.objects.get().event_id)
    assert state() == (DeliveryState.SENT, 1)
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.is_delivered, attempt.http_status) == (True, 200)


def test_nothing_is_sent_before_its_half_minute(
    chat: HttpSink, clock: time_machine.Traveller
) -> None:
    clock.move_to(NOON + 29 * S)
    assert outbox.channels_due(NOON + 29 * S) == []
    assert deliver.deliver("chat") == 0
    assert chat.requests == []


@pytest.mark.either
def test_tries_wait_longer_and_longer_for_a_day_with_one_event_id(
    chat: HttpSink, clock: time_machine.Traveller
) -> None:
    chat.fail(500)
    now = NOON + M
    waits = []
    while state()[0] == DeliveryState.WAITING:
        clock.move_to(now)
        deliver.deliver("chat")
        send_at = Delivery.objects.get().send_at
        waits.append(send_at - now)
        now = max(send_at, now)
    assert waits[:4] == [S, 30 * S, H, H]
    assert state() == (DeliveryState.GIVEN_UP, 27)
    assert len({posted.json()["event_id"] for posted in chat.requests}) == 1
    assert Delivery.objects.get().tries.count() == 27
    # A person may have it sent again, and another day begins.
    chat.recover()
    outbox.send_again(Delivery.objects.get().pk, actor=Actor("anna", now, FULL_ACCESS))
    deliver.deliver("chat")
    assert state() == (DeliveryState.SENT, 28)


@pytest.mark.either
def test_what_the_far_side_asks_for_is_waited_for_within_an_hour(chat: HttpSink) -> None:
    chat.fail(503, Retry_After="120")
    deliver.deliver("chat")
    assert Delivery.objects.get().send_at == NOON + M + 120 * S
    Delivery.objects.update(send_at=NOON)
    chat.fail(429, Retry_After="999999")
    deliver.deliver("chat")
    assert Delivery.objects.get().send_at == NOON + M + H


@pytest.mark.parametrize("manner", ["redirect", "hang up", "big"])
@pytest.mark.either
def test_a_far_side_that_behaves_oddly(chat: HttpSink, manner: Any) -> None:
    if manner == "redirect":
        chat.redirect("http://127.0.0.1:9/elsewhere")
    else:
        chat.manner = manner
    deliver.deliver("chat")
    is_taken = manner == "big"  # its status says so; its body is not read to the end
    assert state()[0] == (DeliveryState.SENT if is_taken else DeliveryState.WAITING)
    assert len(chat.requests) == 1
    assert DeliveryAttempt.objects.get().sentence


def test_a_worker_that_dies_between_sending_and_noting_sends_the_same_event_again(
    chat: HttpSink, clock: time_machine.Traveller
) -> None:
    claimed = deliver._claim("chat", NOON + M)
    assert claimed is not None
    # It sent, and died before it could note so: the claim is what is left.
    message: Any = claimed.message
    channels()["chat"].send(Message.of_json(message))
    assert deliver.deliver("chat") == 0
    clock.move_to(NOON + M + CLAIM)
    assert deliver.deliver("chat") == 1
    first, second = chat.requests
    assert first.body == second.body
    assert state() == (DeliveryState.SENT, 2)


def test_a_worker_whose_claim_ran_out_leaves_the_state_to_the_one_that_has_it(
    chat: HttpSink, clock: time_machine.Traveller
) -> None:
    slow = deliver._claim("chat", NOON + M)
    assert slow is not None
    clock.move_to(NOON + M + CLAIM)
    assert deliver.deliver("chat") == 1
    failed = Answer(is_delivered=False, sentence="too late")
    deliver._note(slow, failed, 60_000, NOON + M + CLAIM)
    assert state() == (DeliveryState.SENT, 2)


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_each_message_once(chat: HttpSink) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("the tests' database is in memory, where readers do not pass a writer")
    for n in range(2, 12):
        cloud = "eu" if n % 2 else "otc"
        backup(n, NOON, status="error", volume_id=disk(n, cloud=cloud), cloud=cloud)
    for number in range(20):
        outbox.send_test("chat", actor=Actor(f"anna {number}", NOON, FULL_ACCESS))

    def work() -> None:
        deliver.deliver("chat")
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    events = [posted.json()["event_id"] for posted in chat.requests]
    assert len(events) == len(set(events)) == Delivery.objects.count() == 21
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.SENT}


@pytest.mark.either
def test_mail_is_away_for_a_day_and_all_of_it_comes_once_it_is_back(
    settings: Any, tmp_path: Path, mails: SmtpSink, clock: time_machine.Traveller
) -> None:
    make_clouds(settings, tmp_path)
    configure(settings, tmp_path, {"ops": mail(mails)})
    mails.go_down()
    one_alarm()
    for hour in range(23):
        clock.move_to(NOON + hour * H + M)
        deliver.deliver("ops")
    assert state()[0] == DeliveryState.WAITING
    mails.come_up()
    # The next message gets through, and the one that waited for its hour goes with it.
    now = NOON + 23 * H
    clock.move_to(now)
    Delivery.objects.update(send_at=now + H)
    outbox.send_test("ops", actor=Actor("anna", now, FULL_ACCESS))
    assert deliver.deliver("ops") == 2
    assert len(mails.mails) == 2


def test_a_clock_that_is_set_back_by_an_hour_holds_nothing_up(
    chat: HttpSink, clock: time_machine.Traveller
) -> None:
    chat.fail(500)
    for _ in range(3):
        deliver.deliver("chat")
        Delivery.objects.update(send_at=NOON)
    deliver._claim("chat", NOON + M)
    chat.recover()
    before = NOON - H
    clock.move_to(before)
    outbox.forget_the_future(before)
    assert outbox.channels_due(before) == ["chat"]
    deliver.deliver("chat")
    assert state()[0] == DeliveryState.SENT
    assert timedelta(0) < CLAIM
