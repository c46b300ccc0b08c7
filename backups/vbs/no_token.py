"""Signing in without a token and without a catalog: each call carries its own proof."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from backups.vbs.cloud_config import CloudConfig
from backups.vbs.config_keys import ConfigKeys
from backups.vbs.endpoints import CatalogEntry
from backups.vbs.errors import NotAsked, SignInRefused, Unauthorized, WrongAddress
from backups.vbs.sign_in import Clock, Guard, SignIn

PROJECT = "project_id"


class NoTokenSignIn(SignIn):
    """Proves each call. Nobody knows whether the keys are good until the service accepted a
    call: until then `guard` surrounds each call as it surrounds a sign-in, since repeated
    tries lock the keys.

    A subclass names the keys of `auth`, adds the headers in `authorize`, and says what to do
    (`refusal_cure`) and what to tell (`success_sentence`). All of `auth` but the project is secret.
    """

    required_keys: ClassVar[frozenset[str]]  # With project_id.
    optional_keys: ClassVar[frozenset[str]] = frozenset()
    proof: ClassVar[str]  # What each call carries, as people call it.
    signs_each_call = True
    has_access_rules = False
    is_unproved = False
    issued_at = None
    expires_at = None

    def __init__(self, config: CloudConfig, *, clock: Clock, guard: Guard | None = None) -> None:
        self._auth_type = config.auth_type
        self._auth = config.auth
        secrets = [value for key, value in config.auth.items() if value and key != PROJECT]
        # The longest first, as they are struck out: one may be a part of another.
        self._secrets = sorted(secrets, key=len, reverse=True)
        self._guard: Guard = guard or nullcontext
        self._accepted = False  # The service took a call, and has refused none since.

    @classmethod
    def accepted_keys(cls, auth_type: str) -> Collection[str]:
        return cls.required_keys | cls.optional_keys

    @classmethod
    def check(
        cls,
        auth_type: str,
        auth: Mapping[str, str | None],
        keys: ConfigKeys,
        *,
        has_endpoint: bool,
    ) -> None:
        for key in sorted(cls.required_keys):
            if not auth.get(key):
                keys.refuse_missing(key, "or choose another auth_type")
        unknown = sorted(set(auth) - set(cls.accepted_keys(auth_type)))
        if unknown:
            keys.refuse(f"auth holds the unknown key {unknown[0]!r}: remove or correct it")
        if not has_endpoint:
            endpoint_key = keys.name("vbs_endpoint_override")
            keys.refuse(f"auth_type {auth_type} has no service catalog: set {endpoint_key}")

    @property
    def project_id(self) -> str:
        return str(self._auth[PROJECT])

    def endpoint(self, types: Sequence[str]) -> CatalogEntry:
        raise WrongAddress(
            f"auth_type {self._auth_type} has no catalog: set volume_endpoint_override in "
            "clouds.yaml."
        )

    def around_call(self, *, alone: bool) -> AbstractContextManager[None]:
        if self._accepted:
            return nullcontext()
        if alone:
            raise NotAsked("The keys were refused just now; nothing was asked.")
        return self._guard()

    def token(self) -> None:
        return None

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
        raise SignInRefused(
            error.message,
            http_status=error.http_status,
            code=error.code,
            request_id=error.request_id,
        )

    @property
    def is_good(self) -> bool:
        return self._accepted

    def renew(self) -> bool:
        return False

    def trust(self) -> None:
        """Does nothing: there is no token."""

    def refusal_sentence(self, error: SignInRefused) -> str:
        status = f" (HTTP {error.http_status})" if error.http_status else ""
        return f"The {self.proof} is refused{status}: {error.message}"

    def close(self) -> None:
        """Does nothing: there is no sign-in to have a connection of its own."""
