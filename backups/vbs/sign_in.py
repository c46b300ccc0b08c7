"""How a cloud knows who asks: by a Keystone token, or by a signature of each call (AK/SK).

Whatever differs between the two is a member of SignIn; `auth.py` chooses, and nothing
else looks at `auth_type`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import ClassVar, Protocol

import requests

from backups.vbs.cloud_config import CloudConfig
from backups.vbs.config_keys import ConfigKeys
from backups.vbs.endpoints import CatalogEntry
from backups.vbs.errors import SignInRefused, Unauthorized

Clock = Callable[[], datetime]  # Aware, in UTC.
Guard = Callable[[], AbstractContextManager[None]]


class SignIn(Protocol):
    """The credentials of one cloud, for all threads of a client.

    `signs_each_call`: there is no token, so that none can be too old, and only a call tells whether
    the keys are good. `refusal_cure` says what to do about credentials that were refused.
    """

    signs_each_call: ClassVar[bool]
    refusal_cure: ClassVar[str]

    def __init__(self, config: CloudConfig, *, clock: Clock, guard: Guard | None = None) -> None:
        """`guard` surrounds whatever may be refused as a sign-in: it may wait, and
        refuse by raising SignInRefused.
        """

    # The configuration

    @classmethod
    def accepted_keys(cls, auth_type: str) -> Collection[str]:
        """Returns every key that `auth` may hold; none for a type that is no way to sign in."""

    @classmethod
    def check(
        cls,
        auth_type: str,
        auth: Mapping[str, str | None],
        keys: ConfigKeys,
        *,
        has_endpoint: bool,
    ) -> None:
        """Raises ConfigurationError unless `auth` is complete. `has_endpoint`: the configuration
        names the backup service itself.
        """

    # The catalog

    @property
    def project_id(self) -> str | None:
        """The project that calls are about; may cost a sign-in."""

    def endpoint(self, types: Sequence[str]) -> CatalogEntry:
        """Returns the first of `types` that the catalog has; may cost a sign-in. Raises
        WrongAddress where there is none, or no catalog at all.
        """

    # One call

    def around_call(self, *, alone: bool) -> AbstractContextManager[None]:
        """Surrounds one call with its repetitions. Raises NotAsked where the call would be a
        sign-in and has to do without one (`alone`).
        """

    def token(self) -> str | None:
        """Returns the token to send; costs a sign-in when none is in force. None where
        each call is signed.
        """

    def authorize(self, request: requests.PreparedRequest, token: str | None) -> None:
        """Adds the headers that prove who asks."""

    def secrets(self, token: str | None) -> Sequence[str]:
        """Returns what the error of a call must not quote."""

    def served(self, token: str | None) -> None:
        """Notes that the service accepted a call, whatever it answered."""

    def refused(self, token: str | None, error: Unauthorized, *, alone: bool) -> bool:
        """Notes a 401; is one more try worth while? Raises SignInRefused where it means that the
        credentials themselves are refused.
        """

    # What is known

    @property
    def is_good(self) -> bool:
        """Can calls be made `alone`, without a sign-in?"""

    @property
    def is_unproved(self) -> bool:
        """Is the token in force a renewed one that was accepted nowhere yet?"""

    @property
    def issued_at(self) -> datetime | None:
        """When the token in force was issued; None without one."""

    @property
    def expires_at(self) -> datetime | None:
        """When the token in force ends, by our clock; None without one."""

    def renew(self) -> bool:
        """Gets a token that nobody doubts; was there a sign-in?"""

    def trust(self) -> None:
        """Notes that the token in force was accepted after it had been answered with 401 once."""

    @property
    def has_access_rules(self) -> bool:
        """Do the credentials open certain calls alone, so that a 401 may be about the call?"""

    # The connection test

    @property
    def success_sentence(self) -> str:
        """What a person is told when token() raised nothing."""

    def refusal_sentence(self, error: SignInRefused) -> str:
        """Returns what a person is told when the credentials were refused."""

    def close(self) -> None:
        """Closes the connections that only the sign-in uses."""
