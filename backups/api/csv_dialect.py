"""How a CSV is written: plain, or so that Excel opens it by a double click."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.formats import get_format
from django.utils.translation.trans_real import parse_accept_lang_header
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from backups.api.errors import Unprocessed

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would take the cell for a formula
# Tells Excel that the file is UTF-8; without it, umlauts are read as Windows-1252.
MARK = "\ufeff"
EXCEL = OpenApiParameter(
    "excel",
    str,
    enum=["1", "0"],
    description="1 writes the file so that Excel opens it by a double click: with a byte order "
    "mark, and with semicolons where the languages of `Accept-Language` have a decimal comma.",
)
_FLAGS = {"1": True, "true": True, "0": False, "false": False}
# Regions whose separator is a semicolon although their decimal sign is a point.
_SEMICOLON_REGIONS = ("-ch", "-li")
_FORMULA_STARTS = frozenset("=+-@\N{MINUS SIGN}")
# Excel begins a cell after each separator that it expects, whichever the file has.
_INNER_START = re.compile(r"(?<=[,;\t\r\n])(?=[=+\-@＝＋－＠])")


@dataclass(frozen=True)
class CsvDialect:
    """`mark` is what the file begins with; `harmless` makes a text that no spreadsheet runs;
    `escapes_json`: JSON in a cell is ASCII.
    """

    mark: str
    separator: str
    harmless: Callable[[str], str]
    escapes_json: bool


def dialect_of(request: Request) -> CsvDialect:
    """Returns the one that the key `excel` asks for. Raises Unprocessed."""
    texts = request.query_params.getlist("excel")
    for text in texts:
        if text not in _FLAGS:
            raise Unprocessed({"excel": [f"cannot be “{text[:80]}”. It can be: 1, 0."]})
    if len(set(texts)) > 1:
        raise Unprocessed({"excel": ["has two values: write one of them."]})
    if not texts or not _FLAGS[texts[0]]:
        return PLAIN
    languages = request.headers.get("Accept-Language", "")
    return CsvDialect(MARK, excel_separator(languages), harmless_in_excel, escapes_json=False)


def excel_separator(accept_language: str) -> str:
    """Returns what Excel most likely expects where these languages are read: it takes the list
    separator of the system, a semicolon where numbers have a decimal comma.

    A line `sep=;` would tell it any other, but then Excel takes no notice of the mark.
    """
    languages = parse_accept_lang_header(accept_language.lower())
    language = languages[0][0] if languages else "en"
    has_decimal_comma = get_format("DECIMAL_SEPARATOR", language, use_l10n=True) == ","
    return ";" if has_decimal_comma or language.endswith(_SEMICOLON_REGIONS) else ","


def harmless(text: str) -> str:
    return f"'{text}" if text.startswith(DANGEROUS) else text


def harmless_in_excel(text: str) -> str:
    """Looks behind spaces and invisible characters, at other widths of these signs, and behind
    each separator that Excel might expect.
    """
    marked = _INNER_START.sub("'", text)
    if text.startswith(("\t", "\r", "\n")) or _first_sign(text) in _FORMULA_STARTS:
        return f"'{marked}"
    return marked


def _first_sign(text: str) -> str:
    """Returns the first character that can be seen, in its usual width."""
    for character in text:
        if not character.isspace() and unicodedata.category(character) not in ("Cc", "Cf"):
            return unicodedata.normalize("NFKC", character)
    return ""


PLAIN = CsvDialect("", ",", harmless, escapes_json=True)
