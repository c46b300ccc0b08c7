"""What can go wrong with a cloud, as types. Lowest module of the floor.

    ConfigurationError          a setting is wrong: one sentence with its name and the cure
    VBSError
    ├── Unavailable             "unavailable"     later: timeouts, resets, 408, 425, 429, 5xx
    │   ├── NameUnknown                           the name of the host could not be resolved
    │   ├── ProxyFailed                           the forward proxy on the way, not the cloud
    │   └── NotAsked                              by our own decision; the cloud is not at fault
    │       └── OutOfBudget                       our own budget is used up
    ├── Unauthorized            "unauthorized"    401, or a gateway code ….0307
    │   └── SignInRefused                         the credentials themselves; never repeated at once
    ├── Gone                    "gone"            404 whose body says itemNotFound, or has the code
    │                                             for it
    ├── WrongAddress            "wrong_address"   any other 404, 410, a redirect
    │   └── ServiceMissing                        the catalog has no such service
    ├── Rejected                "rejected"        any other 4xx, 404 with a code of the service's
    │                                             too; 413 is a quota, not tried again
    └── Malformed               "malformed"       not the promised envelope

Body forms: backups/vbs/API.md §8.1; gateway codes: §8.2; the two meanings of 404: §11 trap 16; the
codes of CBR: §12.7.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import ClassVar, Final

from backups.vbs.redact import REDACTED, redact
from backups.vbs.request_ids import PATTERN as REQUEST_ID
from backups.vbs.request_ids import id_in

MAX_MESSAGE = 500  # Characters.
MAX_REQUEST_ID = 100
_MAX_DEPTH = 4  # Of a fault inside a fault.
_MAX_RETRY_AFTER = 86_400.0  # Seconds; a longer pause is a slip of the server.
_LATER = frozenset({408, 425, 429})
_NOT_THERE = frozenset({404, 410})
_NAMED_SECRET = re.compile(
    r"(?i)\b(access(?:[ _-]?key)?(?:[ _-]?id)?|credential|ak|sk"
    r"|secret(?:[ _-]?key)?|signature|password"
    r"|(?:x-)?(?:auth|subject|security)-token)(\W{0,2}[=:]\s*[\"']?)[^\s,;/\"'}]+"
)
# Tokens, secret keys, signatures; a UUID has 36 characters, and the ID of a request is let through.
_LONG = re.compile(rf"(?!{REQUEST_ID}(?![A-Za-z0-9_+=-]))[A-Za-z0-9_+=-]{{40,}}")
# What nobody reads (scripts, styles), and each tag.
_HTML = re.compile(r"(?is)<(script|style|head)\b.*?</\1\s*>|<[^<>]*>")


class ConfigurationError(Exception):
    """A setting is wrong or missing: one sentence that names it and the cure."""


class VBSError(Exception):
    """A call to a cloud failed. `retry_after` is in seconds; `http_status` is None
    when no answer came. `request_id` is the cloud's name for the call, for which its support asks.
    """

    class_name: ClassVar[str]

    def __init__(
        self,
        message: str,
        *,
        http_status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        self.message = clean(message)
        super().__init__(self.message)
        self.http_status = http_status
        self.code = code
        self.retry_after = retry_after
        self.request_id = request_id

    @property
    def message_with_request(self) -> str:
        """The message, and the ID that the cloud's support asks for."""
        if self.request_id is None:
            return self.message
        return f"{self.message.rstrip('.')} (request {self.request_id})."

    def add(self, sentence: str) -> None:
        self.message = clean(f"{self.message} {sentence}")
        self.args = (self.message,)


class Unavailable(VBSError):
    class_name = "unavailable"


class NameUnknown(Unavailable):
    """The name of the cloud's host could not be resolved."""


class ProxyFailed(Unavailable):
    """The forward proxy on the way to the cloud failed; the cloud was not asked. The message is
    `sentence` and `cure` together.
    """

    def __init__(self, sentence: str, cure: str) -> None:
        super().__init__(f"{sentence} {cure}")
        self.sentence = sentence
        self.cure = cure


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


class ServiceMissing(WrongAddress):
    """The catalog has no such service, for this region and interface."""


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
    retry_after: object = None
    request_id: object = None


@dataclass(frozen=True)
class Codes:
    """What the codes of a 404 say: those in `gone` that the backup does not exist, others that
    begin with `prefix` that the service is there and something else is not.
    """

    gone: frozenset[str] = frozenset()
    prefix: str | None = None

    def class_of(self, code: str | None) -> type[VBSError] | None:
        """Returns the class of a 404 with this code, None where it says nothing."""
        if code in self.gone:
            return Gone
        if code is not None and self.prefix is not None and code.startswith(self.prefix):
            return Rejected
        return None


