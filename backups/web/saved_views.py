"""Saved views: a name for a list's filters, columns and order. One of them may be what the bare list shows."""

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from backups.models import SavedView
from backups.web.zone import owner

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


def address(query: str) -> str:
    return f"{reverse('backups')}?{query or 'view=all'}"


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep the list's address under a name; the name of an older view is taken over."""
    name = " ".join(request.POST.get("name", "").replace("\x00", "").split())
    query = kept(QueryDict(request.POST.get("query", "")[:MAX_QUERY]))
    if not name or len(name) > MAX_NAME:
        messages.error(request, f"A view needs a name of at most {MAX_NAME} characters; it was not saved.")
        return redirect(address(query))
    mine = SavedView.objects.filter(user=owner(request))
    if mine.count() >= MOST and not mine.filter(name=name).exists():
        messages.error(request, f"You have {MOST} views already: remove one first.")
        return redirect(address(query))
    view, _ = SavedView.objects.update_or_create(user=owner(request), name=name, defaults={"query": query})
    if request.POST.get("default"):
        set_default(view)
    messages.success(request, f"“{name}” is saved. Its address shows the same list to everybody here.")
    return redirect(address(query))


@require_POST
def make_default(request: HttpRequest, view_id: int) -> HttpResponse:
    set_default(get_object_or_404(SavedView, pk=view_id, user=owner(request)))
    return _back(request)


@require_POST
def no_default(request: HttpRequest) -> HttpResponse:
    SavedView.objects.filter(user=owner(request), is_default=True).update(is_default=False)
    return _back(request)


@require_POST
def remove(request: HttpRequest, view_id: int) -> HttpResponse:
    view = get_object_or_404(SavedView, pk=view_id, user=owner(request))
    view.delete()
    messages.success(request, f"The view “{view.name}” is removed; no backup is touched.")
    return _back(request)


def set_default(view: SavedView) -> None:
    """Two at once: the constraint lets one win, and either is what somebody asked for."""
    try:
        with transaction.atomic():
            SavedView.objects.filter(user_id=view.user_id, is_default=True).update(is_default=False)
            SavedView.objects.filter(pk=view.pk).update(is_default=True)
    except IntegrityError:
        return


def _back(request: HttpRequest) -> HttpResponse:
    to = request.POST.get("next", "")
    is_ours = to.startswith("/") and url_has_allowed_host_and_scheme(to, allowed_hosts=None)
    return HttpResponseRedirect(to if is_ours else reverse("account"))
