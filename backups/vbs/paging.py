"""Whole lists, page by page and by own offset: the servers' links repeat or skip
rows (API.md §6). Pure.

Each page begins with the last row of the page before (pages of a few rows excepted). If nothing on
it was seen before, rows have left the front of the list meanwhile and others slipped past: the walk
steps back. Doubles are dropped by ID.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from backups.vbs.ids import is_backup_id

MAX_PAGES = 1000
MAX_STEPS_BACK = 10
OVERLAP_FROM = 10  # Entries on a page.


@dataclass(frozen=True)
class Page:
    """`entries` as they came; `more`: the server names a next page."""

    entries: Sequence[object]
    more: bool


def entry_id(entry: object) -> str | None:
    """Returns the ID of a list entry, in lower case."""
    raw_id = entry.get("id") if isinstance(entry, dict) else None
    return raw_id.lower() if isinstance(raw_id, str) else None


def is_listed(entry: object) -> bool:
    """Has a list entry an ID that can be asked for? A broken one never hides its neighbours."""
    return isinstance(entry, dict) and is_backup_id(entry.get("id"))


class Walk:
    """Iterate over the new entries of each page; entries without an ID come as they are.

    Afterwards `complete` tells whether the end was reached, `listed` how many IDs there were, and
    `page_size` the server's own limit where it is below the one asked for. `ask(offset)` gets one
    page of at most `limit` entries.
    """

    def __init__(self, ask: Callable[[int], Page], *, limit: int) -> None:
        self._ask = ask
        self._limit = limit
        self._seen: set[str] = set()
        self._joined: set[str] = set()  # Of those, what came without a gap.
        self._steps_back = 0
        self.complete = False
        self.page_size: int | None = None

    @property
    def listed(self) -> int:
        return len(self._seen)

    def __iter__(self) -> Iterator[list[object]]:
        offset = 0
        reached = 0  # The furthest offset that a page has led to.
        overlap = 0  # Rows of the page before that this one begins with.
        for _ in range(MAX_PAGES):
            page = self._ask(offset)
            end = offset + len(page.entries)
            ids = _ids_of(page)
            is_joined = not overlap or not ids.isdisjoint(self._joined)
            new_entries = self._new_entries(page)
            seen_before = len(self._seen)
            self._seen |= ids
            if is_joined:
                self._joined |= ids
            if new_entries:
                yield new_entries
            if not is_joined and self._steps_back < MAX_STEPS_BACK:
                self._steps_back += 1
                reached = max(reached, end)
                offset = max(0, offset - max(1, self._limit // 2))
                overlap = min(offset, 1)
                continue
            if self._is_last(page):
                # Nothing at all, and yet a next page.
                is_cut_short = page.more and not self._seen
                self.complete = is_joined and not is_cut_short
                return
            if len(self._seen) == seen_before and end > reached:
                return  # Endless: the same page again.
            if len(page.entries) < self._limit:
                self.page_size = len(page.entries)
            overlap = 1 if len(page.entries) >= OVERLAP_FROM else 0
            reached = max(reached, end)
            offset = end - overlap

    def _new_entries(self, page: Page) -> list[object]:
        new_entries: list[object] = []
        ids_on_page: set[str] = set()
        for entry in page.entries:
            backup_id = entry_id(entry)
            if backup_id is None:
                new_entries.append(entry)
                continue
            if backup_id not in self._seen and backup_id not in ids_on_page:
                new_entries.append(entry)
            ids_on_page.add(backup_id)
        return new_entries

    def _is_last(self, page: Page) -> bool:
        """Is a page empty; or short, and no next page is named? One of a round length may be cut by
        a limit of the server's.
        """
        count = len(page.entries)
        if count == 0:
            return True  # Whatever it names: some name a next page for ever.
        if page.more or count >= self._limit:
            return False
        could_be_cut = self.page_size is None and count % 50 == 0
        return not could_be_cut or len(self._seen) > count


def _ids_of(page: Page) -> set[str]:
    ids: set[str] = set()
    for entry in page.entries:
        backup_id = entry_id(entry)
        if backup_id is not None:
            ids.add(backup_id)
    return ids
