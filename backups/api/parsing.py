"""Request bodies: UTF-8 JSON objects of at most 5 MiB without duplicate keys,
NaN or endless nesting. A byte order mark before them is passed over.
"""

import codecs
import json
import math
import re
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from backups.api.errors import TooLarge

# Lists and objects: 10,000 backups as the API gives them have half as many.
MOST_CONTAINERS = 200_000
MOST_DIGITS = 300
CHARSET = re.compile(r"charset=[!-~]+", re.IGNORECASE)


class StrictJSONParser(JSONParser):
    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, object] | None = None,
    ) -> Any:
        max_bytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(max_bytes + 1)
        if len(raw) > max_bytes:
            raise TooLarge(f"The body is larger than {max_bytes // 2**20} MiB.")
        if raw.count(b"[") + raw.count(b"{") > MOST_CONTAINERS:
            raise TooLarge(f"The body holds more than {MOST_CONTAINERS:,} lists and objects.")
        try:
            return json.loads(
                _text(raw, media_type or ""),
                object_pairs_hook=_object,
                parse_constant=_refuse_number,
                parse_float=_float,
                parse_int=_int,
            )
        except RecursionError as e:
            raise ParseError("The body is nested too deeply.") from e
        except ValueError as e:
            raise ParseError(f"The body is not JSON: {e}") from e


def _text(raw: bytes, content_type: str) -> str:
    """Returns a body as text. Raises ParseError for other encodings than UTF-8, which is the only
    one of JSON between systems (RFC 8259, section 8.1).
    """
    cure = "JSON is sent as UTF-8 (RFC 8259)."
    # Windows' shells send UTF-16. What `curl -d` makes of it keeps the mark and lacks every NUL.
    has_mark = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if has_mark and b"\0" not in raw else json.detect_encoding(raw)
    if not encoding.startswith("utf-8"):
        raise ParseError(f"The body is {encoding[:6].upper()}: {cure}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        charset = CHARSET.search(content_type)
        claim = f", and its Content-Type says {charset[0][:40]}" if charset else ""
        sentence = f"The body is not UTF-8: byte {e.start + 1:,} begins no character{claim}. {cure}"
        raise ParseError(sentence) from e


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys_above: set[str] = set()
        for key, _ in pairs:
            if key in keys_above:
                raise ParseError(f"The key {key[:80]!r} stands twice in one object.")
            keys_above.add(key)
    return result


def _int(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ParseError(f"A number has {len(text):,} digits; at most {MOST_DIGITS} are read.")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text[:80])


def _refuse_number(text: str) -> NoReturn:
    raise ParseError(f"{text} is no number that JSON can hold.")
