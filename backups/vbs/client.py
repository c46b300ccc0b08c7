"""Questions to one cloud, GET only; each ends within its deadline in an answer or in an error of
errors.py.

Paths and paging: backups/vbs/API.md §1, §6; traps: §11. No link of an answer is followed and no
redirect either.
"""

import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import requests
from requests.structures import CaseInsensitiveDict

from backups.vbs.auth import KeystoneSignIn, SDKHMACAuth
from backups.vbs.clouds import AKSK, CloudConfig
from backups.vbs.endpoints import BACKUP_TYPES, VOLUME_TYPES, Endpoint, find
from backups.vbs.errors import (
    Malformed,
    NotAsked,
    SignInRefused,
    Unauthorized,
    VBSError,
    from_response,
    parse_object,
)
from backups.vbs.ids import HYPHENATED, normal
from backups.vbs.paging import Page, Walk
from backups.vbs.wire import Limits, Reply, Wire

PAGE = 1000  # entries: the most that servers give (API.md §6)
_MICROVERSION = "3.64"  # the last that adds a key to a backup (API.md §9)
_ONE = Limits(8.0, 1 << 20)
_PAGE = Limits(30.0, 8 << 20)
_OLDEST_FIRST = {"sort_key": "created_at", "sort_dir": "asc"}


