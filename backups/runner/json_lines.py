"""One JSON object a line, for processes that load no more than the standard library: the runner,
and the first process of gunicorn.
"""

import json
import logging
import os
from datetime import UTC, datetime
from typing import Final

VARIABLE: Final = "VBSDASH_LOG_FORMAT"


def are_wanted() -> bool:
    """Returns whether the setting says so; a wrong value has ended the start before."""
    return os.environ.get(VARIABLE) == "json"


def as_json(part: str, text: str) -> str:
    """Returns a line that is an object as it is, and any other one as an object."""
    try:
        is_object = isinstance(json.loads(text), dict)
    except ValueError:
        is_object = False
    return text if is_object else json.dumps({"part": part, "event": text})


class JsonLines(logging.Formatter):
    """Writes the keys that `vbsdash/log.py` writes."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event)
