"""`manage.py list_disks [CLOUD …]`: reads the clouds' own lists of disks, as workers do hourly."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from backups.clouds import registry
from backups.models import Cloud, ObjectKind, Verb
from backups.refresh import volume_list
from backups.shared import audit


class Command(BaseCommand):
    help = (
        "Read the clouds' lists of disks now: names, sizes, disks without any backup, and those "
        "that are no more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "clouds", nargs="*", metavar="CLOUD", help="all configured ones without one"
        )

    def handle(self, *, clouds: list[str], **options: object) -> None:
        registry.ensure_rows()
        configured = sorted(registry.configured())
        unknown = sorted(set(clouds) - set(configured))
        if unknown:
            listed = ", ".join(configured) or "none"
            raise CommandError(f"{unknown[0]!r} is no configured cloud; configured: {listed}.")
        for name in clouds or configured:
            count = volume_list.read(name, timezone.now())
            audit.note(Verb.COMMAND_RUN, ObjectKind.COMMAND, "list_disks", cloud=name)
            error = Cloud.objects.get(pk=name).volumes_error
            self.stdout.write(f"{name}: {error or f'{count:,} disks'}")
