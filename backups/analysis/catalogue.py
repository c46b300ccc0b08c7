"""What is known of error codes, of reasons in free text and of failed states: data, read once
(catalogue.toml).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """`when`: the states in which `advice` is right; "" stands for a backup that did not fail."""

    meaning: str
    advice: str
    when: frozenset[str] = frozenset({"error"})


@dataclass(frozen=True, slots=True)
class Phrase:
    """A known reason in free text: any of `holds` is in it, in lower case."""

    holds: tuple[str, ...]
    entry: Entry


def _entry(meaning: str, given: Mapping[str, Any]) -> Entry:
    return Entry(meaning, given["do"], frozenset(given.get("when", ["error"])))


_GIVEN = tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8"))
CODES: Mapping[str, Entry] = {
    code: _entry(meaning, cure)
    for cure in _GIVEN["cure"]
    for code, meaning in cure["codes"].items()
}
PHRASES: tuple[Phrase, ...] = tuple(
    Phrase(tuple(one["holds"]), _entry(one["meaning"], one)) for one in _GIVEN["text"]
)
STATES: Mapping[str, Entry] = {
    state: Entry(one["meaning"], one["do"], frozenset({state}))
    for state, one in _GIVEN["state"].items()
}
