"""The engine in a process of its own, whose clock whoever started it sets. Its memory is its own.

    python -m backups.tests.stories.engine_process

Each line that it reads is a command in JSON, each line that it writes the answer:
{"do": "dispatch", "at": ISO 8601}   what the scheduler does at this time, and the work that follows
{"do": "ask_all", "at": ISO 8601}    the same, with every backup due
{"do": "track", "cloud": …, "ids": […]}   what a person does in the form
{"do": "memory"}                     resident bytes, without what nobody uses any more
{"do": "rows"}                       what is stored of each backup, and whether it is gone
{"do": "doubled"}                    how many changes are stored twice
{"do": "errors"}                     what was logged as an error so far
"""

import ctypes
import gc
import json
import logging
import sys
from datetime import datetime
from typing import Any, TextIO

import django
import psutil
import time_machine

_libc = ctypes.CDLL(None)


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def _resident_bytes() -> int:
    gc.collect()
    # Of glibc: pages that were freed go back to the system.
    _libc.malloc_trim(0)
    return int(psutil.Process().memory_info().rss)


def _dispatch() -> None:
    from backups import tasks

    tasks.dispatch.delay()


def _track(cloud: str, ids: list[str]) -> None:
    from backups.edits import tracking
    from backups.shared import clock

    tracking.add(cloud=cloud, values=ids, now=clock.now())


def _make_all_due() -> None:
    from backups.models import Backup
    from backups.models.data_version import data_changed
    from backups.shared import clock

    # What is gone for good is asked about no more.
    Backup.objects.filter(next_refresh_at__isnull=False).update(next_refresh_at=clock.now())
    data_changed()


def _rows() -> list[list[Any]]:
    """Whether a backup is gone comes last."""
    from backups.models import Backup

    rows: list[list[Any]] = []
    for pk, *stored, gone_at in Backup.objects.order_by("pk").values_list(
        "pk", "cloud", "status", "size", "volume_id", "fail_reason", "gone_at"
    ):
        rows.append([str(pk), *stored, gone_at is not None])
    return rows


def _doubled() -> int:
    from django.db.models import Count

    from backups.models import Revision

    times = Revision.objects.values("backup", "at").annotate(count=Count("pk"))
    return times.filter(count__gt=1).count()


def _answer(command: dict[str, Any], clock: time_machine.Traveller, errors: _Errors) -> Any:
    if "at" in command:
        clock.move_to(datetime.fromisoformat(command["at"]), tick=False)
    match command["do"]:
        case "dispatch":
            _dispatch()
        case "ask_all":
            _make_all_due()
            _dispatch()
        case "track":
            _track(command["cloud"], command["ids"])
        case "memory":
            return _resident_bytes()
        case "rows":
            return _rows()
        case "doubled":
            return _doubled()
        case "errors":
            return errors.lines
    return None


def main(commands: TextIO, answers: TextIO) -> None:
    django.setup()
    from celery import current_app
    from django.core.management import call_command

    errors = _Errors()
    logging.getLogger().addHandler(errors)
    current_app.conf.task_always_eager = True
    # As Django's log says and not only what it passes on.
    logging.getLogger("django").addHandler(errors)
    call_command("migrate", interactive=False, verbosity=0)
    with time_machine.travel(0, tick=False) as clock:
        for line in commands:
            print(json.dumps(_answer(json.loads(line), clock, errors)), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
