"""`manage.py run_part`: becomes one part, with the command line that `make run` has for it."""

import logging
import os
import sys
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from backups.clouds import registry
from backups.runner import alive, parts
from backups.runner.own_addresses import asked_at
from backups.runner.part import Part
from backups.runner.ports import CannotListen, listen

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Becomes one part: web, worker or beat. For containers and units, which restart it."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("part", choices=alive.PARTS)
        parser.add_argument(
            "--processes", type=int, default=1, metavar="N", help="of the web part; 1 by default"
        )
        parser.add_argument(
            "--name", help="of a worker, where several run on one host; celery by default"
        )

    def handle(
        self, *args: object, part: str, processes: int, name: str | None, **options: object
    ) -> None:
        if processes < 1:
            raise CommandError("--processes: write a number from 1 on.")
        # What it writes is for its owner only.
        os.umask(0o077)
        if settings.ALIVE_DIR is not None:
            alive.expect(settings.ALIVE_DIR, part)
        if part == alive.WEB:
            _become(_web_part(processes))
        elif part == alive.WORKER:
            _become(parts.worker_part(name))
        else:
            _become(parts.beat_part())


def _web_part(processes: int) -> Part:
    # A worker says the same when it starts.
    for sentence in registry.settings_without_effect():
        logger.warning("%s", sentence)
    try:
        listener = listen(settings.LISTEN_HOST, settings.LISTEN_PORT)
    except CannotListen as e:
        sys.exit(f"vbsdash: {e}")
    bound, port = listener.getsockname()[:2]
    if settings.ALIVE_DIR is not None:
        alive.note_address(settings.ALIVE_DIR, asked_at(bound), port)
    return parts.web_part(listener.detach(), port=port, processes=processes)


def _become(part: Part) -> None:
    """Never returns: the part has this process's number, so signals reach it."""
    for fd in part.pass_fds:
        os.set_inheritable(fd, True)
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(Path(settings.BASE_DIR))
    os.execve(part.argv[0], part.argv, {**os.environ, **part.env})  # noqa: S606
