"""Faults on demand: what may go wrong, how often, and on which paths."""

import random
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from backups.simulator.errors import FORMS

KINDS = {
    "status": "answer with status=CODE, optionally body=FORM and retry_after=VALUE",
    "retry_after": "the same as status=429 with retry_after=1",
    "slow_body": "drip the body over seconds=30",
    "slow_header": "drip the head over seconds=30",
    "hang": "take the request and answer nothing for seconds=3600",
    "reset": "cut the connection with a TCP reset",
    "truncated": "promise a longer body than is sent",
    "wrong_content_type": "a good body as content_type=text/plain",
    "html": "status 200 with a page of HTML",
    "empty": "status 200 without a body",
    "huge": "stream size=104857600 bytes",
    "redirect": "302 to url=",
    "deep": "JSON nested 100,000 levels deep",
    "not_json": "status 200 with text that is no JSON",
    "duplicate_keys": "a JSON object that names each key twice, the last being the true one",
    "wrong_envelope": "the right content under a wrong key",
    "expired_token": (
        "all tokens issued so far are void; a new one is good again (times=1 unless told otherwise)"
    ),
    "refused_sign_in": "401 on the sign-in",
    "shift": "rows=1 rows are inserted in front between two pages (negative: removed)",
    "endless": "every page is the first one and names a next one",
    "list_lacks_keys": "list entries without service_metadata and tenant key",
    "poison": "the first entry of a page is malformed",
}
OF_LISTS = frozenset({"shift", "endless", "list_lacks_keys", "poison"})


class FaultError(ValueError):
    """The text or the values of a fault make no sense; the message is one
    sentence for the operator.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    status: int = 500
    body: str | None = None
    retry_after: int | str | None = None
    times: int | None = None
    path: str | None = None
    probability: float = 1.0
    seconds: float | None = None
    size: int = 100 * 1024 * 1024
    url: str | None = None
    content_type: str | None = None
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Fault(_Options):
    """One fault. Options come by name.

    `times`: how often, None = until cleared. `path`: a regular expression searched in path and
    query; without it a fault touches everything but the sign-in, and a fault of lists only those of
    backups. `probability`: 0 to 1.
    `body`: one of `errors.FORMS`. `retry_after`: seconds, or "date+SECONDS" for an HTTP date that
    much later than the simulator's clock, or any other text as it is.
    """

    kind: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FaultError(f"Unknown fault {self.kind!r}; known are: {', '.join(KINDS)}.")
        if self.body is not None and self.body not in FORMS:
            raise FaultError(f"Unknown body form {self.body!r}; known are: {', '.join(FORMS)}.")
        if not 100 <= self.status <= 599:
            raise FaultError(f"A status lies between 100 and 599, not at {self.status}.")
        if not 0 <= self.probability <= 1:
            raise FaultError(f"A probability lies between 0 and 1, not at {self.probability}.")
        if self.kind == "redirect" and not self.url:
            raise FaultError("A redirect needs url=, the address it leads to.")
        if self.times is not None and self.times < 1:
            raise FaultError(f"A fault happens at least once; times={self.times} makes no sense.")
        try:
            re.compile(self.path or "")
        except re.error as problem:
            raise FaultError(
                f"The path {self.path!r} is no regular expression: {problem}."
            ) from problem


_WHOLE_NUMBERS = frozenset({"status", "times", "size", "rows"})
_NUMBERS = frozenset({"probability", "seconds"})


def parse_fault(text: str) -> Fault:
    """Reads `KIND,option=value,…`, e.g. `hang,times=1` or `status=429,retry_after=7,times=3`. A
    path holds no comma.
    """
    kind: str | None = None
    options: dict[str, Any] = {}
    names = {field.name for field in fields(_Options)}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not name and not equals:
            continue
        if not equals:
            kind = name
        elif name == "kind":
            kind = value
        elif name in names:
            options[name] = _read_option(name, value)
        else:
            raise FaultError(
                f"Unknown word {name!r} in the fault {text!r}; words are: "
                f"{', '.join(sorted(names))}; "
                f"kinds are: {', '.join(KINDS)}."
            )
    if kind is None:
        kind = _kind_of(options)
    return Fault(kind, **options)


def _kind_of(options: Mapping[str, object]) -> str:
    """Returns the kind that options stand for alone; an empty text, which is none, for others."""
    for kind in ("status", "retry_after"):
        if kind in options:
            return kind
    return ""


def _read_option(name: str, value: str) -> int | float | str:
    try:
        if name in _WHOLE_NUMBERS:
            return int(value)
        if name in _NUMBERS:
            return float(value)
    except ValueError as problem:
        raise FaultError(f"The value {value!r} of {name} is no number.") from problem
    return value


class _Armed:
    """A fault in force and how often it is still to happen."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.times_left = fault.times
        self.path = re.compile(fault.path) if fault.path else None

    def suits(self, *, target: str, is_sign_in: bool, is_list: bool) -> bool:
        if self.fault.kind == "refused_sign_in":
            return is_sign_in
        if self.fault.kind in OF_LISTS and not is_list:
            return False
        if self.path:
            return self.path.search(target) is not None
        if self.fault.kind in OF_LISTS:
            return "/backups" in target
        return not target.startswith("/v3")


class Faults:
    """The faults in force. Safe to use from many threads."""

    def __init__(self, *, seed: int) -> None:
        self._armed: list[_Armed] = []
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 - repeatable tests, no secret

    def add(self, fault: Fault) -> None:
        if fault.kind == "expired_token" and fault.times is None:
            fault = replace(fault, times=1)
        if fault.kind == "retry_after":
            fault = replace(
                fault,
                kind="status",
                status=429 if fault.status == 500 else fault.status,
                retry_after=1 if fault.retry_after is None else fault.retry_after,
            )
        with self._lock:
            self._armed.append(_Armed(fault))

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def take(self, *, target: str, is_sign_in: bool, is_list: bool) -> list[Fault]:
        """Returns the faults that happen to this request: at most one of all kinds but those of
        lists, which add up.
        """
        taken: list[Fault] = []
        has_single = False
        with self._lock:
            for armed in self._armed:
                is_single = armed.fault.kind not in OF_LISTS
                if is_single and has_single:
                    continue
                if not armed.suits(target=target, is_sign_in=is_sign_in, is_list=is_list):
                    continue
                if self._happens(armed):
                    taken.append(armed.fault)
                    has_single = has_single or is_single
        return taken

    def _happens(self, armed: _Armed) -> bool:
        if armed.times_left == 0:
            return False
        probability = armed.fault.probability
        if probability < 1 and self._random.random() >= probability:
            return False
        if armed.times_left is not None:
            armed.times_left -= 1
        return True
