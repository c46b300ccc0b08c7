"""Questions to one cloud, GET only; each ends within its deadline in an answer or in an error of errors.py.

Paths and paging: backups/vbs/API.md §1, §6; traps: §11. No link of an answer is followed and no redirect either.
One kept-alive connection per thread and host; the request is prepared by hand because a whole `requests` call
costs more than the rest of this module.
"""

import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http.client import RemoteDisconnected
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
import urllib3.exceptions
from requests.structures import CaseInsensitiveDict

from backups.vbs.auth import DeadlineAdapter, KeystoneSignIn, SDKHMACAuth, set_deadline
from backups.vbs.clouds import AKSK, CloudConfig
from backups.vbs.errors import (
    Malformed,
    SignInRefused,
    Unauthorized,
    WrongAddress,
    from_response,
    from_transport,
    parse_object,
)

BACKUP_TYPES = ("vbsv2", "vbs", "volumev3", "block-storage", "volumev2")
VOLUME_TYPES = ("evs", "volumev3", "block-storage", "volumev2")
MAX_PAGES = 1000
_V3_TYPES = frozenset({"volumev3", "block-storage"})
_MICROVERSION = "volume 3.64"  # the last that adds a key to a backup (API.md §9)
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PROJECT = re.compile(r"/([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$")

_TEMPLATE = re.compile(r"[%$]\((?:project|tenant)_id\)s")  # as catalogs are written, left for the caller to fill in


@dataclass(frozen=True)
class Answer:
    """A good answer; `body` is the whole envelope."""

    http_status: int
    body: dict[str, Any]


@dataclass(frozen=True)
class _Limits:
    """Of one call: seconds in all, bytes of its body."""

    seconds: float
    size: int


_ONE = _Limits(8.0, 1 << 20)
_PAGE = _Limits(30.0, 8 << 20)


@dataclass(frozen=True)
class _Endpoint:
    """`type` is the catalog type used, None for an override; `base` ends with the project ID."""

    type: str | None
    base: str

    @property
    def host(self) -> str:
        return urlsplit(self.base).netloc


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    content: bytes
    versioned: bool  # asked with a microversion


class _Connection(threading.local):
    """What one thread keeps: its adapter, and whether the open connection has served before."""

    adapter: DeadlineAdapter | None = None
    served: bool = False


