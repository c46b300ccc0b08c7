"""Reads a UUID, above all of a backup, as people write and paste it: in every spelling, and with
the characters that mails, chats, office programs and terminals put beside or into it.

What cannot be seen is taken away, what only looks different becomes what the API writes, and what
looks like a digit but is none is called by its name.
"""

import re
import unicodedata
from typing import Final

from backups.vbs.folding import is_invisible
from backups.vbs.ids import HYPHENATED, stands_for_none

DIGITS: Final = 32  # of a UUID
NO_ID: Final = "Not a backup ID: a UUID has 32 hexadecimal digits."
STANDS_FOR_NONE: Final = "Not a backup ID: it stands for none."
_GROUPS: Final = [8, 4, 4, 4, 12]
_HEX: Final = re.compile(r"[0-9a-fA-F]{32}")
_NO_DIGIT: Final = re.compile(r"[^0-9a-fA-F]")
_DECIMAL: Final = re.compile(r"\d")
_SPELLED: Final = re.compile(r"(?:urn:)?(?:uuid:)?", re.IGNORECASE)
_AROUND: Final = "`= \t\r\n\v\f\"'<>()[]{}.,;:!?*|_…。、【】《》〈〉"
_CUT_OFF: Final = re.compile(
    r"(?=\D*\d)[0-9a-f]{6,8}(?:-[0-9a-f-]{0,27})?\s?(?:…|\.{2,3})", re.IGNORECASE
)
# What terminals take as colours, titles and links; the escape itself may be lost or spelled out.
_ESCAPE: Final = re.compile(
    r"(?:\x1b|␛|\^\[|\\e|\\0?33|\\x1[bB]|\\u001[bB])"
    r"(?:\[[0-?]{0,40}[ -/]{0,4}[@-~]|\][^\]\x07\x1b\n]{0,4000}(?:\x07|\x1b\\)"
    r"|[()][0-9A-Z]|[=>78cM])"
    r"|\[(?:[0-9]{1,3}(?:;[0-9]{1,3}){0,8})?m"
    r"|\x9b[0-?]{0,40}[@-~]"
)
# A soft hyphen may stand for each hyphen of an ID.
_SOFT: Final = re.compile(
    r"([0-9a-f]{8})\xad([0-9a-f]{4})\xad([0-9a-f]{4})\xad([0-9a-f]{4})\xad([0-9a-f]{12})",
    re.IGNORECASE,
)
# Blanks may have got beside its hyphens, or in their place.
_GAP: Final = r"(?:[ \t]{1,2}-?[ \t]{0,2}|-[ \t]{0,2})"
_SPACED: Final = re.compile(
    rf"(?<![0-9a-z-])(?![0-9a-f-]{{36}})([0-9a-f]{{8}}){_GAP}([0-9a-f]{{4}}){_GAP}([0-9a-f]{{4}}){_GAP}([0-9a-f]{{4}})"
    rf"{_GAP}([0-9a-f]{{12}})(?![0-9a-z-])",
    re.IGNORECASE,
)
# Hyphens that were read in the wrong encoding.
_MISREAD: Final = re.compile("â€[\x90“”‘’•–—\x9d]|â\x80[\x90-\x95]|â\x88\x92|âˆ’")
_CONTROL: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_PICTURES: Final = 0x2400  # Unicode has a picture of each control character from here on.
_NUL_PICTURE: Final = "␀"
_DELETE_PICTURE: Final = "␡"
_CODES: Final = (*range(9), *range(0x0E, 0x20))  # of what `_CONTROL` finds, but for the last one
_PICTURE_OF: Final = {**{code: chr(_PICTURES + code) for code in _CODES}, 0x7F: _DELETE_PICTURE}
_BRAILLE_BLANK: Final = "\u2800"
_HYPHENS: Final = frozenset("\u02d7\u2043\u207b\u208b\u2212\u2500\u2501\u2796")
_QUOTES: Final = frozenset("´„‚′″‵‶ʹʺʻʼʽˈˊˋ〝〞〟「」『』")
_UPRIGHT: Final = frozenset("│┃┆┇┊┋║╎╏╵╷╹╻╽╿⎪⏐￨¦∣❘")
_LEVEL: Final = frozenset("┄┅┈┉═╌╍╴╶╸╺╼╾")
_BULLETS: Final = frozenset("•‣◦▪▫●○■□∙⁃➤➢►▶→⇒✓✔✗☐☑☒❯➜")
# Letters that look like a digit of an ID, by that digit.
_LOOKALIKES: Final = {
    "a": "аАαΑɑ",
    "b": "ЬВΒƅь",
    "c": "сСϲϹ",
    "d": "ԁԀ",
    "e": "еЕΕеҽ",
    "f": "ҒϜғ",
    "0": "оОοΟօOo",
    "1": "іІΙιӀӏǀlI",
    "3": "Ззʒ",
    "5": "Ѕѕ",
}
LOOKS_LIKE: Final = {letter: digit for digit, row in _LOOKALIKES.items() for letter in row}


