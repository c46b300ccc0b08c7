"""The record of each request, and how many requests there were at once."""

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

SECRET_HEADERS = frozenset({"x-auth-token", "x-subject-token", "authorization", "x-security-token"})


@dataclass(frozen=True, slots=True)
class Request:
    """`client`: the address that it came from. `headers`: lower-case names, no secrets. `status`:
    None when no whole answer was given. `at`: the clock's.

    `token_sent`: whether a token or a signature came along, `token_valid`: whether it was
    good here and now.
    """

    client: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    token_sent: bool
    token_valid: bool
    at: datetime
    status: int | None


class Log:
    """Safe to use from many threads. `keep`: how many records are kept; the counts
    are of all requests.
    """

    def __init__(self, *, keep: int) -> None:
        self._lock = threading.Lock()
        self._requests: deque[Request] = deque(maxlen=keep)
        self._in_flight: Counter[str] = Counter()
        self._running = 0
        self.count = 0
        self.max_in_flight = 0
        self._max_in_flight_of: Counter[str] = Counter()

    @property
    def max_in_flight_of(self) -> Counter[str]:
        """A copy of the highest counts by backup ID."""
        with self._lock:
            return Counter(self._max_in_flight_of)

    @property
    def requests(self) -> list[Request]:
        """A copy of the kept records, oldest first."""
        with self._lock:
            return list(self._requests)

    def forget(self) -> None:
        """Drops all records and the highest counts."""
        with self._lock:
            self._requests.clear()
            self.count = 0
            self.max_in_flight = self._running
            self._max_in_flight_of = Counter(self._in_flight)

    def enter(self, backup_id: str | None) -> None:
        with self._lock:
            self._running += 1
            self.max_in_flight = max(self.max_in_flight, self._running)
            if backup_id:
                self._in_flight[backup_id] += 1
                self._max_in_flight_of[backup_id] = max(
                    self._max_in_flight_of[backup_id], self._in_flight[backup_id]
                )

    def leave(self, backup_id: str | None, request: Request) -> None:
        """Adds the record. Called just before the last byte goes out, so that who has the answer
        also finds the record.
        """
        with self._lock:
            self._running -= 1
            self.count += 1
            self._requests.append(request)
            if backup_id:
                self._in_flight[backup_id] -= 1
                if not self._in_flight[backup_id]:
                    del self._in_flight[backup_id]


def carries_secret(headers: Mapping[str, str]) -> bool:
    return not SECRET_HEADERS.isdisjoint(headers)


def without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in SECRET_HEADERS}
