from django.apps import AppConfig
from django.urls import register_converter


class BackupsConfig(AppConfig):
    name = "backups"

    def ready(self) -> None:
        from backups.web.volume_url import VolumeID

        register_converter(VolumeID, "volume_id")
