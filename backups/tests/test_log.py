"""One event is one line, said once."""

import logging

from structlog.stdlib import ProcessorFormatter

from vbsdash import log


def test_a_failed_task_says_its_traceback_once() -> None:
    options = {key: value for key, value in log.config(debug=False)["formatters"]["line"].items() if key != "()"}
    try:
        raise ValueError("the reason")
    except ValueError as e:
        record = logging.LogRecord("celery.app.trace", logging.ERROR, "", 0, "Task failed", (), (type(e), e, None))
    record.data = {"exc": "ValueError('the reason')", "traceback": "Traceback: ValueError: the reason"}
    line = ProcessorFormatter(**options).format(record)
    assert (line.count("the reason"), line.count("\n"), "Task failed" in line) == (1, 0, True)
