"""How closely the rows of lists stand: one line each, or as many as a row says."""

from django.http import HttpRequest, QueryDict

from backups.query.list_query import InvalidQuery, without
from backups.web.time_zone import reader

KEY = "density"
COMPACT = "compact"
ROOMY = "roomy"


def check(query: QueryDict) -> None:
    """Raises InvalidQuery for a density that there is not."""
    asked = query.get(KEY, "")
    if asked not in ("", COMPACT, ROOMY):
        sentence = f"cannot be “{asked[:80]}”. It can be: {COMPACT}, {ROOMY}."
        raise InvalidQuery({KEY: sentence}, without(query, KEY))


def is_compact(request: HttpRequest, query: QueryDict) -> bool:
    """Returns what the address asks for, as `density=compact` (a view may keep it, and a screen on
    a wall), else what the account keeps.
    """
    asked = query.get(KEY)
    if asked:
        return asked == COMPACT
    return reader(request).compact_lists


def path_without(address: str) -> str:
    """Returns the path and query of a page without what it asks for, so that the account's
    counts.
    """
    path, _, query = address.partition("?")
    rest = QueryDict(query, mutable=True)
    rest.pop(KEY, None)
    return f"{path}?{rest.urlencode()}" if rest else path
