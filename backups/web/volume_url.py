"""The address of a volume's page: only what can be an ID has one, and none
leads out of /volumes/.
"""

from django.urls import NoReverseMatch, reverse

from backups.vbs import ids


class VolumeID:
    """Path converter of pages and API: one part of a path, by the rule for all IDs."""

    regex = ids.PATTERN

    def to_python(self, value: str) -> str:
        return ids.normal(value)

    def to_url(self, value: str) -> str:
        return value


def volume_url(cloud: str, volume_id: str) -> str | None:
    """Returns the path of a volume's page; None when what is stored can have none."""
    try:
        return reverse("volume", args=(cloud, volume_id))
    except NoReverseMatch:
        return None
