"""`manage.py createsuperuser`, Django's own, which judges a password that is typed and takes any
from the environment: here that one is judged too.
"""

import os

from django.contrib.auth.management.commands.createsuperuser import Command as DjangoCommand
from django.contrib.auth.models import User
from django.core.management.base import CommandError

from backups.shared import weak_password


class Command(DjangoCommand):
    def handle(
        self,
        *args: object,
        interactive: bool,
        username: str | None,
        email: str | None,
        **options: object,
    ) -> None:
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
        if password and not interactive:
            name = username or os.environ.get("DJANGO_SUPERUSER_USERNAME", "")
            problem = weak_password.problem_of_setting(password, User(username=name))
            if problem is not None:
                raise CommandError(problem)
        super().handle(*args, interactive=interactive, username=username, email=email, **options)
