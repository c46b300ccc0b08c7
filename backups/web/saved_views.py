"""Saved views: a name for a list's filters, columns and order. One of them may be what the bare
list shows.
"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from backups.edits.saved_views import MAX_NAME, MAX_QUERY, MOST, lasting_query, set_default
from backups.models import SavedView
from backups.web.zone import owner


def address(query: str) -> str:
    return f"{reverse('backups')}?{query or 'view=all'}"


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep the list's address under a name; the name of an older view is taken over."""
    name = " ".join(request.POST.get("name", "").replace("\x00", "").split())
    query = lasting_query(QueryDict(request.POST.get("query", "")[:MAX_QUERY]))
    if not name or len(name) > MAX_NAME:
        messages.error(
            request, f"A view needs a name of at most {MAX_NAME} characters; it was not saved."
        )
        return redirect(address(query))
    mine = SavedView.objects.filter(user=owner(request))
    if mine.count() >= MOST and not mine.filter(name=name).exists():
        messages.error(request, f"You have {MOST} views already: remove one first.")
        return redirect(address(query))
    view, _ = SavedView.objects.update_or_create(
        user=owner(request), name=name, defaults={"query": query}
    )
    if request.POST.get("default"):
        set_default(view)
    messages.success(
        request, f"“{name}” is saved. Its address shows the same list to everybody here."
    )
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


def _back(request: HttpRequest) -> HttpResponse:
    to = request.POST.get("next", "")
    is_ours = to.startswith("/") and url_has_allowed_host_and_scheme(to, allowed_hosts=None)
    return HttpResponseRedirect(to if is_ours else reverse("account"))