NO_CODES: Final = Codes()


def clean(text: str, secrets: Sequence[str] = ()) -> str:
    """Returns one line of at most 500 characters without anything that looks like, or is
    one of, the secrets.
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
    codes: Codes = NO_CODES,
) -> VBSError:
    """Returns the error that an answer other than 200 stands for; `secrets` are struck
    out of its message. `codes` are those of the service that was asked.
    """
    if 300 <= status < 400:
        return WrongAddress(
            f"HTTP {status}: answered with a redirect; not followed.",
            http_status=status,
            request_id=request_id_of(headers, secrets=secrets),
        )
    fault = read_fault(body)
    error_class = _class_of(status, fault, codes)
    message = clean(fault.message, secrets) or f"HTTP {status} without an explanation."
    return error_class(
        message,
        http_status=status,
        code=fault.code,
        retry_after=_seconds(headers.get("Retry-After") or fault.retry_after, now),
        request_id=request_id_of(headers, fault.request_id, secrets=secrets),
    )


def request_id_of(
    headers: Mapping[str, str], in_body: object = None, *, secrets: Sequence[str] = ()
) -> str | None:
    """Returns the cloud's ID of a request, from the headers of its answer or else from the body;
    None where it names none. What could be a secret is struck out, as in a message.
    """
    text = id_in(headers) or in_body
    if not isinstance(text, str):
        return None
    printable = "".join(letter for letter in text if "!" <= letter <= "~")
    return clean(printable, secrets)[:MAX_REQUEST_ID] or None


def _class_of(status: int, fault: Fault, codes: Codes) -> type[VBSError]:
    if status == 401 or (fault.code or "").endswith(".0307"):
        return Unauthorized
    if status in _LATER or status >= 500:
        return Unavailable
    if status in _NOT_THERE:
        if fault.name == "itemnotfound":
            return Gone
        return codes.class_of(fault.code) or WrongAddress
    return Rejected if status >= 400 else Malformed


def read_fault(body: bytes) -> Fault:
    """Reads any form of API.md §8.1; text and HTML become a message, nothing at
    all an empty fault.
    """
    text = body.decode("utf-8", "replace").strip()
    try:
        fault = _find_fault("", json.loads(text), 0)
    except (ValueError, RecursionError):
        fault = None
    if fault is not None:
        return fault
    if "<" in text:
        text = _HTML.sub(" ", text[: 100 * MAX_MESSAGE])
    return Fault(message=text)


def _find_fault(name: str, value: object, depth: int) -> Fault | None:
    """Returns the first thing inside that has a message; a fault may hold another one, or JSON
    text. `name` is the key that `value` stands under.
    """
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, str):
        return _fault_of_text(name, value, depth)
    if isinstance(value, list):
        for item in value:
            fault = _find_fault(name, item, depth + 1)
            if fault is not None:
                return fault
        return None
    if isinstance(value, dict):
        return _fault_of_object(name, value, depth)
    return None


def _fault_of_object(name: str, value: dict[str, object], depth: int) -> Fault | None:
    keys = {key.lower().replace("_", ""): item for key, item in value.items()}
    message = _first(keys, "message", "errormsg", "msg")
    code = _code(_first(keys, "code", "errorcode"))
    if isinstance(message, str) and not message.lstrip().startswith("{"):
        return Fault(name, code, message, keys.get("retryafter"), keys.get("requestid"))
    for key, item in value.items():
        # A text is a fault of its own only at the top: {"badRequest": "no such thing"}.
        if isinstance(item, dict | list) or depth == 0:
            fault = _find_fault(key.lower(), item, depth + 1)
            if fault is not None:
                return fault
    if isinstance(message, str):
        fault = _fault_of_text(name, message, depth)
        if fault is not None:
            return fault
    return Fault(name, code) if code or name else None


def _fault_of_text(name: str, text: str, depth: int) -> Fault | None:
    """Reads a text that stands under a key: JSON with a fault inside, or the message itself."""
    if not name:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Fault(name, message=text)
    if isinstance(value, dict):
        fault = _find_fault(name, value, depth + 1)
        if fault is not None:
            return fault
    return Fault(name, message=text)


def _first(keys: Mapping[str, object], *names: str) -> object:
    for name in names:
        if keys.get(name) is not None:
            return keys[name]
    return None


def _code(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return clean(str(value))[:100] or None


def _seconds(value: object, now: datetime) -> float | None:
    """Reads Retry-After: seconds or an HTTP date; None when it is neither."""
    text = str(value).strip() if value is not None else ""
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _MAX_RETRY_AFTER)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # OverflowError: a year or a zone of twenty digits.
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return min(max((date - now).total_seconds(), 0.0), _MAX_RETRY_AFTER)
