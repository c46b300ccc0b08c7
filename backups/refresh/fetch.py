"""Single GETs, many at once: threads bounded per cloud and in all, none of which touches the
database.

An error that the whole cloud is to blame for, several times in a row, ends the round: the rest is
given back.
"""

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from math import ceil

from backups.clouds import circuit_breaker, registry
from backups.refresh.plan import Fetched
from backups.shared import clock
from backups.vbs import payload
from backups.vbs.client import Client
from backups.vbs.errors import (
    Gone,
    Malformed,
    NotAsked,
    Rejected,
    SignInRefused,
    Unauthorized,
    VBSError,
    WrongAddress,
)

THREADS = 96  # of one cloud: well over 200 answers a second at 200 ms
SLOWEST = 8.0  # seconds that one answer may take
WORTH_STORING = 100  # answers in one transaction
IN_A_ROW = circuit_breaker.THRESHOLD  # failures of the cloud that end a round

stopping = threading.Event()  # set when this process is told to end


@dataclass
class FetchBatch:
    """One round of questions to a cloud; `ends` in time.monotonic() seconds: no question is begun
    later.
    """

    cloud: str
    ends: float
    urgent: bool = False
    _in_a_row: int = 0
    _over: bool = False
    _good: int = 0  # answers
    _token_is_new: bool = False
    _good_anew: int = 0  # answers since the token is new …
    _refused_anew: int = 0  # … and 401s

    @property
    def is_over(self) -> bool:
        return self._over or stopping.is_set() or time.monotonic() >= self.ends

    def note_result(self, error: VBSError | None) -> None:
        if error is None:
            self._good += 1
            self._good_anew += self._token_is_new
        if self._token_is_new and is_401(error):
            # One backup may be refused by itself; when a second one is and none is answered, it is
            # the cloud.
            self._refused_anew += 1
            self._over = self._over or (self._refused_anew > 1 and not self._good_anew)
            return
        blamed = error is not None and circuit_breaker.blames_the_cloud(error)
        self._in_a_row = self._in_a_row + 1 if blamed else 0
        throttled = error is not None and error.http_status == 429
        if self._in_a_row >= IN_A_ROW or throttled or isinstance(error, Unauthorized):
            self._over = True

    def fetch(self, ids: Sequence[uuid.UUID]) -> Iterator[list[Fetched]]:
        """Answers and errors as they come, in lists worth storing; IDs left out were not asked
        about.
        """
        client = registry.client(self.cloud)
        left = list(ids)
        try:
            client.make_ready()
            if left and not client.is_ready:
                _prove_keys(client)
                self._good += 1
        except NotAsked:
            return
        except VBSError as e:
            self._over = True
            yield [
                Fetched(pk, clock.now(), error=e, http_status=e.http_status or 0) for pk in left[:1]
            ]
            return
        refused: list[Fetched] = []
        for batch in self._many(client, left):
            refused += [one for one in batch if is_401(one.error)]
            if good := [one for one in batch if not is_401(one.error)]:
                yield good
            left = [pk for pk in left if pk not in {one.id for one in batch}]
        if refused:
            yield from self._again(client, refused, left)

    def _again(
        self, client: Client, refused: Sequence[Fetched], left: Sequence[uuid.UUID]
    ) -> Iterator[list[Fetched]]:
        """After one sign-in for all threads together; a second 401 stands."""
        try:
            renewed = client.make_ready()
        except VBSError as e:
            yield [Fetched(refused[0].id, clock.now(), error=e, http_status=e.http_status or 0)]
            return
        if client.proves_itself_anew:
            yield self._refused_anew_of(refused)
            return
        if (
            not renewed and client.has_unproved_token
        ):  # it was new a moment ago, and another one would not help
            yield self._refused_anew_of(refused)
            return
        self._over = False
        self._token_is_new = True
        again: list[Fetched] = []
        for batch in self._many(client, [*(one.id for one in refused), *left]):
            again += [one for one in batch if is_401(one.error)]
            if answered := [one for one in batch if not is_401(one.error)]:
                yield answered
        if again:
            yield self._refused_anew_of(again)
        if self._good_anew:
            client.trust_token()

    def _refused_anew_of(self, refused: Sequence[Fetched]) -> list[Fetched]:
        """Refused although they were asked for with a new proof; at the end of the round, when more
        is known.
        """
        return [replace(one, proved_anew=True, others_answered=self._good > 0) for one in refused]

    def _many(self, client: Client, ids: Sequence[uuid.UUID]) -> Iterator[list[Fetched]]:
        pool = _pool(self.cloud)
        meter = registry.meter(self.cloud)
        running: set[Future[Fetched | None]] = set()
        at = 0
        while at < len(ids) and not self.is_over:
            paid = meter.budget.wait(len(ids) - at, until=self.ends, urgent=self.urgent)
            running |= {pool.submit(self._prepaid, client, pk) for pk in ids[at : at + paid]}
            at += paid
            done = {future for future in running if future.done()}
            if len(done) >= WORTH_STORING:
                running -= done
                yield [found for future in done if (found := future.result())]
        rest = [found for future in as_completed(running) if (found := future.result())]
        if rest:
            yield rest

    def _prepaid(self, client: Client, pk: uuid.UUID) -> Fetched | None:
        if self.is_over:
            return None
        with registry.meter(self.cloud).prepaid():
            found = self._ask(client, pk, alone=True)
        return None if isinstance(found.error, NotAsked) else found

    def _ask(self, client: Client, pk: uuid.UUID, *, alone: bool) -> Fetched:
        asked_at = clock.now()
        try:
            answer = client.get_backup(str(pk), alone=alone)
        except VBSError as error:
            self.note_result(error)
            return Fetched(pk, asked_at, error=error, http_status=error.http_status or 0)
        self.note_result(None)
        return Fetched(
            pk, asked_at, payload.receive(answer.body["backup"]), http_status=answer.http_status
        )


def _prove_keys(client: Client) -> None:
    """Raises what is no answer about a list: a refused sign-in, a cloud that is away."""
    try:
        client.prove_keys()
    except (Gone, Rejected, Malformed, WrongAddress):
        return  # refused for another reason than the keys


def is_401(error: VBSError | None) -> bool:
    """Was one call refused, rather than the sign-in?"""
    return isinstance(error, Unauthorized) and not isinstance(error, SignInRefused)


_pools: dict[str, ThreadPoolExecutor] = {}
_lock = threading.Lock()


def _pool(cloud: str) -> ThreadPoolExecutor:
    """No more threads than the cloud's budget can keep busy; they come as they are needed."""
    with _lock:
        if cloud not in _pools:
            rate = registry.configured()[cloud].requests_per_second
            most = max(1, THREADS if not rate else min(THREADS, ceil(rate * SLOWEST)))
            _pools[cloud] = ThreadPoolExecutor(most, thread_name_prefix=f"ask-{cloud}")
        return _pools[cloud]
