import sys

from django.apps import AppConfig
from django.urls import register_converter


class BackupsConfig(AppConfig):
    name = "backups"

    def ready(self) -> None:
        from backups.web import (
            sign_in_log,  # noqa: F401  connects itself to Django's signals
            sign_in_pauses,  # noqa: F401  after that one
        )
        from backups.web.id_in_path import BackupID, VolumeID

        _check_channels()
        register_converter(BackupID, "backup_id")
        register_converter(VolumeID, "volume_id")


def _check_channels() -> None:
    """Ends the start for a channel whose filter the list of alarms does not understand: that could
    not be known before there were models.
    """
    from backups.alarms import channels_file
    from backups.shared import clock
    from backups.vbs.errors import ConfigurationError

    try:
        channels_file.check_filters(clock.now())
    except ConfigurationError as e:
        sys.exit(f"vbsdash: {e}")
