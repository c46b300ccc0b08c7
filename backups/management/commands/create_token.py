"""`manage.py create_token USER [--read-only] [--days N]` prints a key once; only its hash is kept."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backups.models import ApiToken
from backups.models.token import digest, new_key


class Command(BaseCommand):
    help = "Make an API token for a user and print its key, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--read-only", action="store_true")
        parser.add_argument("--days", type=int, help="valid for so many days; without it until revoked")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}: `manage.py createsuperuser` makes one.")
        days = options["days"]
        if days is not None and not 1 <= days <= 36_500:
            raise CommandError("--days takes a number from 1 to 36500.")
        now, key = timezone.now(), new_key()
        ApiToken.objects.create(
            user=user,
            hashed=digest(key),
            read_only=options["read_only"],
            created_at=now,
            expires_at=now + timedelta(days=days) if days else None,
        )
        self.stdout.write(key)
