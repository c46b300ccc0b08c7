"""Home: one sentence, then the numbers; each is a link to the list that proves it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from backups.models import Backup
from backups.web import status
from backups.web.clouds import shown
from backups.web.status import Look

FLYING_SHOWN = 20
FLIGHT = ("id", "name", "cloud", "status", "progress", "throughput_mb_s", "refreshed_at", "created_at")


@dataclass(frozen=True)
class Tile:
    n: int
    query: str
    look: Look


@dataclass(frozen=True)
class Counts:
    """Rows by status and tracking state; `newest` is the newest good answer of all."""

    cells: dict[tuple[str | None, str], int]
    newest: datetime | None

    def of(self, *, statuses: tuple[str | None, ...] | None = None, states: tuple[str, ...] | None = None) -> int:
        return sum(
            n
            for (word, state), n in self.cells.items()
            if (statuses is None or word in statuses) and (states is None or state in states)
        )

    @property
    def statuses(self) -> list[str]:
        known = list(status.STATUSES)
        given = {word for word, _ in self.cells if word is not None}
        return sorted(given, key=lambda word: (known.index(word) if word in known else len(known), word))


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    counts = count(now)
    rows: Any = Backup.objects.with_tracking_state(now)  # the annotation is no field that the checker knows
    flying = rows.filter(status__in=status.IN_FLIGHT, tracking_state="fresh")
    failed = counts.of(statuses=status.FAILED, states=("fresh",))
    clouds = shown(now)
    page = {
        "now": now,
        "total": counts.of(),
        "good": counts.of(statuses=("available",), states=("fresh",)),
        "failed": failed,
        "stale": counts.of(states=("stale",)),
        "pending": counts.of(states=("pending",)),
        "newest": counts.newest,
        "flying": list(flying.newest_first().values(*FLIGHT, "tracking_state")[:FLYING_SHOWN]),
        "flying_n": counts.of(statuses=status.IN_FLIGHT, states=("fresh",)),
        "flying_query": query(status=list(status.IN_FLIGHT), tracking_state="fresh"),
        "failed_query": query(status=list(status.FAILED), tracking_state="fresh"),
        "tiles": tiles(counts),
        "clouds": clouds,
        "silent": [one for one in clouds if one.look.tone == "fail"],
        "mark": _mark(counts, failed, any(one.look.tone == "fail" for one in clouds)),
        "every": 3 if counts.of(states=("pending",)) or counts.of(statuses=status.IN_FLIGHT, states=("fresh",)) else 30,
    }
    return render(request, "backups/home.html", page)


def count(now: datetime) -> Counts:
    rows: Any = Backup.objects.with_tracking_state(now).order_by()
    found = list(rows.values("status", "tracking_state").annotate(n=Count("pk"), newest=Max("refreshed_at")))
    newest = max((row["newest"] for row in found if row["newest"]), default=None)
    return Counts({(row["status"], row["tracking_state"]): row["n"] for row in found}, newest)


def tiles(counts: Counts) -> list[Tile]:
    """A tile's number equals the row count of the list that it links to."""
    found = [Tile(counts.of(statuses=(word,)), query(status=word), status.of_status(word)) for word in counts.statuses]
    if counts.of(statuses=(None,), states=("fresh", "stale")):
        found.append(Tile(counts.of(statuses=(None,)), query(status="null"), status.of_status(None)))
    states = [(state, counts.of(states=(state,))) for state in ("pending", "stale", "gone")]
    found += [Tile(n, query(tracking_state=state), status.TRACKING_STATES[state]) for state, n in states if n]
    return found


def query(**words: str | list[str]) -> str:
    return urlencode(words, doseq=True)


def _mark(counts: Counts, failed: int, silent: bool) -> Look:
    """The shape before the sentence: the worst of all."""
    if failed or silent:
        return status.STATUSES["error"]
    if counts.of(states=("stale",)):
        return status.TRACKING_STATES["stale"]
    return status.STATUSES["available"] if counts.of(states=("fresh",)) else status.TRACKING_STATES["pending"]
