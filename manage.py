#!/usr/bin/env python3
"""Django's command line for vbsdash."""

import os
import sys

NO_SUCH = {"42P01", "42703"}  # PostgreSQL's codes of a table and a column that do not exist
AWAY = (
    "08",
    "28",
    "3D",
    "57P",
)  # how those begin that say: no connection, no such user, no such database, shut down


def say_why(error: Exception) -> None:
    """End with a sentence when the database is not set up or cannot be used; else the error is one
    of ours.
    """
    code = getattr(error.__cause__, "sqlstate", None)
    reason = str(error).strip().partition("\n")[0]
    if code in NO_SUCH or reason.startswith(("no such table", "no such column")):
        sys.exit(
            f"vbsdash: the database of DATABASE_URL is not set up ({reason}): run manage.py "
            "migrate."
        )
    no_server = code is None and error.__class__.__name__ == "OperationalError"
    if no_server or reason.endswith("not a database") or (code or "").startswith(AWAY):
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
        say_why(e)
        raise
