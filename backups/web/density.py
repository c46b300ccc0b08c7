"""How closely the rows of lists stand: one line each, or as many as a row says."""

from django.http import HttpRequest, QueryDict

from backups.web.time_zone import reader

KEY = "density"
COMPACT = "compact"


def is_compact(request: HttpRequest, query: QueryDict) -> bool:
    """Returns what the address asks for, as `density=compact` (a view may keep it, and a screen on
    a wall), else what the account keeps.
    """
    asked = query.get(KEY)
    if asked:
        return asked == COMPACT
    return reader(request).compact_lists


def path_without(request: HttpRequest, query: QueryDict) -> str:
    """Returns the page's address without what it asks for, so that the account's counts."""
    rest = query.copy()
    rest.pop(KEY, None)
    return f"{request.path}?{rest.urlencode() or 'view=all'}"
