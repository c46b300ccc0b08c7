"""An ID is an ID in every spelling."""

import uuid

import pytest

from backups.vbs.id_spellings import read_uuid, searched_spellings, stored_spellings, written

ID = "2ef47aee-8844-490c-804d-2a8efe561c65"
HEX = ID.replace("-", "")
WIDE = "".join(chr(ord(character) + 0xFEE0) for character in ID)
SPELLINGS = [
    ID,
    ID.upper(),
    ID.title(),
    HEX,
    HEX.upper(),
    f"{{{ID}}}",
    f"{{{HEX.upper()}}}",
    f"urn:uuid:{ID}",
    f"URN:UUID:{ID.upper()}",
    f"Urn:Uuid:{HEX}",
    f"urn:uuid:{{{ID}}}",
    f"({ID})",
    f"<{ID}>",
    f'"{ID}"',
    f"'{ID}'",
    f"`{ID}`",
    f"  {ID}\t\n",
    "\u3000" * 160 + ID,
    f"\u00a0{ID}\u3000",
    f"\u2007{ID}\u202f",
    f"\u200b{ID}\ufeff",
    f"\u202a{ID}\u202c",
    f"{ID[:20]}\u00ad{ID[20:]}",
    ID.replace("-", "\u2011"),
    ID.replace("-", "\u2013"),
    ID.replace("-", "\u2212"),
    WIDE,
    f"{{ {ID.upper()} }}",
    f"{ID}.",
    f"**{ID}**",
    f"%7B{ID}%7D",
    f"{ID}\u3002",
    f"\u3010{ID}\u3011",
    f"{ID}\u2026",
]
NOT_ONE = [
    "",
    "-",
    "{}",
    "urn:uuid:",
    ID[:-1],
    f"{ID}0",
    ID.replace("2", "g", 1),
    f"{ID[:4]}-{ID[4:]}",
    ID.replace("-", "", 1),
    "-".join(HEX[n : n + 4] for n in range(0, 32, 4)),
    f"0x{HEX[2:]}",
    f"{HEX[:16]}_{HEX[17:]}",
    f"+{HEX[1:]}",
    "\u0661" * 32,  # digits, but no hexadecimal ones
    f"{ID} {ID}",
    f"{ID}/raw",
    "\u200b" * 300 + ID,
    "x" * 100_000,
    "\ud800" * 36,
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_spelling_of_a_uuid_is_that_uuid(text: str) -> None:
    assert read_uuid(text) == uuid.UUID(ID)
    assert written(text) == ID
    assert {ID, HEX} <= set(stored_spellings(text))
    assert set(searched_spellings(text)) == {ID, HEX}


@pytest.mark.parametrize("text", NOT_ONE)
def test_what_is_no_uuid_is_none(text: str) -> None:
    assert read_uuid(text) is None


def test_an_id_that_is_no_uuid_keeps_its_case_and_loses_what_nobody_sees() -> None:
    assert written(" \u200bVol-A.1 ") == "Vol-A.1"
    assert stored_spellings("Vol-A.1") == ("Vol-A.1",)
    assert stored_spellings(" Vol-A.1") == (" Vol-A.1", "Vol-A.1")


@pytest.mark.parametrize(
    ("text", "spellings"),
    [
        (HEX[:12], (ID[:13],)),
        (HEX[:12].upper(), (ID[:13],)),
        (HEX[:31], (ID[:35],)),
        (f"{{{ID[:10].upper()}", (ID[:10],)),
        (f"urn:uuid:{ID[:8]}", (ID[:8],)),
        (f"urn:uuid:{ID[:9]}", (ID[:8],)),
        (f"\u200b{HEX[:9]}", (ID[:10],)),
        (f"{ID[:8]}\u2026", (ID[:8],)),
        (f"{ID[:13]}...", (ID[:13],)),
        ("2026-11-23", ()),
        ("nightly", ()),
        ("[abc]", ()),
        ("(1)", ()),
        ("{", ()),
        ("a" * 33, ()),
        ("", ()),
    ],
)
def test_the_beginning_of_a_uuid_is_searched_as_it_is_stored(
    text: str, spellings: tuple[str, ...]
) -> None:
    assert searched_spellings(text) == spellings


@pytest.mark.parametrize(
    "text",
    [
        f"https://vbs.example.com/v2/b23b579f/backups/{ID}",
        f"https://vbsdash.example.com/vbs/backups/{ID.upper()}/?live=off#raw.",
        f"http://h/backups/?volume_id=%7B{ID}%7D",
        f"id: {ID}",
        f"id={HEX}",
        f"backup {ID.replace('-', chr(0x2011))} of last night",
        f"nightly-{ID}",
    ],
)
def test_a_uuid_within_a_text_is_searched_too(text: str) -> None:
    assert searched_spellings(text) == (ID, HEX)
