"""Base URLs of the backup and the volume service: from the catalog or an override, with the project
ID exactly once.

Sources: API.md §7.2 and §11 trap 20. Since microversion 3.67 Cinder's catalog entry may lack the
project ID, and its server takes URLs with and without one whatever version is asked for (Block
Storage API v3, first note), so ours always have it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from backups.vbs.errors import WrongAddress

BACKUP_TYPES = ("vbsv2", "vbs", "volumev3", "block-storage", "volumev2")
VOLUME_TYPES = ("evs", "volumev3", "block-storage", "volumev2")
_V3_TYPES = frozenset({"volumev3", "block-storage"})
_PROJECT = re.compile(r"/([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$")
_TEMPLATE = re.compile(
    r"[%$]\((?:project|tenant)_id\)s"
)  # as catalogs are written, left for the caller to fill in
_VERSION = re.compile(r"/v[1-9](\.\d+)?(/|$)")


@dataclass(frozen=True)
class Endpoint:
    """`type` is the catalog type used, None for an override; `base` ends with the project ID."""

    type: str | None
    base: str

    @property
    def host(self) -> str:
        return urlsplit(self.base).netloc

    @property
    def is_v3(self) -> bool:
        """Does it know microversions? The catalog's type says so, of an override the path."""
        return self.type in _V3_TYPES if self.type is not None else "/v3/" in self.base


class Catalog(Protocol):
    @property
    def project_id(self) -> str | None: ...
    def endpoint(self, types: Sequence[str]) -> tuple[str, str]: ...


def find(
    override: str | None, types: Sequence[str], *, catalog: Catalog | None, project_id: str | None
) -> Endpoint:
    """Resolve a base URL; raises WrongAddress with the cure, and what a sign-in raises."""
    kind, url = None, override
    if url is None:
        if catalog is None:
            raise WrongAddress(
                "auth_type aksk has no catalog: set volume_endpoint_override in clouds.yaml."
            )
        kind, url = catalog.endpoint(types)
    base = url.rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise WrongAddress(
            "The catalog's address is not http(s): set an endpoint override in clouds.yaml."
        )
    if kind in _V3_TYPES and not _VERSION.search(urlsplit(base).path):
        base = f"{base}/v3"  # the entry names the service, not a version of it
    project_id = project_id or (catalog.project_id if catalog else None)
    base = _TEMPLATE.sub(lambda _: project_id, base) if project_id else base
    if not _PROJECT.search(base) and not (project_id and base.endswith(f"/{project_id}")):
        if not project_id:
            raise WrongAddress(
                "The token belongs to no project: add project_name or project_id in clouds.yaml."
            )
        base = f"{base}/{project_id}"
    return Endpoint(kind, base)
