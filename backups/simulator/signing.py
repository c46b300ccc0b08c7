"""SDK-HMAC-SHA256, dialect A, from the server's side (`backups/vbs/API.md` §7.3)."""

import hashlib
import hmac
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote

from backups.simulator.message import Question

ALGORITHM = "SDK-HMAC-SHA256"
CLOCK_SKEW = timedelta(minutes=15)
WRONG_TRIES = 5
LOCKED_FOR = timedelta(minutes=5)
_HEADER = re.compile(
    ALGORITHM + r" Access=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})"
)


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def canonical_request(question: Question, signed: list[str]) -> str:
    """Returns the text that is signed. `signed` are the lower-case names of the signed headers in
    their order; a missing header counts as empty.
    """
    path = "/".join(_quoted(unquote(part)) for part in question.raw_path.split("/"))
    if not path.endswith("/"):
        path += "/"
    pairs = sorted(parse_qsl(question.query, keep_blank_values=True))
    query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)
    headers = [f"{name}:{question.headers.get(name, '').strip()}" for name in signed]
    body_hash = hashlib.sha256(question.body).hexdigest()
    return "\n".join([question.method, path, query, *headers, "", ";".join(signed), body_hash])


def signature(secret_key: str, *, date: str, canonical: str) -> str:
    """Returns the signature. `date` is the text of X-Sdk-Date, `YYYYMMDDThhmmssZ`."""
    text = f"{ALGORITHM}\n{date}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()


class KeyGuard:
    """Checks signatures; after WRONG_TRIES wrong ones in a row the key pair
    is locked for LOCKED_FOR.
    """

    def __init__(self, *, access_key: str, secret_key: str) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._lock = threading.Lock()
        self.wrong_tries = 0
        self._locked_until: datetime | None = None

    def refusal(self, question: Question, *, now: datetime) -> str | None:
        """Returns why this request is refused, or None when its signature is right."""
        with self._lock:
            if self._locked_until is not None:
                if now < self._locked_until:
                    return "the access key is locked after too many wrong tries"
                self._locked_until = None
                self.wrong_tries = 0
            problem = self._problem(question, now)
            self.wrong_tries = self.wrong_tries + 1 if problem else 0
            if self.wrong_tries > WRONG_TRIES:
                self._locked_until = now + LOCKED_FOR
            return problem

    def _problem(self, question: Question, now: datetime) -> str | None:
        header = _HEADER.fullmatch(question.headers.get("authorization", ""))
        if header is None:
            return "Authorization format incorrect"
        access_key = header[1]
        signed = header[2].split(";")
        if not {"host", "x-sdk-date"} <= set(signed):
            return "host and x-sdk-date must be signed"
        date = question.headers.get("x-sdk-date", "")
        if not _is_recent(date, now):
            return "the signature date is expired"
        canonical = canonical_request(question, signed)
        expected = signature(self._secret_key, date=date, canonical=canonical)
        if access_key != self._access_key or not hmac.compare_digest(expected, header[3]):
            return "verify aksk signature fail"
        return None


def _is_recent(date: str, now: datetime) -> bool:
    try:
        stamped = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(now - stamped) <= CLOCK_SKEW


def is_signed(headers: Mapping[str, str]) -> bool:
    return headers.get("authorization", "").startswith(ALGORITHM)
