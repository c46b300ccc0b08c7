"""Signing in to Keystone, through keystoneauth1: one token for all threads, and its catalog.

Sources: backups/vbs/API.md §7.1 (tokens), §7.2 (catalog), §10 (unsafe library defaults).
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1.identity.base import BaseIdentityPlugin
from keystoneauth1.session import Session

from backups.vbs.bounded import BoundedAdapter
from backups.vbs.cloud_config import BlockStorage, CloudConfig
from backups.vbs.config_keys import ConfigKeys
from backups.vbs.config_values import SECRETS
from backups.vbs.deadline import set_deadline
from backups.vbs.endpoints import CatalogEntry
from backups.vbs.errors import (
    ConfigurationError,
    Malformed,
    Rejected,
    ServiceMissing,
    SignInRefused,
    Unauthorized,
    VBSError,
    WrongAddress,
    from_response,
    request_id_of,
)
from backups.vbs.ids import why_no_id
from backups.vbs.plugin import (
    UNSUPPORTED,
    USUAL_AUTH_TYPES,
    load_plugin,
    option_names,
    plugin_name,
)
from backups.vbs.proxies import Proxy
from backups.vbs.sign_in import Clock, Guard, SignIn
from backups.vbs.transport_errors import doubt, from_transport

SIGN_IN_SECONDS = 8.0
SIGN_IN_BYTES = 4 << 20  # Catalogs are long, but no longer.
# A token is renewed so many seconds before it ends, or in the last quarter of a shorter life.
RENEW_BEFORE_S = 120.0
LONGEST_LIFE = timedelta(days=365)
# Of a token that says nothing sensible; a 401 tells when it ends sooner.
SHORTEST_LIFE = timedelta(minutes=5)
# After a refused sign-in, or a renewal that did not help, nothing is tried for so long.
PAUSE_AFTER_REFUSAL = timedelta(seconds=60)
MAX_REGIONS_SHOWN = 10
PROJECT_KEYS = frozenset({"project_id", "project_name", "tenant_id", "tenant_name"})


@dataclass(frozen=True)
class _Token:
    """A token with what came with it. `issued_at` is by our clock; `life` is measured by the
    monotonic one, from `began` on.
    """

    text: str = field(repr=False)
    project_id: str | None
    issued_at: datetime
    life: timedelta
    began: float  # Monotonic seconds.
    catalog: Sequence[Mapping[str, Any]] = field(repr=False)
    has_access_rules: bool

    @property
    def expires_at(self) -> datetime:
        return self.issued_at + self.life

    def lasts(self, seconds: float, now: float) -> bool:
        """Is more than `seconds` of its life left, or more than a part of that if it is short?
        `now` is monotonic.
        """
        life = self.life.total_seconds()
        part_of_life = life * seconds / (4 * RENEW_BEFORE_S)
        return now < self.began + life - min(seconds, part_of_life)


class KeystoneSignIn(SignIn):
    """One token for all threads, signed in when first needed and renewed shortly before it ends.

    Raises SignInRefused, Unavailable, WrongAddress, Rejected or Malformed. Without a `guard`, which
    surrounds each sign-in, a refusal is remembered for a minute, so that threads that waited for it
    do not repeat it: repeated tries lock accounts.
    """

    signs_each_call = False
    refusal_cure = (
        "Correct the user, password, domain or project in clouds.yaml; repeated tries lock "
        "accounts, so press once."
    )

    def __init__(
        self,
        config: CloudConfig,
        *,
        clock: Clock,
        guard: Guard | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._clock = clock
        self._guard = guard
        self._monotonic = monotonic
        self._url = config.auth.get("auth_url") or ""
        self._host = urlsplit(self._url).netloc
        self._sign_in_secrets = _secrets_of(config.auth)
        self._plugin = _plugin_of(config)
        self._lock = threading.Lock()
        self._current: _Token | None = None
        self._last_refusal: tuple[SignInRefused, datetime] | None = None
        self._unproved: str | None = None  # A renewed token that has not served yet.
        self._doubted: str | None = None  # A token that was answered with 401.
        self._http = requests.Session()
        self._http.trust_env = False
        self._adapter = BoundedAdapter(SIGN_IN_BYTES, config.proxies, config.verify)
        for scheme in ("http://", "https://"):
            self._http.mount(scheme, self._adapter)
        self._session = Session(
            session=self._http,
            verify=config.verify,
            cert=config.cert,
            timeout=SIGN_IN_SECONDS,
            redirect=False,
            user_agent="vbsdash",
        )

    @classmethod
    def accepted_keys(cls, auth_type: str) -> Collection[str]:
        return option_names(auth_type)

    @classmethod
    def check(
        cls,
        auth_type: str,
        auth: Mapping[str, str | None],
        keys: ConfigKeys,
        *,
        has_endpoint: bool,
    ) -> None:
        if not option_names(auth_type):
            name = keys.name("auth_type")
            problem = "is not supported" if auth_type in UNSUPPORTED else "is unknown"
            keys.refuse_unsupported(f"{name} {auth_type!r} {problem}: write {USUAL_AUTH_TYPES}")
        auth_url = auth.get("auth_url")
        if not auth_url:
            advice = "it is the address of the identity service"
            if keys.from_variables:
                # One of them may be left over from something else.
                advice += "; or unset the other variables that sign in, such as OS_USERNAME"
            keys.refuse_missing("auth_url", advice)
        keys.check_url("auth_url", auth_url)
        for key, value in auth.items():
            if key.endswith("_endpoint") and value:  # Of OpenID Connect; it may have a query.
                keys.check_url(key, value.partition("?")[0])
        if plugin_name(auth_type) == "v3password":
            if not auth.get("password"):
                advice = "" if keys.from_variables else "here or in secure.yaml"
                keys.refuse_missing("password", advice)
            if not auth.get("username") and not auth.get("user_id") and not auth.get("user_name"):
                keys.refuse_missing("username")
            if PROJECT_KEYS.isdisjoint(auth) and not auth.get("trust_id"):
                advice = f"or {keys.name('project_id')}: a token must belong to a project"
                keys.refuse_missing("project_name", advice)
        if plugin_name(auth_type) == "v3token" and not auth.get("token"):
            keys.refuse_missing("token")
        if auth_type == "v3applicationcredential":
            _check_application_credential(auth, keys)
        try:
            load_plugin(auth_type, auth)
        except ValueError as e:
            keys.refuse(str(e).rstrip("."))

    # The catalog

    @property
    def project_id(self) -> str | None:
        return self._token_in_force().project_id

    def endpoint(self, types: Sequence[str]) -> CatalogEntry:
        """Returns the first of `types` in the catalog that is there for
        the interface and region.
        """
        catalog = self._token_in_force().catalog
        for service_type in types:
            for interface in self._config.interfaces_of(service_type):
                for endpoint in _endpoints_of(catalog, service_type):
                    if self._fits(endpoint, interface, service_type):
                        return CatalogEntry(service_type, str(endpoint["url"]))
        region = f" in region {self._config.region}" if self._config.region else ""
        interfaces = " or ".join(self._config.interfaces)
        keys = "region_name and interface"
        if self._config.block_storage != BlockStorage():
            keys = "region_name, interface and the keys of the volume service"
        raise ServiceMissing(
            f"The catalog has no {interfaces} endpoint of {', '.join(types)}{region}: "
            f"correct {keys}, or set an endpoint override in clouds.yaml.{self._other_regions()}"
        )

    def _other_regions(self) -> str:
        """Returns a sentence with the regions of the catalog when the configured one is none of
        them.
        """
        regions: set[str] = set()
        for service in self._token_in_force().catalog:
            for endpoint in service["endpoints"]:
                region = endpoint.get("region_id") or endpoint.get("region")
                if region:
                    regions.add(str(region))
        if not regions or self._config.region in (None, *regions):
            return ""
        return f" Its regions: {', '.join(sorted(regions)[:MAX_REGIONS_SHOWN])}."

    def _fits(self, endpoint: Mapping[str, Any], wanted: str, service_type: str) -> bool:
        region = self._config.region_of(service_type)
        regions = (endpoint.get("region_id") or endpoint.get("region"), endpoint.get("region"))
        if region is not None and region not in regions:
            return False
        interface = str(endpoint.get("interface", "")).removesuffix("URL")
        return interface == wanted and bool(endpoint.get("url"))

    # One call

    def around_call(self, *, alone: bool) -> AbstractContextManager[None]:
        return nullcontext()

    def token(self) -> str:
        """Returns the token in force; costs a sign-in when there is none or it is about to end."""
        return self._token_in_force().text

    def authorize(self, request: requests.PreparedRequest, token: str | None) -> None:
        if token is not None:
            request.headers["X-Auth-Token"] = token

    def secrets(self, token: str | None) -> Sequence[str]:
        return [token] if token else []

    def served(self, token: str | None) -> None:
        """Notes that a token was accepted, so that a later 401 is worth a new sign-in."""
        if token is not None and self._unproved == token:
            self._unproved = None

    def refused(self, token: str | None, error: Unauthorized, *, alone: bool) -> bool:
        if token is None:
            return False
        if alone:
            self._doubted = token  # The next renew() replaces it.
            return False
        return self.invalidate(token)

    def invalidate(self, old_token: str) -> bool:
        """Drops a token that was answered with 401; is asking again worth while?

        Only the first of many threads drops it. A renewed token that never served stays
        for a minute: the service refuses every token then, and each further sign-in would
        be one too many.
        """
        with self._lock:
            current = self._current
            if current is None or current.text != old_token:
                return True
            is_new = self._clock() < current.issued_at + PAUSE_AFTER_REFUSAL
            if self._unproved == old_token and is_new:
                return False
            self._current = None
            self._unproved = self._sign_in().text
            return True

    # What is known

    @property
    def is_good(self) -> bool:
        """Is there a token that nobody doubts and that lasts for some minutes?"""
        current = self._current
        if current is None or current.text == self._doubted:
            return False
        return current.lasts(2 * RENEW_BEFORE_S, self._monotonic())

    @property
    def is_unproved(self) -> bool:
        return self._current is not None and self._current.text == self._unproved

    @property
    def issued_at(self) -> datetime | None:
        return self._current.issued_at if self._current else None

    @property
    def expires_at(self) -> datetime | None:
        return self._current.expires_at if self._current else None

    @property
    def has_access_rules(self) -> bool:
        return self._current is not None and self._current.has_access_rules

    def renew(self) -> bool:
        """Gets a token that nobody doubts, once for all threads. False: there was one, or a new one
        would not help.
        """
        current = self._current
        if current is not None and current.text == self._doubted:
            self._doubted = None
            return self.invalidate(current.text)
        with self._lock:
            if self.is_good:
                return False
            self._sign_in()
            return True

    def trust(self) -> None:
        self._doubted = None

    # The connection test

    @property
    def success_sentence(self) -> str:
        return f"Signed in to {self._host}."

    def refusal_sentence(self, error: SignInRefused) -> str:
        return error.message

    def close(self) -> None:
        self._http.close()

    # Signing in

    def _token_in_force(self) -> _Token:
        current = self._current
        if current is not None and current.lasts(RENEW_BEFORE_S, self._monotonic()):
            return current
        with self._lock:
            current = self._current
            if current is not None and current.lasts(RENEW_BEFORE_S, self._monotonic()):
                return current  # Another thread renewed it meanwhile.
            self._current = None
            return self._sign_in()

    def _sign_in(self) -> _Token:
        if self._guard is not None:  # It remembers refusals, for all processes.
            with self._guard():
                self._current = self._request_token()
            return self._current
        if self._last_refusal is not None:
            refusal, refused_at = self._last_refusal
            if self._clock() < refused_at + PAUSE_AFTER_REFUSAL:
                raise SignInRefused(
                    refusal.message,
                    http_status=refusal.http_status,
                    request_id=refusal.request_id,
                )
        try:
            self._current = self._request_token()
        except SignInRefused as e:
            self._last_refusal = (e, self._clock())
            raise
        self._last_refusal = None
        return self._current

    def _request_token(self) -> _Token:
        set_deadline(time.monotonic() + SIGN_IN_SECONDS)
        try:
            access = self._plugin.get_auth_ref(self._session)
        except ks_exceptions.HttpError as e:
            raise self._http_failure(e) from e
        except ks_exceptions.InvalidResponse as e:
            status = e.response.status_code
            error = WrongAddress(
                f"{self._host} is no identity service (HTTP {status}): correct auth_url in "
                "clouds.yaml.",
                http_status=status,
                request_id=request_id_of(e.response.headers),
            )
            doubt(error, e.response.headers, e.response.content, self._forwarder)
            raise error from e
        except ks_exceptions.ConnectionError as e:
            url = self._asked_url
            raise from_transport(e, urlsplit(url).netloc, self._config.proxies.for_url(url)) from e
        except (
            ks_exceptions.ClientException,
            requests.RequestException,
            KeyError,
            ValueError,
            TypeError,
        ) as e:
            host = urlsplit(self._asked_url).netloc
            raise Malformed(
                f"{host} answered the sign-in with something that is not understood."
            ) from e
        return self._read_token(access)

    @property
    def _asked_url(self) -> str:
        """Returns the address that was asked last: with OpenID Connect not always auth_url."""
        return self._adapter.asked_url or self._url

    @property
    def _forwarder(self) -> Proxy | None:
        return self._config.proxies.forwarder_for(self._asked_url)

    def _read_token(self, access: Any) -> _Token:
        """Reads keystoneauth1's AccessInfo, whose properties raise for what the answer lacks."""
        try:
            services = access.service_catalog.catalog if access.has_service_catalog() else None
            now = self._clock()
            token = _Token(
                text=str(access.auth_token),
                project_id=access.project_id,
                issued_at=now,
                life=_life_of(access, now),
                began=self._monotonic(),
                catalog=_catalog_of(services),
                has_access_rules=access.application_credential_access_rules is not None,
            )
        except (AttributeError, KeyError, ValueError, TypeError) as e:
            raise Malformed(f"{self._host} answered the sign-in with an incomplete token.") from e
        if not access.auth_token or not token.text.isascii():
            raise Malformed(f"{self._host} answered the sign-in without a token.")
        if token.project_id is not None and why_no_id(str(token.project_id)):
            raise Malformed(
                f"{self._host} answered the sign-in with a project ID that cannot be one."
            )
        return token

    def _http_failure(self, failure: Any) -> VBSError:
        """Returns the error that keystoneauth1's HttpError stands for."""
        status = int(failure.http_status)
        headers: Mapping[str, str] = {}
        body = b""
        if failure.response is not None:
            headers = failure.response.headers
            body = failure.response.content
        forwarder = self._forwarder
        secrets = [*self._sign_in_secrets, *(forwarder.secrets if forwarder else ())]
        error = from_response(status, headers, body, now=self._clock(), secrets=secrets)
        doubt(error, headers, body, forwarder)
        is_forbidden = isinstance(error, Rejected) and status == 403
        if isinstance(error, Unauthorized) or is_forbidden:
            return SignInRefused(
                f"Sign-in refused: {error.message}",
                http_status=status,
                code=error.code,
                request_id=error.request_id,
            )
        return error


