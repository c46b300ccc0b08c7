"""One line of key=value pairs per event, with the ID of its request or task; what repeats is said
once and counted.
"""

import logging
import re
import sys
import threading
import time
import traceback
from collections import OrderedDict
from types import TracebackType
from typing import Any

import structlog

REPEATED_AFTER_S = 60.0  # the same again is written only so often, with how often it came meanwhile
LONGEST_COMPARED = 2_000  # characters of what an error says
_VARYING = re.compile(
    r"0x[0-9a-f]+|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{16,}\b", re.IGNORECASE
)
REMEMBERED = 500  # different records


def config(*, debug: bool) -> dict[str, Any]:
    """Django's LOGGING: everything through one structlog formatter on stderr."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _without_copies,
    ]
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
                    structlog.processors.KeyValueRenderer(
                        key_order=["level", "logger", "event"], drop_missing=True
                    ),
                ],
            }
        },
        "filters": {
            "not the readiness": {
                "()": "django.utils.log.CallbackFilter",
                "callback": _is_no_readiness,
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
            "django.server": {"level": "INFO", "propagate": True, "handlers": []},
            "celery": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "urllib3": {"level": "ERROR"},
            "keystoneauth": {"level": "WARNING"},
            "axes": {"level": "WARNING"},
            "backups": {"level": "DEBUG" if debug else "INFO"},
        },
    }


class CountRepeated(logging.Filter):
    """Lets a warning or an error through once a minute; the next one says how many were left out
    (`repeated`).
    """

    def __init__(self, after_s: float = REPEATED_AFTER_S) -> None:
        super().__init__()
        self._after_s = after_s
        self._lock = threading.Lock()
        self._written: OrderedDict[tuple[Any, ...], tuple[float, int]] = (
            OrderedDict()
        )  # when, and how many since

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        key = _what_it_says(record)
        now = time.monotonic()
        with self._lock:
            written_at, repeated = self._written.get(key, (None, 0))
            if written_at is not None and now - written_at < self._after_s:
                self._written[key] = (written_at, repeated + 1)
                return False
            self._written[key] = (now, 0)
            self._written.move_to_end(key)
            if len(self._written) > REMEMBERED:
                self._written.popitem(last=False)
        if repeated:
            record.repeated = repeated
        return True


def _what_it_says(record: logging.LogRecord) -> tuple[Any, ...]:
    """Two failures of different tasks by the same error are the same: the message names the task,
    so it is left out.
    """
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        said = "".join(traceback.format_exception_only(error))[:LONGEST_COMPARED]
        words = _VARYING.sub("…", said)  # IDs and addresses of objects
        return record.name, record.levelno, str(record.msg), words, _place_of(error)
    try:
        return record.name, record.levelno, record.getMessage()
    except (TypeError, ValueError):  # its arguments do not fit; the handler says so
        return record.name, record.levelno, str(record.msg)


def _place_of(error: BaseException) -> tuple[str, int] | None:
    """File and line where it was raised: the same words from elsewhere are another error."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    return (frames[0].filename, frames[0].lineno or 0) if frames else None


def log_what_ends_the_process() -> None:
    """An error that nobody catches becomes one record, with its traceback inside."""
    sys.excepthook = _log_last_error


def _log_last_error(
    kind: type[BaseException], error: BaseException, contribution: TracebackType | None
) -> None:
    logging.getLogger(__name__).critical(
        "this process ends by an error", exc_info=(kind, error, contribution)
    )


def _without_copies(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Celery puts task, error and traceback of a failed task into `data` once more."""
    event.pop("data", None)
    return event


def _is_no_readiness(record: logging.LogRecord) -> bool:
    """A 503 of /readyz is an answer, asked for every second while vbsdash starts, and no failure of
    a request.
    """
    return getattr(getattr(record, "request", None), "path", None) != "/readyz"