@dataclass(frozen=True)
class Answer:
    """A good answer; `body` is the whole envelope."""

    http_status: int
    body: dict[str, Any]


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
    and refuse by raising SignInRefused.
    """

    def __init__(
        self,
        config: CloudConfig,
        *,
        clock: Callable[[], datetime],
        meter: Meter | None = None,
        guard: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.config, self._clock = config, clock
        self._meter, self._guard = meter or _NoMeter(), guard
        self._accepted = False  # AK/SK: the service took a signature, and has refused none since
        auth = config.auth
        self._signer: SDKHMACAuth | None = None
        self._sign_in: KeystoneSignIn | None = None
        if config.auth_type == AKSK:
            keys = (
                str(auth["ak"]),
                str(auth["sk"]),
                str(auth["project_id"]),
                auth.get("security_token"),
            )
            self._signer = SDKHMACAuth(*keys, clock=clock)
            self._secrets = [
                str(key) for key in (auth["ak"], auth["sk"], auth.get("security_token")) if key
            ]
        else:
            self._sign_in = KeystoneSignIn(
                config, clock=clock, guard=None if guard is nullcontext else guard
            )
            self._secrets = []
        self._endpoints: dict[str, Endpoint] = {}
        self._microversion: str | None = _MICROVERSION  # or the newest that the service has
        self._wire = Wire(config.verify)
        self.clock_ahead: timedelta | None = (
            None  # our clock against the `Date` of the service's last answer
        )

    @property
    def endpoint(self) -> str:
        """Base URL of the backup service with the project ID; may cost a sign-in."""
        return self._backups().base

    @property
    def endpoint_type(self) -> str | None:
        """The catalog type in use; None for an override and before the first call."""
        found = self._endpoints.get("backups")
        return found.type if found else None

    @property
    def endpoint_found(self) -> str | None:
        """The endpoint without a call: None before the first one."""
        found = self._endpoints.get("backups")
        return found.base if found else None

    @property
    def signed_in_at(self) -> datetime | None:
        """When the token in use was issued; None before the first call and with AK/SK."""
        return self._sign_in.issued_at if self._sign_in else None

    @property
    def token_expires_at(self) -> datetime | None:
        return self._sign_in.expires_at if self._sign_in else None

    def sign_in(self) -> None:
        """Get a token unless one is in force. With AK/SK there is none: each call is signed."""
        if self._sign_in:
            self._sign_in.token()

    @property
    def is_ready(self) -> bool:
        """May calls be made with `alone`?"""
        return self._sign_in.is_good if self._sign_in else self._accepted

    def make_ready(self) -> bool:
        """Sign in if there is no token, or the one there was refused meanwhile; was there a
        sign-in? AK/SK: never.
        """
        renewed = self._sign_in.renew() if self._sign_in else False
        self._backups()
        return renewed

    @property
    def has_unproved_token(self) -> bool:
        """Is the token in force a new one that was accepted nowhere yet?"""
        return self._sign_in is not None and self._sign_in.is_unproved

    def prove_keys(self) -> None:
        """AK/SK that nobody knows to be good: one call that is about no backup tells."""
        self.list_backups(limit=1)

    @property
    def proves_itself_anew(self) -> bool:
        """Is each call signed by itself (AK/SK), so that no token can be too old?"""
        return self._signer is not None

    def trust_token(self) -> None:
        """The token that a 401 cast doubt on was good for others meanwhile."""
        if self._sign_in:
            self._sign_in.trust()

    def get_backup(self, backup_id: str, *, alone: bool = False) -> Answer:
        """`alone`: without a sign-in; a 401 is noted for the next make_ready() and raised."""
        if not HYPHENATED.fullmatch(backup_id):
            raise ValueError(f"{backup_id[:60]!r} is no hyphenated UUID")
        body = self._get(self._backups(), f"/backups/{backup_id}", _ONE, alone=alone)
        backup = body.get("backup")
        if not isinstance(backup, dict):
            raise Malformed('The answer has no object under "backup".', http_status=200)
        if "id" in backup and str(backup["id"]).lower() != backup_id.lower():
            raise Malformed(
                "The answer is about another backup than the one asked for.", http_status=200
            )
        return Answer(200, body)

    def list_backups(
        self,
        *,
        limit: int = PAGE,
        offset: int = 0,
        sort_dir: str = "asc",
        sort_key: str = "created_at",
        **filters: str,
    ) -> list[Any]:
        """One page of raw entries; `filters` go into the query as they are (status, volume_id,
        name).
        """
        query = {
            "limit": limit,
            "offset": offset,
            "sort_key": sort_key,
            "sort_dir": sort_dir,
            **filters,
        }
        return self._page(self._backups(), "backups", query).entries

    def get_volume(self, volume_id: str) -> dict[str, Any]:
        """One raw disk, from the volume service. Raises Gone when that says itemNotFound."""
        body = self._get(self._volumes(), f"/volumes/{quote(volume_id, safe='')}", _ONE)
        volume = body.get("volume")
        if not isinstance(volume, dict) or normal(str(volume.get("id"))) != normal(volume_id):
            raise Malformed(
                'The answer has no object under "volume" with the ID asked for.', http_status=200
            )
        return volume

    def get_quota(self) -> dict[str, Any]:
        """How many backups the project may have and has (API.md §5); not a part of stock Cinder."""
        return self._get(self._backups(), "/cloudbackups/quota", _ONE)

    def walk_backups(self, page: int = PAGE, *, sort_dir: str = "asc") -> Walk:
        """The whole list, page by page."""
        return self._walk(self._backups(), "backups", page, {**_OLDEST_FIRST, "sort_dir": sort_dir})

    def walk_volumes(self, page: int = PAGE) -> Walk:
        """All disks, page by page, from the volume service."""
        return self._walk(self._volumes(), "volumes", page, {})

    def close(self) -> None:
        """Close the connections of all threads; a later call opens new ones."""
        self._wire.close()
        if self._sign_in:
            self._sign_in.close()

    def _walk(self, endpoint: Endpoint, word: str, page: int, query: dict[str, Any]) -> Walk:
        return Walk(
            lambda offset: self._page(endpoint, word, {**query, "limit": page, "offset": offset}),
            limit=page,
        )

    def _page(self, endpoint: Endpoint, word: str, query: Mapping[str, Any]) -> Page:
        body = self._get(endpoint, f"/{word}/detail?{urlencode(query)}", _PAGE)
        entries = body.get(word)
        if not isinstance(entries, list):
            raise Malformed(f'The answer has no list under "{word}".', http_status=200)
        return Page(entries, bool(body.get(f"{word}_links")))

    def _backups(self) -> Endpoint:
        return self._endpoints.get("backups") or self._find(
            "backups", self.config.vbs_endpoint_override, BACKUP_TYPES
        )

    def _volumes(self) -> Endpoint:
        override = self.config.volume_endpoint_override
        return self._endpoints.get("volumes") or self._find("volumes", override, VOLUME_TYPES)

    def _find(self, word: str, override: str | None, types: tuple[str, ...]) -> Endpoint:
        project_id = self._signer.project_id if self._signer else None
        self._endpoints[word] = find(override, types, catalog=self._sign_in, project_id=project_id)
        return self._endpoints[word]

    def _get(
        self, endpoint: Endpoint, path: str, limits: Limits, *, alone: bool = False
    ) -> dict[str, Any]:
        """One GET; on 401 once more with a renewed token, on 406 once more with the server's own
        microversion.
        """
        if self._signer and not self._accepted:
            if alone:
                raise NotAsked("The keys were refused just now; nothing was asked.")
            with self._guard():
                return self._ask(endpoint, path, limits, alone=False)
        return self._ask(endpoint, path, limits, alone=alone)

    def _ask(self, endpoint: Endpoint, path: str, limits: Limits, *, alone: bool) -> dict[str, Any]:
        renewed = False
        while True:
            token = self._sign_in.token() if self._sign_in else None
            reply, outcome = self._outcome(endpoint, path, token, limits)
            if token and self._sign_in and reply.status < 500 and reply.status != 401:
                self._sign_in.served(token)
            if reply.status < 500 and reply.status != 401:
                self._accepted = True  # whatever else it says
            if not isinstance(outcome, VBSError):
                return outcome
            if reply.status == 406 and reply.version:
                self._microversion = _newest(reply, below=reply.version)
                continue
            if not isinstance(outcome, Unauthorized):
                raise outcome
            if self._sign_in is None or token is None:
                # Good keys may be refused for one backup alone: the next call, which is made alone,
                # tells.
                were_good = self._accepted
                self._accepted = False
                if were_good or alone:
                    raise outcome
                raise SignInRefused(
                    outcome.message, http_status=outcome.http_status, code=outcome.code
                )
            if alone:
                self._sign_in.doubt(token)
                raise outcome
            if renewed or not self._sign_in.invalidate(token):
                raise outcome
            renewed = True

    def _outcome(
        self, endpoint: Endpoint, path: str, token: str | None, limits: Limits
    ) -> tuple[Reply, dict[str, Any] | VBSError]:
        """One admitted and counted call: its body, or the error that its status stands for."""
        self._meter.admit()
        try:
            reply = self._send(endpoint, path, token, time.monotonic() + limits.seconds, limits)
            found = (
                parse_object(reply.content) if reply.status == 200 else self._error(reply, token)
            )
        except VBSError as e:
            self._meter.ended(e.class_name)
            raise
        self._meter.ended(found.class_name if isinstance(found, VBSError) else "ok")
        self._compare_clocks(reply)
        return reply, found

    def _compare_clocks(self, reply: Reply) -> None:
        try:
            there = parsedate_to_datetime(reply.headers.get("Date", ""))
        except (ValueError, TypeError, OverflowError):
            return
        if there.tzinfo is not None:
            self.clock_ahead = self._clock() - there

    def _error(self, reply: Reply, token: str | None) -> VBSError:
        secrets = [*self._secrets, token] if token else self._secrets
        return from_response(
            reply.status, reply.headers, reply.content, now=self._clock(), secrets=secrets
        )

    def _send(
        self, endpoint: Endpoint, path: str, token: str | None, deadline: float, limits: Limits
    ) -> Reply:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "vbsdash",
        }
        if self._microversion and self.config.api != "vbs" and endpoint.is_v3:
            headers["OpenStack-API-Version"] = f"volume {self._microversion}"
        if token:
            headers["X-Auth-Token"] = token
        request = requests.PreparedRequest()
        request.method, request.url = "GET", endpoint.base + path
        request.headers, request.hooks = CaseInsensitiveDict(headers), {}
        if self._signer:
            self._signer(request)
        return self._wire.send(request, deadline, limits)


def _newest(reply: Reply, *, below: str) -> str | None:
    """The newest microversion that a 406 names ("… Minimum is 3.0 and maximum is 3.59."), None when
    it names none.
    """
    found = re.search(rb"aximum is 3\.(\d{1,4})\b", reply.content)
    return f"3.{int(found[1])}" if found and int(found[1]) < int(below.partition(".")[2]) else None
