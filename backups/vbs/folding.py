"""Folds texts that look alike to a reader into one: for IDs that people write, and for free search.

Both sides of a comparison are folded here, in Python: the databases disagree beyond ASCII.
"""

import re
import unicodedata
from typing import Final

# Unicode's Default_Ignorable_Code_Point outside of category Cf: joiners, fillers and selectors of a
# variant.
_IGNORABLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
_MINUS: Final = "\u2212"
# What office programs make of ' and ".
_SINGLE_QUOTES: Final = "\u2018\u2019\u201a\u201b\u02bc"
_DOUBLE_QUOTES: Final = "\u201c\u201d\u201e\u201f"
_DOTLESS_I: Final = "\u0131"
_DOT_ABOVE: Final = "\u0307"


def is_invisible(character: str) -> bool:
    """Is this a character that nobody sees, such as a joiner or the mark of a direction?"""
    return unicodedata.category(character) == "Cf" or bool(_IGNORABLE.fullmatch(character))


class _Seen(dict[int, str]):
    """What a reader sees of each character, worked out once for each."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        seen = character
        if is_invisible(character):
            seen = ""
        elif unicodedata.category(character) == "Pd" or character == _MINUS:
            seen = "-"
        elif character in _SINGLE_QUOTES:
            seen = "'"
        elif character in _DOUBLE_QUOTES:
            seen = '"'
        self[code] = seen
        return seen


_SEEN: Final = _Seen()


def as_seen(text: str) -> str:
    """Returns a text without the characters that nobody sees, in the one form (NFKC) of what can be
    written composed or not, wide or narrow; each dash is a hyphen, quotes are upright.
    """
    if text.isascii():
        return text
    seen = unicodedata.normalize("NFKC", text).translate(_SEEN)
    # What an invisible one stood between may belong together.
    return unicodedata.normalize("NFKC", seen)


def fold(text: str) -> str:
    """Returns what free search compares: what is visible, whatever its case, words one blank apart.

    The four letters i of Turkish, dotted or not, are one: capitals do not tell in which language
    they were written. What has no visible character is empty.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    folded = as_seen(text).casefold()
    folded = folded.replace(f"i{_DOT_ABOVE}", "i").replace(_DOTLESS_I, "i")
    # Case folding takes some letters apart.
    return " ".join(unicodedata.normalize("NFKC", folded).split())
