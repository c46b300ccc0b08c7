"""Tables. One model a file; queries are QuerySet methods."""

from backups.models.backup import Backup
from backups.models.body import Body
from backups.models.cloud import Cloud
from backups.models.heartbeat import Heartbeat
from backups.models.token import ApiToken

__all__ = ["ApiToken", "Backup", "Body", "Cloud", "Heartbeat"]
