"""Asks a cloud about many backups at once, each by a GET of its own.

The threads are bounded per cloud and in all, and none of them touches the database. An error that
the whole cloud is to blame for, several times in a row, ends the batch.
"""

import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
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

THREADS_PER_CLOUD = 96  # well over 200 answers a second at 200 ms each
SLOWEST_ANSWER_S = 8.0
ANSWERS_PER_TRANSACTION = 100
FAILURES_IN_A_ROW = circuit_breaker.THRESHOLD  # of the cloud; they end a batch

stopping = threading.Event()  # set when this process is told to end


@dataclass
class FetchBatch:
    """A batch of GETs to one cloud.

    `ends_at` is in time.monotonic() seconds: no request begins later. With `urgent` the requests go
    before work in bulk.
    """

    cloud: str
    ends_at: float
    urgent: bool = False
    _failures_in_a_row: int = 0
    _is_ended: bool = False
    _good: int = 0
    _has_new_token: bool = False
    _good_with_new_token: int = 0
    _refused_with_new_token: int = 0

    @property
    def is_over(self) -> bool:
        return self._is_ended or stopping.is_set() or time.monotonic() >= self.ends_at

    def note_result(self, error: VBSError | None) -> None:
        if error is None:
            self._good += 1
            if self._has_new_token:
                self._good_with_new_token += 1
        if self._has_new_token and is_401(error):
            # One backup may be refused by itself. When a second one is refused and none is
            # answered, it is the cloud that refuses.
            self._refused_with_new_token += 1
            if self._refused_with_new_token > 1 and not self._good_with_new_token:
                self._is_ended = True
            return
        if error is not None and circuit_breaker.blames_the_cloud(error):
            self._failures_in_a_row += 1
        else:
            self._failures_in_a_row = 0
        is_throttled = error is not None and error.http_status == 429
        is_cloud_away = self._failures_in_a_row >= FAILURES_IN_A_ROW
        if is_cloud_away or is_throttled or isinstance(error, Unauthorized):
            self._is_ended = True

    def fetch(self, ids: Sequence[uuid.UUID]) -> Iterator[list[Fetched]]:
        """Yields answers and errors as they come, in lists worth a transaction.

        IDs that are not in them were not asked about.
        """
        client = registry.client(self.cloud)
        try:
            client.make_ready()
            if ids and not client.is_ready:
                _prove_keys(client)
                self._good += 1
        except NotAsked:
            return
        except VBSError as error:
            self._is_ended = True
            if ids:
                yield [Fetched.failed(ids[0], clock.now(), error)]
            return
        refused: list[Fetched] = []
        # A dict, because it keeps the order: the longest due are asked about first.
        unanswered = dict.fromkeys(ids)
        for batch in self._get_many(client, ids, refused):
            for fetched in batch:
                del unanswered[fetched.id]
            yield batch
        if refused:
            yield from self._retry_with_new_token(client, refused, list(unanswered))

    def _retry_with_new_token(
        self, client: Client, refused: Sequence[Fetched], unanswered: Sequence[uuid.UUID]
    ) -> Iterator[list[Fetched]]:
        """Asks again after one sign-in for all threads together; a second 401 stands.

        `unanswered` are those that were refused, and those that were not asked about.
        """
        try:
            is_renewed = client.make_ready()
        except VBSError as error:
            yield [Fetched.failed(refused[0].id, clock.now(), error)]
            return
        # A token that was new a moment ago is not renewed; another one would not help.
        was_new = not is_renewed and client.has_unproved_token
        if client.signs_each_call or was_new:
            yield self._after_new_sign_in(refused)
            return
        self._is_ended = False
        self._has_new_token = True
        refused_again: list[Fetched] = []
        yield from self._get_many(client, unanswered, refused_again)
        if refused_again:
            yield self._after_new_sign_in(refused_again)
        if self._good_with_new_token:
            client.trust_token()

    def _after_new_sign_in(self, refused: Iterable[Fetched]) -> list[Fetched]:
        """Marks 401s that a new token did not help. It is called at the end of the batch, when it
        is known whether others were answered.
        """
        others_answered = self._good > 0
        return [
            replace(fetched, after_new_sign_in=True, others_answered=others_answered)
            for fetched in refused
        ]

    def _get_many(
        self, client: Client, ids: Sequence[uuid.UUID], refused: list[Fetched]
    ) -> Iterator[list[Fetched]]:
        """Yields what came but for 401s, which it appends to `refused`."""
        pool = _pool(self.cloud)
        meter = registry.meter(self.cloud)
        running: set[Future[Fetched | None]] = set()
        submitted = 0
        while submitted < len(ids) and not self.is_over:
            admitted = meter.budget.wait(
                len(ids) - submitted, until=self.ends_at, urgent=self.urgent
            )
            for pk in ids[submitted : submitted + admitted]:
                running.add(pool.submit(self._get_admitted, client, pk))
            submitted += admitted
            done = {future for future in running if future.done()}
            if len(done) >= ANSWERS_PER_TRANSACTION:
                running -= done
                yield from _without_refused(done, refused)
        yield from _without_refused(as_completed(running), refused)

    def _get_admitted(self, client: Client, pk: uuid.UUID) -> Fetched | None:
        """Makes a request that the budget has admitted already; None when it was not made."""
        if self.is_over:
            return None
        with registry.meter(self.cloud).prepaid():
            fetched = get_single(client, pk, may_sign_in=False)
        self.note_result(fetched.error)
        return None if isinstance(fetched.error, NotAsked) else fetched


def get_single(client: Client, pk: uuid.UUID, *, may_sign_in: bool = True) -> Fetched:
    """Makes one GET; its outcome may be an error of ours."""
    requested_at = clock.now()
    try:
        answer = client.get_backup(str(pk), alone=not may_sign_in)
    except VBSError as error:
        return Fetched.failed(pk, requested_at, error)
    received = payload.receive(answer.backup)
    return Fetched(pk, requested_at, received, http_status=answer.http_status)


def is_401(error: VBSError | None) -> bool:
    """Was one call refused, rather than the sign-in?"""
    return isinstance(error, Unauthorized) and not isinstance(error, SignInRefused)


def _without_refused(
    futures: Iterable[Future[Fetched | None]], refused: list[Fetched]
) -> Iterator[list[Fetched]]:
    """Yields one list of results, unless it is empty; appends 401s to `refused` instead."""
    batch: list[Fetched] = []
    for future in futures:
        fetched = future.result()
        if fetched is None:
            continue
        if is_401(fetched.error):
            refused.append(fetched)
        else:
            batch.append(fetched)
    if batch:
        yield batch


def _prove_keys(client: Client) -> None:
    """Raises what is no answer about a list: a refused sign-in, a cloud that is away."""
    try:
        client.prove_keys()
    except (Gone, Rejected, Malformed, WrongAddress):
        # Refused for another reason than the keys.
        return


_pools: dict[str, ThreadPoolExecutor] = {}
_lock = threading.Lock()


def _pool(cloud: str) -> ThreadPoolExecutor:
    """Returns the threads of a cloud: no more than its budget can keep busy.

    They are started as they are needed.
    """
    with _lock:
        if cloud not in _pools:
            threads = THREADS_PER_CLOUD
            rate = registry.configured()[cloud].requests_per_second
            if rate:
                threads = max(1, min(threads, ceil(rate * SLOWEST_ANSWER_S)))
            _pools[cloud] = ThreadPoolExecutor(threads, thread_name_prefix=f"ask-{cloud}")
        return _pools[cloud]
