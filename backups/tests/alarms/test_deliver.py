"""Messages reach a far side that is slow, wrong, away or gone: none is lost, none is doubled."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection

from backups.alarms import deliver, evaluate, outbox
from backups.alarms.channels.channel import Answer
from backups.alarms.channels_file import channels
from backups.alarms.message import Message
from backups.alarms.outbox import CLAIM
from backups.edits.common import Actor
from backups.models import FULL_ACCESS, Delivery, DeliveryAttempt, DeliveryState
from backups.tests.alarms.estate import H, M, S, answer, backup, disk, judge, make_clouds
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
def test_tries_wait_longer_and_longer_for_a_day_and_then_it_is_told_anew(
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
    given_up = Delivery.objects.get()
    assert given_up.tries.count() == 27
    # A person may have it sent again, which gets through; what is still wrong is told anew.
    chat.recover()
    outbox.send_again(given_up.pk, actor=Actor("anna", now, FULL_ACCESS))
    deliver.deliver("chat")
    given_up.refresh_from_db()
    assert (given_up.state, given_up.attempts) == (DeliveryState.SENT, 28)
    answer(now)
    evaluate.evaluate(now)
    assert Delivery.objects.exclude(pk=given_up.pk).get().alarms.count() == 1


@pytest.mark.either
def test_what_was_taken_once_stays_so_when_it_is_not_taken_again(
    chat: HttpSink, clock: time_machine.Traveller
) -> None:
    deliver.deliver("chat")
    chat.fail(500)
    outbox.send_again(Delivery.objects.get().pk, actor=Actor("anna", NOON + M, FULL_ACCESS))
    clock.move_to(NOON + 25 * H)
    deliver.deliver("chat")
    assert state() == (DeliveryState.SENT, 2)
    assert Delivery.objects.get().alarms.count() == 1


@pytest.mark.either
def test_what_is_over_is_told_after_what_began(
    chat: HttpSink, clock: time_machine.Traveller
) -> None:
    chat.fail(500)
    for seconds in (0, 1, 31):
        clock.move_to(NOON + M + seconds * S)
        deliver.deliver("chat")
    assert Delivery.objects.get().send_at == NOON + M + 31 * S + H
    backup(9, NOON + M, volume_id="disk-1")
    judge(NOON + 10 * M)
    # The recovery is due: the opening goes before it, and one that fails puts both off.
    clock.move_to(NOON + 11 * M)
    deliver.deliver("chat")
    assert {delivery.send_at for delivery in Delivery.objects.all()} == {NOON + 11 * M + H}
    # What is found meanwhile is a message of its own, which makes a new try of all three.
    backup(2, NOON, status="error", volume_id=disk(2))
    judge(NOON + 12 * M)
    assert Delivery.objects.filter(send_at=NOON + 12 * M + 30 * S).count() == 1
    chat.recover()
    clock.move_to(NOON + 13 * M)
    deliver.deliver("chat")
    told = [posted.json() for posted in chat.requests[-3:]]
    assert [(one["opened"], one["recovered"]) for one in told] == [(1, 0), (0, 1), (1, 0)]


@pytest.mark.either
def test_a_channel_that_raises_an_error_has_made_a_try_that_failed(chat: HttpSink) -> None:
    claimed = deliver._claim("chat", NOON + M)
    assert claimed is not None
    Delivery.objects.update(claimed_until=None, message={"of": "another version"})
    assert deliver.deliver("chat") == 0
    attempt = DeliveryAttempt.objects.get()
    assert attempt.sentence == "It could not be sent: KeyError."
    assert Delivery.objects.get().claimed_until is None


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
        # As in as many processes: of one process a single task sends.
        deliver.send_due("chat")
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
