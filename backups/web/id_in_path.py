"""IDs in addresses: any spelling leads to its backup or volume; pages then stand at one address."""

import uuid
from urllib.parse import unquote

from django.http import HttpRequest, HttpResponseRedirect

from backups.vbs import ids
from backups.vbs.id_spellings import read_uuid, written

READERS = ("GET", "HEAD")


class BackupID:
    """Path converter of pages and API: a UUID in any spelling."""

    regex = "[^/]+"

    def to_python(self, value: str) -> uuid.UUID:
        backup_id = read_uuid(value)
        if backup_id is None:
            raise ValueError("no UUID")
        return backup_id

    def to_url(self, value: uuid.UUID | str) -> str:
        return str(self.to_python(str(value)))


class VolumeID:
    """Path converter of pages and API: one part of a path, by the rule for all IDs, or a UUID in
    any spelling.
    """

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        """Returns a UUID without hyphens as it stands: a cloud may have written it so."""
        volume_id = ids.normal(value)
        if ids.PATTERN_OF_ID.fullmatch(volume_id):
            return volume_id
        volume_id = written(value)
        if ids.PATTERN_OF_ID.fullmatch(volume_id):
            return volume_id
        raise ValueError("no ID")

    def to_url(self, value: str) -> str:
        if not ids.PATTERN_OF_ID.fullmatch(value):
            raise ValueError("no ID")
        return value


def to_canonical(request: HttpRequest, canonical: str) -> HttpResponseRedirect | None:
    """Returns the redirect of a reader who came by another spelling; None at the canonical path.

    What changes something is done at whatever address it came to. A prefix of the whole site is not
    compared: how a proxy and the server hand it on must never make a circle of this.
    """
    if request.method not in READERS or unquote(canonical).endswith(request.path_info):
        return None
    query = request.META.get("QUERY_STRING", "")
    return HttpResponseRedirect(f"{canonical}?{query}" if query else canonical)
