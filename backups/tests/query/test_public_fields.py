"""A column that is not listed in query/public_fields.py leaves vbsdash in no way."""

import subprocess
import sys
from pathlib import Path

from backups.api.serializers import BackupSerializer
from backups.api.volume_serializers import VolumeDetailSerializer, VolumeSerializer
from backups.models import Backup, Volume
from backups.query.backups import BACKUPS
from backups.query.public_fields import (
    BACKUP_COLUMNS,
    BACKUP_FIELDS,
    VOLUME_COLUMNS,
    VOLUME_DETAIL_FIELDS,
    VOLUME_FIELDS,
)
from backups.query.volumes import VOLUMES

ROOT = Path(__file__).parents[3]
# Adds a column to both models as the first thing after they are loaded, then shows all that is
# derived from the lists: the description of the API has every field, filter and order of it.
WITH_A_NEW_COLUMN = """
import os
import django
from django.apps import apps
from django.db import models

os.environ["DJANGO_SETTINGS_MODULE"] = "backups.tests.settings"
django.setup()
for name in ("Backup", "Volume"):
    apps.get_model("backups", name).add_to_class("engine_only", models.TextField(null=True))

from django.core.management import call_command
from backups.api.serializers import BackupSerializer
from backups.models import Backup, Volume
from backups.query import public_fields
from backups.query.backups import BACKUPS
from backups.query.volumes import VOLUMES

for model in (Backup, Volume):
    assert "engine_only" in {field.name for field in model._meta.get_fields()}
for names in (public_fields.BACKUP_FIELDS, public_fields.VOLUME_DETAIL_FIELDS):
    assert "engine_only" not in names
for definition in (BACKUPS, VOLUMES):
    assert "engine_only" not in definition.fields
    assert "engine_only" not in {ordering.lstrip("-") for ordering in definition.orderings}
assert "engine_only" not in BackupSerializer().fields
call_command("spectacular")
"""


def test_a_new_column_stays_private_until_it_is_listed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITH_A_NEW_COLUMN],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "tracking_state" in done.stdout
    assert "engine_only" not in done.stdout


def test_what_is_listed_is_there() -> None:
    assert set(BACKUP_COLUMNS) <= {field.name for field in Backup._meta.concrete_fields}
    columns = {field.name for field in Volume._meta.concrete_fields}
    columns |= {field.attname for field in Volume._meta.concrete_fields}
    assert set(VOLUME_COLUMNS) <= columns


def test_filters_orders_and_serializers_have_what_is_listed_and_no_more() -> None:
    lists_and_objects = {"links", "unmapped", "decode_problems", "error", "tags"}
    assert set(BACKUPS.columns) == set(BACKUP_COLUMNS) - lists_and_objects
    assert set(VOLUMES.columns) == set(VOLUME_COLUMNS)
    for definition in (BACKUPS, VOLUMES):
        ordered_by = {ordering.removeprefix("-") for ordering in definition.orderings}
        assert ordered_by <= {*definition.columns, *definition.joined_orders, "attention"}
    assert tuple(BackupSerializer().fields) == BACKUP_FIELDS
    assert set(VolumeSerializer().fields) <= set(VOLUME_FIELDS)
    assert set(VolumeDetailSerializer().fields) <= {*VOLUME_DETAIL_FIELDS, "runs"}
