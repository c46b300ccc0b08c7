"""Request bodies: UTF-8 JSON objects of at most 5 MiB without duplicate keys, NaN or endless
nesting.
"""

import json
import math
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from backups.api.errors import TooLarge

MOST_CONTAINERS = (
    200_000  # lists and objects; 10,000 backups as the API gives them have half as many
)
MOST_DIGITS = 300


class StrictJSONParser(JSONParser):
    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(most + 1)
        if len(raw) > most:
            raise TooLarge(f"The body is larger than {most // 2**20} MiB.")
        if raw.count(b"[") + raw.count(b"{") > MOST_CONTAINERS:
            raise TooLarge(f"The body holds more than {MOST_CONTAINERS:,} lists and objects.")
        try:
            return json.loads(
                raw.decode("utf-8"),
                object_pairs_hook=_pairs,
                parse_constant=_constant,
                parse_float=_float,
                parse_int=_int,
            )
        except RecursionError as e:
            raise ParseError("The body is nested too deeply.") from e
        except ValueError as e:
            raise ParseError(f"The body is not JSON: {e}") from e


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ParseError(f"The key {twice[:80]!r} stands twice in one object.")
    return found


def _int(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ParseError(f"A number has {len(text):,} digits; at most {MOST_DIGITS} are read.")
    return int(text)


def _float(text: str) -> float:
    found = float(text)
    return found if math.isfinite(found) else _constant(text[:80])


def _constant(name: str) -> NoReturn:
    raise ParseError(f"{name} is no number that JSON can hold.")
