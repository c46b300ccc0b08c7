"""The address of a volume's page: only what can be an ID has one, and none
leads out of /volumes/.
"""

from django.urls import NoReverseMatch

from backups.web.page_urls import page_url


def volume_url(cloud: str, volume_id: str) -> str | None:
    """Returns the path of a volume's page; None when what is stored can have none."""
    try:
        return page_url("volume", cloud, volume_id)
    except NoReverseMatch:
        return None
