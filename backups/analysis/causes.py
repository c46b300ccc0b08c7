"""Why a backup failed: its code, what that means, what to do, and under which cause equal faults
are counted.

Free text names the thing at hand (IDs, addresses, times, numbers, quoted names); with those taken
out, equal faults read alike. What a cloud writes is only compared here, never trusted: whoever
shows it escapes it.
"""

import re
from dataclasses import dataclass
from hashlib import blake2b

from backups.analysis.catalogue import CODES, PHRASES, STATES, Entry

_MOST = 4000  # characters of a reason that are compared
_CODE = re.compile(r"\b(volumebackup|autobackup|common)\.(\d{4})\b", re.IGNORECASE)
_SPELT = {"volumebackup": "VolumeBackup", "autobackup": "AutoBackup", "common": "common"}
_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
_TAKEN_OUT = re.compile(  # the first that fits at a place counts
    r"(?P<code>\b(?:volumebackup|autobackup|common)\.\d{4}\b)"
    r"|(?P<url>\bhttps?://[^\s\"'<>)]+)"
    r"|(?P<id>(?:\breq-)?\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{32,64}\b)"
    r"|(?P<address>\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b"
    r"|\b(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}\b|(?<![\w:])(?=[0-9a-f:]{0,37}::)[0-9a-f:]{2,39}(?![\w:]))"
    rf"|(?P<time>\b\d{{4}}-\d{{2}}-\d{{2}}(?:[ t]{_TIME})?"
    rf"(?: ?z\b|[+-]\d{{2}}:?\d{{2}}\b)?|\b{_TIME}\b)"
    r"|(?P<name>(?<!\w)(?:'[^'\n]{1,300}'|\"[^\"\n]{1,300}\"|“[^”\n]{1,300}”|`[^`\n]{1,300}`)(?!\w))"
    r"|(?P<n>\b0x[0-9a-f]+\b|\d+(?:\.\d+)*)"
    r"|(?P<blank>\s+)",
    re.IGNORECASE,
)
_STANDS_FOR = {
    "url": "<address>",
    "address": "<address>",
    "id": "<id>",
    "time": "<time>",
    "name": "<name>",
    "n": "<n>",
}
_STANDS_FOR |= {"blank": " "}


@dataclass(frozen=True, slots=True)
class Explained:
    """`text` is the reason as given. All None: there is nothing to explain."""

    code: str | None
    text: str | None
    meaning: str | None
    advice: str | None


@dataclass(frozen=True, slots=True)
class Cause:
    """Equal faults have equal keys. `state` is an error state, or "" where a reason stands on a
    backup that is none.
    """

    key: str
    state: str
    code: str | None
    text: str


NOTHING = Explained(None, None, None, None)


def explain(*, status: str | None, reason: str | None) -> Explained:
    """In words, for every error state with or without a reason, and for a reason on any other
    backup.
    """
    state, text = _state(status), (reason or "").strip()
    if not state and not text:
        return NOTHING
    code, known, own = code_in(text), _known(text), STATES[state]
    meaning = known.meaning if known else own.meaning if state or not code else None
    advice = known.advice if known and state in known.when else own.advice
    return Explained(code, text or None, meaning, advice)


def cause(*, status: str | None, reason: str | None) -> Cause | None:
    """None when nothing is wrong. A failure without a reason is a cause too: of its state."""
    state, text = _state(status), (reason or "").strip()
    if not state and not text:
        return None
    digest = blake2b(
        f"{state}\n{pattern(text).casefold()}".encode("utf-8", "surrogatepass"), digest_size=8
    )
    return Cause(digest.hexdigest(), state, code_in(text), text)


def code_in(text: str) -> str | None:
    """The error code that a text holds, wherever it stands; of several the first that is in the
    catalogue.
    """
    found = [f"{_SPELT[module.lower()]}.{digits}" for module, digits in _CODE.findall(text[:_MOST])]
    return next((code for code in found if code in CODES), found[0] if found else None)


def pattern(text: str) -> str:
    """The text without what differs between equal faults."""
    return _TAKEN_OUT.sub(_stand_in, text[:_MOST]).strip(" .!\n")


def _stand_in(found: re.Match[str]) -> str:
    group = found.lastgroup or ""
    return found[0] if group == "code" else _STANDS_FOR[group]


def _state(status: str | None) -> str:
    return status if status in STATES and status is not None else ""


def _known(text: str) -> Entry | None:
    """By its code, else by what it says."""
    if (entry := CODES.get(code_in(text) or "")) is not None:
        return entry
    lower = text[:_MOST].lower()
    return next(
        (one.entry for one in PHRASES if any(phrase in lower for phrase in one.holds)), None
    )
