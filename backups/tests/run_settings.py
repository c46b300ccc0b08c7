"""What a run of the tests may be told from outside; the Makefile lets these two variables through.

VBSDASH_TEST_CLOCK: the instant at which each test begins, ISO 8601 with its offset.
VBSDASH_TEST_PATIENCE: by how much every limit of waiting is stretched on a slow machine.
"""

import os
from datetime import datetime

START = datetime.fromisoformat(os.environ.get("VBSDASH_TEST_CLOCK") or "2026-11-25T14:30:00+00:00")
PATIENCE = float(os.environ.get("VBSDASH_TEST_PATIENCE") or 1)
LIMIT_S = 120 * PATIENCE  # for an event that must come; it says nothing about speed, `make bench` does
