"""What was just added: how many have answered, and one press that follows the disks from now on."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from backups.analysis.numbers import thousands
from backups.edits import volume_edits
from backups.reports import added_batch
from backups.shared.access import access_of
from backups.vbs.id_spellings import read_uuid
from backups.web.actor import actor


def batch_url(batch: uuid.UUID) -> str:
    """Returns the list of one batch of added backups; its rows fill in while answers come."""
    return f"{reverse('backups')}?{urlencode({'added': str(batch)})}"


def read_batch(text: str) -> uuid.UUID | None:
    """Returns the batch that an address names; None for anything else, as the time stamps that
    older addresses hold.
    """
    return read_uuid(text)


@require_POST
def follow(request: HttpRequest) -> HttpResponse:
    """Follows new backups of the disks that the backups of a batch are of."""
    batch = read_batch(request.POST.get("added", ""))
    if batch is None:
        messages.error(request, "That address does not say what was added.")
        return redirect("backups")
    volumes = added_batch.volumes_of_batch(batch, access=access_of(request))
    volume_edits.set_follow(volumes, True, actor=actor(request))
    count = len(volumes)
    disks = "disk" if count == 1 else "disks"
    messages.success(request, f"New backups of {thousands(count)} {disks} are tracked from now on.")
    return redirect(batch_url(batch))
