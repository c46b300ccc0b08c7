"""What goes in and out of the simulator, apart from sockets: one question, one answer, one
list of JSON bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Question:
    """One request as it arrived. `path` is decoded, `raw_path` is as sent;
    `headers` have lower-case names. `client`: the address that it came from.
    """

    method: str
    path: str
    raw_path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    client: str = ""

    @classmethod
    def of(
        cls, method: str, target: str, headers: Mapping[str, str], body: bytes, *, client: str = ""
    ) -> "Question":
        parts = urlsplit(target)
        return cls(method, unquote(parts.path), parts.path, parts.query, headers, body, client)

    @property
    def arguments(self) -> dict[str, str]:
        """The arguments of the query; of a repeated one the last counts, as in the old server."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def wants_xml(self) -> bool:
        """The old server picks by Accept and knows XML too (`backups/vbs/API.md` §1)."""
        accept = self.headers.get("accept", "*/*")
        return "xml" in accept and "json" not in accept and "*/*" not in accept


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


def answer_json(value: object, status: int = 200, **headers: str) -> Answer:
    """Returns a JSON answer. An underscore in the name of a header stands for a hyphen."""
    hyphenated = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, encode(value), JSON, hyphenated)
