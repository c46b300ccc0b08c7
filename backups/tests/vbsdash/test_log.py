"""What is logged: one event is one line, with the ID of its request or task, and
what repeats is counted.
"""

import io
import json
import logging
import logging.config
import sys
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from celery.signals import task_postrun, task_prerun
from django.http import HttpResponseServerError
from django.test import Client, RequestFactory

from backups import publish, tasks
from backups.api.problem import Problems
from backups.shared.problem import CONTENT_TYPE
from backups.tests.run_settings import LIMIT_S
from backups.vbs.errors import ConfigurationError
from vbsdash import log
from vbsdash.celery import app
from vbsdash.log import CountRepeated


@pytest.fixture(params=["console"])
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What vbsdash writes to stderr, by its own configuration."""
    stream = io.StringIO()
    settings = log.config(debug=False, log_format=request.param)
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


def test_only_a_trusted_proxy_names_a_request(client: Client) -> None:
    headers = {"X-Request-ID": "of-a-stranger-1"}
    answer = client.get("/healthz", headers=headers, REMOTE_ADDR="203.0.113.5")
    assert answer["X-Request-ID"] != "of-a-stranger-1"
    assert len(answer["X-Request-ID"]) == 16


class Odd:
    def __repr__(self) -> str:
        return "Odd('\\ud800')"


JSON = pytest.mark.parametrize("lines", ["json"], indirect=True)


@JSON
def test_each_event_is_one_object_whatever_was_logged(
    lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What pytest itself keeps of the log goes to another process, and no such text can.
    root = logging.getLogger()
    ours = [one for one in root.handlers if getattr(one, "stream", None) is lines]
    monkeypatch.setattr(root, "handlers", ours)
    fail(1, "line\nline\u2028line \ud800")
    extra = {"object": Odd(), "nan": float("nan"), "keys": {(1, 2): b"x"}}
    logging.getLogger("some.library").warning("%s\r\nx", "first", extra=extra)
    failed, odd = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (failed["level"], failed["logger"]) == ("error", "celery.app.trace")
    assert "ConnectionError: line\nline" in failed["exception"]
    assert failed["timestamp"].endswith("Z")
    assert (odd["event"], odd["nan"]) in (("first\r\nx", "nan"), ("'first\\r\\nx'", "nan"))


@pytest.mark.django_db  # a worker notes that it is there
@JSON
def test_an_object_names_request_and_task(lines: io.StringIO) -> None:
    alive: Any = tasks.alive
    alive.push_request(id="t-1", request_id="r-12345678")
    try:
        task_prerun.send(sender=tasks.alive, task=tasks.alive, task_id="t-1")
        task_postrun.send(sender=tasks.alive, task=tasks.alive, task_id="t-1", state="SUCCESS")
    finally:
        alive.pop_request()
    events = [json.loads(line) for line in lines.getvalue().splitlines()]
    begins, ended = events
    for event in (begins, ended):
        assert (event["task"], event["task_id"], event["request_id"]) == (
            "backups.tasks.alive",
            "t-1",
            "r-12345678",
        )
    assert (begins["event"], ended["state"]) == ("the task begins", "SUCCESS")


def test_a_message_carries_the_request_that_it_comes_of() -> None:
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id="r-12345678")
    try:
        assert publish.publish(tasks.alive, "bulk", queue="ids", expires_s=5)
    finally:
        structlog.contextvars.clear_contextvars()
    assert publish.publish(tasks.alive, "bulk", queue="ids", expires_s=5)
    with app.connection_for_read() as connection, connection.SimpleQueue("ids") as queue:
        asked_for = queue.get(timeout=LIMIT_S)
        of_the_scheduler = queue.get(timeout=LIMIT_S)
    assert asked_for.headers["request_id"] == "r-12345678"
    assert "request_id" not in of_the_scheduler.headers


@pytest.mark.parametrize(("log_format", "is_ours"), [("json", True), ("console", False)])
def test_gunicorn_s_own_lines_are_objects_too(log_format: str, is_ours: bool) -> None:
    """It has set up a handler of its own before Django is loaded."""
    gunicorn = logging.getLogger("gunicorn.error")
    theirs = logging.StreamHandler()
    gunicorn.addHandler(theirs)
    gunicorn.propagate = False
    before = logging.getLogger().handlers[:]
    try:
        log.use(log.config(debug=False, log_format=log_format), loglevel=None)
        assert (gunicorn.handlers == [], gunicorn.propagate) == (is_ours, is_ours)
    finally:
        gunicorn.removeHandler(theirs)
        logging.getLogger().handlers[:] = before


def test_an_error_that_ends_a_thread_is_one_line(lines: io.StringIO) -> None:
    def end() -> None:
        raise RuntimeError("no way on")

    before = threading.excepthook, sys.excepthook
    log.log_uncaught_errors()
    try:
        thread = threading.Thread(target=end)
        thread.start()
        thread.join()
    finally:
        threading.excepthook, sys.excepthook = before
    [line] = lines.getvalue().splitlines()
    assert "a thread ends by an error" in line
    assert "RuntimeError: no way on" in line


def test_an_unknown_format_is_refused_by_name() -> None:
    assert log.read_format({}) == log.read_format({"VBSDASH_LOG_FORMAT": ""}) == "console"
    assert log.read_format({"VBSDASH_LOG_FORMAT": "json"}) == "json"
    with pytest.raises(ConfigurationError, match=r"^VBSDASH_LOG_FORMAT is .JSON.: write json, or"):
        log.read_format({"VBSDASH_LOG_FORMAT": "JSON"})


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
