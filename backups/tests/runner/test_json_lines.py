"""With VBSDASH_LOG_FORMAT=json each line of `make run` is one object, whoever wrote it."""

import io
import json
import logging
import sys
from importlib import reload

import pytest
from gunicorn.config import Config

from backups.runner import gunicorn_conf, json_lines
from backups.runner.console import Console


def test_each_line_of_a_part_is_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VBSDASH_LOG_FORMAT", "json")
    stream = io.StringIO()
    console = Console(stream)
    ours = '{"event": "the task begins", "level": "info"}'
    console.line("worker", f"{ours}\r\n")
    console.line("broker", 'a "plain" line')
    console.line("web", "[1, 2]")
    console.line("web", '{"cut off": ')
    console.say("\nvbsdash     http://127.0.0.1:8000/\n")
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [
        json.loads(ours),
        {"part": "broker", "event": 'a "plain" line'},
        {"part": "web", "event": "[1, 2]"},
        {"part": "web", "event": '{"cut off":'},
        {"part": "up", "event": "vbsdash     http://127.0.0.1:8000/"},
    ]


def test_the_first_process_of_gunicorn_writes_objects_where_that_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not hasattr(gunicorn_conf, "logger_class")
    monkeypatch.setenv("VBSDASH_LOG_FORMAT", "json")
    try:
        logger = reload(gunicorn_conf).logger_class(Config())
    finally:
        del gunicorn_conf.logger_class
    [handler] = logger.error_log.handlers
    logger.error_log.removeHandler(handler)
    assert isinstance(handler.formatter, json_lines.JsonLines)


def test_an_error_is_one_object_with_its_traceback_inside() -> None:
    try:
        raise ConnectionError("away")
    except ConnectionError:
        record = logging.makeLogRecord(
            {"name": "gunicorn.error", "levelname": "ERROR", "msg": "%s", "args": ("x\ny",)}
        )
        record.exc_info = sys.exc_info()
    event = json.loads(json_lines.JsonLines().format(record))
    assert (event["event"], event["level"], event["logger"]) == ("x\ny", "error", "gunicorn.error")
    assert event["exception"].endswith("ConnectionError: away")
