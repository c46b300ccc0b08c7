"""What a run of the tests may be told from outside; the Makefile lets these two variables through.

VBSDASH_TEST_CLOCK: the instant at which each test begins, ISO 8601 with its offset.
VBSDASH_TEST_PATIENCE: by how much every limit of waiting is stretched on a slow machine.
"""

import os
import sys
from datetime import datetime
from typing import Never


def _start() -> datetime:
    text = os.environ.get("VBSDASH_TEST_CLOCK") or "2026-11-25T14:30:00+00:00"
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        _refuse(
            "VBSDASH_TEST_CLOCK", text, "write a time with its offset, as 2027-03-28T00:59:30+00:00"
        )
    if start.tzinfo is None:
        _refuse("VBSDASH_TEST_CLOCK", text, "write its offset too, as +00:00")
    return start


def _patience() -> float:
    text = os.environ.get("VBSDASH_TEST_PATIENCE") or "1"
    try:
        patience = float(text)
    except ValueError:
        patience = 0.0
    if not 0 < patience < 1000:
        _refuse(
            "VBSDASH_TEST_PATIENCE",
            text,
            "write a number above 0; 3 stretches every limit three times",
        )
    return patience


def _refuse(name: str, text: str, cure: str) -> Never:
    sys.exit(f"{name} is {text!r}: {cure}.")


START = _start()
PATIENCE = _patience()
# For an event that must come; it says nothing about speed, `make bench` does.
LIMIT_S = 120 * PATIENCE
