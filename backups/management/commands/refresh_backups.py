"""`manage.py refresh_backups`: what beat and workers do, in this process and without a broker."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backups.clouds import registry
from backups.refresh import type_interpretation
from backups.refresh.dispatcher import DO, needs
from backups.shared import clock


class Command(BaseCommand):
    help = (
        "Refresh what is due now, once, without a broker; good for cron on a small site and for a "
        "look by hand."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "clouds", nargs="*", metavar="CLOUD", help="only these; all configured ones without any"
        )
        parser.add_argument(
            "--seconds", type=float, default=300.0, help="stop after so long (default 300)"
        )

    def handle(self, *, clouds: list[str], seconds: float, **options: Any) -> None:
        _check(clouds)
        good, ends = 0, time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            done = _once(set(clouds))
            good += done
            if not done:
                break
            self.stdout.write(
                f"{good} good answers, {left:.0f} s left",
                ending="\r" if self.stdout.isatty() else "\n",
            )
        self.stdout.write(f"{good} good answers")


def _check(names: list[str]) -> None:
    registry.ensure_rows()
    if unknown := sorted(set(names) - set(registry.configured())):
        known = ", ".join(sorted(registry.configured())) or "none"
        raise CommandError(f"{unknown[0]!r} is no configured cloud. Configured: {known}.")


def _once(names: set[str]) -> int:
    """One round over all that is needed now; how many good answers it brought."""
    now = clock.now()
    clock.forget_the_future(now)
    type_interpretation.ensure_all(now)
    wanted = [need for need in needs(now) if not names or need.cloud in names]
    return sum(DO[need.work](need.cloud) for need in wanted)
