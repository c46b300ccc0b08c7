"""Small questions about clouds: their names, their errors, where one's backup service is."""

from typing import Any

from backups.clouds import registry
from backups.models import Access, Cloud


def cloud_names(*, access: Access) -> set[str]:
    """Returns every cloud that is configured or that something is stored of, and that the reader
    may see.
    """
    stored = Cloud.objects.visible_to(access).values_list("name", flat=True)
    return {*registry.configured_for(access), *stored}


def errors_by_cloud(*, access: Access) -> dict[str, dict[str, Any]]:
    """Returns the last error of each configured cloud that cannot be asked now."""
    failing = Cloud.objects.visible_to(access).filter(
        error__isnull=False, name__in=registry.configured()
    )
    rows = failing.values_list("name", "error")
    return {name: error for name, error in rows if error is not None}


def stored_endpoint(cloud: str, *, access: Access) -> str | None:
    """Returns the base URL of a cloud's backup service as last found; None when it never was."""
    rows = Cloud.objects.visible_to(access).filter(pk=cloud)
    return rows.values_list("endpoint", flat=True).first()
