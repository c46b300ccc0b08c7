"""Good answers made bad: the faults that change an answer before it is sent."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime

from backups.simulator.errors import NATURAL_OF_CBR, error, html
from backups.simulator.faults import Fault
from backups.simulator.message import JSON, Answer, Question, encode
from backups.vbs.json_object import JsonObject

DEPTH = 100_000  # Levels of nested lists.


def distort(answer: Answer, fault: Fault, question: Question, *, now: datetime) -> Answer:
    """Returns the answer that this fault makes of a good one; faults of transport leave
    it as it is.
    """
    if fault.kind == "status":
        return _status(fault, question, now)
    if fault.kind == "redirect":
        return _redirect(fault, question)
    answer = _with_bad_body(answer, fault.kind)
    if fault.content_type:
        return replace(answer, content_type=fault.content_type)
    return answer


def _status(fault: Fault, question: Question, now: datetime) -> Answer:
    form = fault.body
    if form is None and question.path.startswith("/cbr/"):
        form = NATURAL_OF_CBR.get(fault.status, "cbr")
    answer = error(fault.status, form, backup_id=question.path.rpartition("/")[2])
    if fault.retry_after is None:
        return answer
    headers = {**answer.headers, "Retry-After": _retry_after(fault.retry_after, now)}
    return replace(answer, headers=headers)


def _retry_after(value: int | str, now: datetime) -> str:
    text = str(value)
    if text.startswith("date+"):
        moment = now + timedelta(seconds=float(text.removeprefix("date+")))
        return format_datetime(moment, usegmt=True)
    return text


def _redirect(fault: Fault, question: Question) -> Answer:
    base = (fault.url or "").rstrip("/")
    location = base + question.raw_path
    if question.query:
        location += f"?{question.query}"
    return Answer(302, b"", "text/html", {"Location": location})


def _with_bad_body(answer: Answer, kind: str) -> Answer:
    match kind:
        case "wrong_content_type":
            return replace(answer, content_type="text/plain")
        case "html":
            return Answer(200, html(200), "text/html")
        case "empty":
            return Answer(200, b"")
        case "deep":
            return Answer(200, b'{"backup": ' + b"[" * DEPTH + b"]" * DEPTH + b"}")
        case "not_json":
            return Answer(200, b"this is not JSON")
        case "duplicate_keys" if answer.content_type == JSON:
            return replace(answer, body=_with_duplicate_keys(json.loads(answer.body)).encode())
        case "wrong_envelope" if answer.content_type == JSON:
            return replace(answer, body=_in_wrong_envelope(answer.body))
    return answer


def _with_duplicate_keys(value: object) -> str:
    """Returns JSON text in which every key of every object stands twice, first
    with a wrong value.
    """
    if isinstance(value, list):
        return "[" + ", ".join(map(_with_duplicate_keys, value)) + "]"
    if not isinstance(value, dict):
        return json.dumps(value)
    pairs: list[str] = []
    for name, item in value.items():
        key = json.dumps(name)
        pairs.append(f'{key}: "a first value"')
        pairs.append(f"{key}: {_with_duplicate_keys(item)}")
    return "{" + ", ".join(pairs) + "}"


def _in_wrong_envelope(body: bytes) -> bytes:
    envelope: JsonObject = {}
    for key, value in json.loads(body).items():
        envelope["shared" if key == "backup" else f"{key}_of_project"] = value
    return encode(envelope)
