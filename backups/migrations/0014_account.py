"""Accounts have roles and clouds. The next migration gives those of before theirs."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [
        ("backups", "0013_sessions_know_their_account"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Account",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="account",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "Viewer"),
                            ("operator", "Operator"),
                            ("admin", "Admin"),
                        ],
                        db_default="viewer",
                        default="viewer",
                        max_length=8,
                    ),
                ),
                ("all_clouds", models.BooleanField(db_default=True, default=True)),
                (
                    "clouds",
                    models.ManyToManyField(blank=True, related_name="+", to="backups.cloud"),
                ),
            ],
        ),
    ]
