"""The list's filters, out of its URL. A repeated key means OR; an unknown word or a bad value is never ignored."""

from dataclasses import dataclass

from django.db.models import Q
from django.http import QueryDict

from backups.models.backup import KINDS, TRACKING_STATES, BackupQuerySet

WORDS = ("status", "cloud", "kind", "tracking_state", "volume_id")
CHOICES = {"kind": KINDS, "tracking_state": TRACKING_STATES}
PARAMETERS = frozenset({*WORDS, "q", "cursor", "live"})
SEARCHED = ("name", "description", "id", "volume_id", "fail_reason")
MAX_TEXT = 200


class BadFilter(ValueError):
    """`problems`: a sentence for each word; `rest`: the query string without them."""

    def __init__(self, problems: dict[str, str], rest: str) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems, self.rest = problems, rest


@dataclass(frozen=True)
class Filters:
    status: list[str]
    cloud: list[str]
    kind: list[str]
    tracking_state: list[str]
    volume_id: list[str]
    q: str

    @property
    def any(self) -> bool:
        return bool(self.q or any(getattr(self, word) for word in WORDS))


def parse(query: QueryDict) -> Filters:
    """Raises BadFilter. Empty values are what an untouched form sends: they filter nothing."""
    problems: dict[str, str] = {}
    for key in query:
        if key not in PARAMETERS:
            problems[key] = f"“{key[:80]}” is no filter of this list. There are: {', '.join(sorted(PARAMETERS))}."
        elif sentence := _problem(key, _values(query, key)):
            problems[key] = sentence
    if problems:
        raise BadFilter(problems, without(query, *problems))
    return Filters(**{word: _values(query, word) for word in WORDS}, q="".join(_values(query, "q")[-1:]))


def apply(rows: BackupQuerySet, filters: Filters) -> BackupQuerySet:
    """`rows` must carry `tracking_state`."""
    for word in WORDS:
        if values := getattr(filters, word):
            wanted = Q(**{f"{word}__in": [value for value in values if value != "null"]})
            rows = rows.filter(wanted | Q(**{f"{word}__isnull": True}) if "null" in values else wanted)
    if filters.q:
        found = Q()
        for word in SEARCHED:
            found |= Q(**{f"{word}__icontains": filters.q})
        rows = rows.filter(found)
    return rows


def without(query: QueryDict, *keys: str) -> str:
    """The query string without these words and the place in the pages."""
    rest = query.copy()
    for key in {*keys, "cursor"}:
        rest.pop(key, None)
    return rest.urlencode()


def _values(query: QueryDict, key: str) -> list[str]:
    return [value.strip() for value in query.getlist(key) if value.strip()]


def _problem(key: str, values: list[str]) -> str | None:
    choices = CHOICES.get(key)
    for value in values:
        if "\x00" in value or (len(value) > MAX_TEXT and key != "cursor"):
            return f"{key} holds what no backup can hold: write at most {MAX_TEXT} characters and no NUL."
        if choices is not None and value not in choices:
            return f"{key} cannot be “{value[:80]}”. It can be: {', '.join(choices)}."
    return None
