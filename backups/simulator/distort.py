"""Good answers made bad: the faults that change an answer before it is sent."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from backups.simulator.errors import error, html
from backups.simulator.faults import Fault
from backups.simulator.message import JSON, Answer, Question, encode

DEPTH = 100_000


def _retry_after(value: int | str, now: datetime) -> str:
    text = str(value)
    if text.startswith("date+"):
        return format_datetime(now + timedelta(seconds=float(text[5:])), usegmt=True)
    return text


def _status(fault: Fault, question: Question, now: datetime) -> Answer:
    answer = error(fault.status, fault.body, backup_id=question.path.rpartition("/")[2])
    if fault.retry_after is None:
        return answer
    return replace(
        answer, headers={**answer.headers, "Retry-After": _retry_after(fault.retry_after, now)}
    )


def _redirect(fault: Fault, question: Question) -> Answer:
    target = question.raw_path + (f"?{question.query}" if question.query else "")
    return Answer(302, b"", "text/html", {"Location": f"{(fault.url or '').rstrip('/')}{target}"})


def _duplicate(value: Any) -> str:
    """JSON text in which every key of every object stands twice, first with a wrong value."""
    if isinstance(value, dict):
        pairs = ((json.dumps(key), _duplicate(item)) for key, item in value.items())
        return (
            "{" + ", ".join(f'{key}: "a first value", {key}: {item}' for key, item in pairs) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_duplicate, value)) + "]"
    return json.dumps(value)


def _wrong_envelope(body: bytes) -> bytes:
    whole = json.loads(body)
    return encode(
        {
            "shared" if key == "backup" else f"{key}_of_project": value
            for key, value in whole.items()
        }
    )


_OF_JSON = frozenset({"duplicate_keys", "wrong_envelope"})
_BODIES: dict[str, Callable[[Answer], Answer]] = {
    "wrong_content_type": lambda answer: replace(answer, content_type="text/plain"),
    "html": lambda answer: Answer(200, html(200), "text/html"),
    "empty": lambda answer: Answer(200, b""),
    "deep": lambda answer: Answer(200, b'{"backup": ' + b"[" * DEPTH + b"]" * DEPTH + b"}"),
    "not_json": lambda answer: Answer(200, b"this is not JSON"),
    "duplicate_keys": lambda answer: replace(
        answer, body=_duplicate(json.loads(answer.body)).encode()
    ),
    "wrong_envelope": lambda answer: replace(answer, body=_wrong_envelope(answer.body)),
}


def distort(answer: Answer, fault: Fault, question: Question, *, now: datetime) -> Answer:
    """The answer that this fault makes of a good one; faults of transport leave it as it is."""
    if fault.kind == "status":
        return _status(fault, question, now)
    if fault.kind == "redirect":
        return _redirect(fault, question)
    if fault.kind in _BODIES and (fault.kind not in _OF_JSON or answer.content_type == JSON):
        answer = _BODIES[fault.kind](answer)
    return replace(answer, content_type=fault.content_type) if fault.content_type else answer
