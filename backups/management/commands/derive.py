"""Derives again what is stored of backups and disks, without asking any cloud."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from backups.clouds.registry import ensure_rows
from backups.derived import findings, redecode
from backups.derived.volumes import derive_all
from backups.models import Cloud
from backups.refresh import type_interpretation


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
        known = list(Cloud.objects.order_by("name").values_list("name", flat=True))
        if unknown := sorted(set(clouds) - set(known)):
            raise CommandError(
                f"There is no cloud {unknown[0]!r} here; there are: {', '.join(known) or 'none'}."
            )
        for name in clouds or known:
            self._derive(name, decode=decode)

    def _derive(self, name: str, *, decode: bool) -> None:
        now = timezone.now()
        decoded = f", {redecode.redecode(name):,} answers read differently" if decode else ""
        kinds, found, volumes = (
            type_interpretation.judge_again(name),
            findings.note_all(name, now),
            derive_all(name, now),
        )
        self.stdout.write(
            f"{name}: {kinds:,} kinds, {found:,} findings and {volumes:,} disks changed{decoded}"
        )
