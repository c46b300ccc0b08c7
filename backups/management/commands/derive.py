"""`manage.py derive [CLOUD …]`: derives anew what is computed from stored answers."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from backups.clouds.registry import ensure_rows
from backups.derived import findings, redecode
from backups.derived.volumes import derive_all
from backups.models import Cloud, ObjectKind, Verb
from backups.refresh import type_interpretation
from backups.shared import audit


class Command(BaseCommand):
    help = (
        "Derive kinds, causes, chains and protection again from what is stored; no cloud is asked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("clouds", nargs="*", metavar="CLOUD", help="all without one")
        parser.add_argument(
            "--decode",
            action="store_true",
            help="read the stored answers anew first, after an upgrade",
        )

    def handle(self, *, clouds: list[str], decode: bool, **options: object) -> None:
        ensure_rows()
        all_names = list(Cloud.objects.order_by("name").values_list("name", flat=True))
        unknown = sorted(set(clouds) - set(all_names))
        if unknown:
            listed = ", ".join(all_names) or "none"
            raise CommandError(f"There is no cloud {unknown[0]!r} here; there are: {listed}.")
        for name in clouds or all_names:
            self._derive(name, decode=decode)

    def _derive(self, name: str, *, decode: bool) -> None:
        now = timezone.now()
        decoded = f", {redecode.redecode(name):,} answers read differently" if decode else ""
        kind_count = type_interpretation.judge_again(name)
        finding_count = findings.note_all(name, now)
        volume_count = derive_all(name, now)
        self.stdout.write(
            f"{name}: {kind_count:,} kinds, {finding_count:,} findings and {volume_count:,} disks "
            f"changed{decoded}"
        )
        after = {"decode": decode}
        audit.note(Verb.COMMAND_RUN, ObjectKind.COMMAND, "derive", cloud=name, after=after)
