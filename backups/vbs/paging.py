"""Whole lists, page by page and by own offset: the servers' links repeat or skip rows (API.md §6).
Pure.

Each page begins with the last row of the page before (pages of a few rows excepted). If nothing on
it is known, rows have left the front of the list meanwhile and others slipped past: the walk steps
back. Doubles are dropped by ID.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from backups.vbs.ids import is_backup_id

MAX_PAGES = 1000
MAX_STEPS_BACK = 10
OVERLAP_FROM = 10  # entries on a page


@dataclass(frozen=True)
class Page:
    """`entries` as they came; `more`: the server names a next page."""

    entries: list[Any]
    more: bool


def entry_id(entry: Any) -> str | None:
    found = entry.get("id") if isinstance(entry, dict) else None
    return found.lower() if isinstance(found, str) else None


def is_listed(entry: Any) -> bool:
    """A list entry with an ID that can be asked for; a broken one never hides its neighbours."""
    return isinstance(entry, dict) and is_backup_id(entry.get("id"))


class Walk:
    """Iterate over the new entries of each page; entries without an ID come as they are.

    Afterwards `complete` tells whether the end was reached, `listed` how many IDs there were, and
    `page_size` the server's own limit where it is below the one asked for. `ask(offset)` gets one
    page of at most `limit` entries.
    """

    def __init__(self, ask: Callable[[int], Page], *, limit: int) -> None:
        self._ask, self._limit = ask, limit
        self._seen: set[str] = set()
        self._joined: set[str] = set()  # of those, what came without a gap
        self._steps_back = 0
        self.complete = False
        self.page_size: int | None = None

    @property
    def listed(self) -> int:
        return len(self._seen)

    def __iter__(self) -> Iterator[list[Any]]:
        offset = reached = overlap = 0
        for _ in range(MAX_PAGES):
            page = self._ask(offset)
            ids = {found for entry in page.entries if (found := entry_id(entry)) is not None}
            joined = not overlap or not ids.isdisjoint(self._joined)
            fresh = self._fresh(page.entries)
            known = len(self._seen)
            self._seen |= ids
            self._joined |= ids if joined else set()
            if fresh:
                yield fresh
            if not joined and self._steps_back < MAX_STEPS_BACK:
                reached = max(reached, offset + len(page.entries))
                self._steps_back += 1
                offset = max(0, offset - max(1, self._limit // 2))
                overlap = min(offset, 1)
                continue
            if self._is_last(page):
                is_cut_short = page.more and not self._seen  # nothing at all, and yet a next page
                self.complete = joined and not is_cut_short
                return
            if len(self._seen) == known and offset + len(page.entries) > reached:
                return  # endless: the same page again
            if len(page.entries) < self._limit:
                self.page_size = len(page.entries)
            overlap = 1 if len(page.entries) >= OVERLAP_FROM else 0
            reached = max(reached, offset + len(page.entries))
            offset += len(page.entries) - overlap

    def _fresh(self, entries: list[Any]) -> list[Any]:
        fresh, here = [], set[str]()
        for entry in entries:
            found = entry_id(entry)
            if found is None or (found not in self._seen and found not in here):
                fresh.append(entry)
            if found is not None:
                here.add(found)
        return fresh

    def _is_last(self, page: Page) -> bool:
        """Empty; or short, and no next page is named. One of a round length may be cut by a limit
        of the server's.
        """
        count = len(page.entries)
        if count == 0:
            return True  # whatever it names: some name a next page for ever
        if page.more or count >= self._limit:
            return False
        could_be_cut = self.page_size is None and count % 50 == 0
        return not could_be_cut or len(self._seen) > count
