"""`manage.py prune_revisions`: deletes old observed changes, as the scheduler does daily."""

from argparse import ArgumentParser
from datetime import timedelta

from django.core.management.base import BaseCommand
from django.utils import timezone

from backups.models import ObjectKind, Verb
from backups.refresh import retention
from backups.shared import audit


class Command(BaseCommand):
    help = (
        "Forget observed changes older than 90 days; the first, the last and every change of "
        "status are kept."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--days",
            type=int,
            default=retention.RETENTION.days,
            help="how long to keep (default 90)",
        )

    def handle(self, *, days: int, **options: object) -> None:
        change_count = retention.prune(timezone.now(), keep=timedelta(days=days))
        cause_count = retention.forget_causes()
        after = {"days": days, "changes": change_count, "causes": cause_count}
        audit.note(Verb.COMMAND_RUN, ObjectKind.COMMAND, "prune_revisions", after=after)
        self.stdout.write(
            f"{change_count} changes and {cause_count} causes without a backup forgotten"
        )
