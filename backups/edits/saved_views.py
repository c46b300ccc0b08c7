"""What a saved view keeps of a list's address, and which one is the account's own default."""

from django.db import IntegrityError, transaction
from django.http import QueryDict

from backups.models import SavedView

MOST = 50  # views of one account: more is no help to anybody
MAX_NAME, MAX_QUERY = 60, 4000
PASSING = ("cursor", "live", "all", "view", "added")  # of the moment, not of a view


def kept(query: QueryDict) -> str:
    """What a view keeps of a list's address."""
    rest = query.copy()
    for word in PASSING:
        rest.pop(word, None)
    for word in list(rest):
        if values := [value for value in rest.getlist(word) if value]:
            rest.setlist(word, values)
        else:
            del rest[word]
    return rest.urlencode()


def set_default(view: SavedView) -> None:
    """Two at once: the constraint lets one win, and either is what somebody asked for."""
    try:
        with transaction.atomic():
            SavedView.objects.filter(user_id=view.user_id, is_default=True).update(is_default=False)
            SavedView.objects.filter(pk=view.pk).update(is_default=True)
    except IntegrityError:
        return
