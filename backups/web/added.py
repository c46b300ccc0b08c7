"""What was just added: how many have answered, and one press that follows the disks from now on."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from backups.edits import volume_edits
from backups.edits.common import Actor
from backups.models import Backup, Volume

VolumeKey = tuple[str, str]  # cloud, volume ID


@dataclass(frozen=True)
class Just:
    """Backups that one press of a button added; `disks` are those that answers named so far."""

    at: str
    n: int
    answered: int
    volumes: int
    followed: int


def address(at: datetime) -> str:
    """The list of what was added at this instant; it fills in while answers come."""
    text = at.isoformat().replace("+00:00", "Z")
    query = {"tracked_at_after": text, "tracked_at_before": text, "added": text}
    return f"{reverse('backups')}?{urlencode(query)}"


def note(text: str) -> Just | None:
    """What the list says above the rows when its address comes from adding."""
    at = _instant(text)
    if at is None:
        return None
    mine = Backup.objects.filter(tracked_at=at)
    counts = mine.aggregate(
        n=Count("pk"), answered=Count("pk", filter=Q(refreshed_at__isnull=False))
    )
    states = _followed(at)
    return Just(text, counts["n"], counts["answered"], len(states), sum(states.values()))


@require_POST
def follow(request: HttpRequest) -> HttpResponse:
    """Track new backups of the disks of what was just added by itself from now on."""
    at = _instant(request.POST.get("added", ""))
    if at is None:
        messages.error(request, "That address does not say what was added.")
        return redirect("backups")
    volumes = list(_followed(at))
    volume_edits.set_follow(
        volumes, True, actor=Actor(by=request.user.get_username(), now=timezone.now())
    )
    n = len(volumes)
    messages.success(
        request, f"New backups of {n:,} {'disk' if n == 1 else 'disks'} are tracked from now on."
    )
    return redirect(address(at))


def _followed(at: datetime) -> dict[VolumeKey, bool]:
    """The disks that the answers named: are their new backups followed?"""
    named = Backup.objects.filter(tracked_at=at, volume_id__isnull=False)
    volumes = set(named.order_by().values_list("cloud", "volume_id").distinct())
    rows: Any = Volume.objects.with_followed()  # the annotation is no field that the checker knows
    found = rows.filter(volume_id__in={volume_id for _, volume_id in volumes})
    return {
        (cloud, volume): followed
        for cloud, volume, followed in found.values_list("cloud", "volume_id", "followed")
        if (cloud, volume) in volumes
    }


def _instant(text: str) -> datetime | None:
    """What our own page wrote into its address; of anything else there is nothing to wait for."""
    try:
        at = parse_datetime(text[:40])
        return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):  # before the first year or after the last one, in UTC
        return None
