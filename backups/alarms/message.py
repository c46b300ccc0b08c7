"""What a channel is given to send: alarms of one cloud, a digest, or a test. Stored as JSON at the
first try, so that all tries send the same.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final, Self

from django.utils.dateparse import parse_datetime

MOST_LINES: Final = 100  # alarms that a message names; the counts are of all


@dataclass(frozen=True, kw_only=True)
class AlarmLine:
    """One alarm in a message. `what`: opened, recovered or flapping; `is_open`: as it stands then.
    `changes`: of the burst, where it is flapping. `path`: of its page, without the public address.
    """

    id: int
    what: str
    is_open: bool
    kind: str
    severity: str
    state: str
    cloud: str
    subject: str
    title: str
    sentence: str
    next: str
    since: datetime | None
    opened_at: datetime
    closed_at: datetime | None
    ended: str
    evidence: str
    evidence_at: datetime | None
    changes: int
    path: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """`event_id` is the same over all tries. `headline`: one sentence without times, for a subject.
    `lines`: the worst first, at most MOST_LINES of `opened` + `recovered` + `flapping` alarms.
    `text`: the sentences of a digest or a test.
    """

    event_id: str
    kind: str  # a DeliveryKind
    written_at: datetime
    cloud: str | None
    headline: str
    opened: int = 0
    recovered: int = 0
    flapping: int = 0
    lines: tuple[AlarmLine, ...] = ()
    text: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Returns what is stored and what a webhook posts: times are UTC, ISO 8601 with a Z."""
        values = asdict(self)
        values["text"] = list(self.text)
        values["lines"] = [_json_line(asdict(line)) for line in self.lines]
        return _json_line(values)

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Self:
        read = dict(values)
        read["written_at"] = parse_datetime(values["written_at"])
        read["text"] = tuple(values["text"])
        read["lines"] = tuple(_line_of_json(line) for line in values["lines"])
        return cls(**read)


_TIMES: Final = ("since", "opened_at", "closed_at", "evidence_at")


def _line_of_json(values: Mapping[str, Any]) -> AlarmLine:
    read = {field.name: values[field.name] for field in fields(AlarmLine)}
    for name in _TIMES:
        if read[name] is not None:
            read[name] = parse_datetime(read[name])
    return AlarmLine(**read)


def _json_line(values: dict[str, Any]) -> dict[str, Any]:
    for name, value in values.items():
        if isinstance(value, datetime):
            values[name] = _instant(value)
    return values


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
