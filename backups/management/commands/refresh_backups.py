"""`manage.py refresh_backups [CLOUD …]`: refreshes what is due, in this process
and without a broker.
"""

import time
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from backups.clouds import registry
from backups.models import ObjectKind, Verb
from backups.refresh import type_interpretation
from backups.refresh.dispatcher import DO, needs
from backups.shared import audit, clock


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

    def handle(self, *, clouds: list[str], seconds: float, **options: object) -> None:
        _require_configured(clouds)
        answer_count = 0
        deadline = time.monotonic() + seconds
        while (seconds_left := deadline - time.monotonic()) > 0:
            new_answers = _refresh_due(set(clouds))
            answer_count += new_answers
            if not new_answers:
                break
            self.stdout.write(
                f"{answer_count} good answers, {seconds_left:.0f} s left",
                ending="\r" if self.stdout.isatty() else "\n",
            )
        after = {"clouds": clouds, "good_answers": answer_count}
        audit.note(Verb.COMMAND_RUN, ObjectKind.COMMAND, "refresh_backups", after=after)
        self.stdout.write(f"{answer_count} good answers")


def _require_configured(names: list[str]) -> None:
    registry.ensure_rows()
    configured = sorted(registry.configured())
    unknown = sorted(set(names) - set(configured))
    if unknown:
        listed = ", ".join(configured) or "none"
        raise CommandError(f"{unknown[0]!r} is no configured cloud. Configured: {listed}.")


def _refresh_due(names: set[str]) -> int:
    """Does once what is needed now, of these clouds or of all without any name.

    Returns how many good answers that brought.
    """
    now = clock.now()
    clock.forget_the_future(now)
    type_interpretation.ensure_all(now)
    answer_count = 0
    for need in needs(now):
        if not names or need.cloud in names:
            answer_count += DO[need.work](need.cloud)
    return answer_count
