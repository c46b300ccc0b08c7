"""Why a backup failed: its code, what that means, what to do, and under which cause
equal faults are counted.

Free text names the thing at hand (IDs, addresses, times, numbers, quoted names); with those taken
out, equal faults read alike. What a cloud writes is only compared here, never trusted: whoever
shows it escapes it.
"""

import re
from dataclasses import dataclass
from hashlib import blake2b

from backups.analysis.catalogue import CODES, PHRASES, STATES, Entry

_LONGEST_COMPARED = 4000  # characters of a reason
_FEW_WORDS = 200  # characters of a reason within a sentence
_CODE = re.compile(r"\b(volumebackup|autobackup|backupservice|common)\.(\d{4})\b", re.IGNORECASE)
_SPELLING = {
    "volumebackup": "VolumeBackup",
    "autobackup": "AutoBackup",
    "backupservice": "BackupService",
    "common": "common",
}
_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
# What differs between equal faults. The first alternative that fits at a place counts.
_TAKEN_OUT = re.compile(
    r"(?P<code>\b(?:volumebackup|autobackup|backupservice|common)\.\d{4}\b)"
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
    "blank": " ",
}


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
    """Explains every error state with or without a reason, and a reason on any other backup."""
    state = _failed_state(status)
    text = (reason or "").strip()
    if not state and not text:
        return NOTHING
    code = code_in(text)
    entry = _entry_of(text)
    entry_of_state = STATES[state]
    meaning: str | None = entry_of_state.meaning
    advice = entry_of_state.advice
    if entry is not None:
        meaning = entry.meaning
        # In a state that the entry is not for, only the state's own advice is right.
        if state in entry.when:
            advice = entry.advice
    elif code and not state:
        # The backup did not fail, and nobody knows what its code means.
        meaning = None
    return Explained(code, text or None, meaning, advice)


def in_few_words(reason: str | None) -> str:
    """Returns what a failure came by, without a full stop: what its reason means where that is
    known, else the reason as given.
    """
    text = (reason or "").strip()
    entry = _entry_of(text)
    if entry is not None:
        return entry.meaning.rstrip(". ")
    if not text:
        return "the cloud gave no reason"
    if len(text) > _FEW_WORDS:
        text = f"{text[:_FEW_WORDS]}…"
    return f"“{text.rstrip('. ')}”"


def cause(*, status: str | None, reason: str | None) -> Cause | None:
    """Returns None when nothing is wrong. A failure without a reason is a cause
    too: of its state.
    """
    state = _failed_state(status)
    text = (reason or "").strip()
    if not state and not text:
        return None
    digest = blake2b(
        f"{state}\n{pattern(text).casefold()}".encode("utf-8", "surrogatepass"), digest_size=8
    )
    return Cause(digest.hexdigest(), state, code_in(text), text)


def code_in(text: str) -> str | None:
    """Returns the error code that a text holds, wherever it stands; of several the first that is in
    the catalogue, else the first.
    """
    first = None
    for module, digits in _CODE.findall(text[:_LONGEST_COMPARED]):
        code = f"{_SPELLING[module.lower()]}.{digits}"
        if code in CODES:
            return code
        if first is None:
            first = code
    return first


def pattern(text: str) -> str:
    """Returns the text without what differs between equal faults."""
    return _TAKEN_OUT.sub(_stand_in, text[:_LONGEST_COMPARED]).strip(" .!\n")


def _stand_in(match: re.Match[str]) -> str:
    group = match.lastgroup or ""
    return match[0] if group == "code" else _STANDS_FOR[group]


def _failed_state(status: str | None) -> str:
    """Returns the status if it is one of a failure, else ""."""
    return status if status is not None and status in STATES else ""


def _entry_of(text: str) -> Entry | None:
    """Returns what is known of a reason by its code, else by what it says."""
    code = code_in(text)
    if code in CODES:
        return CODES[code]
    lower = text[:_LONGEST_COMPARED].lower()
    for phrase in PHRASES:
        if any(part in lower for part in phrase.holds):
            return phrase.entry
    return None
