"""Small questions about clouds: their names, their errors, where one's backup service is."""

from typing import Any

from backups.clouds import registry
from backups.models import Cloud


def cloud_names() -> set[str]:
    """Returns every cloud that is configured or that something is stored of."""
    return {*registry.configured(), *Cloud.objects.values_list("name", flat=True)}


def errors_by_cloud() -> dict[str, dict[str, Any]]:
    """Returns the last error of each configured cloud that cannot be asked now."""
    failing = Cloud.objects.filter(error__isnull=False, name__in=registry.configured())
    rows = failing.values_list("name", "error")
    return {name: error for name, error in rows if error is not None}


def stored_endpoint(cloud: str) -> str | None:
    """Returns the base URL of a cloud's backup service as last found; None when it never was."""
    return Cloud.objects.filter(pk=cloud).values_list("endpoint", flat=True).first()
