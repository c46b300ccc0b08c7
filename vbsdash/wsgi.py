import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import resolve

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vbsdash.settings")
application = get_wsgi_application()

# What is loaded once is never garbage: unfrozen, now and then a request waits 80 ms while all of it is looked through.
resolve("/")  # loads every page
gc.collect()
gc.freeze()