def canonical(text: str) -> str | None:
    """Returns the ID in lower case with hyphens; None when the text is no ID of a backup.

    Upper case, no hyphens, braces, quotes, `urn:uuid:` and typographic characters are only other
    spellings of one.
    """
    if len(text) < DIGITS:
        return None
    candidate = text if HYPHENATED.fullmatch(text) else _bare(text)
    if HYPHENATED.fullmatch(candidate):
        spelled = candidate.lower()
    elif _HEX.fullmatch(candidate):
        digits = candidate.lower()
        spelled = "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])
    else:
        return None
    return None if stands_for_none(spelled) else spelled


def why_no_backup_id(text: str) -> str:
    """Returns the sentence that says why `canonical` gives None for this text."""
    candidate = _bare(text)
    if _CUT_OFF.fullmatch(plain(text).strip("\"'`<>()[]{} ")):
        return "Not a backup ID: it is cut off, copy the whole ID."
    if stands_for_none(candidate) or _HEX.fullmatch(candidate):
        return STANDS_FOR_NONE
    if not resembles_id(candidate) and _NUL_PICTURE not in candidate[:80]:
        return NO_ID
    strange = _strange_character(candidate)
    if strange:
        return f"Not a backup ID: {strange}."
    groups = [len(group) for group in candidate.split("-")]
    digits = sum(groups)
    if digits != DIGITS:
        return f"Not a backup ID: it has {digits} hexadecimal digits, a UUID has {DIGITS}."
    parts = "-".join(str(count) for count in groups)
    return f"Not a backup ID: its groups have {parts} digits, those of a UUID 8-4-4-4-12."


def resembles_id(word: str) -> bool:
    """Is this meant as an ID, with a mistake in it? So is what has nearly as many digits, or groups
    of about these lengths, and hardly another letter.
    """
    if not 20 <= len(word) <= 60:
        return False
    groups = re.split("[-_…]", word)
    alphanumeric = "".join(groups)
    others = len(_NO_DIGIT.findall(alphanumeric))
    if others > 0.25 * len(alphanumeric) or not _DECIMAL.search(alphanumeric):
        return False
    lengths = [len(group) for group in groups]
    if len(groups) == 1:
        return 28 <= len(alphanumeric) <= 36
    if lengths[:4] == _GROUPS[:4] or lengths[-4:] == _GROUPS[1:]:
        return True
    return len(groups) <= 7 and 26 <= len(alphanumeric) <= 40 and lengths[0] >= 6


def plain(text: str) -> str:
    """Returns a text in the characters that IDs, tables and JSON are made of.

    Escapes of terminals and what cannot be seen are gone; odd spaces, hyphens, quotes, digits, box
    lines and bullets are those of ASCII. A control character is its picture (␀), so that it can
    be named.
    """
    if "\x1b" in text or "[" in text or "\\" in text or not text.isascii():
        text = _ESCAPE.sub("", text)
    if not text.isascii():
        text = _SOFT.sub(r"\1-\2-\3-\4-\5", text)
        text = _MISREAD.sub("-", text)
        text = text.translate(_PLAIN)
    text = _SPACED.sub(r"\1-\2-\3-\4-\5", text)
    return text.translate(_PICTURE_OF) if _CONTROL.search(text) else text


