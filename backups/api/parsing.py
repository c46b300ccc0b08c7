"""Request bodies: UTF-8 JSON objects without duplicate keys, NaN or endless nesting."""

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class StrictJSONParser(JSONParser):
    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            text = stream.read().decode("utf-8")
            return json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
        except RecursionError as e:
            raise ParseError("The body is nested too deeply.") from e
        except ValueError as e:
            raise ParseError(f"The body is not JSON: {e}") from e


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for at, (key, _) in enumerate(pairs) if key in dict(pairs[:at]))
        raise ParseError(f"The key {twice[:80]!r} stands twice in one object.")
    return found


def _constant(name: str) -> NoReturn:
    raise ParseError(f"{name} is not JSON.")
