"""JSON from outside: an object whose values nobody has checked yet."""

import json
import math
from typing import NoReturn

from backups.vbs.errors import Malformed

JsonObject = dict[str, object]


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _int_or_text(text: str) -> int | str:
    """Leaves a number that is too long for Python as text; the decoder of the field judges it."""
    try:
        return int(text)
    except ValueError:
        return text


def _finite_float_or_text(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


_decoder = json.JSONDecoder(
    parse_constant=_refuse_constant,
    parse_int=_int_or_text,
    parse_float=_finite_float_or_text,
)


def parse_object(content: bytes) -> JsonObject:
    """Returns the JSON object of a good answer; raises Malformed (API.md §11 traps 4 and 27)."""
    try:
        body: object = _decoder.decode(content.decode("utf-8"))
    except UnicodeDecodeError as e:
        raise Malformed("The answer is not UTF-8.", http_status=200) from e
    except RecursionError as e:
        raise Malformed("The answer is nested too deeply.", http_status=200) from e
    except ValueError as e:
        raise Malformed("The answer is no JSON.", http_status=200) from e
    if not isinstance(body, dict):
        raise Malformed("The answer is no JSON object.", http_status=200)
    return body
