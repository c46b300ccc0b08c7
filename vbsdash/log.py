"""Logs one line per event, with the IDs of its request and task: key=value pairs, or JSON.

A warning or error that repeats is written once a minute, with how often it came.
"""

import json
import logging
import logging.config
import re
import sys
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple

import structlog

from backups.shared import probes
from backups.vbs.errors import ConfigurationError
from backups.vbs.quoted import quoted

REPEATED_AFTER_S = 60.0
LONGEST_COMPARED = 2_000  # characters of the text of an error
# IDs and addresses of objects, which differ between two errors that are the same.
_VARYING = re.compile(
    r"0x[0-9a-f]+|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{16,}\b", re.IGNORECASE
)
# How Celery counts its tries to reach the broker.
_TRIES = re.compile(r"Trying again in [0-9.]+ seconds\.\.\. \([0-9]+/\w+\)")
REMEMBERED = 500  # different records
FORMATS = ("console", "json")


class LastWritten(NamedTuple):
    """When a record was last written, by the monotonic clock, and how many like it
    were left out since.
    """

    at: float
    left_out: int


def read_format(env: Mapping[str, str]) -> str:
    """Returns one of FORMATS. Raises ConfigurationError."""
    value = env.get("VBSDASH_LOG_FORMAT") or FORMATS[0]
    if value not in FORMATS:
        raise ConfigurationError(
            f"VBSDASH_LOG_FORMAT is {quoted(value)}: write json, or console for key=value."
        )
    return value


def config(*, debug: bool, log_format: str) -> dict[str, Any]:
    """Django's LOGGING: everything through one structlog formatter on stderr.

    JSON takes the lines of gunicorn too, whose handlers were set up before this; its log of access
    stays as its command line has it.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _without_copies,
    ]
    renderer: structlog.typing.Processor = structlog.processors.KeyValueRenderer(
        key_order=["level", "logger", "event"], drop_missing=True
    )
    if log_format == "json":
        shared.append(structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"))
        renderer = structlog.processors.JSONRenderer(serializer=json_line)
    to_root: dict[str, object] = {"propagate": True, "handlers": []}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.ExceptionRenderer(),
                    renderer,
                ],
            }
        },
        "filters": {
            "not the readiness": {
                "()": "django.utils.log.CallbackFilter",
                "callback": _is_not_about_readyz,
            },
            "repeated ones counted": {"()": CountRepeated},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["repeated ones counted"],
            }
        },
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django.db.backends": {"level": "INFO"},
            "django.request": {"filters": ["not the readiness"]},
            "django.server": {"level": "INFO", **to_root},
            **({"gunicorn.error": to_root} if log_format == "json" else {}),
            "celery": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "urllib3": {"level": "ERROR"},
            "keystoneauth": {"level": "WARNING"},
            # It masks name and address; backups/web/sign_in_log.py tells them.
            "axes": {"level": "ERROR"},
            "backups": {"level": "DEBUG" if debug else "INFO"},
            "vbsdash": {"level": "INFO"},
        },
    }


class CountRepeated(logging.Filter):
    """Lets the same warning or error through once a minute; the next one that is let through says
    how many were left out (`repeated`).
    """

    def __init__(self, after_s: float = REPEATED_AFTER_S) -> None:
        super().__init__()
        self._after_s = after_s
        self._lock = threading.Lock()
        self._written: OrderedDict[tuple[object, ...], LastWritten] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        key = _sameness_key(record)
        now = time.monotonic()
        with self._lock:
            last = self._written.get(key)
            if last is not None and now - last.at < self._after_s:
                self._written[key] = LastWritten(last.at, last.left_out + 1)
                return False
            self._written[key] = LastWritten(now, left_out=0)
            self._written.move_to_end(key)
            if len(self._written) > REMEMBERED:
                self._written.popitem(last=False)
        if last is not None and last.left_out:
            record.repeated = last.left_out
        return True


def _sameness_key(record: logging.LogRecord) -> tuple[object, ...]:
    """Returns what two records have in common that are the same.

    Two failures of different tasks by the same error are the same: their formatted message names
    the task, so of a record with an error it is left out.
    """
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        text = "".join(traceback.format_exception_only(error))[:LONGEST_COMPARED]
        text = _VARYING.sub("…", text)
        return record.name, record.levelno, str(record.msg), text, _raised_at(error)
    try:
        return record.name, record.levelno, _TRIES.sub("…", record.getMessage())
    except (TypeError, ValueError):
        # The arguments do not fit the message; the handler reports that.
        return record.name, record.levelno, str(record.msg)


def _raised_at(error: BaseException) -> tuple[str, int] | None:
    """Returns file and line of the raise: the same text from elsewhere is another error."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    if not frames:
        return None
    return frames[0].filename, frames[0].lineno or 0


def json_line(event: Mapping[str, object], **_: object) -> str:
    """Returns one line of ASCII that any reader of JSON takes, whatever a library has logged."""
    try:
        return json.dumps(event, default=repr, allow_nan=False)
    except (TypeError, ValueError):
        # A key that is no text, NaN, a list in itself.
        return json.dumps({str(name): repr(value) for name, value in event.items()})


def use(logging_config: dict[str, Any], *, loglevel: int | None) -> None:
    """Sets up logging as it is configured, with the level that a command line names."""
    logging.config.dictConfig(logging_config)
    if loglevel:
        logging.getLogger().setLevel(loglevel)


def log_uncaught_errors() -> None:
    """Makes one record, with its traceback inside, of an error that ends the process or a
    thread.
    """
    sys.excepthook = _log_uncaught_error
    threading.excepthook = _log_error_of_thread


def _log_error_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_type is SystemExit:
        return
    error = ended.exc_value or ended.exc_type()
    logging.getLogger(__name__).critical(
        "a thread ends by an error", exc_info=(ended.exc_type, error, ended.exc_traceback)
    )


def _log_uncaught_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    logging.getLogger(__name__).critical(
        "this process ends by an error", exc_info=(kind, error, trace)
    )


def _without_copies(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Drops `data`, in which Celery repeats the task, error and traceback of a failed task."""
    event.pop("data", None)
    return event


def _is_not_about_readyz(record: logging.LogRecord) -> bool:
    """Returns whether a record of `django.request` is of another request than /readyz.

    A 503 of /readyz is an answer, and no failure of a request; while vbsdash starts
    it comes every second.
    """
    request = getattr(record, "request", None)
    path: str = getattr(request, "path_info", "")
    return probes.without_slash(path) != probes.READY
