"""The access rules of an application credential: the only calls that its tokens open.

As keystonemiddleware's auth_token judges them, in front of each service: method and service have to
be equal, and the whole path has to fit; a call that no rule covers is answered with 401, just like
a token that ran out.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

# `{name}` and `*` stand for one piece of a path, `**` for any number of them.
_PIECES = re.compile(r"(?P<piece>\{[^}]*\}|\*(?!\*))|(?P<any>\*\*)|(?P<text>[^{}*]+)")


@dataclass(frozen=True, slots=True)
class AccessRule:
    service: str  # A type of the catalog.
    method: str
    path: str

    @classmethod
    def of(cls, entry: Mapping[str, str]) -> Self:
        """Returns the rule of an entry of `openstack … create --access-rules`."""
        return cls(entry["service"], entry["method"], entry["path"])

    def covers(self, service: str, method: str, path: str) -> bool:
        is_same = self.service == service and self.method == method
        return is_same and re.fullmatch(self._pattern, path) is not None

    @property
    def _pattern(self) -> str:
        pattern = ""
        for match in _PIECES.finditer(self.path):
            if match["piece"]:
                pattern += "[^/]+"
            elif match["any"]:
                pattern += ".*"
            else:
                pattern += re.escape(match["text"])
        return pattern


def is_covered(rules: Iterable[AccessRule], *, service: str, method: str, path: str) -> bool:
    return any(rule.covers(service, method, path) for rule in rules)
