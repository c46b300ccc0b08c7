"""AK/SK: each call is signed, there is neither a token nor a catalog.

Source: backups/vbs/API.md §7.3.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlsplit

import requests

from backups.vbs.cloud_config import CloudConfig
from backups.vbs.no_token import NoTokenSignIn
from backups.vbs.sign_in import Clock, Guard

EMPTY_BODY_HASH = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class SDKHMACAuth(requests.auth.AuthBase):
    """AK/SK request signing, dialect A of API.md §7.3, for requests without a body."""

    ak: str
    sk: str = field(repr=False)
    project_id: str
    security_token: str | None = field(default=None, repr=False)
    clock: Callable[[], datetime] = field(kw_only=True)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Adds the signed headers and the signature to a request."""
        url = urlsplit(str(request.url))
        date = self.clock().strftime("%Y%m%dT%H%M%SZ")  # The clock gives UTC.
        signed = {"host": url.netloc, "x-project-id": self.project_id, "x-sdk-date": date}
        if self.security_token:
            signed["x-security-token"] = self.security_token
        names = ";".join(sorted(signed))
        # The slash at the end is for signing only.
        path = url.path if url.path.endswith("/") else f"{url.path}/"
        lines = [str(request.method), path, _canonical_query(url.query)]
        lines += [f"{name}:{signed[name].strip()}" for name in sorted(signed)]
        lines += ["", names, EMPTY_BODY_HASH]
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        text = f"SDK-HMAC-SHA256\n{date}\n{digest}"
        signature = hmac.new(self.sk.encode(), text.encode(), "sha256").hexdigest()
        request.headers.update(signed)
        scheme = f"SDK-HMAC-SHA256 Access={self.ak}"
        request.headers["Authorization"] = f"{scheme}, SignedHeaders={names}, Signature={signature}"
        return request


def _canonical_query(query: str) -> str:
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in pairs)


class AkSkSignIn(NoTokenSignIn):
    """Signs each call."""

    required_keys = frozenset({"ak", "sk", "project_id"})
    optional_keys = frozenset({"security_token"})
    proof = "signature"
    refusal_cure = "Check ak, sk and project_id in clouds.yaml, and the clock of this machine."
    success_sentence = "AK/SK: no sign-in, each call is signed."

    def __init__(self, config: CloudConfig, *, clock: Clock, guard: Guard | None = None) -> None:
        super().__init__(config, clock=clock, guard=guard)
        self._signature = SDKHMACAuth(
            ak=str(config.auth["ak"]),
            sk=str(config.auth["sk"]),
            project_id=self.project_id,
            security_token=config.auth.get("security_token"),
            clock=clock,
        )

    def authorize(self, request: requests.PreparedRequest, token: str | None) -> None:
        self._signature(request)
