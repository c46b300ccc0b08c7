"""Refresh by lists: one call answers for a thousand backups, tracks new ones, and never says that
one is gone.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from backups.analysis.facts import SKEW
from backups.clouds import registry
from backups.clouds.cloud_health import CallResult
from backups.clouds.permission import may_ask
from backups.derived import queue, volumes
from backups.models import Backup, Cloud
from backups.refresh import auto_track, list_support
from backups.refresh.apply import apply
from backups.refresh.fetch import stopping
from backups.refresh.plan import Fetched
from backups.refresh.unchanged import mark_unchanged
from backups.shared import clock
from backups.shared.batches import in_batches
from backups.shared.locks import lock_cloud
from backups.vbs import fields, payload
from backups.vbs.errors import OutOfBudget, SignInRefused, VBSError
from backups.vbs.ids import is_backup_id
from backups.vbs.paging import Walk, entry_id
from backups.vbs.statuses import FAILED

CLAIM = timedelta(
    seconds=90
)  # of the walk, renewed with each page: longer than a page and its storing may take
PAGE_WAIT = 45.0  # seconds to wait for the budget of a page
NEWEST = 100  # entries of a look for new backups
BACK = timedelta(hours=1)  # backups may show up in the list this much later than they began
DERIVE_EVERY = 60.0  # seconds, in a walk that takes longer


def sweep(name: str) -> int:
    """Walk through the whole list of a cloud, unless somebody does or it may not be asked; answers
    that were good.
    """
    return _run(name, whole=True)


def look_for_new(name: str) -> int:
    """Read the list from its newest entry on, as far as there may be backups that nobody has
    seen.
    """
    return _run(name, whole=False)


def _run(name: str, *, whole: bool) -> int:
    began = clock.now()
    cloud = may_ask(name, began)
    if cloud is None or cloud.failures:
        return 0
    whole = whole or cloud.newest_created_at is None
    free = Q(sweep_until=None) | Q(sweep_until__lt=began)
    if not Cloud.objects.filter(free, pk=name).update(sweep_until=began + CLAIM):
        return 0
    try:
        return _Sweep(cloud, began, whole=whole).run()
    finally:
        Cloud.objects.filter(pk=name).update(sweep_until=None)


class _Sweep:
    def __init__(self, cloud: Cloud, began: datetime, *, whole: bool) -> None:
        self._name, self._cloud, self._began, self._whole = cloud.name, cloud, began, whole
        self._policy = auto_track.policy_of(cloud.name)
        self._check = list_support.is_to_be_checked(cloud, began)
        self._trusted = not self._check and not cloud.list_lacks
        self._asked_at = began
        self._derived = time.monotonic()
        self._good = 0
        self._newest = cloud.newest_created_at
        self._volumes: defaultdict[str, list[str]] = defaultdict(list)

    def run(self) -> int:
        client = registry.client(self._name)
        try:
            with self._patient():
                walk = (
                    client.walk_backups()
                    if self._whole
                    else client.walk_backups(NEWEST, sort_dir="desc")
                )
                finished = self._walk(walk)
        except OutOfBudget:
            return self._good
        except VBSError as e:
            apply(self._name, [], calls=[CallResult(self._asked_at, e)])
            if not isinstance(e, SignInRefused):  # that says nothing of lists
                list_support.failed(self._name, e.message, clock.now())
            return self._good
        finally:
            queue.derive_due(self._name, clock.now())
        if finished and self._is_doubted(walk):
            return self._good
        if finished:
            self._note_end(walk)
        if self._check and not self._trusted:
            list_support.failed(
                self._name, "Its entries could not be compared with single answers.", clock.now()
            )
        return self._good

    def _walk(self, walk: Walk) -> bool:
        """Was everything read that was to be read?"""
        self._asked_at = clock.now()
        for entries in walk:
            self._page({found: entry for entry in entries if (found := _id(entry)) is not None})
            self._derive_now_and_then()
            if stopping.is_set() or (
                self._whole and not self._trusted and not self._policy.is_enabled
            ):
                return False
            if not self._whole and self._is_old(entries):
                return True
            Cloud.objects.filter(pk=self._name).update(sweep_until=clock.now() + CLAIM)
            self._asked_at = clock.now()
        return walk.complete

    def _derive_now_and_then(self) -> None:
        if time.monotonic() - self._derived > DERIVE_EVERY:
            queue.derive_due(self._name, clock.now())
            self._derived = time.monotonic()

    @contextmanager
    def _patient(self) -> Iterator[None]:
        with registry.meter(self._name).bulk(until=time.monotonic() + PAGE_WAIT):
            yield

    def _page(self, listed: dict[str, Any]) -> None:
        """Answers of one page, by ID. Its call is told to the cloud's row even when nothing on it
        is tracked.
        """
        calls = [CallResult(self._asked_at)]
        known = (
            {one: payload.receive(entry) for one, entry in listed.items()} if self._trusted else {}
        )
        touched = mark_unchanged(
            self._name, {one: received.digest for one, received in known.items()}, self._asked_at
        )
        self._good += len(touched)
        self._note_page(listed)
        entries = {uuid.UUID(one): entry for one, entry in listed.items() if one not in touched}
        tracked = self._tracked(entries)
        new = {pk: entry for pk, entry in entries.items() if pk not in tracked}
        if self._check and entries:
            shown = {pk: entry for pk, entry in entries.items() if pk in tracked} or entries
            lacks = list_support.compare(self._name, shown)
            self._trusted, self._check = lacks == [], lacks is None
        if self._policy.is_enabled:
            tracked |= set(auto_track.track(self._name, new, self._policy, self._asked_at))
        fetched = [
            Fetched(pk, self._asked_at, known.get(str(pk)) or payload.receive(entry), listed=True)
            for pk, entry in entries.items()
            if self._trusted and pk in tracked
        ]
        applied = apply(self._name, fetched, calls=calls, more_follows=True)
        self._good += applied.good
        self._set_unlisted(applied.doubtful, self._asked_at)

    def _note_page(self, entries: dict[str, Any]) -> None:
        for entry in entries.values():
            volume_id = entry.get("volume_id")
            created_at = entry.get("created_at")
            may_be_good = isinstance(created_at, str) and entry.get("status") not in FAILED
            if isinstance(volume_id, str):
                self._volumes[volume_id].append(created_at if may_be_good else "")
        self._note_newest(entries)

    def _listed(self) -> dict[str, volumes.Listed]:
        """What was read of each disk. Times that are written alike stand in their order as
        texts.
        """
        listed: dict[str, volumes.Listed] = {}
        for raw_id, times in self._volumes.items():
            volume_id = fields.identifier({"volume_id": raw_id}, "volume_id", [])
            if volume_id is not None:
                before = listed.get(volume_id, volumes.Listed())
                newest = [at for at in (before.newest_at, self._newest_of(times)) if at is not None]
                listed[volume_id] = volumes.Listed(
                    before.count + len(times), max(newest, default=None)
                )
        return listed

    def _newest_of(self, times: list[str]) -> datetime | None:
        for text in sorted(times, reverse=True):
            at = _made({"created_at": text})
            if at is not None and at <= self._asked_at + SKEW:
                return at
        return None

    def _tracked(self, entries: dict[uuid.UUID, Any]) -> set[uuid.UUID]:
        """Those that this cloud's rows name; they are served by a list again."""
        ids, found = list(entries), set[uuid.UUID]()
        for batch in in_batches(ids):
            mine = Backup.objects.filter(pk__in=batch, cloud=self._name)
            rows = list(mine.values_list("pk", "unlisted_at"))
            found |= {pk for pk, _ in rows}
            again = [pk for pk, unlisted_at in rows if unlisted_at is not None]
            if again and self._trusted:
                self._set_unlisted(again, None)
        return found

    def _set_unlisted(self, ids: list[uuid.UUID], at: datetime | None) -> None:
        """Since when the list does not serve these, so that they are asked for singly; None: it
        does.
        """
        with transaction.atomic():
            lock_cloud(self._name)
            for batch in in_batches(ids):
                Backup.objects.filter(pk__in=batch).update(unlisted_at=at)

    def _is_old(self, entries: list[Any]) -> bool:
        """Were all of these there at the last look, an hour's delay allowed?"""
        edge = self._cloud.newest_created_at
        made = [_made(entry) for entry in entries if _id(entry) is not None]
        return edge is not None and all(at is not None and at < edge - BACK for at in made[-1:])

    def _note_newest(self, entries: dict[str, Any]) -> None:
        ends = [entry for at, entry in enumerate(entries.values()) if at in (0, len(entries) - 1)]
        made = [at for entry in ends if (at := _made(entry)) is not None and at <= clock.now()]
        self._newest = max([*made, *([self._newest] if self._newest else [])], default=None)

    def _is_doubted(self, walk: Walk) -> bool:
        """Did the list come to its end with far fewer entries than before? A second one, later, has
        to say the same.
        """
        if not walk.complete:
            return False  # it was read up to entries that were known
        known = self._cloud.listed
        if known is None:
            known = Backup.objects.filter(
                cloud=self._name, refreshed_at__isnull=False, gone_at=None
            ).count()
        mine = Cloud.objects.filter(pk=self._name)
        since = self._cloud.shrunk_since
        shrunk_to = self._cloud.shrunk_to
        says_the_same = shrunk_to is not None and not list_support.lacks_many(
            shrunk_to - walk.listed, of=shrunk_to
        )
        if since is None or not says_the_same:
            since = self._began
        is_confirmed = since <= self._began - volumes.CONFIRMED_AFTER
        if is_confirmed or not list_support.lacks_many(known - walk.listed, of=known):
            if self._cloud.shrunk_since is not None:
                mine.update(shrunk_since=None, shrunk_to=None, list_error=None)
            return False
        mine.update(shrunk_since=since, shrunk_to=walk.listed, walked_at=None)
        named = f"The list of backups named {walk.listed:,} where {known:,} were known"
        list_support.failed(
            self._name, f"{named}: it is doubted until another one says the same.", clock.now()
        )
        return True

    def _note_end(self, walk: Walk) -> None:
        values: dict[str, Any] = {
            "backups_listed_at": self._began,
            "newest_created_at": self._newest,
        }
        if walk.complete and not walk.listed:
            self._trusted, self._check = (
                True,
                False,
            )  # an empty list lacks nothing, and shows no entry to compare
            list_support.note_empty(self._name, clock.now())
        if not self._whole:
            volumes.note_newest(self._name, self._listed())
        else:
            volumes.note_listing(self._name, self._listed(), self._began)
            values |= {"walked_at": self._began, "listed": walk.listed, "page_size": walk.page_size}
        Cloud.objects.filter(pk=self._name).update(**values)
        if self._whole and self._trusted:
            not_asked = Q(attempted_at=None) | Q(attempted_at__lt=self._began)
            missing = Backup.objects.filter(
                not_asked, cloud=self._name, unlisted_at=None, tracked_at__lt=self._began
            )
            with transaction.atomic():
                lock_cloud(self._name)
                missing.update(unlisted_at=self._began)


def _id(entry: Any) -> str | None:
    """Of an entry that can be asked for; a broken one never hides its neighbours."""
    found = entry_id(entry)
    return found if is_backup_id(found) else None


def _made(entry: Any) -> datetime | None:
    return fields.instant(entry, "created_at", [])
