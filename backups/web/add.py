"""Add backups: paste anything that holds IDs."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from backups import tasks
from backups.analysis.numbers import thousands
from backups.clouds import registry
from backups.clouds.registry import UnknownCloud
from backups.edits import tracking
from backups.edits.pasted_ids import MAX_SHOWN, Line, read_ids
from backups.edits.pasted_notes import Remarks, read_remarks
from backups.edits.pasted_pieces import TooMany
from backups.edits.tracking import Added, Verdict
from backups.models import Access, Role
from backups.shared.access import access_of
from backups.shared.role_needed import needs
from backups.web import status
from backups.web.added import batch_url
from backups.web.sent_files import MOST_FILE_BYTES, FileRefused, pasted_files
from backups.web.status import Badge

NOTHING_PASTED = "Paste at least one backup ID, or anything that holds some."


class PastedText(forms.CharField):
    """A text that may hold any character: the verdict on an ID names one that none can have."""

    def run_validators(self, value: object) -> None:
        """Refuses nothing, NUL neither."""


class AddForm(forms.Form):
    """The pasted text is parsed once: `cleaned_data["backup_ids"]` holds its lines."""

    cloud = forms.CharField(
        error_messages={"required": "Choose the cloud that holds these backups."}
    )
    backup_ids = PastedText(strip=False, error_messages={"required": NOTHING_PASTED})
    preview = forms.CharField(required=False)

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._access = access
        # Notes and tags in the pasted text, by ID.
        self.remarks: dict[str, Remarks] = {}

    def clean_cloud(self) -> str:
        """Refuses a cloud that is not open to the reader as one that is not configured."""
        cloud: str = self.cleaned_data["cloud"]
        if cloud not in registry.configured_for(self._access):
            raise forms.ValidationError(str(UnknownCloud(cloud, self._access)))
        return cloud

    def clean_backup_ids(self) -> list[Line]:
        text: str = self.cleaned_data["backup_ids"]
        if not text.strip():
            raise forms.ValidationError(NOTHING_PASTED)
        self.remarks = read_remarks(text)
        try:
            return read_ids(text)
        except TooMany as e:
            raise forms.ValidationError(str(e)) from e

    def verdicts(self) -> list[Verdict]:
        """Returns a verdict for each line."""
        return tracking.preview(
            cloud=self.cleaned_data["cloud"],
            lines=self.cleaned_data["backup_ids"],
            access=self._access,
            remarks=self.remarks,
        )


@dataclass(frozen=True)
class VerdictLine:
    """A line of the table of verdicts; `at` counts from 1."""

    at: int
    verdict: Verdict
    badge: Badge


@needs(Role.OPERATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        if request.GET.get("discover"):
            return redirect("discover")
        initial = {
            "cloud": request.GET.get("cloud", ""),
            "backup_ids": request.GET.get("backup_ids", ""),
        }
        form = AddForm(initial=initial, access=access_of(request))
        return _page(request, form, [], written=False)
    data = request.POST.copy()
    # The page "discover" sends one value for each backup that is ticked.
    texts = request.POST.getlist("backup_ids")
    try:
        texts += pasted_files(request)
    except FileRefused as e:
        form = AddForm(data, access=access_of(request))
        form.full_clean()
        form.errors.pop("backup_ids", None)
        form.add_error("backup_ids", str(e))
        return _page(request, form, [], written=False)
    text = "\n".join(text for text in texts if text.strip())
    data["backup_ids"] = text
    form = AddForm(data, access=access_of(request))
    verdicts = form.verdicts() if form.is_valid() else []
    if form.errors or form.cleaned_data["preview"]:
        return _page(request, form, verdicts, written=False)
    batch = uuid.uuid4()
    added = tracking.add_lines(
        cloud=form.cleaned_data["cloud"],
        lines=form.cleaned_data["backup_ids"],
        now=timezone.now(),
        access=access_of(request),
        batch=batch,
        remarks=form.remarks,
    )
    tasks.refresh_soon(added.added)
    if added.invalid:
        verdicts = _as_written(verdicts, added)
        data["backup_ids"] = _what_is_wrong(verdicts, text)
        form = AddForm(data, access=access_of(request))
        added_url = batch_url(batch) if added.added else ""
        return _page(request, form, verdicts, written=True, added_url=added_url)
    if not added.added and not added.already_tracked:
        messages.info(request, _only_left_out(verdicts))
        return redirect("backups")
    if not added.added:
        messages.info(request, _already_tracked(added))
        if len(added.already_tracked) == 1:
            return redirect("backup", added.already_tracked[0])
        return redirect("backups")
    if added.already_tracked:
        messages.success(request, _already_tracked(added))
    return redirect(batch_url(batch))


def _as_written(verdicts: list[Verdict], added: Added) -> list[Verdict]:
    """Returns the verdicts with what was really added as new: others may add at the same time."""
    ids = set(added.added)
    written = []
    for verdict in verdicts:
        if verdict.id in ids and verdict.state != "duplicate":
            verdict = replace(verdict, state="new")
        written.append(verdict)
    return written


def _what_is_wrong(verdicts: Sequence[Verdict], text: str) -> str:
    """Returns the lines that are to be corrected, or the whole text when one of them is too long to
    be echoed whole.
    """
    values = [verdict.value for verdict in verdicts if verdict.state == "invalid"]
    if any(len(value) > MAX_SHOWN for value in values):
        return text
    return "\n".join(values)


def _page(
    request: HttpRequest,
    form: AddForm,
    verdicts: list[Verdict],
    *,
    written: bool,
    added_url: str = "",
) -> HttpResponse:
    counts = dict.fromkeys(status.VERDICTS, 0)
    lines = []
    for number, verdict in enumerate(verdicts, start=1):
        counts[verdict.state] += 1
        shown_state = "added" if written and verdict.state == "new" else verdict.state
        lines.append(VerdictLine(number, verdict, status.VERDICTS[shown_state]))
    page = {
        "form": form,
        "clouds": list(registry.configured_for(access_of(request)).values()),
        "lines": lines,
        "counts": counts,
        "written": written,
        "added_url": added_url,
        "most_mib": MOST_FILE_BYTES // 2**20,
        "tab": "paste",
    }
    return render(request, "backups/add.html", page)


def _only_left_out(verdicts: list[Verdict]) -> str:
    reasons = dict.fromkeys(verdict.reason for verdict in verdicts if verdict.reason)
    return f"Nothing was added: the text holds no ID of a backup ({'; '.join(reasons)})."


def _already_tracked(added: Added) -> str:
    count = len(added.already_tracked)
    return f"{thousands(count)} {'was' if count == 1 else 'were'} tracked already."
