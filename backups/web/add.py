"""Add backups: paste anything that holds IDs."""

from dataclasses import dataclass, replace

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from backups import tasks
from backups.clouds import registry
from backups.clouds.registry import UnknownCloud
from backups.edits import tracking
from backups.edits.pasted_ids import TooMany
from backups.edits.tracking import Verdict
from backups.web import added as just_added
from backups.web import status
from backups.web.status import Badge

NOTHING_PASTED = "Paste at least one backup ID, or anything that holds some."


class AddForm(forms.Form):
    cloud = forms.CharField(
        error_messages={"required": "Choose the cloud that holds these backups."}
    )
    backup_ids = forms.CharField(strip=False, error_messages={"required": NOTHING_PASTED})
    preview = forms.CharField(required=False)

    def clean_backup_ids(self) -> str:
        text: str = self.cleaned_data["backup_ids"]
        if not text.strip():
            raise forms.ValidationError(NOTHING_PASTED)
        return text

    def verdicts(self) -> list[Verdict]:
        """A verdict for each line; what is wrong with the whole stands as an error beside its
        field.
        """
        try:
            return tracking.preview(
                cloud=self.cleaned_data["cloud"], text=self.cleaned_data["backup_ids"]
            )
        except UnknownCloud as e:
            self.add_error("cloud", str(e))
        except TooMany as e:
            self.add_error("backup_ids", str(e))
        return []


@dataclass(frozen=True)
class Line:
    at: int
    verdict: Verdict
    badge: Badge


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        if request.GET.get("discover"):
            return redirect("discover")
        given = {key: request.GET.get(key, "") for key in ("cloud", "backup_ids")}
        return _page(request, AddForm(initial=given), [], written=False)
    given = request.POST.copy()  # the discover tab ticks many
    given["backup_ids"] = "\n".join(request.POST.getlist("backup_ids"))
    form = AddForm(given)
    verdicts = form.verdicts() if form.is_valid() else []
    if form.errors or form.cleaned_data["preview"]:
        return _page(request, form, verdicts, written=False)
    now = timezone.now()
    added = tracking.add(
        cloud=form.cleaned_data["cloud"], values=[form.cleaned_data["backup_ids"]], now=now
    )
    tasks.refresh_soon(added.added)
    if added.invalid:
        new = [
            replace(one, state="new") if one.id in added.added and one.state != "duplicate" else one
            for one in verdicts
        ]
        return _page(request, form, new, written=True)
    if not added.added:
        messages.info(request, _sentence(0, len(added.already_tracked)))
        return (
            redirect("backup", added.already_tracked[0])
            if len(added.already_tracked) == 1
            else redirect("backups")
        )
    if added.already_tracked:
        messages.success(request, _sentence(0, len(added.already_tracked)))
    return redirect(just_added.address(now))


def _page(
    request: HttpRequest, form: AddForm, verdicts: list[Verdict], *, written: bool
) -> HttpResponse:
    counts = {state: sum(one.state == state for one in verdicts) for state in status.VERDICTS}
    page = {
        "form": form,
        "clouds": list(registry.configured().values()),
        "lines": [Line(at, one, _badge(one, written)) for at, one in enumerate(verdicts, 1)],
        "counts": counts,
        "written": written,
        "tab": "paste",
    }
    return render(request, "backups/add.html", page)


def _badge(verdict: Verdict, written: bool) -> Badge:
    return status.VERDICTS["added" if written and verdict.state == "new" else verdict.state]


def _sentence(new: int, known: int) -> str:
    tracked = f"{new:,} {'backup is' if new == 1 else 'backups are'} tracked from now on."
    before = f"{known:,} {'was' if known == 1 else 'were'} tracked already."
    return " ".join([*([tracked] if new else []), *([before] if known else [])])
