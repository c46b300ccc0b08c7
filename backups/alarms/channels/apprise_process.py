"""Hands one message to Apprise: reads it from stdin as JSON, writes what came of it to stdout.

Nothing is loaded from folders, nothing attached, no template read, no redirect followed and nothing
kept on the disk. The address is a secret and in no output.
"""

import json
import logging
import re
import sys
from typing import Any

_STATUS = re.compile(r"\berror=([1-5][0-9]{2})\b")


class _StatusOf(logging.Handler):
    """Keeps the last status of HTTP that Apprise writes into its log, and nothing else of it."""

    def __init__(self) -> None:
        super().__init__()
        self.status: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        match = _STATUS.search(record.getMessage())
        if match:
            self.status = int(match[1])


def notify(order: dict[str, Any]) -> dict[str, Any]:
    import apprise

    asset = apprise.AppriseAsset(
        plugin_paths=[],
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        secure_logging=True,
        allow_templates=False,
        http_redirects=False,
        async_mode=False,
        service_timeout=order["seconds"],
        app_id="vbsdash",
    )
    kept = _StatusOf()
    logger = logging.getLogger("apprise")
    logger.addHandler(kept)
    logger.propagate = False
    service = apprise.Apprise.instantiate(order["url"], asset=asset)
    if service is None:
        return {"outcome": "unread", "status": None}
    service.overflow_mode = apprise.OverflowMode.TRUNCATE
    is_sent = service.notify(
        body=order["body"], title=order["title"], body_format=apprise.NotifyFormat.TEXT
    )
    return {"outcome": "sent" if is_sent else "refused", "status": kept.status}


if __name__ == "__main__":
    print(json.dumps(notify(json.load(sys.stdin))))
