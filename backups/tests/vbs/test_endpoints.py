"""The address of a service, as the catalog names it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from backups.vbs.endpoints import CatalogEntry, find
from backups.vbs.errors import WrongAddress


@dataclass(frozen=True)
class Catalog:
    """One with a single address."""

    address: str
    project_id: str = "b23b579f08c84228b9b4673c46f0c442"

    def endpoint(self, types: Sequence[str]) -> CatalogEntry:
        return CatalogEntry(types[0], self.address)


@pytest.mark.parametrize(
    "address",
    [
        "ftp://vbs.example.com/v2",
        "http://vbs.example.com:99999/v2",
        "http://vbs.example.com:0/v2",
        "http://vbs.example.com:port/v2",
        "http://[vbs.example.com/v2",
        "http:///v2",
        "https://:8776/v2",
    ],
)
def test_an_address_that_is_none_is_told_with_the_cure(address: str) -> None:
    with pytest.raises(WrongAddress, match=r"no http.s. address with a host: set an endpoint"):
        find(None, ["vbs"], Catalog(address))
