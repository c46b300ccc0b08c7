"""What is known of error codes, of reasons in free text and of failed states:
read once from catalogue.toml.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """`when`: the states in which `advice` is right; "" stands for a backup that did not fail."""

    meaning: str
    advice: str
    when: frozenset[str]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A known reason in free text: any of `holds` is in it, in lower case."""

    holds: tuple[str, ...]
    entry: Entry


def _read_catalogue() -> tuple[dict[str, Entry], tuple[Phrase, ...], dict[str, Entry]]:
    path = Path(__file__).with_name("catalogue.toml")
    catalogue = tomllib.loads(path.read_text(encoding="utf-8"))
    codes: dict[str, Entry] = {}
    for cure in catalogue["cure"]:
        when = frozenset(cure.get("when", ["error"]))
        for code, meaning in cure["codes"].items():
            codes[code] = Entry(meaning, cure["do"], when)
    phrases: list[Phrase] = []
    for text in catalogue["text"]:
        when = frozenset(text.get("when", ["error"]))
        phrases.append(Phrase(tuple(text["holds"]), Entry(text["meaning"], text["do"], when)))
    states: dict[str, Entry] = {}
    for state, text in catalogue["state"].items():
        states[state] = Entry(text["meaning"], text["do"], frozenset({state}))
    return codes, tuple(phrases), states


CODES, PHRASES, STATES = _read_catalogue()
