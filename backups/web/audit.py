"""Who did what, for admins: newest first, filtered, and as a table to take along."""

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from backups.models import ActorKind, ObjectKind, Outcome, Role, Verb
from backups.query.audit import AUDIT, AUDIT_FIELDS
from backups.query.cursor import LAST
from backups.query.list_query import InvalidQuery, ListQuery, parse, without
from backups.query.order import Row
from backups.reports import audit as audit_report
from backups.reports.clouds import cloud_names
from backups.shared.access import access_of
from backups.shared.role_needed import needs
from backups.web import status
from backups.web.chips import chips, title
from backups.web.clean_address import clean_address
from backups.web.page_cursor import page_cursor
from backups.web.time_zone import owner, zone
from backups.web.volume_url import volume_url

PAGE_SIZE = 50
NO_FILTERS = ("cursor",)


@needs(Role.ADMIN)
@require_safe
@clean_address()
def audit(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    try:
        selection = _selection(request.GET)
        cursor = page_cursor(request.GET, AUDIT, selection)
    except InvalidQuery as e:
        refusal = {"problems": e.errors, "rest": e.valid_part, "list_url": reverse("audit")}
        return render(request, "backups/bad_filter.html", refusal, status=400)
    access = access_of(request)
    pages = audit_report.pages(selection, now, access=access, user=owner(request))
    page = pages.page(cursor, PAGE_SIZE, *AUDIT_FIELDS, count=True)
    filters = chips(request.GET, selection, zone(request))
    context = {
        "chips": filters,
        "title": title("Who did what", page.matching, filters),
        "now": now,
        "page": page,
        "entries": [_entry(row) for row in page.rows],
        "filters": selection,
        "chosen": selection.raw_values,
        "rest": without(request.GET),
        "export": _export(request.GET),
        "last": LAST.write(AUDIT, selection.ordering),
        "limited": access.clouds is not None,
        "verbs": Verb.values,
        "object_kinds": ObjectKind.values,
        "actor_kinds": ActorKind.values,
        "outcomes": Outcome.values,
        "cloud_names": sorted(cloud_names(access=access)),
    }
    return render(request, "backups/audit.html", context)


def _selection(query: QueryDict) -> ListQuery:
    """Raises InvalidQuery."""
    selection = parse(query, AUDIT, ignored_keys=NO_FILTERS, blank_is_any=True)
    if selection.tags:
        raise InvalidQuery({"tag": "There are no tags here."}, without(query, "tag", "tags"))
    return selection


def _entry(row: Row) -> dict[str, object]:
    return {
        **row,
        "badge": status.AUDIT_OUTCOMES[row["outcome"]],
        "href": _href(row),
        "changes": audit_report.changes(row["before"], row["after"]),
    }


def _href(row: Row) -> str:
    """Returns where the object is; an empty text where it has no page."""
    is_gone = row["verb"] in (Verb.BACKUP_UNTRACK, Verb.BACKUP_PURGE)
    if row["object_kind"] == ObjectKind.BACKUP and not is_gone:
        return _backup_url(row["object_id"])
    if row["object_kind"] == ObjectKind.VOLUME:
        return volume_url(row["cloud"] or "", row["object_id"]) or ""
    return ""


def _backup_url(backup_id: str) -> str:
    """Returns an empty text for a row that tells of many backups, and so has no ID."""
    try:
        return reverse("backup", args=(backup_id,))
    except NoReverseMatch:
        return ""


def _export(query: QueryDict) -> str:
    """Returns the address of the CSV with the filters of the page."""
    filters = query.copy()
    filters.pop("cursor", None)
    for key in list(filters):
        values = [value for value in filters.getlist(key) if value.strip()]
        filters.setlist(key, values)
        if not values:
            del filters[key]
    text = filters.urlencode()
    return f"{reverse('api-audit-csv')}{'?' if text else ''}{text}"
