"""AK/SK: each call is signed, there is neither a token nor a catalog.

Source: backups/vbs/API.md §7.3.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlsplit

import requests

from backups.vbs.cloud_config import CloudConfig
from backups.vbs.config_keys import ConfigKeys
from backups.vbs.endpoints import CatalogEntry
from backups.vbs.errors import NotAsked, SignInRefused, Unauthorized, WrongAddress
from backups.vbs.sign_in import Clock, Guard, SignIn

REQUIRED_KEYS = frozenset({"ak", "sk", "project_id"})
ACCEPTED_KEYS = REQUIRED_KEYS | {"security_token"}
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


class AkSkSignIn(SignIn):
    """Signs each call. Nobody knows whether the keys are good until the service took a signature:
    until then `guard` surrounds each call as it surrounds a sign-in, since repeated tries lock the
    keys.
    """

    signs_each_call = True
    refusal_cure = "Check ak, sk and project_id in clouds.yaml, and the clock of this machine."
    success_sentence = "AK/SK: no sign-in, each call is signed."
    is_unproved = False
    issued_at = None
    expires_at = None

    def __init__(self, config: CloudConfig, *, clock: Clock, guard: Guard | None = None) -> None:
        access_key = str(config.auth["ak"])
        secret_key = str(config.auth["sk"])
        security_token = config.auth.get("security_token")
        self._signature = SDKHMACAuth(
            access_key, secret_key, str(config.auth["project_id"]), security_token, clock=clock
        )
        self._secrets = [access_key, secret_key]
        if security_token:
            self._secrets.append(security_token)
        self._guard: Guard = guard or nullcontext
        self._accepted = False  # The service took a signature, and has refused none since.

    @classmethod
    def accepted_keys(cls, auth_type: str) -> Collection[str]:
        return ACCEPTED_KEYS

    @classmethod
    def check(
        cls,
        auth_type: str,
        auth: Mapping[str, str | None],
        keys: ConfigKeys,
        *,
        has_endpoint: bool,
    ) -> None:
        for key in sorted(REQUIRED_KEYS):
            if not auth.get(key):
                keys.refuse_missing(key, "or choose another auth_type")
        unknown = sorted(set(auth) - ACCEPTED_KEYS)
        if unknown:
            keys.refuse(f"auth holds the unknown key {unknown[0]!r}: remove or correct it")
        if not has_endpoint:
            keys.refuse(
                f"auth_type aksk has no service catalog: set {keys.name('vbs_endpoint_override')}"
            )

    @property
    def project_id(self) -> str:
        return self._signature.project_id

    def endpoint(self, types: Sequence[str]) -> CatalogEntry:
        raise WrongAddress(
            "auth_type aksk has no catalog: set volume_endpoint_override in clouds.yaml."
        )

    def around_call(self, *, alone: bool) -> AbstractContextManager[None]:
        if self._accepted:
            return nullcontext()
        if alone:
            raise NotAsked("The keys were refused just now; nothing was asked.")
        return self._guard()

    def token(self) -> None:
        return None

    def authorize(self, request: requests.PreparedRequest, token: str | None) -> None:
        self._signature(request)

    def secrets(self, token: str | None) -> Sequence[str]:
        return self._secrets

    def served(self, token: str | None) -> None:
        self._accepted = True

    def refused(self, token: str | None, error: Unauthorized, *, alone: bool) -> bool:
        """Notes a 401. Good keys may be refused for one backup alone: the next call, which is made
        within the guard, tells whether it was the keys.
        """
        were_good = self._accepted
        self._accepted = False
        if were_good or alone:
            return False
        raise SignInRefused(error.message, http_status=error.http_status, code=error.code)

    @property
    def is_good(self) -> bool:
        return self._accepted

    def renew(self) -> bool:
        return False

    def trust(self) -> None:
        """Does nothing: there is no token."""

    def refusal_sentence(self, error: SignInRefused) -> str:
        status = f" (HTTP {error.http_status})" if error.http_status else ""
        return f"The signature is refused{status}: {error.message}"

    def close(self) -> None:
        """Does nothing: there is no sign-in to have a connection of its own."""
