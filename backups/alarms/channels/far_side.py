"""Where calls of a channel go."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from backups.vbs.proxies import Proxies


@dataclass(frozen=True)
class FarSide:
    """An address, which may be a secret, and the way there. `verify` as in CloudConfig."""

    url: str = field(repr=False)
    proxies: Proxies = field(repr=False)
    verify: bool | str

    @property
    def place(self) -> str:
        """Returns host and port, which are no secret."""
        return urlsplit(self.url).netloc.rpartition("@")[2]
