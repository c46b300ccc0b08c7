"""Reads the clouds' own lists of disks now; the scheduler does it hourly."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from backups.clouds import registry
from backups.models import Cloud
from backups.refresh import volume_list


class Command(BaseCommand):
    help = (
        "Read the clouds' lists of disks now: names, sizes, disks without any backup, and those "
        "that are no more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "clouds", nargs="*", metavar="CLOUD", help="all configured ones without one"
        )

    def handle(self, **options: list[str]) -> None:
        registry.ensure_rows()
        given, known = options["clouds"], sorted(registry.configured())
        if unknown := sorted(set(given) - set(known)):
            raise CommandError(
                f"{unknown[0]!r} is no configured cloud; configured: {', '.join(known) or 'none'}."
            )
        for name in given or known:
            n = volume_list.read(name, timezone.now())
            error = Cloud.objects.get(pk=name).volumes_error
            self.stdout.write(f"{name}: {error or f'{n:,} disks'}")
