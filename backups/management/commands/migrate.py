"""`manage.py migrate`, which never makes the running parts wait for long: a lock that does not come
within 5 s is given up, and the migration tried again.

Whoever waits for the lock of a whole table stops everybody who comes after it, readers too.
"""

import time
from typing import Any

from django.core.management.commands.migrate import Command as DjangoCommand
from django.db import OperationalError, connection

from backups.shared.database_state import LOCK_NOT_AVAILABLE, sqlstate

# Seconds between two tries; those who were held up have them for themselves.
PAUSES_S = (1, 2, 5, 10, 20, 30)


class Command(DjangoCommand):
    def handle(self, *args: Any, **options: Any) -> None:
        """Each migration is a transaction, so one that is given up leaves nothing behind, and those
        before it are done.
        """
        for pause_s in PAUSES_S:
            try:
                super().handle(*args, **options)
                return
            except OperationalError as error:
                if sqlstate(error) != LOCK_NOT_AVAILABLE:
                    raise
                # A session that was cut off within a transaction is of no use any more.
                connection.close()
                self.stderr.write(
                    "vbsdash: another session holds a table that is to be changed: trying again in "
                    f"{pause_s} s."
                )
                time.sleep(pause_s)
        super().handle(*args, **options)
