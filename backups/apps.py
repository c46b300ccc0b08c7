from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.urls import register_converter


class BackupsConfig(AppConfig):
    name = "backups"

    def ready(self) -> None:
        from backups.models.stamp import watch
        from backups.web.volume_address import VolumeID

        register_converter(VolumeID, "volume_id")

        connection_created.connect(watch, dispatch_uid="backups.stamp")
