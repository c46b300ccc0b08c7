#!/usr/bin/env python3
"""Django's command line for vbsdash."""

import os
import sys

# SQLSTATE codes of PostgreSQL for a table and a column that do not exist.
NOT_MIGRATED = {"42P01", "42703"}
# How the codes begin that mean: no connection, no such user, no such database, shut down.
UNUSABLE = ("08", "28", "3D", "57P")


def exit_with_reason(error: Exception) -> None:
    """Ends the process with one sentence where the database is not set up or cannot be used.

    Returns for any other error: that is a fault of vbsdash itself.
    """
    code = getattr(error.__cause__, "sqlstate", None)
    reason = str(error).strip().partition("\n")[0]
    if code in NOT_MIGRATED or reason.startswith(("no such table", "no such column")):
        sys.exit(
            f"vbsdash: the database of DATABASE_URL is not set up ({reason}): run manage.py "
            "migrate."
        )
    no_server = code is None and error.__class__.__name__ == "OperationalError"
    if no_server or reason.endswith("not a database") or (code or "").startswith(UNUSABLE):
        sys.exit(
            f"vbsdash: the database of DATABASE_URL cannot be used ({reason}): start it, or "
            "correct the address."
        )


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vbsdash.settings")
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError

    try:
        execute_from_command_line(sys.argv)
    except DatabaseError as e:
        exit_with_reason(e)
        raise
