"""One line of key=value pairs per event, with the ids that structlog's context holds."""

import logging
from typing import Any

import structlog


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
                    structlog.processors.KeyValueRenderer(key_order=["level", "logger", "event"], drop_missing=True),
                ],
            }
        },
        "filters": {"not the readiness": {"()": "django.utils.log.CallbackFilter", "callback": _is_no_readiness}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
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


def _without_copies(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Celery puts task, error and traceback of a failed task into `data` once more."""
    event.pop("data", None)
    return event


def _is_no_readiness(record: logging.LogRecord) -> bool:
    """A 503 of /readyz is an answer, asked for every second while vbsdash starts, and no failure of a request."""
    return getattr(getattr(record, "request", None), "path", None) != "/readyz"
