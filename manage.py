#!/usr/bin/env python3
"""Django's command line for vbsdash."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vbsdash.settings")
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError, DataError, IntegrityError, ProgrammingError

    try:
        execute_from_command_line(sys.argv)
    except (DataError, IntegrityError):  # no matter of the set-up
        raise
    except DatabaseError as e:
        reason = str(e).strip().splitlines()[0]
        if isinstance(e, ProgrammingError) or reason.startswith("no such table"):
            sys.exit(f"vbsdash: the database of DATABASE_URL is not set up ({reason}): run manage.py migrate.")
        sys.exit(f"vbsdash: the database of DATABASE_URL cannot be used ({reason}): start it, or correct the address.")
