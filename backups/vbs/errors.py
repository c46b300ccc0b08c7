"""What can go wrong with a cloud, as types. Lowest module of the floor.

    ConfigurationError          a setting is wrong: one sentence with its name and the cure
    VBSError
    ├── Unavailable             "unavailable"     later: timeouts, resets, 408, 425, 429, 5xx
    │   └── NotAsked                              by our own decision; the cloud is not at fault
    │       └── OutOfBudget                       our own budget is used up
    ├── Unauthorized            "unauthorized"    401, or a gateway code ….0307
    │   └── SignInRefused                         the credentials themselves; never repeated at once
    ├── Gone                    "gone"            404 whose body says itemNotFound
    ├── WrongAddress            "wrong_address"   any other 404, a redirect, a catalog without the
    service ├── Rejected                "rejected"        any other 4xx; 413 is a quota and is not
    tried again └── Malformed               "malformed"       not the promised envelope

Body forms: backups/vbs/API.md §8.1; gateway codes: §8.2; the two meanings of 404: §11 trap 16.
"""

import json
import math
import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any, ClassVar, NoReturn

import requests
import urllib3.exceptions

from backups.vbs.redact import REDACTED, redact

MAX_MESSAGE = 500  # characters
_MAX_DEPTH = 4  # of a fault inside a fault
_MAX_RETRY_AFTER = 86_400.0  # seconds; a longer pause is a slip of the server
_LATER = frozenset({408, 425, 429})
_NAMED_SECRET = re.compile(
    r"(?i)\b(access(?:[ _-]?key)?(?:[ _-]?id)?|credential|ak|sk"
    r"|secret(?:[ _-]?key)?|signature|password"
    r"|(?:x-)?(?:auth|subject|security)-token)(\W{0,2}[=:]\s*[\"']?)[^\s,;/\"'}]+"
)
_LONG = re.compile(
    r"[A-Za-z0-9_+=-]{40,}"
)  # tokens, secret keys, signatures; a UUID has 36 characters


class ConfigurationError(Exception):
    """A setting is wrong or missing: one sentence that names it and the cure."""


class VBSError(Exception):
    """A call to a cloud failed. `retry_after` is in seconds; `http_status` is None when no answer
    came.
    """

    class_name: ClassVar[str]

    def __init__(
        self,
        message: str,
        *,
        http_status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = clean(message)
        super().__init__(self.message)
        self.http_status, self.code, self.retry_after = http_status, code, retry_after


class Unavailable(VBSError):
    class_name = "unavailable"


class NotAsked(Unavailable):
    """The cloud is not at fault and was not asked."""


class OutOfBudget(NotAsked):
    """Our own budget is used up for the moment."""


class Unauthorized(VBSError):
    class_name = "unauthorized"


class SignInRefused(Unauthorized):
    """The credentials were refused; trying again soon locks accounts (API.md §7.3)."""


class Gone(VBSError):
    class_name = "gone"


class WrongAddress(VBSError):
    class_name = "wrong_address"


class Rejected(VBSError):
    class_name = "rejected"


class Malformed(VBSError):
    class_name = "malformed"


@dataclass(frozen=True)
class Fault:
    """What an error body says: `name` is the key it stood under, lower case."""

    name: str = ""
    code: str | None = None
    message: str = ""
    retry_after: Any = None


def clean(text: str, secrets: Sequence[str] = ()) -> str:
    """One line of at most 500 characters without anything that looks like, or is one of, the
    secrets.
    """
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    text = str(redact(text[: 20 * MAX_MESSAGE]))
    text = _LONG.sub(REDACTED, _NAMED_SECRET.sub(rf"\1\2{REDACTED}", text))
    text = " ".join(text.replace("\0", " ").split())
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def from_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    secrets: Sequence[str] = (),
) -> VBSError:
    """The error that an answer other than 200 stands for; `secrets` are struck out of its
    message.
    """
    if 300 <= status < 400:
        return WrongAddress(
            f"HTTP {status}: answered with a redirect; not followed.", http_status=status
        )
    fault = read_fault(body)
    kind = _class_of(status, fault)
    message = clean(fault.message, secrets) or f"HTTP {status} without an explanation."
    waits = headers.get("Retry-After") or fault.retry_after
    return kind(message, http_status=status, code=fault.code, retry_after=_seconds(waits, now))


def _class_of(status: int, fault: Fault) -> type[VBSError]:
    if status == 401 or (fault.code or "").endswith(".0307"):
        return Unauthorized
    if status in _LATER or status >= 500:
        return Unavailable
    if status == 404:
        return Gone if fault.name == "itemnotfound" else WrongAddress
    return Rejected if status >= 400 else Malformed


