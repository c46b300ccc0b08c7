"""What a saved view keeps of a list's address, and which one is the account's own default."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import QueryDict

from backups.models import SavedView, ViewedList
from backups.models.data_version import data_changed

MOST = 50  # views of one account: more is no help to anybody
MAX_NAME = 60  # characters
MAX_QUERY = 4000  # characters
# Keys of the address that are of the moment: they filter nothing, and no view keeps them.
TRANSIENT_KEYS = ("cursor", "live", "all", "view", "menu")


def lasting_query(query: QueryDict) -> str:
    """Returns the part of a list's address that a view keeps."""
    lasting = QueryDict(mutable=True)
    for key, values in query.lists():
        filled = [value for value in values if value]
        if key not in TRANSIENT_KEYS and filled:
            lasting.setlist(key, filled)
    return lasting.urlencode()


def set_default(view: SavedView) -> None:
    """Makes this the only default view of its account.

    Of two at once the constraint lets one win, and either is what somebody asked for.
    """
    try:
        with transaction.atomic():
            SavedView.objects.filter(user_id=view.user_id, is_default=True).update(is_default=False)
            SavedView.objects.filter(pk=view.pk).update(is_default=True)
            data_changed()
    except IntegrityError:
        return


def unset_default(view: SavedView) -> None:
    SavedView.objects.filter(pk=view.pk).update(is_default=False)
    data_changed()


class BadViewName(ValueError):
    """A view cannot have this name."""


class TooManyViews(Exception):
    """The account has as many views as it may."""


def clean_name(text: str) -> str:
    """Returns the name as it is stored: without NULs, words one blank apart. Raises BadViewName."""
    name = " ".join(text.replace("\x00", "").split())
    if not name or len(name) > MAX_NAME:
        raise BadViewName(f"A view needs a name of at most {MAX_NAME} characters")
    return name


def save_view(
    user: User, name: str, query: str, *, list_name: ViewedList = ViewedList.BACKUPS
) -> SavedView:
    """Stores a view; the name of an older one is taken over, also from another list. Raises
    TooManyViews.
    """
    views = SavedView.objects.filter(user=user)
    if views.count() >= MOST and not views.filter(name=name).exists():
        raise TooManyViews
    values: dict[str, object] = {"query": query, "list_name": list_name}
    if list_name != ViewedList.BACKUPS:
        values["is_default"] = False
    view, _ = SavedView.objects.update_or_create(user=user, name=name, defaults=values)
    data_changed()
    return view


def remove_view(user: User, name: str) -> bool:
    """Deletes a view; returns whether there was one of that name."""
    deleted, _ = SavedView.objects.filter(user=user, name=name).delete()
    data_changed()
    return deleted > 0


def clear_default(user: User) -> None:
    SavedView.objects.filter(user=user, is_default=True).update(is_default=False)
    data_changed()
