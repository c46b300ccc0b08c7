"""The WSGI application that the web part serves."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import resolve

from vbsdash.gc_freeze import freeze

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vbsdash.settings")
application = get_wsgi_application()
# Loads every page.
resolve("/")
freeze()
