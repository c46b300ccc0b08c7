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
_FLAGS = {"1": True, "true": True, "0": False, "false": False}
EXCEL = OpenApiParameter(
    "excel",
    str,
    enum=list(_FLAGS),
    description="1 writes the file so that Excel opens it by a double click: with a byte order "
    "mark, and with semicolons and decimal commas where the languages of `Accept-Language` have "
    "these.",
)
# Regions whose separator is a semicolon although their decimal sign is a point.
_SEMICOLON_REGIONS = ("-ch", "-li")
_FORMULA_STARTS = frozenset("=+-@\N{MINUS SIGN}")
# Excel begins a cell after each separator that it expects, whichever the file has.
_INNER_START = re.compile(r"(?<=[,;\t\r\n])(?=[=+\-@＝＋－＠])")


@dataclass(frozen=True)
class CsvDialect:
    """`mark` is what the file begins with; `decimal_sign` stands in numbers; `harmless` makes a
    text that no spreadsheet runs; `escapes_json`: JSON in a cell is ASCII.
    """

    mark: str
    separator: str
    decimal_sign: str
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
    separator, decimal_sign = excel_signs(request.headers.get("Accept-Language", ""))
    return CsvDialect(MARK, separator, decimal_sign, harmless_in_excel, escapes_json=False)


def excel_signs(accept_language: str) -> tuple[str, str]:
    """Returns the separator and the decimal sign that Excel most likely expects where these
    languages are read: it takes those of the system, a semicolon where numbers have a decimal
    comma. There it would take 12.5 for a day in May.

    A line `sep=;` would tell it any separator, but then Excel takes no notice of the mark.
    """
    languages = parse_accept_lang_header(accept_language.lower())
    language = languages[0][0] if languages else "en"
    if language.endswith(_SEMICOLON_REGIONS):
        return ";", "."
    has_decimal_comma = get_format("DECIMAL_SEPARATOR", language, use_l10n=True) == ","
    return (";", ",") if has_decimal_comma else (",", ".")


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


PLAIN = CsvDialect("", ",", ".", harmless, escapes_json=True)
