"""Refreshes backups by lists: one call answers for a thousand of them, and new ones are tracked.

That a list does not name a backup never makes the backup gone.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from backups.analysis.facts import SKEW
from backups.analysis.numbers import thousands
from backups.clouds import registry
from backups.clouds.cloud_health import CallResult
from backups.clouds.permission import may_ask
from backups.derived import queue, volumes
from backups.models import Backup, Cloud
from backups.models.data_version import data_changed
from backups.refresh import auto_track, list_support
from backups.refresh.apply import apply
from backups.refresh.claims import claim_of_cloud
from backups.refresh.fetch import stopping
from backups.refresh.list_support import LIST_BUDGET_WAIT_S
from backups.refresh.plan import Fetched
from backups.refresh.unchanged import mark_unchanged
from backups.shared import clock
from backups.shared.batches import in_batches
from backups.shared.locks import lock_cloud
from backups.vbs import payload
from backups.vbs.errors import OutOfBudget, SignInRefused, VBSError
from backups.vbs.ids import is_backup_id
from backups.vbs.listed_backup import ListedBackup, listed, read_id, read_time
from backups.vbs.paging import Walk
from backups.vbs.statuses import FAILED

# Of a sweep; renewed with each page, so it is longer than a page and its storing may take.
CLAIM = timedelta(seconds=90)
NEWEST_PAGE_SIZE = 100  # entries
LISTED_LATE = timedelta(hours=1)  # backups may appear in the list so long after they began
DERIVE_EVERY_S = 60.0  # in a sweep that takes longer


def sweep(name: str) -> int:
    """Sweeps the whole list of a cloud; returns how many good answers it brought.

    It does nothing while another process sweeps, or where the cloud may not be asked.
    """
    return _run(name, whole=True)


def look_for_new(name: str) -> int:
    """Reads the list from its newest entry on, as far as there may be unknown backups."""
    return _run(name, whole=False)


def _run(name: str, *, whole: bool) -> int:
    started_at = clock.now()
    cloud = may_ask(name, started_at)
    if cloud is None or cloud.failures:
        return 0
    if not claim_of_cloud(name, "sweep_until", started_at, started_at + CLAIM):
        return 0
    is_first = cloud.newest_created_at is None
    try:
        return _Sweep(cloud, started_at, whole=whole or is_first).run()
    finally:
        Cloud.objects.filter(pk=name).update(sweep_until=None)


class _Listing:
    """What the entries of a list say of their volumes, and of the newest backup."""

    def __init__(self, newest_created_at: datetime | None) -> None:
        self.newest_created_at = newest_created_at
        self._created_at_by_volume: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, entries: Sequence[ListedBackup]) -> None:
        for entry in entries:
            if entry.raw_volume_id is not None:
                # A failed backup is counted, but its time is not.
                text = "" if entry.status in FAILED else entry.created_text or ""
                self._created_at_by_volume[entry.raw_volume_id].append(text)
        # The list is sorted by time, one way or the other.
        for entry in (*entries[:1], *entries[-1:]):
            at = entry.created_at
            if at is None or at > clock.now():
                continue
            if self.newest_created_at is None or at > self.newest_created_at:
                self.newest_created_at = at

    def by_volume(self, requested_at: datetime) -> dict[str, volumes.Listed]:
        """Returns what was read of each volume, until the last page was requested.

        Two spellings of an ID are one volume.
        """
        listed: dict[str, volumes.Listed] = {}
        for raw_id, texts in self._created_at_by_volume.items():
            volume_id = read_id(raw_id)
            if volume_id is None:
                continue
            newest_at = _newest(texts, until=requested_at + SKEW)
            before = listed.get(volume_id, volumes.Listed())
            if newest_at is None or (before.newest_at is not None and before.newest_at > newest_at):
                newest_at = before.newest_at
            listed[volume_id] = volumes.Listed(before.count + len(texts), newest_at)
        return listed


class _Sweep:
    def __init__(self, cloud: Cloud, started_at: datetime, *, whole: bool) -> None:
        self._name = cloud.name
        self._cloud = cloud
        self._started_at = started_at
        self._whole = whole
        self._policy = auto_track.policy_of(cloud.name)
        # Entries stand for single answers once they were compared with some and lack nothing.
        self._is_to_be_compared = list_support.is_to_be_checked(cloud, started_at)
        self._is_trusted = not self._is_to_be_compared and not cloud.list_lacks
        self._page_requested_at = started_at
        self._derived_at_s = time.monotonic()
        self._good = 0
        self._listing = _Listing(cloud.newest_created_at)

    def run(self) -> int:
        client = registry.client(self._name)
        try:
            with registry.meter(self._name).bulk(until=time.monotonic() + LIST_BUDGET_WAIT_S):
                if self._whole:
                    pages = client.walk_backups()
                else:
                    pages = client.walk_backups(NEWEST_PAGE_SIZE, sort_dir="desc")
                is_finished = self._read(pages)
        except OutOfBudget:
            return self._good
        except VBSError as e:
            apply(self._name, [], calls=[CallResult(self._page_requested_at, e)])
            # A refused sign-in says nothing of lists.
            if not isinstance(e, SignInRefused):
                list_support.note_failure(self._name, e.message_with_request, clock.now())
            return self._good
        finally:
            queue.derive_due(self._name, clock.now())
        if is_finished and self._is_doubted(pages):
            return self._good
        if is_finished:
            self._note_end(pages)
        if self._is_to_be_compared and not self._is_trusted:
            list_support.note_failure(
                self._name, "Its entries could not be compared with single answers.", clock.now()
            )
        return self._good

    def _read(self, pages: Walk) -> bool:
        """Reads and stores page by page; returns whether all was read that was to be read."""
        self._page_requested_at = clock.now()
        for entries in pages:
            self._store_page(entries)
            if time.monotonic() - self._derived_at_s > DERIVE_EVERY_S:
                queue.derive_due(self._name, clock.now())
                self._derived_at_s = time.monotonic()
            is_useless = not self._is_trusted and not self._policy.is_enabled
            if stopping.is_set() or (self._whole and is_useless):
                return False
            if not self._whole and self._is_end_known(entries):
                return True
            Cloud.objects.filter(pk=self._name).update(sweep_until=clock.now() + CLAIM)
            self._page_requested_at = clock.now()
        return pages.complete

    def _store_page(self, page: Sequence[Any]) -> None:
        """Stores the answers of one page.

        Its call is noted on the cloud's row even when nothing on the page is tracked.
        """
        entries: dict[str, Any] = {}
        listed_by_id: dict[str, ListedBackup] = {}
        for entry in page:
            listed_backup = listed(entry)
            if listed_backup.id is not None:
                entries[listed_backup.id] = entry
                listed_by_id[listed_backup.id] = listed_backup
        # What the answer to another question tells: nothing is taken from the list.
        told_elsewhere = _told_elsewhere(self._name, listed_by_id.values())
        received: dict[str, payload.Received] = {}
        digests: dict[str, str] = {}
        if self._is_trusted:
            for backup_id, entry in entries.items():
                if backup_id in told_elsewhere:
                    continue
                answer = payload.receive(entry)
                received[backup_id] = answer
                digests[backup_id] = answer.digest
        unchanged = mark_unchanged(self._name, digests, self._page_requested_at)
        self._good += len(unchanged)
        self._listing.add(list(listed_by_id.values()))
        others = {uuid.UUID(pk): entry for pk, entry in entries.items() if pk not in unchanged}
        tracked = self._read_tracked(others, told_elsewhere)
        old: dict[uuid.UUID, Any] = {}
        new: dict[uuid.UUID, Any] = {}
        for pk, entry in others.items():
            if pk in tracked:
                old[pk] = entry
            else:
                new[pk] = entry
        if self._is_to_be_compared and others:
            # Of a tracked backup the single answer is stored, so it is of more use.
            lacks = list_support.compare(self._name, old or new)
            self._is_trusted = lacks == []
            self._is_to_be_compared = lacks is None
        if self._policy.is_enabled:
            new_entries = {pk: listed_by_id[str(pk)] for pk in new}
            tracked.update(
                auto_track.track(self._name, new_entries, self._policy, self._page_requested_at)
            )
        fetched: list[Fetched] = []
        if self._is_trusted:
            for pk, entry in others.items():
                if pk in tracked and str(pk) not in told_elsewhere:
                    answer = received.get(str(pk)) or payload.receive(entry)
                    fetched.append(Fetched(pk, self._page_requested_at, answer, listed=True))
        call = CallResult(self._page_requested_at)
        applied = apply(self._name, fetched, calls=[call], more_follows=True)
        self._good += applied.good
        servers = [pk for pk in others if pk in tracked and listed_by_id[str(pk)].is_server]
        self._set_unlisted([*applied.doubtful, *servers], self._page_requested_at)

    def _read_tracked(
        self, ids: Iterable[uuid.UUID], told_elsewhere: Container[str]
    ) -> set[uuid.UUID]:
        """Returns those that are tracked in this cloud; a list serves them again, but for those
        that are told of elsewhere.
        """
        tracked: set[uuid.UUID] = set()
        for batch in in_batches(list(ids)):
            rows = Backup.objects.filter(pk__in=batch, cloud=self._name)
            unlisted: list[uuid.UUID] = []
            for pk, unlisted_at in rows.values_list("pk", "unlisted_at"):
                tracked.add(pk)
                if unlisted_at is not None and str(pk) not in told_elsewhere:
                    unlisted.append(pk)
            if unlisted and self._is_trusted:
                self._set_unlisted(unlisted, None)
        return tracked

    def _set_unlisted(self, ids: Sequence[uuid.UUID], at: datetime | None) -> None:
        """Stores since when no list serves these backups, so that they are asked about singly."""
        with transaction.atomic():
            lock_cloud(self._name)
            for batch in in_batches(ids):
                Backup.objects.filter(pk__in=batch).update(unlisted_at=at)
            data_changed()

    def _is_end_known(self, page: Sequence[Any]) -> bool:
        """Was the last entry of a page there when the newest were read the last time?"""
        known_until = self._cloud.newest_created_at
        if known_until is None:
            return False
        for entry in reversed(page):
            listed_backup = listed(entry)
            if listed_backup.id is not None:
                created_at = listed_backup.created_at
                return created_at is not None and created_at < known_until - LISTED_LATE
        return True

    def _is_doubted(self, pages: Walk) -> bool:
        """Did the list end with far fewer entries than before?

        Then it is believed only if a second one, ten minutes later, says the same.
        """
        if not pages.complete:
            # It was read up to entries that were there the last time.
            return False
        before = self._cloud.listed
        if before is None:
            answered = Backup.objects.filter(refreshed_at__isnull=False, gone_at=None)
            # Lists do not name what stands in the answer about another one (`children`).
            before = answered.filter(cloud=self._name, parent_id=None).count()
        cloud = Cloud.objects.filter(pk=self._name)
        shrunk_since = self._cloud.shrunk_since
        shrunk_to = self._cloud.shrunk_to
        is_the_same = shrunk_to is not None and not list_support.lacks_many(
            shrunk_to - pages.listed, of=shrunk_to
        )
        if shrunk_since is None or not is_the_same:
            shrunk_since = self._started_at
        is_confirmed = shrunk_since <= self._started_at - volumes.CONFIRMED_AFTER
        if is_confirmed or not list_support.lacks_many(before - pages.listed, of=before):
            if self._cloud.shrunk_since is not None:
                cloud.update(shrunk_since=None, shrunk_to=None, list_error=None)
                data_changed()
            return False
        cloud.update(shrunk_since=shrunk_since, shrunk_to=pages.listed, walked_at=None)
        list_support.note_failure(
            self._name,
            f"The list of backups named {thousands(pages.listed)} where {thousands(before)} were "
            "known: it is doubted until another one says the same.",
            clock.now(),
        )
        return True

    def _note_end(self, pages: Walk) -> None:
        values: dict[str, object] = {
            "backups_listed_at": self._started_at,
            "newest_created_at": self._listing.newest_created_at,
        }
        if pages.complete and not pages.listed:
            # An empty list lacks nothing, and shows no entry to compare.
            self._is_trusted = True
            self._is_to_be_compared = False
            list_support.note_lacks(self._name, None, clock.now())
        by_volume = self._listing.by_volume(self._page_requested_at)
        if self._whole:
            volumes.note_listing(self._name, by_volume, self._started_at)
            values["walked_at"] = self._started_at
            values["listed"] = pages.listed
            values["page_size"] = pages.page_size
        else:
            volumes.note_newest(self._name, by_volume)
        Cloud.objects.filter(pk=self._name).update(**values)
        data_changed()
        if self._whole and self._is_trusted:
            self._mark_missing_unlisted()

    def _mark_missing_unlisted(self) -> None:
        """Marks what the whole list did not name, so that it is asked about singly."""
        not_asked_about = Q(attempted_at=None) | Q(attempted_at__lt=self._started_at)
        missing = Backup.objects.filter(
            not_asked_about,
            cloud=self._name,
            unlisted_at=None,
            tracked_at__lt=self._started_at,
        )
        with transaction.atomic():
            lock_cloud(self._name)
            missing.update(unlisted_at=self._started_at)
            data_changed()


def _told_elsewhere(cloud: str, entries: Iterable[ListedBackup]) -> set[str]:
    """Returns the IDs of backups of servers, which are asked about singly because their entries
    lack what they consist of, and of the children of those that are tracked (`children`).
    """
    told_elsewhere: set[str] = set()
    ids_by_parent: defaultdict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if entry.id is None:
            continue
        if entry.is_server:
            told_elsewhere.add(entry.id)
        elif entry.raw_parent_id and is_backup_id(entry.raw_parent_id):
            ids_by_parent[entry.raw_parent_id.lower()].append(entry.id)
    for batch in in_batches(list(ids_by_parent)):
        parents = Backup.objects.filter(pk__in=batch, cloud=cloud).order_by()
        for pk in parents.values_list("pk", flat=True):
            told_elsewhere.update(ids_by_parent[str(pk)])
    return told_elsewhere


def _newest(texts: Iterable[str], *, until: datetime) -> datetime | None:
    """Returns the latest time of the texts that is not after `until`.

    Times that are written alike stand in their order as texts, so most are never parsed.
    """
    for text in sorted(texts, reverse=True):
        at = read_time(text)
        if at is not None and at <= until:
            return at
    return None
