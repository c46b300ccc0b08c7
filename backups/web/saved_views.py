"""Saved views: a name for a list's filters, columns and order. One of them may be what
the bare list shows.
"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from backups.edits.saved_views import (
    MAX_QUERY,
    MOST,
    BadViewName,
    TooManyViews,
    clean_name,
    clear_default,
    lasting_query,
    remove_view,
    save_view,
    set_default,
)
from backups.models import Role, SavedView, ViewedList
from backups.shared.role_needed import needs
from backups.web.back import back_to_sender
from backups.web.time_zone import owner


def list_url(query: str) -> str:
    """Returns the list's address with this query. The bare address shows the default view, so a
    query that is empty asks for all.
    """
    return f"{reverse('backups')}?{query or 'view=all'}"


def volumes_url(query: str) -> str:
    """Returns the address of the list of disks with this query."""
    return f"{reverse('volumes')}{'?' if query else ''}{query}"


def url_of(list_name: str, query: str) -> str:
    """Returns the address of a list with this query."""
    return volumes_url(query) if list_name == ViewedList.VOLUMES else list_url(query)


def _list_name(request: HttpRequest) -> ViewedList:
    """Returns the list that a form is about; that of backups where it names none."""
    text = request.POST.get("list", "")
    return ViewedList(text) if text in ViewedList.values else ViewedList.BACKUPS


@needs(Role.VIEWER)
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Stores the list's address under a name; the name of an older view is taken over."""
    query = lasting_query(QueryDict(request.POST.get("query", "")[:MAX_QUERY]))
    list_name = _list_name(request)
    back_to_list = redirect(url_of(list_name, query))
    try:
        name = clean_name(request.POST.get("name", ""))
        view = save_view(owner(request), name, query, list_name=list_name)
    except BadViewName as e:
        messages.error(request, f"{e}; it was not saved.")
        return back_to_list
    except TooManyViews:
        messages.error(request, f"You have {MOST} views already: remove one first.")
        return back_to_list
    if request.POST.get("default") and list_name == ViewedList.BACKUPS:
        set_default(view)
    messages.success(
        request, f"“{name}” is saved. Its address shows the same list to everybody here."
    )
    return back_to_list


@needs(Role.VIEWER)
@require_POST
def make_default(request: HttpRequest, view_id: int) -> HttpResponse:
    own = get_object_or_404(
        SavedView, pk=view_id, user=owner(request), list_name=ViewedList.BACKUPS
    )
    set_default(own)
    return back_to_sender(request)


@needs(Role.VIEWER)
@require_POST
def no_default(request: HttpRequest) -> HttpResponse:
    clear_default(owner(request))
    return back_to_sender(request)


@needs(Role.VIEWER)
@require_POST
def remove(request: HttpRequest, view_id: int) -> HttpResponse:
    view = get_object_or_404(SavedView, pk=view_id, user=owner(request))
    remove_view(view.user, view.name)
    messages.success(request, f"The view “{view.name}” is removed; no backup is touched.")
    return back_to_sender(request)
