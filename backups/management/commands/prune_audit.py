"""`manage.py prune_audit --before DATE`: cuts off old rows of who did what, as the scheduler does
daily by VBSDASH_AUDIT_DAYS. The cut itself is noted.
"""

from datetime import datetime

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backups.query.fields import parse_day
from backups.shared import audit_cut


class Command(BaseCommand):
    help = "Delete what was noted of who did what before a day, for good, and note that."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--before", required=True, metavar="DATE", help="as 2026-01-31, which begins in UTC"
        )

    def handle(self, *, before: str, **options: object) -> None:
        day = parse_day(before)
        if day is None:
            raise CommandError(f"--before: {before[:40]!r} is no day; write it as 2026-01-31.")
        deleted = self._cut(day)
        self.stdout.write(f"{deleted:,} rows of before {day:%Y-%m-%d} are deleted")

    def _cut(self, day: datetime) -> int:
        try:
            return audit_cut.cut(before=day, now=timezone.now())
        except audit_cut.TooLate as e:
            raise CommandError(f"--before: {e}") from e
