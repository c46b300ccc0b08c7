"""Many backups at once, from the list: those that are ticked, or all that its address finds."""

import uuid
from collections.abc import Callable, Mapping

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from backups import tasks
from backups.edits import backup_edits, tracking
from backups.edits.common import Actor, BadValue, clean_tags
from backups.models import Backup
from backups.query.backups import BACKUPS
from backups.query.list_query import InvalidQuery, parse, query_of
from backups.query.page import Pages
from backups.web import backup_list, saved_views

MAX_TICKED = 1000


@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """`query`, the list's own, says what "all" is; `do` what is to be done."""
    do = _DO.get(request.POST.get("do", ""))
    try:
        query = query_of(request.POST.get("query", ""))
        selection = parse(query, BACKUPS, ignored_keys=backup_list.BESIDE, blank_is_any=True)
    except InvalidQuery as e:
        return backup_list.refuse(request, e.errors, e.valid_part)
    everything = request.POST.get("all") == "1"
    ticked = _ids(request.POST.getlist("id"))
    if request.POST.get("do") == "export":
        return _export(query, [] if everything else ticked)
    if do is None or not (everything or ticked):
        return _say(request, "Nothing is selected: tick some backups first.", good=False)
    if everything:
        pages = Pages(BACKUPS, selection, timezone.now(), rows=Backup.objects.all())
        ticked = [str(pk) for pk in pages.matching.values_list("pk", flat=True)]
    return do(request, ticked)


def _refresh(request: HttpRequest, ids: list[str]) -> HttpResponse:
    n = tracking.refresh_now(ids, timezone.now())
    tasks.refresh_soon(ids)
    return _say(request, f"{n:,} {'backup is' if n == 1 else 'backups are'} asked about now.")


def _tag(request: HttpRequest, ids: list[str]) -> HttpResponse:
    try:
        tags = clean_tags(request.POST.get("tag", "").split(","))
        if not tags:
            return _say(request, "Write a tag first; nothing was changed.", good=False)
        off = request.POST.get("do") == "untag"
        add, remove = ([], tags) if off else (tags, [])
        actor = Actor(by=request.user.get_username(), now=timezone.now())
        n = backup_edits.add_tags([uuid.UUID(one) for one in ids], add, remove, actor=actor)
    except BadValue as e:
        return _say(request, f"Nothing was changed. {e}", good=False)
    shown = ", ".join(tags)
    return _say(
        request,
        f"{shown}: {'taken off' if off else 'put on'} {n:,} {'backup' if n == 1 else 'backups'}.",
    )


def _untrack(request: HttpRequest, ids: list[str]) -> HttpResponse:
    """Asked twice: what is known of them here is forgotten."""
    if request.POST.get("sure") != "1":
        everything = request.POST.get("all") == "1"
        page = {
            "n": len(ids),
            "ids": [] if everything else ids,
            "all": everything,
            "query": request.POST.get("query", ""),
        }
        return render(request, "backups/untrack.html", page)
    n = tracking.untrack(ids)
    word = "backup is" if n == 1 else "backups are"
    return _say(request, f"{n:,} {word} not tracked any more. Nothing was changed in a cloud.")


def _export(given: QueryDict, ids: list[str]) -> HttpResponse:
    """As CSV: the ticked ones, else all that match."""
    query = urlencode({"id": ids}, doseq=True) if ids else _filters(given)
    return redirect(f"{reverse('api-csv')}{'?' if query else ''}{query}")


def _filters(given: QueryDict) -> str:
    rest = given.copy()
    for word in backup_list.BESIDE:
        rest.pop(word, None)
    for word in [word for word in rest if not any(rest.getlist(word))]:
        del rest[word]
    return rest.urlencode()


def _say(request: HttpRequest, sentence: str, *, good: bool = True) -> HttpResponse:
    """Back to the same list; a script gets the sentence alone and looks again by itself."""
    if "HX-Request" in request.headers:
        answer = trigger_client_event(HttpResponse(status=204), "notice", {"value": sentence})
        return trigger_client_event(answer, "poll-fast", {}) if good else answer
    (messages.success if good else messages.error)(request, sentence)
    return redirect(saved_views.address(request.POST.get("query", "")))


def _ids(values: list[str]) -> list[str]:
    """Of the ticked rows; what is no ID comes from no page of ours and is nothing to act on."""
    found = []
    for value in values[:MAX_TICKED]:
        try:
            found.append(str(uuid.UUID(value)))
        except ValueError:
            continue
    return found


_DO: Mapping[str, Callable[[HttpRequest, list[str]], HttpResponse]] = {
    "refresh": _refresh,
    "tag": _tag,
    "untag": _tag,
    "untrack": _untrack,
}
