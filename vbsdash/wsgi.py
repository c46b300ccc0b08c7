"""The WSGI application that the web part serves."""

import os
from threading import Thread

from django.core.wsgi import get_wsgi_application
from django.urls import resolve

from backups.web.set_up import SetUpFirst
from vbsdash.gc_freeze import freeze

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vbsdash.settings")
application = SetUpFirst(get_wsgi_application())
# Loads every page.
resolve("/")
freeze()
# Whoever started it by hand reads in the log what is missing, before anybody asks for a page; in a
# thread, as a database that does not answer holds up nothing.
Thread(target=application.problem, daemon=True).start()
