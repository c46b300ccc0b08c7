import os

from django.core.wsgi import get_wsgi_application
from django.urls import resolve

from vbsdash.garbage import freeze

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vbsdash.settings")
application = get_wsgi_application()
resolve("/")  # loads every page
freeze()