class Client:
    """Thread-safe. `clock` gives the time, aware, in UTC. Raises VBSError; ValueError for an ID that is none."""

    def __init__(self, config: CloudConfig, *, clock: Callable[[], datetime]) -> None:
        self.config, self._clock = config, clock
        auth = config.auth
        self._signer: SDKHMACAuth | None = None
        self._sign_in: KeystoneSignIn | None = None
        if config.auth_type == AKSK:
            keys = (str(auth["ak"]), str(auth["sk"]), str(auth["project_id"]), auth.get("security_token"))
            self._signer = SDKHMACAuth(*keys, clock=clock)
            self._secrets = [str(key) for key in (auth["ak"], auth["sk"], auth.get("security_token")) if key]
        else:
            self._sign_in = KeystoneSignIn(config, clock=clock)
            self._secrets = []
        self._endpoints: dict[str, _Endpoint] = {}
        self._microversion = True  # until the service answers that it has not got it
        self._connection = _Connection()
        self._adapters: weakref.WeakSet[DeadlineAdapter] = weakref.WeakSet()
        self._adapters_lock = threading.Lock()

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
    def signed_in_at(self) -> datetime | None:
        """When the token in use was issued; None before the first call and with AK/SK."""
        return self._sign_in.issued_at if self._sign_in else None

    def sign_in(self) -> None:
        """Get a token unless one is in force. With AK/SK there is none: each call is signed."""
        if self._sign_in:
            self._sign_in.token()

    def get_backup(self, backup_id: str) -> Answer:
        if not _ID.fullmatch(backup_id):
            raise ValueError(f"{backup_id[:60]!r} is no hyphenated UUID")
        body = self._get(self._backups(), f"/backups/{backup_id}", _ONE)
        backup = body.get("backup")
        if not isinstance(backup, dict):
            raise Malformed('The answer has no object under "backup".', http_status=200)
        if "id" in backup and str(backup["id"]).lower() != backup_id.lower():
            raise Malformed("The answer is about another backup than the one asked for.", http_status=200)
        return Answer(200, body)

    def list_backups(
        self, *, limit: int = 1000, offset: int = 0, sort_dir: str = "asc", sort_key: str = "created_at", **filters: str
    ) -> list[Any]:
        """One page of raw entries; `filters` go into the query as they are (status, volume_id, name)."""
        query = {"limit": limit, "offset": offset, "sort_key": sort_key, "sort_dir": sort_dir, **filters}
        return self._page(self._backups(), "backups", query)[0]

    def list_volumes(self, *, limit: int = 1000, offset: int = 0) -> list[Any]:
        """One page of raw disks, from the volume service."""
        return self._page(self._volumes(), "volumes", {"limit": limit, "offset": offset})[0]

    def iter_backups(self, page: int = 1000) -> Iterator[Any]:
        """Every backup the cloud lists, oldest first, each once; entries without an ID come as they are."""
        query = {"sort_key": "created_at", "sort_dir": "asc"}
        return self._iterate(self._backups(), "backups", page, query)

    def iter_volumes(self, page: int = 1000) -> Iterator[Any]:
        """Every disk the volume service lists, each once."""
        return self._iterate(self._volumes(), "volumes", page, {})

    def close(self) -> None:
        """Close the connections of all threads; a later call opens new ones."""
        with self._adapters_lock:
            for adapter in list(self._adapters):
                adapter.close()
        if self._sign_in:
            self._sign_in.close()

    def _iterate(self, endpoint: _Endpoint, word: str, page: int, query: dict[str, Any]) -> Iterator[Any]:
        """By own offset (API.md §6). A short page that names a next one was cut by the server's own limit."""
        seen: set[Any] = set()
        offset = 0
        for _ in range(MAX_PAGES):
            entries, more = self._page(endpoint, word, {**query, "limit": page, "offset": offset})
            known = len(seen)
            for entry in entries:
                key = entry.get("id") if isinstance(entry, dict) else None
                if not isinstance(key, str) or key not in seen:
                    yield entry
                if isinstance(key, str):
                    seen.add(key)
            offset += len(entries)
            if len(seen) == known or (len(entries) < page and not more):
                return

    def _page(self, endpoint: _Endpoint, word: str, query: Mapping[str, Any]) -> tuple[list[Any], bool]:
        body = self._get(endpoint, f"/{word}/detail?{urlencode(query)}", _PAGE)
        entries = body.get(word)
        if not isinstance(entries, list):
            raise Malformed(f'The answer has no list under "{word}".', http_status=200)
        return entries, bool(body.get(f"{word}_links"))

    def _backups(self) -> _Endpoint:
        return self._endpoints.get("backups") or self._find("backups", self.config.vbs_endpoint_override, BACKUP_TYPES)

    def _volumes(self) -> _Endpoint:
        override = self.config.volume_endpoint_override
        return self._endpoints.get("volumes") or self._find("volumes", override, VOLUME_TYPES)

    def _find(self, word: str, override: str | None, types: tuple[str, ...]) -> _Endpoint:
        """Resolve a base URL once; blind joining would double the project ID or drop it (API.md §11 trap 20)."""
        kind, url = None, override
        if url is None:
            if self._sign_in is None:
                raise WrongAddress("auth_type aksk has no catalog: set volume_endpoint_override in clouds.yaml.")
            kind, url = self._sign_in.endpoint(types)
        base = url.rstrip("/")
        if not base.startswith(("http://", "https://")):
            raise WrongAddress("The catalog's address is not http(s): set an endpoint override in clouds.yaml.")
        project_id = self._signer.project_id if self._signer else self._sign_in and self._sign_in.project_id
        base = _TEMPLATE.sub(project_id, base) if project_id else base
        if not _PROJECT.search(base) and not (project_id and base.endswith(f"/{project_id}")):
            if not project_id:
                raise WrongAddress("The token belongs to no project: add project_name or project_id in clouds.yaml.")
            base = f"{base}/{project_id}"
        self._endpoints[word] = _Endpoint(kind, base)
        return self._endpoints[word]

    def _get(self, endpoint: _Endpoint, path: str, limits: _Limits) -> dict[str, Any]:
        """One GET; on 401 once more with a renewed token, on 406 once more without a microversion."""
        deadline = time.monotonic() + limits.seconds
        renewed = False
        while True:
            token = self._sign_in.token() if self._sign_in else None
            reply = self._send(endpoint, path, token, deadline, limits)
            if token and self._sign_in and reply.status < 500 and reply.status != 401:
                self._sign_in.served(token)
            if reply.status == 200:
                return parse_object(reply.content)
            if reply.status == 406 and reply.versioned:
                self._microversion = False
                continue
            secrets = [*self._secrets, token] if token else self._secrets
            error = from_response(reply.status, reply.headers, reply.content, now=self._clock(), secrets=secrets)
            if not isinstance(error, Unauthorized):
                raise error
            if self._sign_in is None or token is None:
                raise SignInRefused(error.message, http_status=error.http_status, code=error.code)
            if renewed or not self._sign_in.invalidate(token):
                raise error
            renewed = True

    def _send(self, endpoint: _Endpoint, path: str, token: str | None, deadline: float, limits: _Limits) -> _Reply:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "vbsdash"}
        if self._microversion and self.config.api != "vbs" and self._is_v3(endpoint):
            headers["OpenStack-API-Version"] = _MICROVERSION
        if token:
            headers["X-Auth-Token"] = token
        request = requests.PreparedRequest()
        request.method, request.url = "GET", endpoint.base + path
        request.headers, request.hooks = CaseInsensitiveDict(headers), {}
        if self._signer:
            self._signer(request)
        return self._exchange(request, endpoint.host, deadline, limits)

    def _is_v3(self, endpoint: _Endpoint) -> bool:
        if endpoint.type is not None:
            return endpoint.type in _V3_TYPES
        return self.config.api == "cinder" and "/v3/" in endpoint.base

    def _exchange(self, request: requests.PreparedRequest, host: str, deadline: float, limits: _Limits) -> _Reply:
        """One answer, read whole. A kept connection that the server closed meanwhile is opened anew, once."""
        mine = self._connection
        adapter = mine.adapter or self._adapter()
        try:
            while True:
                kept, mine.served = mine.served, False
                try:
                    reply = self._read(adapter, request, deadline, limits)
                except requests.ConnectionError as e:
                    if not (kept and _was_closed(e)):
                        raise
                else:
                    mine.served = True
                    return reply
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as e:
            raise from_transport(e, host) from e

    def _read(
        self, adapter: DeadlineAdapter, request: requests.PreparedRequest, deadline: float, limits: _Limits
    ) -> _Reply:
        timeout = set_deadline(deadline)
        response = adapter.send(request, stream=True, timeout=timeout, verify=self.config.verify)
        try:
            content = response.raw.read(limits.size + 1, decode_content=True)
        except BaseException:
            response.close()
            raise
        if len(content) > limits.size:
            response.close()
            raise Malformed(f"The answer is longer than {limits.size} bytes.", http_status=response.status_code)
        response.raw.release_conn()
        versioned = "OpenStack-API-Version" in request.headers
        return _Reply(response.status_code, response.headers, content, versioned)

    def _adapter(self) -> DeadlineAdapter:
        adapter = self._connection.adapter = DeadlineAdapter()
        with self._adapters_lock:
            self._adapters.add(adapter)
        return adapter


def _was_closed(error: requests.ConnectionError) -> bool:
    cause = error.args[0] if error.args else None
    inner = cause.args[-1] if isinstance(cause, urllib3.exceptions.ProtocolError) and cause.args else None
    return isinstance(inner, RemoteDisconnected | ConnectionResetError | BrokenPipeError)
