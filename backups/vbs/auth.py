"""Proving who asks: AK/SK signatures and Keystone tokens.

Sources: backups/vbs/API.md §7.1 (tokens), §7.2 (catalog), §7.3 (signatures), §10 (unsafe library
defaults).
"""

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import requests
from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1.identity.base import BaseIdentityPlugin
from keystoneauth1.session import Session

from backups.vbs.bounded import BoundedAdapter
from backups.vbs.clouds import CloudConfig
from backups.vbs.deadline import set_deadline
from backups.vbs.errors import (
    ConfigurationError,
    Malformed,
    Rejected,
    SignInRefused,
    Unauthorized,
    VBSError,
    WrongAddress,
    from_response,
    from_transport,
)
from backups.vbs.ids import why_no_id
from backups.vbs.plugin import load_plugin

SIGN_IN_SECONDS = 8.0
SIGN_IN_BYTES = 4 << 20  # catalogs are long, but no longer
_RENEW_BEFORE_S = 120.0  # the end of a token's life, or in the last quarter of a shorter one
_LONGEST_LIFE = timedelta(days=365)
_SHORTEST_LIFE = timedelta(
    minutes=5
)  # of a token that says nothing sensible; a 401 tells when it ends sooner
_QUIET = timedelta(
    seconds=60
)  # after a refused sign-in, or a renewal that did not help, nothing is tried


@dataclass(frozen=True)
class SDKHMACAuth(requests.auth.AuthBase):
    """AK/SK request signing, dialect A of API.md §7.3, for requests without a body."""

    ak: str
    sk: str = field(repr=False)
    project_id: str
    security_token: str | None = field(default=None, repr=False)
    clock: Callable[[], datetime] = field(kw_only=True)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        url = urlsplit(str(request.url))
        date = self.clock().strftime("%Y%m%dT%H%M%SZ")  # the clock gives UTC
        signed = {"host": url.netloc, "x-project-id": self.project_id, "x-sdk-date": date}
        if self.security_token:
            signed["x-security-token"] = self.security_token
        names = ";".join(sorted(signed))
        path = url.path if url.path.endswith("/") else f"{url.path}/"  # for signing only
        canonical = [str(request.method), path, self._query(url.query)]
        canonical += [f"{name}:{signed[name].strip()}" for name in sorted(signed)]
        canonical += ["", names, hashlib.sha256(b"").hexdigest()]
        digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
        signature = hmac.new(
            self.sk.encode(), f"SDK-HMAC-SHA256\n{date}\n{digest}".encode(), "sha256"
        ).hexdigest()
        request.headers.update(signed)
        scheme = f"SDK-HMAC-SHA256 Access={self.ak}"
        request.headers["Authorization"] = f"{scheme}, SignedHeaders={names}, Signature={signature}"
        return request

    @staticmethod
    def _query(query: str) -> str:
        pairs = sorted(parse_qsl(query, keep_blank_values=True))
        return "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in pairs)


@dataclass(frozen=True)
class _SignedIn:
    """One token with what came with it. Both times are by our clock; its life is measured by the
    monotonic one.
    """

    token: str = field(repr=False)
    project_id: str | None
    issued_at: datetime
    life: timedelta
    began: float  # monotonic seconds
    catalog: Sequence[Mapping[str, Any]] = field(repr=False)

    @property
    def expires_at(self) -> datetime:
        return self.issued_at + self.life

    def lasts(self, seconds: float, now: float) -> bool:
        """Is more than `seconds` of its life left, or more than a part of that if it is short?
        `now` is monotonic.
        """
        life = self.life.total_seconds()
        return now < self.began + life - min(seconds, life * seconds / (4 * _RENEW_BEFORE_S))


