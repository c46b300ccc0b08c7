"""The list of backups, and what is done with some of them."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from backups import tasks
from backups.edits import tracking
from backups.web.backup import not_tracked


@require_POST
def refresh(request: HttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    if not tracking.refresh_now([str(backup_id)], timezone.now()):
        return not_tracked(request, backup_id)
    tasks.refresh_soon([str(backup_id)])
    messages.success(request, "The cloud is being asked about this backup now.")
    return redirect("backup", backup_id)


@require_POST
def untrack(request: HttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    if not tracking.untrack([str(backup_id)]):
        return not_tracked(request, backup_id)
    messages.success(
        request, f"{backup_id} is not tracked any more. Nothing was changed in the cloud."
    )
    return redirect("backups")
