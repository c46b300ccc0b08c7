"""One ID in every spelling, and the name of what only looks like a part of one."""

import unicodedata

import pytest

from backups.vbs.id_text import NO_ID, canonical, visible, why_no_backup_id

ID = "7c40a91e-52bd-4f03-9ae6-d1108b6f2c75"
INVISIBLE = [chr(code) for code in range(0x11_0000) if unicodedata.category(chr(code)) == "Cf"]
SPACES = [chr(code) for code in range(0x3001) if unicodedata.category(chr(code)) == "Zs"]
HYPHENS = "‐‑‒–—―−﹘－\xad﹣⁃"
QUOTES = ["“”", "‘’", "«»", "‹›", "„“", "`´", "''", '""', "「」", "＂＂"]


def full_width(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


@pytest.mark.parametrize(
    "spelled",
    [
        ID,
        ID.upper(),
        ID.replace("-", ""),
        ID.replace("-", "").upper(),
        f"{{{ID}}}",
        f"urn:uuid:{ID}",
        f"URN:UUID:{ID.upper()}",
        f"({ID})",
        f"<{ID}>",
        f"[{ID}],",
        f"**{ID}**",
        f"  {ID}\t\r\n",
        full_width(ID),
        "".join(chr(0x1D7F6 + int(c)) if c.isdigit() else c for c in ID),
        f"\x1b[1;32m{ID}\x1b[0m",
        f"[32m{ID}[m",
        f"\\e[7m{ID}\\e[27m",
        f"\x1b]8;;https://vbs.example/x\x1b\\{ID}\x1b]8;;\x1b\\",
        ID.replace("-", "â€“"),
    ],
)
def test_an_id_is_one_in_every_spelling(spelled: str) -> None:
    assert canonical(spelled) == ID


def test_no_invisible_character_keeps_an_id_from_being_one() -> None:
    assert len(INVISIBLE) > 150
    for character in [*INVISIBLE, "\ufe0f", "\u034f", "\U000e0101"]:
        for text in (f"{character}{ID}", f"{ID}{character}", f"{ID[:11]}{character}{ID[11:]}"):
            assert (hex(ord(character)), canonical(text)) == (hex(ord(character)), ID)
        assert visible(f"a{character}") == f"a⟨U+{ord(character):04X}⟩"


@pytest.mark.parametrize("space", [*SPACES, "\u2800", "\u3164", "\u2028", "\x85"], ids=ascii)
def test_odd_spaces_around_an_id_are_spaces(space: str) -> None:
    assert canonical(f"{space}{ID}{space}") == ID


@pytest.mark.parametrize("hyphen", HYPHENS, ids=ascii)
def test_typographic_hyphens_are_hyphens(hyphen: str) -> None:
    assert canonical(ID.replace("-", hyphen)) == ID


@pytest.mark.parametrize("quotes", QUOTES)
def test_quotes_around_an_id_are_no_part_of_it(quotes: str) -> None:
    assert canonical(f"{quotes[0]}{ID}{quotes[1]}") == ID


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ID.replace("a", "а", 1), "“а” at place 5 is CYRILLIC SMALL LETTER A (U+0430), not “a”"),
        (ID.replace("e", "е", 1), "“е” at place 8 is CYRILLIC SMALL LETTER IE (U+0435), not “e”"),
        (ID.replace("c", "ϲ", 1), "“ϲ” at place 2 is GREEK LUNATE SIGMA SYMBOL (U+03F2), not “c”"),
        (ID.replace("0", "O", 1), "“O” at place 4 is the letter O, not “0”"),
        (ID.replace("1", "l", 1), "“l” at place 7 is the letter l, not “1”"),
        (ID.replace("5", "g", 1), "“g” at place 10 is the letter g, which no UUID has"),
        (
            ID.replace("7", "٧", 1),
            "“٧” at place 1 is ARABIC-INDIC DIGIT SEVEN (U+0667), which no UUID has",
        ),
        (f"{ID}\u0301", "“◌́” at place 37 is COMBINING ACUTE ACCENT (U+0301), which no UUID has"),
        (f"{ID[:5]}\ufffd{ID[6:]}", "“\ufffd” at place 6 is REPLACEMENT CHARACTER (U+FFFD), which"),
        (f"{ID[:5]}\x00{ID[6:]}", "“␀” at place 6 is NUL (U+0000), a control character"),
        (f"{ID}\x7f", "“␡” at place 37 is DELETE (U+007F), a control character"),
        (ID.replace("-", "_"), "“_” at place 9 is LOW LINE, which no UUID has"),
        (f"{ID[:35]}\n{ID[35:]}", "a new line or a tab is in it at place 36"),
        (f"{'0' * 28}\t0000", "a new line or a tab is in it at place 29"),
        (ID[:-1], "it has 31 hexadecimal digits, a UUID has 32"),
        (ID[1:], "it has 31 hexadecimal digits, a UUID has 32"),
        (f"{ID}0", "it has 33 hexadecimal digits, a UUID has 32"),
        (ID.replace("-", "")[:-1], "it has 31 hexadecimal digits, a UUID has 32"),
        (ID.replace("-", "", 1), "its groups have 12-4-4-12 digits, those of a UUID 8-4-4-4-12"),
        (f"{ID[:20]}…", "it is cut off, copy the whole ID"),
        ("00000000-0000-0000-0000-000000000000", "it stands for none"),
        ("0" * 32, "it stands for none"),
        ("null", "it stands for none"),
    ],
)
def test_what_is_no_id_is_called_by_what_it_is(text: str, reason: str) -> None:
    assert canonical(text) is None
    assert why_no_backup_id(text).startswith(f"Not a backup ID: {reason}")


@pytest.mark.parametrize("word", ["", "detail", "../backups", "tuesday", "nightly-2026-11-29"])
def test_a_word_is_told_what_an_id_looks_like(word: str) -> None:
    assert (canonical(word), why_no_backup_id(word)) == (None, NO_ID)
