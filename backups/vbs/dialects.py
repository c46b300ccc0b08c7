"""The dialects that there are, and which of them a cloud speaks."""

from collections.abc import Iterable, Mapping
from typing import Final

from backups.vbs.dialect import Dialect
from backups.vbs.dialect_cbr import CBR
from backups.vbs.dialect_openstack import CINDER, VBS
from backups.vbs.endpoints import Endpoint

# In the order in which `vbs_api: auto` looks for them in a catalog.
DIALECTS: Final[Mapping[str, Dialect]] = {
    "vbs": VBS,
    "cinder": CINDER,
    "cbr": CBR,
}
AUTO: Final = "auto"
# Clouds name either as the other, so both are looked for by the types of both.
_NAMED_ALIKE: Final[tuple[Dialect, ...]] = (VBS, CINDER)


def of_catalog_type(catalog_type: str | None) -> Dialect | None:
    """Returns the dialect of a service by its type in the catalog; None for an unknown one."""
    for dialect in DIALECTS.values():
        if catalog_type in dialect.catalog_types:
            return dialect
    return None


def catalog_types(api: str, family: str | None = None) -> list[str]:
    """Returns the types to look for in a catalog, the preferred one first. `family`: the dialect
    whose service is kept to, for one that left the catalog is not followed by another.
    """
    chosen: Iterable[Dialect]
    if api == AUTO:
        chosen = DIALECTS.values()
    elif DIALECTS[api] in _NAMED_ALIKE:
        chosen = _NAMED_ALIKE
    else:
        chosen = [DIALECTS[api]]
    if family is not None and DIALECTS[family] in chosen:
        chosen = [DIALECTS[family]]
    return [name for dialect in chosen for name in dialect.catalog_types]


def of_endpoint(api: str, endpoint: Endpoint, family: str | None = None) -> Dialect:
    """Returns the dialect that is spoken at an address. Where neither the setting nor the catalog
    nor `family` tells, its version does: VBS is asked at v2 (API.md §1).
    """
    if api != AUTO:
        return DIALECTS[api]
    if endpoint.type is not None:
        # A type that only the keys of the volume service can have named is Cinder's.
        return of_catalog_type(endpoint.type) or CINDER
    if family is not None:
        return DIALECTS[family]
    return CINDER if endpoint.is_v3 else VBS
