"""Texts that look alike fold into one."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.vbs.folding import fold

ALIKE = [
    ("T\u00c4GLICH", "ta\u0308glich"),  # composed, decomposed
    ("caf\u00e9", "CAFE\u0301"),
    ("\u1e69", "s\u0307\u0323"),  # two marks in the other order
    ("\u212bngstr\u00f6m", "\u00e5NGSTRO\u0308M"),  # the sign, the letter
    ("\uac00", "\u1100\u1161"),  # a syllable of Hangul
    ("stra\u00dfe", "STRASSE"),
    ("stra\u1e9ee", "strasse"),
    ("\uff24\uff22\uff0d\uff10\uff11", "db-01"),  # full width
    ("\uff76\uff9e", "\u30ac"),  # half width
    ("\ufb01le \ufb03", "FILE ffi"),  # ligatures
    ("\u017fave", "Save"),
    ("m\u00b2", "m2"),
    ("\u2460", "1"),
    ("\u2167", "viii"),
    ("5\u00b5m", "5\u03bcM"),
    ("\u039f\u0394\u039f\u03a3", "\u03bf\u03b4\u03bf\u03c2"),  # the final sigma
    ("\u1fb3", "\u0391\u0399"),
    ("\u0130stanbul", "istanbul"),
    ("\u0130STANBUL", "\u0131stanbul"),
    ("ILIK", "\u0131l\u0131k"),
    ("\u13a0", "\uab70"),  # Cherokee has its small letters elsewhere
    ("night\u00adly", "nightly"),
    ("night\u200bly\ufeff", "\u2060Nightly"),
    ("\u202edb\u202c", "db"),
    ("e\u200d\u0301", "\u00e9"),  # an invisible one between a letter and its mark
    ("\u2601\ufe0f backup", "\u2601 backup"),
    ("a\u00a0b\u3000c", "a b c"),
    ("a\t b\r\nc", " a b  c "),
    ("web\u201301", "web-01"),
    ("web\u201101", "web\u221201"),
    ("l\u2019archive", "L'archive"),
    ("\u201eB\u00fcro\u201c", '"b\u00fcro"'),
]


@pytest.mark.parametrize(("text", "other"), ALIKE)
def test_what_looks_alike_folds_into_one(text: str, other: str) -> None:
    assert fold(text) == fold(other)


@pytest.mark.parametrize(
    ("text", "other"),
    [("a", "\u00e4"), ("o", "0"), ("l", "1"), ("db1", "db 1"), ("a%", "a_"), ("\u03b1", "a")],
)
def test_what_looks_different_stays_apart(text: str, other: str) -> None:
    assert fold(text) != fold(other)


@given(st.text())
def test_all_spellings_of_a_text_fold_into_one_that_stays(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert fold(unicodedata.normalize(form, text)) == folded
    assert not any(unicodedata.category(character) == "Cf" for character in folded)
