"""Base URLs of the backup and the volume service: from the catalog or an override, with the project
ID exactly once.

Sources: API.md §7.2 and §11 trap 20. Since microversion 3.67 Cinder's catalog entry may lack the
project ID, and its server takes URLs with and without one whatever version is asked for (Block
Storage API v3, first note), so ours always have it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from backups.vbs.errors import WrongAddress

VBS_TYPES = ("vbsv2", "vbs")
CINDER_TYPES = ("volumev3", "block-storage", "volumev2")
CBR_TYPES = ("cbr",)
VOLUME_TYPES = ("evs", *CINDER_TYPES)
_V3_TYPES = frozenset({"volumev3", "block-storage"})  # They know microversions.
_NAMED_WITHOUT_VERSION = _V3_TYPES | {*CBR_TYPES}
_PROJECT = re.compile(r"/([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$")
# As catalogs are written, left for the caller to fill in.
_TEMPLATE = re.compile(r"[%$]\((?:project|tenant)_id\)s")
_VERSION = re.compile(r"/v[1-9](\.\d+)?(/|$)")


@dataclass(frozen=True)
class Endpoint:
    """`type` is the catalog type in use, None for an override; `base` ends with the project ID."""

    type: str | None
    base: str

    @property
    def host(self) -> str:
        return urlsplit(self.base).netloc

    @property
    def is_v3(self) -> bool:
        """Does it know microversions? The catalog's type says so, of an override the path."""
        return self.type in _V3_TYPES if self.type is not None else "/v3/" in self.base


class CatalogEntry(NamedTuple):
    """A service as the catalog names it; `url` as it is written there."""

    type: str
    url: str


class Catalog(Protocol):
    """The part of a SignIn that an address is found by."""

    @property
    def project_id(self) -> str | None: ...
    def endpoint(self, types: Sequence[str]) -> CatalogEntry: ...


def find(
    override: str | None,
    types: Sequence[str],
    catalog: Catalog,
    *,
    cinder_override: str | None = None,
) -> Endpoint:
    """Returns the base URL of a service, by the override where there is one. `cinder_override`
    stands in for what the catalog says of Cinder alone.

    Raises WrongAddress with the cure, and what a sign-in raises.
    """
    catalog_type: str | None = None
    if override is None and cinder_override is not None:
        override = _unless_in_catalog(cinder_override, types, catalog)
    if override is not None:
        base = override.rstrip("/")
    else:
        entry = catalog.endpoint(types)
        catalog_type = entry.type
        base = entry.url.rstrip("/")
    if not base.startswith(("http://", "https://")) or not _has_place(base):
        raise WrongAddress(
            "The catalog's address is no http(s) address with a host: set an endpoint override in "
            "clouds.yaml."
        )
    if catalog_type in _NAMED_WITHOUT_VERSION and not _VERSION.search(urlsplit(base).path):
        base = f"{base}/v3"  # The entry names the service, not a version of it.
    project_id = catalog.project_id
    if project_id:
        # Not as a pattern's replacement: a backslash in it would be read.
        base = _TEMPLATE.sub(lambda _: project_id, base)
    if _PROJECT.search(base) or (project_id and base.endswith(f"/{project_id}")):
        return Endpoint(catalog_type, base)
    if not project_id:
        raise WrongAddress(
            "The token belongs to no project: add project_name or project_id in clouds.yaml."
        )
    return Endpoint(catalog_type, f"{base}/{project_id}")


def _unless_in_catalog(override: str, types: Sequence[str], catalog: Catalog) -> str | None:
    """Returns the override of Cinder, None where the catalog has a service that comes before it."""
    others = [name for name in types if name in VBS_TYPES]
    try:
        catalog.endpoint(others)
    except WrongAddress:
        return override
    return None


def _has_place(url: str) -> bool:
    """Has it a host and, if any, a port that can be one?"""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