def visible(text: str) -> str:
    """Returns a text in which a reader sees also what is invisible: ⟨U+200B⟩."""
    if text.isascii() and not _CONTROL.search(text):
        return text
    shown = []
    for character in text:
        category = unicodedata.category(character)
        is_odd = is_invisible(character) or character == _BRAILLE_BLANK
        if is_odd or (category in ("Zl", "Zp", "Zs") and character != " "):
            shown.append(f"⟨U+{ord(character):04X}⟩")
        elif _CONTROL.match(character) and character != "\x00":
            shown.append(_PICTURE_OF[ord(character)])
        else:
            shown.append(character)
    return "".join(shown)


class _Plain(dict[int, str]):
    """What stands for each character beyond ASCII, worked out once for each."""

    def __missing__(self, code: int) -> str:
        value = _plain_character(chr(code)) if code > 0x7F else chr(code)
        self[code] = value
        return value


_PLAIN: Final = _Plain()


def _plain_character(character: str) -> str:
    category = unicodedata.category(character)
    result = character
    if is_invisible(character):
        result = ""
    elif category == "Zs" or character == _BRAILLE_BLANK:
        result = " "
    elif category in ("Zl", "Zp") or character == "\x85":
        result = "\n"
    elif category == "Pd" or character in _HYPHENS:
        result = "-"
    elif character in _QUOTES or category in ("Pi", "Pf"):
        result = '"'
    elif character in _UPRIGHT:
        result = "|"
    elif character in _LEVEL:
        result = "-"
    elif "\u2500" <= character <= "\u257f":
        result = "+"
    elif character in _BULLETS:
        result = "* "
    elif "\ufb00" <= character <= "\ufb06" or "\uff01" <= character <= "\uff5e":
        # Ligatures, as PDFs have them, and what keyboards for Chinese and Japanese write.
        result = unicodedata.normalize("NFKC", character)
    elif "\U0001d400" <= character <= "\U0001d7ff":
        folded = unicodedata.normalize("NFKC", character)
        result = folded if folded.isascii() else character
    return result


def _bare(text: str) -> str:
    """Returns a text without what may stand around an ID."""
    stripped = plain(text).strip(_AROUND)
    return stripped[_prefix_length(stripped) :].strip(_AROUND)


def _prefix_length(text: str) -> int:
    spelled = _SPELLED.match(text)
    return spelled.end() if spelled else 0


def _strange_character(word: str) -> str | None:
    """Returns in words the first character that no ID has, and its place."""
    for place, character in enumerate(word, start=1):
        if character in "0123456789abcdefABCDEF-":
            continue
        if character.isspace():
            return f"a new line or a tab is in it at place {place}"
        if character == _DELETE_PICTURE or _PICTURES <= ord(character) < _PICTURES + 0x20:
            code = 0x7F if character == _DELETE_PICTURE else ord(character) - _PICTURES
            name = unicodedata.name(character).removeprefix("SYMBOL FOR ")
            if character == _NUL_PICTURE:
                name = "NUL"
            return f"“{character}” at place {place} is {name} (U+{code:04X}), a control character"
        if not character.isascii():
            name = unicodedata.name(character, "a character without a name")
            called = f"{name} (U+{ord(character):04X})"
        elif character.isalpha():
            called = f"the letter {character}"
        else:
            called = unicodedata.name(character)
        shown = f"◌{character}" if unicodedata.combining(character) else character
        meant = LOOKS_LIKE.get(character)
        contrast = f", not “{meant}”" if meant else ", which no UUID has"
        return f"“{shown}” at place {place} is {called}{contrast}"
    return None
