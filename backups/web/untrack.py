"""Before backups are untracked: which ones, and whether that is really meant."""

import uuid
from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from backups.analysis.numbers import thousands
from backups.edits import tracking
from backups.models.trash import KEPT_FOR
from backups.reports.untracking import shown_backups
from backups.reports.volume_backups import volume_names
from backups.shared.access import access_of

# Of more than so many the number has to be typed.
MOST_WITHOUT_NUMBER = 20
# A message with this tag and the name of an act offers to take it back.
UNDO = "undo-"


def is_meant(request: HttpRequest, ids: Sequence[str]) -> bool:
    """Tells whether the form of the page below came back, about just as many backups."""
    if request.POST.get("sure") != "1":
        return False
    if len(ids) > MOST_WITHOUT_NUMBER:
        return _number(request.POST.get("typed", "")) == len(ids)
    # What matches may have become more since the page was made.
    return request.POST.get("n", str(len(ids))) == str(len(ids))


def ask(request: HttpRequest, ids: Sequence[str]) -> HttpResponse:
    """Shows what is meant, in red; once more, when what was typed is another number."""
    everything = request.POST.get("all") == "1"
    access = access_of(request)
    now = timezone.now()
    backups = shown_backups(ids, now, access=access)
    problem = ""
    if request.POST.get("sure") == "1":
        problem = _problem(request, len(ids))
    page = {
        "now": now,
        "n": len(ids),
        "ids": [] if everything else ids,
        "all": everything,
        "query": request.POST.get("query", ""),
        "backups": backups,
        "more": len(ids) - len(backups),
        "volume_names": volume_names(
            [(row["cloud"], row["volume_id"]) for row in backups], access=access
        ),
        "days": KEPT_FOR.days,
        "wants_number": len(ids) > MOST_WITHOUT_NUMBER,
        "problem": problem,
        "typed": request.POST.get("typed", ""),
    }
    return render(request, "backups/untrack.html", page, status=400 if problem else 200)


def untrack(request: HttpRequest, ids: Sequence[str]) -> tuple[int, str]:
    """Moves backups to the trash. Returns how many, and the tag of a message that offers to take it
    back.
    """
    act = uuid.uuid4()
    return tracking.untrack(ids, access_of(request), act=act), f"{UNDO}{act}"


def _problem(request: HttpRequest, count: int) -> str:
    if count > MOST_WITHOUT_NUMBER:
        typed = request.POST.get("typed", "").strip()
        if not typed:
            return f"Type the number {count} to show that you mean all of them."
        return f"“{typed[:20]}” is not their number: these are {thousands(count)}."
    return f"There are {thousands(count)} by now: look at them once more."


def _number(text: str) -> int | None:
    """Returns the number that somebody typed, with or without blanks between the thousands."""
    digits = "".join(text.split()).replace("\u202f", "").replace(",", "").replace(".", "")
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else None
