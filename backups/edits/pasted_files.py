"""Text of a file that went through a program that took its encoding or its separator for another.
Pure.
"""

import csv
import io
import re

SHORTEST = 64  # characters of a text in UTF-16 that holds an ID; in a shorter one a NUL is a NUL
# Byte order marks that were read as characters: of UTF-8, and of UTF-16 both ways.
_MARKS = re.compile("\\A(?:ï»¿|ÿþ|þÿ|\ufffd\ufffd)")
# A line of CSV in one cell, as a spreadsheet writes it that expects semicolons.
_WRAPPED = re.compile(r'^"[0-9A-Fa-f-]{32,36},', re.MULTILINE)


def restored(text: str) -> str:
    """Returns the text as the file has it, as far as that can be told; any other text as it is."""
    # Of UTF-16 every other byte of these texts is zero.
    if len(text) >= SHORTEST and text.count("\0") >= len(text) // 2 - 1:
        text = text.replace("\0", "")
    text = _MARKS.sub("", text)
    header = text.lstrip().partition("\n")[0]
    if "," in header and _WRAPPED.search(text):
        return _unwrapped(text)
    return text


def _unwrapped(text: str) -> str:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=None), delimiter=";"))
    except csv.Error:
        # It is no CSV after all.
        return text
    return "\n".join(";".join(row) for row in rows)
