"""The simulator as one object: start it, ask it over HTTP, read the records, break it."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from backups.simulator.access_rules import AccessRule
from backups.simulator.account import Account, cloud_entry, clouds_yaml
from backups.simulator.body import Facts
from backups.simulator.cbr import CbrService
from backups.simulator.distort import distort
from backups.simulator.estate import Estate
from backups.simulator.faults import OF_LISTS, Fault, Faults
from backups.simulator.generated import furnish
from backups.simulator.keystone import Clock, Keystone
from backups.simulator.listing import Paging
from backups.simulator.message import Answer, Question
from backups.simulator.plan import FILL_KEEP, names_of
from backups.simulator.policy import Api
from backups.simulator.record import Log, Request, carries_secret, without_secrets
from backups.simulator.server import Server
from backups.simulator.service import LISTS, Service, Switches, backup_id_of
from backups.simulator.signing import KeyGuard
from backups.simulator.store import Store, VerbatimBackup
from backups.simulator.timeline import AVAILABLE
from backups.simulator.vbs_policies import VbsPolicies
from backups.simulator.volumes import Volumes
from backups.simulator.with_policies import WithPolicies
from backups.vbs import seed_example

STOP_SECONDS = 1.0
POLL_SECONDS = 0.02  # How soon the server notices that it is to stop.


def utc_now() -> datetime:
    """Returns the machine's time: a server is an edge, and this is where it reads the time unless
    it is handed in.
    """
    return datetime.now(UTC)


class _Reply:
    """One request on its way through the simulator."""

    def __init__(
        self, answer: Answer, fault: Fault | None, leave: Callable[[int | None], None]
    ) -> None:
        self.answer = answer
        self.fault = fault
        self._leave = leave
        self._is_done = False

    def done(self, status: int | None) -> None:
        """Records the request; only the first call counts."""
        if not self._is_done:
            self._is_done = True
            self._leave(status)


class Simulator(WithPolicies):
    """A local VBS with Keystone and volume list. A context manager; all methods are thread-safe.

    `host`: the address to listen on. `backups`: how many are generated (the API page's own example
    comes on top), `keep` of most disks. `clock`: aware UTC.
    `paging`: which of the two generations of `backups/vbs/API.md` §6. `flavor`: "vbs", or "cinder"
    for stock Cinder v3. `api`: "vbs", "cbr" for the successor alone, or "both" side by side for one
    project. `type_full`: which value of Type means full (§3.1). `token_seconds`: how
    long a token lives. `keep_requests`: how many records to keep. IDs come from the seed: two
    clouds need two seeds.
    """

    seed_example_id = seed_example.ID

    def __init__(
        self,
        *,
        backups: int = 0,
        keep: int = FILL_KEEP,
        seed: int = 1,
        clock: Clock = utc_now,
        latency_ms: float = 0,
        paging: Paging = "marker",
        host: str = "127.0.0.1",
        port: int = 0,
        volumes_allowed: bool = True,
        quota_allowed: bool = True,
        flavor: str = "vbs",
        type_full: int = 0,
        token_seconds: float = 86_400,
        keep_requests: int = 50_000,
        api: str = "vbs",
    ) -> None:
        if flavor not in ("vbs", "cinder") or paging not in ("marker", "offset"):
            raise ValueError("flavor is vbs or cinder, paging is marker or offset.")
        if api not in ("vbs", "cbr", "both") or (flavor == "cinder" and api != "vbs"):
            raise ValueError("api is vbs, cbr or both; stock Cinder has none but its own.")
        account = Account()
        self.account = account
        self.flavor = flavor
        self.api = api
        self.now = clock
        self.latency_ms = latency_ms
        self.project_id = account.project_id
        self.username = account.username
        self.password = account.password
        self.access_key = account.access_key
        self.secret_key = account.secret_key
        self.application_credential_id = account.application_credential_id
        self.application_credential_secret = account.application_credential_secret
        self.stopping = threading.Event()
        self._log = Log(keep=keep_requests)
        self._faults = Faults(seed=seed)
        self._server = Server(host, port, self)
        self.port: int = self._server.server_address[1]
        self.url = f"http://{host}:{self.port}"
        self._keystone = Keystone(
            self.account, clock=clock, token_seconds=token_seconds, url=self.url, flavor=flavor
        )
        self._apis = {"vbs", "cbr"} if api == "both" else {api}
        self._keystone.apis = frozenset(self._apis)
        self._space = names_of(seed)
        self._store = Store(
            seed=seed,
            backups=backups,
            keep=keep,
            clock=lambda: clock().timestamp(),
            space=self._space,
        )
        self._volumes = Volumes(self._store.world)
        self._estate = Estate(
            store=self._store,
            api=api,
            space=self._space,
            clock=lambda: clock().timestamp(),
            words_of=self._volumes.words_of,
        )
        furnish(self._estate, self._store.world, self._volumes, api=api, space=self._space)
        self._store.is_shown = self._estate.is_in_vbs
        self._vbs_policies = VbsPolicies(self._estate)
        self._cbr = CbrService(self._estate, project_id=account.project_id)
        self._service = self._make_service(
            Switches(flavor, paging, type_full, volumes_allowed, quota_allowed, api)
        )
        self._thread: threading.Thread | None = None

    def _make_service(self, switches: Switches) -> Service:
        guard = KeyGuard(access_key=self.access_key, secret_key=self.secret_key)
        return Service(
            account=self.account,
            keystone=self._keystone,
            guard=guard,
            store=self._store,
            volumes=self._volumes,
            vbs_policies=self._vbs_policies,
            cbr=self._cbr,
            switches=switches,
        )

    # Life

    def start(self) -> Self:
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            args=(POLL_SECONDS,),
            name="vbs-simulator",
            daemon=True,
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Closes everything within about a second; calling it twice does no harm."""
        self.stopping.set()
        if self._thread:
            self._server.shutdown()
            self._thread.join(STOP_SECONDS)
            self._thread = None
        self._server.server_close()
        self._server.cut(seconds=STOP_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # Addresses and accounts

    @property
    def auth_url(self) -> str:
        return f"{self.url}/v3"

    @property
    def vbs_endpoint(self) -> str:
        """Base URL of the backups, the project ID included."""
        if self.api == "cbr":
            return self.cbr_endpoint
        path = "volume/v3" if self.flavor == "cinder" else "v2"
        return f"{self.url}/{path}/{self.project_id}"

    @property
    def cbr_endpoint(self) -> str:
        """Base URL of CBR, the project ID included."""
        return f"{self.url}/cbr/v3/{self.project_id}"

    @property
    def volume_endpoint(self) -> str:
        """Base URL of the volumes, the project ID included."""
        path = "volume/v3" if self.flavor == "cinder" else "evs/v2"
        return f"{self.url}/{path}/{self.project_id}"

    def issue_token(self) -> str:
        """Returns a good token of the project, without a sign-in."""
        return self._keystone.issue()

    def cloud_entry(
        self, *, auth: str = "password", api: Api | None = None, **extra: Any
    ) -> dict[str, Any]:
        """Returns one entry of clouds.yaml; `auth`: password,
        v3applicationcredential, token or aksk. `api`: of which service, where there are two.
        """
        token = self.issue_token() if auth == "token" else ""
        if api is None:
            api = "cbr" if self.api == "cbr" else "vbs"
        entry = cloud_entry(
            self.account,
            url=self.url,
            auth=auth,
            token=token,
            flavor=self.flavor,
            api=api,
        )
        return entry | extra

    def clouds_yaml(self, name: str = "demo", *, auth: str = "password", **extra: Any) -> str:
        """Returns a file with this cloud; with NAME-cbr too where both services are."""
        entries = {name: self.cloud_entry(auth=auth, **extra)}
        if self.api == "both":
            entries[f"{name}-cbr"] = self.cloud_entry(auth=auth, api="cbr", **extra)
        return clouds_yaml(entries)

    def restrict(self, rules: Sequence[AccessRule]) -> None:
        """Makes the tokens that the application credential gets from now on open only the calls
        that one of the rules covers.
        """
        self._keystone.access_rules = tuple(rules)

    # Content

    def add(self, body: Mapping[str, object], *, vanish: bool = False, listed: bool = True) -> str:
        """Serves this inner backup object as it is under its `id`, and returns the ID.

        `vanish`: the single GET finds it once, then it is gone. `listed`: whether
        list calls name it.
        """
        self._store.add(VerbatimBackup(body, vanish=vanish, listed=listed))
        return str(body["id"])

    def add_envelope(
        self, envelope: dict[str, Any], *, vanish: bool = False, listed: bool = True
    ) -> str:
        return self.add(envelope["backup"], vanish=vanish, listed=listed)

    def remove(self, backup_id: str) -> None:
        """Makes it 404 itemNotFound and in no list from now on, be it
        added, created or generated.
        """
        self._store.remove(backup_id)

    def create(
        self,
        volume_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        incremental: bool = True,
        seconds: float = 10,
        fail: str | None = None,
        size_gb: int = 10,
        api: Api = "vbs",
    ) -> str:
        """Begins a backup that takes `seconds` by the clock and ends available, or in error
        for the reason `fail`. `api`: the service that is asked for it.
        """

        def facts(backup_id: str, now: float) -> Facts:
            return Facts(
                id=backup_id,
                volume_id=volume_id,
                size_gb=size_gb,
                phase=AVAILABLE,
                created=now,
                ended=now,
                name=name,
                description=description,
                full=not incremental,
                inc=int(incremental),
            )

        backup_id = self._store.create(facts, seconds=seconds, fail=fail, native=api)
        if api == "cbr" or self.api == "cbr":
            self._estate.log_creation(
                backup_id, volume_id, name=name, seconds=seconds, fail=fail, native=api
            )
        return backup_id

    def add_volume(self, body: Mapping[str, object]) -> None:
        """Puts this object into the volume list as it is."""
        self._volumes.add(body)

    def remove_volume(self, volume_id: str) -> None:
        self._volumes.remove(volume_id)

    def unlist_volumes(self, *volume_ids: str) -> None:
        """Makes the volume list lack just these from now on, although the single GET finds them."""
        self._volumes.unlist(volume_ids)

    @property
    def ids(self) -> list[str]:
        """The IDs of all listed backups now, newest first."""
        if self.api == "cbr":
            return self.cbr_ids
        self._advance()
        return [row.id for row in reversed(self._store.rows())]

    def _advance(self) -> None:
        """Lets happen what the clock has reached."""
        self._estate.advance(self._store.now())

    # Faults and records

    def fault(self, fault: Fault) -> None:
        self._faults.add(fault)

    def clear_faults(self) -> None:
        self._faults.clear()

    @property
    def requests(self) -> list[Request]:
        """The records of the requests, oldest first (a copy)."""
        return self._log.requests

    @property
    def request_count(self) -> int:
        return self._log.count

    @property
    def max_in_flight(self) -> int:
        """The most requests that were being answered at once."""
        return self._log.max_in_flight

    @property
    def max_in_flight_per_backup(self) -> int:
        return max(self._log.max_in_flight_of.values(), default=0)

    @property
    def max_in_flight_of(self) -> Counter[str]:
        """By backup ID: the most single GETs of it that were being answered at once."""
        return self._log.max_in_flight_of

    def forget_requests(self) -> None:
        self._log.forget()

    def _take_faults(self, question: Question, backup_id: str | None) -> list[Fault]:
        target = question.path
        if question.query:
            target += f"?{question.query}"
        is_sign_in = question.method == "POST" and question.path.rstrip("/") == "/v3/auth/tokens"
        is_list = LISTS.search(question.path) is not None and backup_id is None
        return self._faults.take(target=target, is_sign_in=is_sign_in, is_list=is_list)

    # The server's side

    def reply(self, question: Question) -> _Reply:
        """Answers one request; called by the server's threads."""
        backup_id = backup_id_of(question.path) if question.method == "GET" else None
        self._log.enter(backup_id)
        if self.latency_ms:
            self.stopping.wait(self.latency_ms / 1000)
        now = self.now()
        self._advance()
        faults: dict[str, Fault] = {}
        single: Fault | None = None
        for fault in self._take_faults(question, backup_id):
            faults[fault.kind] = fault
            if fault.kind not in OF_LISTS:
                single = fault
        if "expired_token" in faults:
            self._keystone.revoke_all()
        refusal = self._service.refusal(question, now=now)
        answer = self._service.answer(question, faults, refusal=refusal, now=now)
        if single is not None:
            answer = distort(answer, single, question, now=now)

        def leave(status: int | None) -> None:
            record = Request(
                client=question.client,
                method=question.method,
                path=question.path,
                query=question.query,
                headers=without_secrets(question.headers),
                token_sent=carries_secret(question.headers),
                token_valid=refusal is None,
                at=now,
                status=status,
            )
            self._log.leave(backup_id, record)

        return _Reply(answer, single, leave)