def _plugin_of(config: CloudConfig) -> BaseIdentityPlugin:
    try:
        return load_plugin(config.auth_type, config.auth)
    except ValueError as e:
        raise ConfigurationError(f"Cloud {config.name}: {e}.") from e


def _check_application_credential(auth: Mapping[str, str | None], keys: ConfigKeys) -> None:
    needed = "auth_type v3applicationcredential needs it"
    if not auth.get("application_credential_secret"):
        place = "" if keys.from_variables else ", here or in secure.yaml"
        keys.refuse_missing("application_credential_secret", f"{needed}{place}")
    if auth.get("application_credential_id"):
        return
    if not auth.get("application_credential_name"):
        keys.refuse_missing("application_credential_id", needed)
    if not auth.get("username") and not auth.get("user_id"):
        keys.refuse_missing("username", "the credential's name is known for its user alone")


def _secrets_of(auth: Mapping[str, str | None]) -> list[str]:
    secrets: list[str] = []
    for key, value in auth.items():
        if SECRETS.search(key) and not key.endswith(("_endpoint", "_type")):
            secrets.append(str(value))
    return secrets


def _life_of(access: Any, now: datetime) -> timedelta:
    """Returns how long a token lives, by Keystone's clock alone: ours may be another one."""
    try:
        life: timedelta = access.expires - access.issued
    except (KeyError, ValueError, TypeError):  # It does not say when it was issued.
        life = max(access.expires - now, SHORTEST_LIFE)
    if life <= timedelta(0):
        return SHORTEST_LIFE
    return min(life, LONGEST_LIFE)


def _catalog_of(services: object) -> list[Mapping[str, Any]]:
    """Returns the services with their endpoints, each of them an object."""
    return [
        {**service, "endpoints": _objects(service.get("endpoints"))}
        for service in _objects(services)
    ]


def _endpoints_of(
    catalog: Sequence[Mapping[str, Any]], service_type: str
) -> Iterator[Mapping[str, Any]]:
    for service in catalog:
        if service.get("type") == service_type:
            yield from service["endpoints"]


def _objects(value: object) -> list[Mapping[str, Any]]:
    """Returns the objects of a list; what else stands there, or in its place, is no
    service and no endpoint.
    """
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, Mapping)]
