from django.apps import AppConfig
from django.db.backends.signals import connection_created


class BackupsConfig(AppConfig):
    name = "backups"

    def ready(self) -> None:
        from backups.models.stamp import watch

        connection_created.connect(watch, dispatch_uid="backups.stamp")
