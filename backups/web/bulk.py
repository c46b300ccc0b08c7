"""Many backups at once, from the list: those that are ticked, or all that its address finds."""

import uuid
from collections.abc import Callable, Mapping

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from backups import tasks
from backups.analysis.numbers import thousands
from backups.edits import backup_edits, tracking
from backups.edits.common import BadValue, clean_tags
from backups.query.list_query import InvalidQuery, query_of
from backups.reports.backup_pages import backup_ids
from backups.shared.access import access_of
from backups.vbs.id_spellings import read_uuid
from backups.web import asked, backup_list, saved_views, untrack
from backups.web.actor import actor
from backups.web.csv_export import csv_url
from backups.web.htmx import HtmxHttpRequest

MAX_TICKED = 1000


@require_POST
def bulk(request: HtmxHttpRequest) -> HttpResponse:
    """`query`, the list's own, says what "all" is; `do` what is to be done."""
    action_name = request.POST.get("do", "")
    try:
        query = query_of(request.POST.get("query", ""))
        selection = backup_list.read_selection(query)
    except InvalidQuery as e:
        return backup_list.refuse(request, e.errors, e.valid_part)
    everything = request.POST.get("all") == "1"
    ids = _valid_ids(request.POST.getlist("id"))
    if action_name in ("export", "export_for_excel"):
        for_excel = action_name == "export_for_excel"
        return _export(request, query, [] if everything else ids, for_excel=for_excel)
    action = _ACTIONS.get(action_name)
    if action is None or not (everything or ids):
        return _answer(request, "Nothing is selected: tick some backups first.", success=False)
    if everything:
        ids = backup_ids(selection, timezone.now(), access=access_of(request))
    else:
        # What lies in other clouds is not counted either.
        ids = tracking.in_open_clouds(ids, access_of(request))
    return action(request, ids)


def _refresh(request: HtmxHttpRequest, ids: list[str]) -> HttpResponse:
    now = timezone.now()
    count = tracking.refresh_now(ids, now, access_of(request))
    tasks.refresh_soon(ids)
    asked.follow(request, asked.LIST, ids, total=count, at=now)
    backups = "backup is" if count == 1 else "backups are"
    return _answer(request, f"{thousands(count)} {backups} asked about now.", is_followed=True)


def _put_tags_on(request: HtmxHttpRequest, ids: list[str]) -> HttpResponse:
    return _change_tags(request, ids, remove=False)


def _take_tags_off(request: HtmxHttpRequest, ids: list[str]) -> HttpResponse:
    return _change_tags(request, ids, remove=True)


def _change_tags(request: HtmxHttpRequest, ids: list[str], *, remove: bool) -> HttpResponse:
    pks = [uuid.UUID(backup_id) for backup_id in ids]
    try:
        tags = clean_tags(request.POST.get("tag", "").split(","))
        if not tags:
            return _answer(request, "Write a tag first; nothing was changed.", success=False)
        if remove:
            count = backup_edits.add_tags(pks, [], tags, actor=actor(request))
        else:
            count = backup_edits.add_tags(pks, tags, actor=actor(request))
    except BadValue as e:
        return _answer(request, f"Nothing was changed. {e}", success=False)
    done = "taken off" if remove else "put on"
    backups = "backup" if count == 1 else "backups"
    return _answer(request, f"{', '.join(tags)}: {done} {thousands(count)} {backups}.")


def _untrack(request: HtmxHttpRequest, ids: list[str]) -> HttpResponse:
    """Asks twice, and puts them into the trash."""
    if not untrack.is_meant(request, ids):
        return untrack.ask(request, ids)
    count, undo = untrack.untrack(request, ids)
    backups = "backup is" if count == 1 else "backups are"
    sentence = f"{thousands(count)} {backups} in the trash. Nothing was changed in a cloud."
    return _answer(request, sentence, tags=undo if count else "")


def _export(
    request: HtmxHttpRequest, query: QueryDict, ids: list[str], *, for_excel: bool
) -> HttpResponse:
    """Redirects to the CSV of the ticked backups, else of all that match."""
    url = csv_url(query, ids, access=access_of(request), for_excel=for_excel)
    if url is None:
        sentence = "Nothing is left of what was added: there is nothing to export."
        return _answer(request, sentence, success=False)
    return redirect(url)


def _answer(
    request: HtmxHttpRequest,
    sentence: str,
    *,
    success: bool = True,
    tags: str = "",
    is_followed: bool = False,
) -> HttpResponse:
    """Redirects to the same list; a script gets the sentence alone and polls again by itself.

    `is_followed`: the list itself says how it goes on.
    """
    if request.htmx:
        response = trigger_client_event(HttpResponse(status=204), "notice", {"value": sentence})
        return trigger_client_event(response, "poll-fast", {}) if success else response
    level = messages.SUCCESS if success else messages.ERROR
    if not is_followed:
        messages.add_message(request, level, sentence, extra_tags=tags)
    return redirect(saved_views.list_url(request.POST.get("query", "")))


def _valid_ids(values: list[str]) -> list[str]:
    """Drops what is no ID: it comes from no page of ours and is nothing to act on."""
    ids = []
    for value in values[:MAX_TICKED]:
        backup_id = read_uuid(value)
        if backup_id is not None:
            ids.append(str(backup_id))
    return list(dict.fromkeys(ids))


_ACTIONS: Mapping[str, Callable[[HtmxHttpRequest, list[str]], HttpResponse]] = {
    "refresh": _refresh,
    "tag": _put_tags_on,
    "untag": _take_tags_off,
    "untrack": _untrack,
}
