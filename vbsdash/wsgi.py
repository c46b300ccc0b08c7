"""The WSGI application that the web part serves."""

import os
import sys
from threading import Thread

import django
from django.db.migrations.loader import MigrationLoader
from django.urls import resolve

from backups.web.set_up import SetUpFirst
from backups.web.utf8_request import Utf8Handler
from vbsdash import log, process_role
from vbsdash.gc_freeze import freeze

# A worker that ends so ends gunicorn too, for its supervisor to start it anew ever more rarely;
# after any other code gunicorn starts one worker after the other.
BOOT_FAILED = 3

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vbsdash.settings")
process_role.become(process_role.Role.WEB)
try:
    django.setup(set_prefix=False)
    # Its models need that.
    from backups.web.illness import Watched

    application = SetUpFirst(Watched(Utf8Handler()))
    # Loads every page, and every migration: a fork may fall into the check below, and a copy of a
    # process that loads a module has half of it for ever.
    resolve("/")
    MigrationLoader(connection=None)
except SystemExit as e:
    # A setting is wrong; the code is the sentence that says so.
    print(e.code, file=sys.stderr, flush=True)
    sys.exit(BOOT_FAILED)
log.log_uncaught_errors()
freeze()
# Whoever started it by hand reads in the log what is missing, before anybody asks for a page; in a
# thread, as a database that does not answer holds up nothing.
Thread(target=application.problem, daemon=True).start()