class KeystoneSignIn:
    """One token for all threads, signed in when first needed and renewed shortly before it ends.

    Raises SignInRefused, Unavailable, WrongAddress, Rejected or Malformed. Without a `guard`, which
    surrounds each sign-in, a refusal is remembered for a minute, so that threads that waited for it
    do not repeat it: repeated tries lock accounts.
    """

    def __init__(
        self,
        config: CloudConfig,
        *,
        clock: Callable[[], datetime],
        guard: Callable[[], AbstractContextManager[None]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._clock, self._guard, self._monotonic = config, clock, guard, monotonic
        self._host = urlsplit(str(config.auth.get("auth_url", ""))).netloc
        self._secrets = [
            str(config.auth[k]) for k in config.auth if k in {"password", "token"} or "secret" in k
        ]
        self._plugin = self._load()
        self._lock = threading.Lock()
        self._now: _SignedIn | None = None
        self._refused: tuple[SignInRefused, datetime] | None = None
        self._unproved: str | None = None  # a renewed token that has not served yet
        self._doubted: str | None = None  # a token that was answered with 401
        self._http = requests.Session()
        self._http.trust_env = False
        for scheme in ("http://", "https://"):
            self._http.mount(scheme, BoundedAdapter(SIGN_IN_BYTES))
        self._session = Session(
            session=self._http,
            verify=config.verify,
            timeout=SIGN_IN_SECONDS,
            redirect=False,
            user_agent="vbsdash",
        )

    def _load(self) -> BaseIdentityPlugin:
        try:
            return load_plugin(self._config.auth_type, self._config.auth)
        except ValueError as e:
            raise ConfigurationError(f"Cloud {self._config.name}: {e}.") from e

    def token(self) -> str:
        """The token in force; costs a sign-in when there is none or it is about to end."""
        return self._current().token

    @property
    def project_id(self) -> str | None:
        return self._current().project_id

    @property
    def issued_at(self) -> datetime | None:
        """When the token was issued; None before the first sign-in."""
        return self._now.issued_at if self._now else None

    @property
    def expires_at(self) -> datetime | None:
        """When the token ends, by our clock; None before the first sign-in."""
        return self._now.expires_at if self._now else None

    def served(self, token: str) -> None:
        """A token was accepted, so a later 401 is worth a new sign-in."""
        if self._unproved == token:
            self._unproved = None

    def invalidate(self, old_token: str) -> bool:
        """Drop a token that was answered with 401. Is asking again worth while?

        Only the first of many threads drops it. A renewed token that never served stays for a
        minute: the service refuses every token then, and each further sign-in would be one too
        many.
        """
        with self._lock:
            now = self._now
            if now is not None and now.token == old_token:
                if self._unproved == old_token and self._clock() < now.issued_at + _QUIET:
                    return False
                self._now = None
                self._unproved = self._sign_in().token
            return True

    def doubt(self, token: str) -> None:
        """A token was answered with 401; the next renew() replaces it."""
        self._doubted = token

    def trust(self) -> None:
        """The token in force was accepted after it had been answered with 401 once."""
        self._doubted = None

    @property
    def is_unproved(self) -> bool:
        """Is the token in force a renewed one that has not served yet?"""
        return self._now is not None and self._now.token == self._unproved

    @property
    def is_good(self) -> bool:
        """Is there a token that nobody doubts and that lasts for some minutes?"""
        now = self._now
        return (
            now is not None
            and now.token != self._doubted
            and now.lasts(2 * _RENEW_BEFORE_S, self._monotonic())
        )

    def renew(self) -> bool:
        """Have a token that nobody doubts, once for all threads. False: there was one, or a new one
        would not help.
        """
        now = self._now
        if now is not None and now.token == self._doubted:
            self._doubted = None
            return self.invalidate(now.token)
        with self._lock:
            if self.is_good:
                return False
            self._sign_in()
            return True

    def close(self) -> None:
        self._http.close()

    def _current(self) -> _SignedIn:
        now = self._now
        if now is not None and now.lasts(_RENEW_BEFORE_S, self._monotonic()):
            return now
        with self._lock:
            if self._now is None or not self._now.lasts(_RENEW_BEFORE_S, self._monotonic()):
                self._now = None
                self._sign_in()
            assert self._now is not None  # noqa: S101 — _sign_in sets it or raises
            return self._now

    def _sign_in(self) -> _SignedIn:
        if self._guard is not None:  # it remembers refusals, for all processes
            with self._guard():
                self._now = self._ask()
            return self._now
        if self._refused is not None and self._clock() < self._refused[1] + _QUIET:
            raise SignInRefused(self._refused[0].message, http_status=self._refused[0].http_status)
        try:
            self._now = self._ask()
        except SignInRefused as e:
            self._refused = (e, self._clock())
            raise
        self._refused = None
        return self._now

    def _ask(self) -> _SignedIn:
        set_deadline(time.monotonic() + SIGN_IN_SECONDS)
        try:
            access = self._plugin.get_auth_ref(self._session)
        except ks_exceptions.HttpError as e:
            raise self._refusal(e) from e
        except ks_exceptions.InvalidResponse as e:
            status = e.response.status_code
            sentence = (
                f"{self._host} is no identity service (HTTP {status}): correct auth_url in "
                "clouds.yaml."
            )
            raise WrongAddress(sentence, http_status=status) from e
        except ks_exceptions.ConnectionError as e:
            raise from_transport(e, self._host) from e
        except (
            ks_exceptions.ClientException,
            requests.RequestException,
            KeyError,
            ValueError,
            TypeError,
        ) as e:
            raise Malformed(
                f"{self._host} answered the sign-in with something that is not understood."
            ) from e
        return self._read(access)

    def _read(self, access: Any) -> _SignedIn:
        try:
            given = access.service_catalog.catalog if access.has_service_catalog() else None
            catalog = [
                {**one, "endpoints": _objects(one.get("endpoints"))} for one in _objects(given)
            ]
            token = str(access.auth_token)
            now = self._clock()
            found = _SignedIn(
                token, access.project_id, now, _life_of(access, now), self._monotonic(), catalog
            )
        except (AttributeError, KeyError, ValueError, TypeError) as e:
            raise Malformed(f"{self._host} answered the sign-in with an incomplete token.") from e
        if not access.auth_token or not token.isascii():
            raise Malformed(f"{self._host} answered the sign-in without a token.")
        if found.project_id is not None and why_no_id(str(found.project_id)):
            raise Malformed(
                f"{self._host} answered the sign-in with a project ID that cannot be one."
            )
        return found

    def _refusal(self, error: Any) -> VBSError:
        response, status = error.response, int(error.http_status)
        body, headers = (response.content, response.headers) if response is not None else (b"", {})
        found = from_response(status, headers, body, now=self._clock(), secrets=self._secrets)
        if isinstance(found, Unauthorized) or (isinstance(found, Rejected) and status == 403):
            return SignInRefused(
                f"Sign-in refused: {found.message}", http_status=status, code=found.code
            )
        return found

    def endpoint(self, types: Sequence[str]) -> tuple[str, str]:
        """Type and URL of the first of `types` in the catalog that is there for the interface and
        region.
        """
        catalog = self._current().catalog
        for wanted in types:
            for service in catalog:
                if service.get("type") == wanted:
                    for endpoint in service["endpoints"]:
                        if self._fits(endpoint):
                            return wanted, str(endpoint["url"])
        place = f" in region {self._config.region}" if self._config.region else ""
        sentence = (
            f"The catalog has no {self._config.interface} endpoint of {', '.join(types)}{place}: "
        )
        raise WrongAddress(
            sentence
            + "correct region_name and interface, or set an endpoint override in clouds.yaml."
        )

    def _fits(self, endpoint: Mapping[str, Any]) -> bool:
        region = endpoint.get("region_id") or endpoint.get("region")
        in_region = self._config.region in (None, region, endpoint.get("region"))
        interface = str(endpoint.get("interface", "")).removesuffix("URL")
        return in_region and interface == self._config.interface and bool(endpoint.get("url"))


def _life_of(access: Any, now: datetime) -> timedelta:
    """How long a token lives, by Keystone's clock alone: ours may be another one."""
    try:
        life: timedelta = access.expires - access.issued
    except (KeyError, ValueError, TypeError):  # it does not say when it was issued
        life = max(access.expires - now, _SHORTEST_LIFE)
    return min(life, _LONGEST_LIFE) if life > timedelta(0) else _SHORTEST_LIFE


def _objects(given: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; what else stands there, or in its place, is no service and no
    endpoint.
    """
    return [one for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []
