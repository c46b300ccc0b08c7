"""What is logged: one event is one line, with the ID of its request or task, and
what repeats is counted.
"""

import io
import logging
import logging.config
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery.signals import task_prerun
from django.http import HttpResponseServerError
from django.test import Client, RequestFactory

from backups import tasks
from backups.api.problem import Problems
from backups.shared.problem import CONTENT_TYPE
from vbsdash import log
from vbsdash.log import CountRepeated


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What vbsdash writes to stderr, by its own configuration."""
    stream = io.StringIO()
    settings: dict[str, Any] = log.config(debug=False)
    handler = logging.StreamHandler(stream)
    formatter = settings["formatters"]["line"]
    made = formatter.pop("()")
    handler.setFormatter(made(**formatter))
    handler.addFilter(CountRepeated())
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def fail(times: int, sentence: str = "the broker is away") -> None:
    for task_id in range(times):
        try:
            raise ConnectionError(sentence)
        except ConnectionError:
            logging.getLogger("celery.app.trace").error("Task %s failed", task_id, exc_info=True)


def test_an_error_is_one_line_with_its_traceback_inside(lines: io.StringIO) -> None:
    fail(1)
    [line] = lines.getvalue().splitlines()
    assert "Traceback (most recent call last)" in line
    assert "ConnectionError: the broker is away" in line


def test_the_same_error_of_many_tasks_is_written_once(lines: io.StringIO) -> None:
    fail(100)
    fail(1, "the database is away")
    [broker, database] = lines.getvalue().splitlines()
    assert "the broker is away" in broker
    assert "the database is away" in database


def test_an_error_that_differs_only_in_an_id_or_address_is_the_same(lines: io.StringIO) -> None:
    for n in range(50):
        fail(
            1,
            f"<HTTPConnection object at {id(object()) + n:#x}>: backup {uuid.UUID(int=n)} timed "
            "out",
        )
    assert len(lines.getvalue().splitlines()) == 1


def test_the_tries_to_reach_a_broker_are_one_record(lines: io.StringIO) -> None:
    for number in range(1, 50):
        again = f"Trying again in {2 * number}.00 seconds... ({number}/None)"
        logging.getLogger("celery.worker").error("Cannot connect to %s: %s.\n%s", "h", "no", again)
    [line] = lines.getvalue().splitlines()
    assert "(1/None)" in line


class Mute(Exception):
    """It cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_an_error_without_words_is_logged_all_the_same(lines: io.StringIO) -> None:
    try:
        raise Mute
    except Mute:
        logging.getLogger("backups").error("failed", exc_info=True)
    [line] = lines.getvalue().splitlines()
    assert "Mute" in line


def test_an_error_that_django_has_logged_is_not_logged_once_more_for_its_shape() -> None:
    logged = HttpResponseServerError()
    logged._has_been_logged = True  # type: ignore[attr-defined]
    answer = Problems(lambda request: logged)(RequestFactory().get("/api/summary/"))
    assert (answer.status_code, answer["Content-Type"]) == (500, CONTENT_TYPE)
    assert answer._has_been_logged  # type: ignore[attr-defined]


def test_the_next_one_after_a_while_says_how_many_were_left_out() -> None:
    counting = CountRepeated(after_s=0)
    record = logging.makeLogRecord({"name": "x", "levelno": logging.ERROR, "msg": "away"})
    assert counting.filter(record)
    patient = CountRepeated()
    assert [patient.filter(record) for _ in range(4)] == [True, False, False, False]
    patient._after_s = 0  # a minute has gone by
    assert patient.filter(record)
    assert record.repeated == 3  # type: ignore[attr-defined]


def test_the_same_words_from_another_line_are_another_error(lines: io.StringIO) -> None:
    fail(1)
    try:
        raise ConnectionError("the broker is away")
    except ConnectionError:
        logging.getLogger("celery.app.trace").error("Task %s failed", 7, exc_info=True)
    assert len(lines.getvalue().splitlines()) == 2


def test_arguments_that_do_not_fit_are_no_error_of_who_logs() -> None:
    record = logging.makeLogRecord(
        {"name": "x", "levelno": logging.ERROR, "msg": "%d of %d", "args": (1,)}
    )
    assert CountRepeated().filter(record)


def test_information_is_never_left_out(lines: io.StringIO) -> None:
    for _ in range(3):
        logging.getLogger("backups").info("one more")
    assert len(lines.getvalue().splitlines()) == 3


def test_only_so_many_different_ones_are_remembered() -> None:
    counting = CountRepeated()
    for n in range(log.REMEMBERED + 10):
        counting.filter(
            logging.makeLogRecord({"name": "x", "levelno": logging.ERROR, "msg": f"away {n}"})
        )
    assert len(counting._written) == log.REMEMBERED


def test_an_error_that_nobody_catches_is_one_line(lines: io.StringIO) -> None:
    try:
        raise RuntimeError("no way on")
    except RuntimeError as error:
        log._log_uncaught_error(type(error), error, error.__traceback__)
    [line] = lines.getvalue().splitlines()
    assert "this process ends by an error" in line
    assert "RuntimeError: no way on" in line


@pytest.mark.django_db
def test_a_request_has_an_id_in_the_log_and_in_its_answer(
    client: Client, lines: io.StringIO
) -> None:
    answer = client.get("/no-such-page/", headers={"X-Request-ID": "of-the-proxy-1"})
    assert answer["X-Request-ID"] == "of-the-proxy-1"
    own = client.get("/no-such-page-either/", headers={"X-Request-ID": "x\ny"})["X-Request-ID"]
    assert len(own) == 16
    [first, second] = lines.getvalue().splitlines()
    assert "request_id='of-the-proxy-1'" in first
    assert f"request_id='{own}'" in second


@pytest.mark.django_db
def test_a_task_has_its_name_and_id_in_the_log(lines: io.StringIO) -> None:
    task_prerun.send(sender=tasks.alive, task=tasks.alive, task_id="t-1")
    logging.getLogger("backups").warning("odd")
    [line] = lines.getvalue().splitlines()
    assert "task='backups.tasks.alive'" in line
    assert "task_id='t-1'" in line


def test_a_failed_task_says_its_traceback_once(lines: io.StringIO) -> None:
    try:
        raise ValueError("the reason")
    except ValueError as e:
        data = {"exc": "ValueError('the reason')", "traceback": "Traceback: ValueError: the reason"}
        logging.getLogger("celery.app.trace").error("Task failed", exc_info=e, extra={"data": data})
    [line] = lines.getvalue().splitlines()
    assert "Task failed" in line
    assert line.count("Traceback") == 1
