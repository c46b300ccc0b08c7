"""Pick backups from what a cloud lists itself, by disk or name. One call to the cloud a page.

A cloud knows disks by their IDs, people by what they are called: the disk that is meant is looked
up here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from backups.analysis.numbers import thousands
from backups.clouds import discover, registry
from backups.clouds.discover import Listed
from backups.clouds.registry import UnknownCloud
from backups.edits import volume_edits
from backups.edits.common import BadValue
from backups.models import Access, Role
from backups.reports.volume_backups import volume_names, volumes_meant
from backups.shared.access import access_of
from backups.shared.role_needed import needs
from backups.vbs.errors import VBSError
from backups.web import status
from backups.web.status import Badge

PAGE_SIZE = 100
MOST_LISTED = 10_000_000  # no cloud lists so many backups of a project
MOST_NAMED = 5  # of the disks that a text may mean


class DiscoverForm(forms.Form):
    cloud = forms.CharField(required=False, max_length=255)
    volume_id = forms.CharField(required=False, max_length=255)
    name = forms.CharField(required=False, max_length=255)
    offset = forms.IntegerField(required=False, min_value=0, max_value=MOST_LISTED)

    def chosen_cloud(self, names: Sequence[str]) -> str:
        """Returns the cloud to ask: the only one of `names`, when none was chosen; "" for none."""
        chosen: str = self.cleaned_data["cloud"] if self.is_valid() else ""
        if not chosen and len(names) == 1:
            return names[0]
        return chosen


@dataclass(frozen=True)
class CloudList:
    """`error` is a sentence; `is_answered` is false as well while nobody asked."""

    is_answered: bool = False
    backups: tuple[Listed, ...] = ()
    next_offset: int | None = None
    error: str = ""


@dataclass(frozen=True)
class Line:
    backup: Listed
    badge: Badge


@dataclass(frozen=True)
class Group:
    """Some of what a page of the cloud's list holds, under one heading."""

    title: str
    lines: Sequence[Line]


@needs(Role.OPERATOR)
@require_safe
def discover_list(request: HttpRequest) -> HttpResponse:
    access = access_of(request)
    clouds = registry.configured_for(access)
    form = DiscoverForm(request.GET)
    cloud = form.chosen_cloud(list(clouds))
    listed = CloudList()
    if cloud and form.is_valid():
        try:
            volume_id = _volume_meant(cloud, form.cleaned_data["volume_id"], access)
        except BadValue as e:
            form.add_error("volume_id", str(e))
        else:
            listed = _list(cloud, volume_id, form, access)
    keys_of_volumes = [(cloud, backup.volume_id) for backup in listed.backups]
    names = volume_names(keys_of_volumes, access=access)
    new, tracked = _in_order(listed.backups, cloud, names)
    page = {
        "now": timezone.now(),
        "row_keys": True,
        "tab": "discover",
        "form": form,
        "cloud": cloud,
        "clouds": list(clouds.values()),
        "listed": listed,
        "groups": [group for group in (new, tracked) if group.lines],
        "count": len(listed.backups),
        "new": len(new.lines),
        "volume_names": names,
        "following": _next_page_url(request, listed),
    }
    return render(request, "backups/discover.html", page)


def _in_order(
    backups: Sequence[Listed], cloud: str, names: Mapping[tuple[str, str], str]
) -> tuple[Group, Group]:
    """Returns what is not tracked yet, and what is, each by what its disk is called; those of a
    disk as the cloud lists them, the newest first.
    """

    def place(backup: Listed) -> tuple[bool, str]:
        volume_id = backup.volume_id or ""
        name = names.get((cloud, volume_id))
        # Those without a name come behind, by their IDs.
        return name is None, name or volume_id

    new: list[Line] = []
    tracked: list[Line] = []
    for backup in sorted(backups, key=place):
        line = Line(backup, status.of_status(backup.status))
        (tracked if backup.tracked else new).append(line)
    return Group("Not tracked yet", new), Group("Tracked already", tracked)


def _volume_meant(cloud: str, text: str, access: Access) -> str:
    """Returns the ID of the disk that is called so, or has this ID; "" for any. Raises BadValue."""
    if not text:
        return ""
    meant = volumes_meant(cloud, text, access=access)
    if len(meant) == 1:
        volume_id, _ = meant[0]
        return volume_id
    if meant:
        titles = ", ".join(title[:80] for _, title in meant[:MOST_NAMED])
        more = ", …" if len(meant) > MOST_NAMED else ""
        sentence = f"“{text[:80]}” may be {thousands(len(meant))} disks: {titles}{more}."
        raise BadValue("volume_id", f"{sentence} Write more of the name, or the ID.")
    return volume_edits.clean_volume_id(text)


def _list(cloud: str, volume_id: str, form: DiscoverForm, access: Access) -> CloudList:
    data = form.cleaned_data
    filters = {}
    if volume_id:
        filters["volume_id"] = volume_id
    if data["name"]:
        filters["name"] = data["name"]
    try:
        page = discover.listed(
            cloud, access=access, limit=PAGE_SIZE, offset=data["offset"] or 0, **filters
        )
    except UnknownCloud as e:
        return CloudList(error=str(e))
    except VBSError as e:
        return CloudList(error=f"{cloud} did not give its list. {e.message_with_request}")
    return CloudList(is_answered=True, backups=tuple(page.backups), next_offset=page.next_offset)


def _next_page_url(request: HttpRequest, listed: CloudList) -> str:
    if listed.next_offset is None:
        return ""
    query = request.GET.copy()
    query["offset"] = str(listed.next_offset)
    return f"?{query.urlencode()}"
