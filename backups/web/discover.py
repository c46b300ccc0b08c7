"""Pick backups from what a cloud lists itself, by disk or name. One call to the cloud a page."""

from collections.abc import Mapping
from dataclasses import dataclass

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from backups.clouds import discover, registry
from backups.clouds.discover import Discovered
from backups.clouds.registry import UnknownCloud
from backups.edits import volume_edits
from backups.edits.common import BadValue
from backups.vbs.errors import VBSError
from backups.web import status
from backups.web.backup_list import volume_names
from backups.web.status import Badge

SIZE = 100
MOST = 10_000_000  # no cloud lists so many backups of a project


class DiscoverForm(forms.Form):
    cloud = forms.CharField(required=False, max_length=255)
    volume_id = forms.CharField(required=False, max_length=255)
    name = forms.CharField(required=False, max_length=255)
    offset = forms.IntegerField(required=False, min_value=0, max_value=MOST)

    def clean_volume_id(self) -> str:
        given: str = self.cleaned_data["volume_id"]
        try:
            return volume_edits.clean_volume_id(given) if given else ""
        except BadValue as e:
            raise forms.ValidationError(str(e)) from e


@dataclass(frozen=True)
class Asked:
    """The answer of the cloud, or why there is none: a sentence."""

    found: Discovered | None = None
    error: str = ""


@require_safe
def discover_list(request: HttpRequest) -> HttpResponse:
    names = sorted(registry.configured())
    form = DiscoverForm(request.GET)
    words = form.cleaned_data if form.is_valid() else {}
    cloud = words.get("cloud") or (names[0] if len(names) == 1 else "")
    asked = _ask(cloud, words) if cloud and form.is_valid() else Asked()
    rows = (
        [{"cloud": cloud, "volume_id": one.volume_id} for one in asked.found.backups]
        if asked.found
        else []
    )
    page = {
        "now": timezone.now(),
        "row_keys": True,
        "tab": "discover",
        "form": form,
        "cloud": cloud,
        "clouds": list(registry.configured().values()),
        "asked": asked,
        "lines": _lines(asked.found),
        "new": sum(not one.tracked for one in asked.found.backups) if asked.found else 0,
        "volume_names": volume_names(rows),
        "following": _address(request, asked.found),
    }
    return render(request, "backups/discover.html", page)


def _ask(cloud: str, words: Mapping[str, object]) -> Asked:
    filters = {word: str(words[word]) for word in ("volume_id", "name") if words.get(word)}
    try:
        return Asked(
            discover.listed(cloud, limit=SIZE, offset=int(str(words.get("offset") or 0)), **filters)
        )
    except UnknownCloud as e:
        return Asked(error=str(e))
    except VBSError as e:
        return Asked(error=f"{cloud} did not give its list. {e.message}")


def _lines(found: Discovered | None) -> list[tuple[discover.Listed, Badge]]:
    return [(one, status.of_status(one.status)) for one in found.backups] if found else []


def _address(request: HttpRequest, found: Discovered | None) -> str:
    if found is None or found.next_offset is None:
        return ""
    following = request.GET.copy()
    following["offset"] = str(found.next_offset)
    return f"?{following.urlencode()}"
