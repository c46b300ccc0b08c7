"""Questions to one cloud, GET only; each ends within its deadline in an answer or in
an error of errors.py.

Paths and paging: backups/vbs/API.md §1, §6; traps: §11. No link of an answer is followed
and no redirect either.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import requests
from requests.structures import CaseInsensitiveDict

from backups.vbs import dialects
from backups.vbs.auth import sign_in_class
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.connections import Connections, Limits, Reply
from backups.vbs.dialect import Dialect, ListCall, Query
from backups.vbs.dialect_cbr import CBR
from backups.vbs.dialect_openstack import CINDER
from backups.vbs.endpoints import VOLUME_TYPES, Endpoint, find
from backups.vbs.errors import (
    NO_CODES,
    Malformed,
    Unauthorized,
    VBSError,
    WrongAddress,
    clean,
    from_response,
    request_id_of,
)
from backups.vbs.ids import HYPHENATED, normal
from backups.vbs.json_object import JsonObject, parse_object
from backups.vbs.paging import Page, Walk
from backups.vbs.policies import Reading, TasksRead
from backups.vbs.request_ids import HEADER as REQUEST_ID_HEADER
from backups.vbs.request_ids import new_id
from backups.vbs.sign_in import Clock, Guard, SignIn
from backups.vbs.transport_errors import doubt

PAGE = 1000  # Entries: the most that servers give (API.md §6).
_MICROVERSION = "3.64"  # The last that adds a key to a backup (API.md §9).
_SINGLE_LIMITS = Limits(seconds=8.0, size=1 << 20)
_PAGE_LIMITS = Limits(seconds=30.0, size=8 << 20)


_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Answer:
    """A good answer; `backup` is the object inside the envelope."""

    http_status: int
    backup: JsonObject


@dataclass(frozen=True)
class _Received:
    """An answer of 200 that is an object; whether it is the promised one is yet to be seen."""

    body: JsonObject
    headers: Mapping[str, str]

    def malformed(self, sentence: str) -> Malformed:
        return Malformed(sentence, http_status=200, request_id=request_id_of(self.headers))


class Meter(Protocol):
    """Admits calls and counts how they ended; `ended` gets "ok" or the class of the error."""

    def admit(self) -> None: ...
    def ended(self, class_name: str) -> None: ...


class _NoMeter:
    def admit(self) -> None:
        return

    def ended(self, class_name: str) -> None:
        return


class Client:
    """Thread-safe. `clock` gives the time, aware, in UTC. Raises VBSError; ValueError for an ID
    that is none.

    `guard` surrounds each sign-in, and with AK/SK each call until one was accepted: it may wait,
    and refuse by raising SignInRefused. `family` tells the dialect that `vbs_api: auto` keeps to,
    None as long as it may still choose; it is asked with each new token.
    """

    def __init__(
        self,
        config: CloudConfig,
        *,
        clock: Clock,
        meter: Meter | None = None,
        guard: Guard | None = None,
        family: Callable[[], str | None] | None = None,
    ) -> None:
        self.config = config
        self._ask_family = family
        self._family = family() if family is not None else None
        self._clock = clock
        self._meter: Meter = meter or _NoMeter()
        self.credentials: SignIn = sign_in_class(config.auth_type)(config, clock=clock, guard=guard)
        self._endpoints: dict[str, Endpoint] = {}
        self._microversion: str | None = _MICROVERSION  # Or the newest that the service has.
        self._connections = Connections(config)
        # Our clock against the `Date` of the service's last answer.
        self.clock_ahead: timedelta | None = None

    @property
    def endpoint(self) -> str:
        """Base URL of the backup service with the project ID; may cost a sign-in."""
        return self._backups().base

    @property
    def endpoint_type(self) -> str | None:
        """The catalog type in use; None for an override and before the first call."""
        endpoint = self._endpoints.get("backups")
        return endpoint.type if endpoint else None

    @property
    def dialect(self) -> Dialect:
        """What the backup service speaks; may cost a sign-in."""
        return dialects.of_endpoint(self.config.api, self._backups(), self._family)

    def offers(self, dialect: Dialect) -> bool:
        """Does the catalog name a service of this dialect, whichever is in use? May cost a
        sign-in.
        """
        try:
            self.credentials.endpoint(dialect.catalog_types)
        except WrongAddress:
            return False
        return True

    @property
    def known_endpoint(self) -> str | None:
        """The endpoint without a call: None before the first one."""
        endpoint = self._endpoints.get("backups")
        return endpoint.base if endpoint else None

    @property
    def signed_in_at(self) -> datetime | None:
        """When the token in use was issued; None before the first call and with AK/SK."""
        return self.credentials.issued_at

    @property
    def token_expires_at(self) -> datetime | None:
        return self.credentials.expires_at

    def sign_in(self) -> None:
        """Gets a token unless one is in force. With AK/SK there is none: each call is signed."""
        self.credentials.token()

    @property
    def is_ready(self) -> bool:
        """Can calls be made with `alone`?"""
        return self.credentials.is_good

    def make_ready(self) -> bool:
        """Signs in if there is no token, or the one there was refused meanwhile; was there a
        sign-in? AK/SK: never.
        """
        renewed = self.credentials.renew()
        if renewed:
            # The catalog that came with the new token may name another address, or none.
            self._endpoints.clear()
            if self._ask_family is not None:
                self._family = self._ask_family() or self._family
        self._backups()
        return renewed

    @property
    def has_unproved_token(self) -> bool:
        """Is the token in force a new one that was accepted nowhere yet?"""
        return self.credentials.is_unproved

    def prove_keys(self) -> None:
        """Makes one call that is about no backup: it tells whether AK/SK are good."""
        self.list_backups(limit=1)

    @property
    def signs_each_call(self) -> bool:
        """Is each call signed by itself (AK/SK), so that no token can be too old?"""
        return self.credentials.signs_each_call

    def trust_token(self) -> None:
        """Notes that the token that a 401 cast doubt on was good for others meanwhile."""
        self.credentials.trust()

    def get_backup(self, backup_id: str, *, alone: bool = False) -> Answer:
        """Returns one backup. `alone`: without a sign-in; a 401 is noted for the
        next make_ready() and raised.
        """
        if not HYPHENATED.fullmatch(backup_id):
            raise ValueError(f"{backup_id[:60]!r} is no hyphenated UUID")

        def ask() -> tuple[_Received, str]:
            call = self.dialect.backup(backup_id)
            answer = self._get(self._backups(), call.path, _SINGLE_LIMITS, alone=alone)
            return answer, call.key

        received, key = self._or_by_successor(ask)
        backup = received.body.get(key)
        if not isinstance(backup, dict):
            raise received.malformed(f'The answer has no object under "{key}".')
        if "id" in backup and str(backup["id"]).lower() != backup_id.lower():
            raise received.malformed("The answer is about another backup than the one asked for.")
        return Answer(200, backup)

    def list_backups(
        self,
        *,
        limit: int = PAGE,
        offset: int = 0,
        sort_dir: str = "asc",
        sort_key: str = "created_at",
        **filters: str,
    ) -> Sequence[object]:
        """Returns one page of raw entries; `filters` go into the query as they
        are (status, volume_id, name).
        """

        def ask() -> Page:
            call = self.dialect.backups(
                limit=limit, offset=offset, sort_key=sort_key, sort_dir=sort_dir, filters=filters
            )
            return self._page(self._backups(), call)

        return self._or_by_successor(ask).entries

    def get_volume(self, volume_id: str) -> JsonObject:
        """Returns one raw volume, from the volume service. Raises Gone
        when that says itemNotFound.
        """
        path = f"/volumes/{quote(volume_id, safe='')}"
        received = self._get(self._volumes(), path, _SINGLE_LIMITS)
        volume = received.body.get("volume")
        if not isinstance(volume, dict) or normal(str(volume.get("id"))) != normal(volume_id):
            raise received.malformed(
                'The answer has no object under "volume" with the ID asked for.'
            )
        return volume

    def list_volumes(self, *, limit: int = PAGE) -> Sequence[object]:
        """Returns the first page of raw entries, from the volume service."""
        return self._page(self._volumes(), _volumes_call(limit, 0)).entries

    def get_quota(self) -> JsonObject:
        """Returns how many backups the project may have and has (API.md §5); not a
        part of stock Cinder.
        """
        return self._get(self._backups(), "/cloudbackups/quota", _SINGLE_LIMITS).body

    def walk_backups(self, page: int = PAGE, *, sort_dir: str = "asc") -> Walk:
        """Walks through the whole list, page by page."""

        def ask(offset: int) -> Page:
            call = self.dialect.backups(
                limit=page, offset=offset, sort_key="created_at", sort_dir=sort_dir, filters={}
            )
            return self._page(self._backups(), call)

        return Walk(lambda offset: self._or_by_successor(lambda: ask(offset)), limit=page)

    def walk_volumes(self, page: int = PAGE) -> Walk:
        """Walks through all volumes, page by page, from the volume service."""
        return Walk(
            lambda offset: self._page(self._volumes(), _volumes_call(page, offset)), limit=page
        )

    def read_policies(self) -> Reading:
        """Asks for all policies, and vaults where there are some: 1 call of VBS, 2 to 4 of CBR.

        Only where the dialect `has_policies`; Rejected where they may not be read.
        """
        return self.dialect.read_policies(self._ask_object)

    def read_tasks(self, policy_id: str | None, since: datetime) -> TasksRead:
        """Asks for the tasks of backups since then, of this policy or, where the service
        `has_one_log`, of any. What it brought before an error is in the answer, with the error.
        """
        return self.dialect.read_tasks(self._ask_object, policy_id, since=since)

    def close(self) -> None:
        """Closes the connections of all threads; a later call opens new ones."""
        self._connections.close()
        self.credentials.close()

    def _ask_object(self, path: str, query: Query) -> JsonObject:
        path = f"{path}?{urlencode(query)}" if query else path
        return self._get(self._backups(), path, _PAGE_LIMITS).body

    def _page(self, endpoint: Endpoint, call: ListCall) -> Page:
        received = self._get(endpoint, f"{call.path}?{urlencode(call.query)}", _PAGE_LIMITS)
        entries = received.body.get(call.key)
        if not isinstance(entries, list):
            raise received.malformed(f'The answer has no list under "{call.key}".')
        return Page(entries, bool(received.body.get(f"{call.key}_links")))

    def _or_by_successor(self, ask: Callable[[], _Result]) -> _Result:
        """Returns what a question about backups brings.

        With `vbs_api: auto` a catalog may name a Cinder that serves volumes alone, and CBR beside
        it (API.md §12): then the backups are there.
        """
        try:
            return ask()
        except WrongAddress as error:
            if error.http_status != 404 or not self._turn_to_successor():
                raise
        return ask()

    def _turn_to_successor(self) -> bool:
        """Turns from Cinder to CBR where that may still be chosen and the catalog has it."""
        endpoint = self._endpoints.get("backups")
        is_free = self.config.api == dialects.AUTO and self._family is None
        if not is_free or endpoint is None or endpoint.type not in CINDER.catalog_types:
            return False
        try:
            self.credentials.endpoint(CBR.catalog_types)
        except WrongAddress:
            return False
        self._family = CBR.name
        self._endpoints.pop("backups", None)
        return True

    def _backups(self) -> Endpoint:
        override = self.config.vbs_endpoint_override
        cinder_override = self.config.block_storage.endpoint_override
        types = dialects.catalog_types(self.config.api, self._family)
        if not set(CINDER.catalog_types).intersection(types):
            cinder_override = None  # It says where Cinder is, and that is not looked for.
        elif override is None and self.config.api == CINDER.name:
            override = cinder_override
        return self._endpoint("backups", override, types, cinder_override=cinder_override)

    def _volumes(self) -> Endpoint:
        return self._endpoint("volumes", self.config.volume_endpoint_override, VOLUME_TYPES)

    def _endpoint(
        self,
        service: str,
        override: str | None,
        types: Sequence[str],
        *,
        cinder_override: str | None = None,
    ) -> Endpoint:
        endpoint = self._endpoints.get(service)
        if endpoint is None:
            types = self.config.catalog_types(types)
            endpoint = find(override, types, self.credentials, cinder_override=cinder_override)
            self._endpoints[service] = endpoint
        return endpoint

    def _get(
        self, endpoint: Endpoint, path: str, limits: Limits, *, alone: bool = False
    ) -> _Received:
        with self.credentials.around_call(alone=alone):
            return self._ask(endpoint, path, limits, alone=alone)

    def _ask(self, endpoint: Endpoint, path: str, limits: Limits, *, alone: bool) -> _Received:
        """Returns the answer to one GET, made once more after a 401 with a renewed token, and after
        a 406 with the server's own microversion.
        """
        was_refused = False
        while True:
            token = self.credentials.token()
            reply, outcome = self._outcome(endpoint, path, token, limits)
            if reply.status < 500 and reply.status != 401:
                self.credentials.served(token)  # Whatever else the answer says.
            if not isinstance(outcome, VBSError):
                return _Received(outcome, reply.headers)
            if reply.status == 406 and reply.microversion:
                self._microversion = _newest_microversion(reply, below=reply.microversion)
                continue
            if not isinstance(outcome, Unauthorized):
                raise outcome
            if was_refused or not self.credentials.refused(token, outcome, alone=alone):
                if self.credentials.has_access_rules:
                    outcome.add(_about_rules(endpoint.base + path))
                raise outcome
            was_refused = True

    def _outcome(
        self, endpoint: Endpoint, path: str, token: str | None, limits: Limits
    ) -> tuple[Reply, JsonObject | VBSError]:
        """Makes one admitted and counted call: its body, or the error that
        its status stands for.
        """
        self._meter.admit()
        outcome: JsonObject | VBSError
        try:
            reply = self._send(endpoint, path, token, limits)
            if reply.status == 200:
                outcome = self._body(reply, endpoint.base)
            else:
                outcome = self._error(reply, endpoint, token)
        except VBSError as e:
            if e.request_id is not None:
                e.request_id = clean(e.request_id, self._secrets(endpoint.base, token))
            self._meter.ended(e.class_name)
            raise
        self._meter.ended(outcome.class_name if isinstance(outcome, VBSError) else "ok")
        self._compare_clocks(reply)
        return reply, outcome

    def _compare_clocks(self, reply: Reply) -> None:
        try:
            cloud_time = parsedate_to_datetime(reply.headers.get("Date", ""))
        except (ValueError, TypeError, OverflowError):
            return
        if cloud_time.tzinfo is not None:
            self.clock_ahead = self._clock() - cloud_time

    def _body(self, reply: Reply, url: str) -> JsonObject:
        try:
            return parse_object(reply.content)
        except Malformed as e:
            e.request_id = request_id_of(reply.headers)
            forwarder = self.config.proxies.forwarder_for(url)
            doubt(e, reply.headers, reply.content, forwarder)
            raise

    def _error(self, reply: Reply, endpoint: Endpoint, token: str | None) -> VBSError:
        url = endpoint.base
        is_of_backups = endpoint is self._endpoints.get("backups")
        error = from_response(
            reply.status,
            reply.headers,
            reply.content,
            now=self._clock(),
            secrets=self._secrets(url, token),
            codes=self.dialect.codes if is_of_backups else NO_CODES,
        )
        doubt(error, reply.headers, reply.content, self.config.proxies.forwarder_for(url))
        return error

    def _secrets(self, url: str, token: str | None) -> list[str]:
        """Returns what the error of a call to `url` must not quote."""
        forwarder = self.config.proxies.forwarder_for(url)
        return [*self.credentials.secrets(token), *(forwarder.secrets if forwarder else ())]

    def _has_microversions(self, endpoint: Endpoint) -> bool:
        if endpoint is self._endpoints.get("backups"):
            return endpoint.is_v3 and self.dialect.has_microversions
        return endpoint.is_v3 and self.config.api in (dialects.AUTO, CINDER.name)

    def _send(self, endpoint: Endpoint, path: str, token: str | None, limits: Limits) -> Reply:
        deadline = time.monotonic() + limits.seconds
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "vbsdash",
            REQUEST_ID_HEADER: new_id(),
        }
        if self._microversion and self._has_microversions(endpoint):
            headers["OpenStack-API-Version"] = f"volume {self._microversion}"
        request = requests.PreparedRequest()
        request.method = "GET"
        request.url = endpoint.base + path
        request.headers = CaseInsensitiveDict(headers)
        request.hooks = {}
        self.credentials.authorize(request, token)
        return self._connections.send(request, deadline, limits)


def _volumes_call(limit: int, offset: int) -> ListCall:
    return ListCall("/volumes/detail", "volumes", {"limit": limit, "offset": offset})


def _about_rules(url: str) -> str:
    """Returns what a 401 may mean besides: services answer so to a call that no access rule of the
    application credential covers, and do not say it.
    """
    path = urlsplit(url).path
    parent, _, last_step = path.rpartition("/")
    if HYPHENATED.fullmatch(last_step):
        path = f"{parent}/*"
    return f"Perhaps no access rule of the application credential covers GET {path}."


def _newest_microversion(reply: Reply, *, below: str) -> str | None:
    """Returns the newest microversion that a 406 names ("… Minimum is 3.0 and maximum is 3.59."),
    None when it names none, or none below the one that was asked for.
    """
    match = re.search(rb"aximum is 3\.(\d{1,4})\b", reply.content)
    if match is None or int(match[1]) >= int(below.partition(".")[2]):
        return None
    return f"3.{int(match[1])}"
