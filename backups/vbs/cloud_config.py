"""One configured cloud: where it is, how to sign in to it, and how its answers are to be read."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backups.vbs.endpoints import CINDER_TYPES
from backups.vbs.proxies import DIRECT, Proxies

# Types of the catalog that are read by the keys of the volume service.
_OF_BLOCK_STORAGE = frozenset({"evs", *CINDER_TYPES})

ClientCertificate = str | tuple[str, str]


@dataclass(frozen=True)
class BlockStorage:
    """What is special about OpenStack's volume service, which with stock Cinder has the backups
    too. None: as for the whole cloud. `types`: the only ones to look for in the catalog.
    """

    endpoint_override: str | None = None
    interfaces: tuple[str, ...] | None = None
    region: str | None = None
    types: tuple[str, ...] | None = None


@dataclass(frozen=True)
class CloudConfig:
    """One way to sign in, one project, one region. `requests_per_second` 0 means no budget.

    `auth` is checked: each value is a text or None. `verify` is True, False or the path of a file
    or folder of certificate authorities. `cert` is the client certificate, as in `requests`: a PEM
    file with the key inside, or the files of certificate and key. `interfaces`: the first that the
    catalog has counts. `warnings`: sentences about what is written there and has no effect.
    """

    name: str
    region: str | None
    auth_type: str
    auth: Mapping[str, str | None] = field(repr=False)
    interfaces: tuple[str, ...] = ("public",)
    verify: bool | str = True
    cert: ClientCertificate | None = None
    vbs_endpoint_override: str | None = None
    volume_endpoint_override: str | None = None
    block_storage: BlockStorage = BlockStorage()
    type_full: str = "auto"
    api: str = "auto"
    requests_per_second: float = 5.0
    follow: str = "none"
    quota_backups: int | None = None
    quota_gigabytes: int | None = None
    warnings: tuple[str, ...] = ()
    proxies: Proxies = DIRECT  # The same for all clouds.

    @property
    def urls(self) -> list[str]:
        """Returns the addresses that are known before anybody has signed in, each once."""
        urls: list[str] = []
        for url in (
            self.auth.get("auth_url"),
            self.vbs_endpoint_override,
            self.volume_endpoint_override,
            self.block_storage.endpoint_override,
        ):
            if url and url not in urls:
                urls.append(url)
        return urls

    @property
    def place(self) -> str | None:
        """Returns what two entries of one project have in common before anybody has signed in; None
        when nothing tells. An entry of CBR is at another place than one of VBS: the two services of
        a project complement each other.
        """
        project = self._project()
        address = self.vbs_endpoint_override or self.auth.get("auth_url")
        if not project or not address:
            return None
        service = " cbr" if self.api == "cbr" else ""
        return f"{address.rstrip('/')} {self.region} {project}{service}"

    def _project(self) -> str | None:
        auth = self.auth
        project_id = auth.get("project_id") or auth.get("tenant_id")
        if project_id:
            return project_id
        project_name = auth.get("project_name") or auth.get("tenant_name")
        domain = auth.get("project_domain_id") or auth.get("project_domain_name")
        return f"{project_name}@{domain}" if project_name else None

    def interfaces_of(self, service_type: str) -> tuple[str, ...]:
        """Returns the interfaces to look for, by a type of the catalog."""
        if service_type in _OF_BLOCK_STORAGE and self.block_storage.interfaces is not None:
            return self.block_storage.interfaces
        return self.interfaces

    def region_of(self, service_type: str) -> str | None:
        if service_type in _OF_BLOCK_STORAGE and self.block_storage.region is not None:
            return self.block_storage.region
        return self.region

    def catalog_types(self, types: Sequence[str]) -> Sequence[str]:
        """Returns the types to look for of those that could be, in their order."""
        only = self.block_storage.types
        if only is None:
            return types
        wanted: list[str] = []
        for name in types:
            if name not in CINDER_TYPES:
                wanted.append(name)
            elif only[0] not in wanted:
                wanted += only  # In the place of the first of them.
        return wanted

    def fingerprint(self, key: bytes) -> str:
        """Returns the HMAC-SHA256 of the sign-in settings: it changes with them and
        tells nothing of them.
        """
        settings: list[object] = [self.auth_type, dict(self.auth), self.verify]
        if self.cert is not None:
            settings.append(self.cert)
        text = json.dumps(settings, sort_keys=True, default=str)
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