def read_fault(body: bytes) -> Fault:
    """Any form of API.md §8.1; text and HTML become a message, nothing at all an empty fault."""
    text = body.decode("utf-8", "replace").strip()
    try:
        found = _find("", json.loads(text), 0)
    except (ValueError, RecursionError):
        found = None
    if found is not None:
        return found
    if "<" in text:
        text = re.sub(
            r"(?is)<(script|style|head)\b.*?</\1\s*>|<[^<>]*>", " ", text[: 100 * MAX_MESSAGE]
        )
    return Fault(message=text)


def _find(name: str, value: Any, depth: int) -> Fault | None:
    """The first thing inside that has a message; a fault may hold another one, or JSON text."""
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, str):
        return _textual(name, value, depth)
    if isinstance(value, list):
        return next((found for item in value if (found := _find(name, item, depth + 1))), None)
    if not isinstance(value, dict):
        return None
    keys = {str(key).lower().replace("_", ""): item for key, item in value.items()}
    message = _first(keys, "message", "errormsg", "msg")
    code = _code(_first(keys, "code", "errorcode"))
    if isinstance(message, str) and not message.lstrip().startswith("{"):
        return Fault(name, code, message, keys.get("retryafter"))
    inner = (
        _find(str(k).lower(), v, depth + 1)
        for k, v in value.items()
        if isinstance(v, dict | list) or depth == 0
    )
    found = next((one for one in inner if one), None) or (
        _textual(name, message, depth) if message else None
    )
    return found or (Fault(name, code) if code or name else None)


def _textual(name: str, text: Any, depth: int) -> Fault | None:
    if not isinstance(text, str) or not name:
        return None
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        return Fault(name, message=text)
    return (_find(name, inner, depth + 1) if isinstance(inner, dict) else None) or Fault(
        name, message=text
    )


def _first(keys: Mapping[str, Any], *names: str) -> Any:
    return next((keys[name] for name in names if keys.get(name) is not None), None)


def _code(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return clean(str(value))[:100] or None


def _seconds(value: Any, now: datetime) -> float | None:
    """Retry-After: seconds or an HTTP date; None when it is neither."""
    text = str(value).strip() if value is not None else ""
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _MAX_RETRY_AFTER)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # OverflowError: a year or a zone of twenty digits
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max((date - now).total_seconds(), 0.0), _MAX_RETRY_AFTER)


def from_transport(error: BaseException, host: str) -> VBSError:
    """The error that a failed exchange with `host` stands for; no text of the lower layers is
    kept.
    """
    chain = list(_chain(error))

    def has(*types: type[BaseException]) -> bool:
        return any(isinstance(one, types) for one in chain)

    if has(ssl.SSLCertVerificationError):
        cure = "set cacert to the right authority (or verify: false for a test cloud)"
        return Unavailable(f"{host}: TLS certificate verification failed; {cure} in clouds.yaml.")
    if has(ssl.SSLError, requests.exceptions.SSLError):
        return Unavailable(
            f"{host}: TLS failed; check the address, verify and cacert in clouds.yaml."
        )
    if has(socket.gaierror, urllib3.exceptions.NameResolutionError):
        return Unavailable(f"{host}: the host name could not be resolved.")
    if has(ConnectionRefusedError):
        return Unavailable(f"{host} refused the connection.")
    if has(TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError):
        return Unavailable(f"{host} did not answer in time.")
    if has(IncompleteRead, urllib3.exceptions.InvalidChunkLength):
        return Unavailable(f"{host}: the answer was cut off.")
    if has(ConnectionResetError, BrokenPipeError, RemoteDisconnected):
        return Unavailable(f"{host} closed the connection before it had answered.")
    if has(urllib3.exceptions.DecodeError, requests.exceptions.InvalidHeader, HTTPException):
        return Malformed(f"{host} answered with something that is not proper HTTP.")
    return Unavailable(f"{host} could not be reached ({type(error).__name__}).")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all it came from; urllib3 hides causes in `reason` and `args`."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _int(text: str) -> int | str:
    """A number too long for Python stays text; the decoder of the field judges it."""
    try:
        return int(text)
    except ValueError:
        return text


def _float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


_decoder = json.JSONDecoder(parse_constant=_constant, parse_int=_int, parse_float=_float)


def parse_object(content: bytes) -> dict[str, Any]:
    """The JSON object of a good answer, or Malformed (API.md §11 traps 4 and 27)."""
    try:
        body = _decoder.decode(content.decode("utf-8"))
    except UnicodeDecodeError as e:
        raise Malformed("The answer is not UTF-8.", http_status=200) from e
    except RecursionError as e:
        raise Malformed("The answer is nested too deeply.", http_status=200) from e
    except ValueError as e:
        raise Malformed("The answer is no JSON.", http_status=200) from e
    if not isinstance(body, dict):
        raise Malformed("The answer is no JSON object.", http_status=200)
    return body
