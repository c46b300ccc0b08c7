"""Messages for tests of channels: one with hostile names, one of many alarms."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from backups.alarms.message import AlarmLine, Message

AT = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
EVENT = str(uuid.UUID(int=18))
HOSTILE = 'db\r\nBcc: all@example.org <script>alert("1")</script>\u202e\ud800'


def line(**changed: Any) -> AlarmLine:
    values: dict[str, Any] = {
        "id": 1,
        "what": "opened",
        "is_open": True,
        "kind": "no_backups",
        "severity": "critical",
        "state": "overdue",
        "cloud": "otc",
        "subject": "v",
        "title": HOSTILE,
        "sentence": f"disk {HOSTILE} has had no good backup",
        "next": "Look at its schedule.",
        "since": AT - timedelta(hours=3),
        "opened_at": AT,
        "closed_at": None,
        "ended": "",
        "evidence": "its newest good backup",
        "evidence_at": AT - timedelta(minutes=1),
        "changes": 1,
        "path": "/disks/otc/v/",
    }
    return AlarmLine(**{**values, **changed})


def message(**changed: Any) -> Message:
    values: dict[str, Any] = {
        "event_id": EVENT,
        "kind": "alarms",
        "written_at": AT,
        "cloud": "otc",
        "headline": f"Critical: disk {HOSTILE} has had no good backup (otc)",
        "opened": 1,
        "lines": (line(),),
    }
    return Message(**{**values, **changed})
