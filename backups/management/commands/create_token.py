"""`manage.py create_token USER [--read-only] [--days N] [--cloud NAME …]`: makes an API token.

Its key is printed once; only a hash of it is stored.
"""

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backups.edits import tokens


class Command(BaseCommand):
    help = "Make an API token for a user and print its key, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")
        parser.add_argument(
            "--name", default="", help="what it is for, as the account page shows it"
        )
        parser.add_argument("--read-only", action="store_true")
        parser.add_argument(
            "--days", type=int, help="valid for so many days; without it until revoked"
        )
        parser.add_argument(
            "--cloud", action="append", default=[], help="opens this cloud only; may be repeated"
        )

    def handle(
        self,
        *,
        user: str,
        name: str,
        read_only: bool,
        days: int | None,
        cloud: list[str],
        **options: object,
    ) -> None:
        owner = User.objects.filter(username=user).first()
        if owner is None:
            raise CommandError(f"There is no user {user!r}: `manage.py createsuperuser` makes one.")
        try:
            created = tokens.create(
                user=owner,
                name=name,
                read_only=read_only,
                days=days,
                clouds=cloud,
                now=timezone.now(),
            )
        except tokens.BadToken as e:
            option = "cloud" if e.field == "clouds" else e.field
            raise CommandError(f"--{option}: {e}") from e
        self.stdout.write(created.key)
