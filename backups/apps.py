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

        register_converter(BackupID, "backup_id")
        register_converter(VolumeID, "volume_id")
