"""How far disks and policies have moved from an old backup service to CBR."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from backups.reports import migration as report
from backups.reports.computed_once import computed_once
from backups.reports.migration import BOTH, NEITHER, NEW_ONLY, OLD_ONLY, DiskGroup, Move
from backups.shared.access import access_of
from backups.web import status
from backups.web.htmx import HtmxHttpRequest
from backups.web.live import Live
from backups.web.policy_rows import policy_url
from backups.web.status import Badge

SERVICES = {"vbs": "VBS", "cinder": "stock Cinder", "cbr": "CBR"}


@dataclass(frozen=True)
class GroupShown:
    """`id` is its place on the page; `says`: what its disks have in common."""

    id: str
    name: str
    says: str
    group: DiskGroup
    badge: Badge


@dataclass(frozen=True)
class LeftShown:
    left: report.PolicyLeft
    href: str | None


@dataclass(frozen=True)
class MoveShown:
    move: Move
    old_service: str
    mark: Badge
    groups: tuple[GroupShown, ...]
    left: tuple[LeftShown, ...]


@require_safe
def migration(request: HtmxHttpRequest) -> HttpResponse:
    now = timezone.now()
    live = Live(request, now)
    if live.answer is not None:
        return live.answer
    access = access_of(request)
    moves = computed_once(
        "migration",
        lambda: report.moves(now, access=access),
        version=live.versions.content,
        access=access,
    )
    context = {"now": now, "moves": [_shown(move) for move in moves]}
    return live.render("backups/migration.html", context)


def _shown(move: Move) -> MoveShown:
    old = SERVICES.get(move.old_api, move.old_api)
    names = {
        OLD_ONLY: f"In {old} only",
        BOTH: "In both",
        NEW_ONLY: "In CBR only",
        NEITHER: "In no vault",
    }
    sentences = {
        OLD_ONLY: f"{old} has backups or a policy of them; no vault of CBR names them.",
        BOTH: f"A vault of CBR names them, and {old} still has backups or a policy of them.",
        NEW_ONLY: f"A vault of CBR names them, and {old} has neither a backup nor a policy.",
        NEITHER: f"No vault of CBR names them, and {old} has nothing of them either.",
    }
    ended = move.old_ended_at is not None
    badges = {
        OLD_ONLY: status.NOT_MOVED_AND_ENDED if ended else status.NOT_MOVED,
        BOTH: status.MOVED_IN_PART,
        NEW_ONLY: status.MOVED,
        NEITHER: status.IN_NO_VAULT,
    }
    groups = [
        GroupShown(
            id=f"{group.name.replace('_', '-')}-{move.new}",
            name=names[group.name],
            says=sentences[group.name],
            group=group,
            badge=badges[group.name],
        )
        for group in move.groups
    ]
    worst = [shown.badge for shown in groups if shown.group.count]
    mark = worst[0] if worst else status.MOVED
    if move.doubts:
        mark = status.SCHEDULES["unknown"]
    left = [LeftShown(one, policy_url(one.cloud, one.policy_id)) for one in move.left]
    return MoveShown(move, old, mark, tuple(groups), tuple(left))
