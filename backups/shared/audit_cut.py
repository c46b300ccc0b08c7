"""Cuts off what is too old of the record of who did what; each step writes a row about itself.

`backups/models/audit.py` says how the cut passes the triggers that refuse every other DELETE.
"""

import time
from datetime import datetime
from typing import Final

from django.db import transaction

from backups.models import AuditCut, AuditEntry, ObjectKind, Verb
from backups.shared import audit

# In one transaction with the row that tells of it, and a pause after it: SQLite has one writer at a
# time. A usual day has fewer.
ROWS_PER_CUT: Final = 5_000
PAUSE_S: Final = 0.05
NO_ENTRY: Final = 0  # IDs begin with 1


class TooLate(ValueError):
    """The text is a sentence."""


def cut(*, before: datetime, now: datetime) -> int:
    """Deletes all rows of before a time. Returns how many. Raises TooLate for a time to come, as
    nothing that happens is to go unnoted.
    """
    if before > now:
        raise TooLate("This time is not over yet: name one that has passed.")
    deleted = 0
    while True:
        step = _cut_some(before, now)
        deleted += step
        if step < ROWS_PER_CUT:
            return deleted
        time.sleep(PAUSE_S)


def _cut_some(before: datetime, now: datetime) -> int:
    with transaction.atomic():
        oldest = AuditEntry.objects.filter(at__lt=before).order_by("at", "-pk")
        keys = list(oldest.values_list("pk", flat=True)[:ROWS_PER_CUT])
        if not keys:
            return 0
        opened = AuditCut.objects.create(before=before, nothing_id=NO_ENTRY)
        # Not by Django's collector, which would ask for what refers to them.
        rows = AuditEntry.objects.filter(pk__in=keys)
        deleted: int = rows._raw_delete(rows.db)
        opened.delete()
        audit.note(
            Verb.AUDIT_PRUNE,
            ObjectKind.COMMAND,
            "prune_audit",
            after={"deleted": deleted, "before": before},
            at=now,
        )
    return deleted
