"""What needs somebody, the worst first: each with its reason and the next step.

Alike things of one cloud are one item. What a silent cloud hides is no item of its own: the cloud
is.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import (
    CharField,
    Count,
    DateTimeField,
    Exists,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    TextField,
    Value,
)
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce
from django.utils.dateparse import parse_datetime

from backups.analysis.causes import explain
from backups.models import Backup, Cloud, Volume
from backups.models.columns import unindexed
from backups.reports.home_counts import Numbers, Protected
from backups.vbs.statuses import FAILED

TOGETHER = 10  # more disks of one cloud in one state than this are one item
ORDER = (
    "unreachable",
    "overdue",
    "never",
    "error",
    "error_restoring",
    "stuck",
    "error_deleting",
    "stale",
    "unknown",
)
_TOLD = 300  # characters of a reason; the rest is on the page of the cause
_TEXTS = ("cloud", "id", "state", "title", "text", "key")
_VOLUMES = {  # after "It" or "Of 12 disks each", and the next step
    "overdue": (
        "has no good backup as new as its rule asks for, and the grace is over.",
        "See whether the backup policy ran and still holds it; make a backup by hand meanwhile.",
    ),
    "never": (
        "has no good backup at all.",
        "Put it into a backup policy, make a backup, or say why it needs none.",
    ),
}
_UNKNOWN = (
    "may have newer backups than are known: new ones are not followed, or the evidence is old.",
    "Follow the new backups of these disks, or set vbs_follow for their cloud.",
)


@dataclass(frozen=True, kw_only=True)
class Item:
    """An entry of `attention`, and what pages want beside it.

    `id` is a backup's, a disk's or a cloud's; `count` is how many are meant, and `query` finds them
    in the list of backups or disks, "" where there is one. `title` is what a person calls it.
    """

    what: str
    id: str
    state: str
    why: str
    next: str
    since: datetime | None
    cloud: str
    title: str
    count: int = 1
    query: str = ""


@dataclass(frozen=True)
class Found:
    """A row of the one query: disks one by one, failures by cause, clouds that do not answer."""

    what: str
    cloud: str
    id: str
    state: str
    title: str
    text: str
    key: str
    at: datetime | None
    n: int


def found(
    now: datetime, numbers: Numbers, *, clouds: Sequence[str], heard: Sequence[str]
) -> list[Found]:
    """`clouds`: those that are told of; `heard` gave a good answer lately."""
    parts = [_volumes(now, numbers), _failures(clouds), _clouds(clouds, heard)]
    return [Found(*row) for row in parts[0].union(*parts[1:], all=True)]


def items(
    rows: Iterable[Found], numbers: Numbers, stuck: Iterable[Item], *, heard: Sequence[str]
) -> list[Item]:
    """In the order of ORDER, and of one state the oldest first."""
    given = [*stuck, *(_OF[row.what](row, numbers) for row in rows)]
    given += [_stale(cloud, n) for cloud, n in numbers.stale.items() if cloud in heard]
    for (cloud, state), mine in numbers.volumes.items():
        if (state in _VOLUMES and mine.count > TOGETHER) or (state == "unknown" and cloud in heard):
            given.append(_volumes_together(cloud, state, mine))
    return sorted(given, key=_place)


def _place(one: Item) -> tuple[Any, ...]:
    since = one.since.timestamp() if one.since else 0
    return ORDER.index(one.state), since, one.what, one.cloud, one.id


def _of_cloud(row: Found, numbers: Numbers) -> Item:
    hidden = numbers.stale[row.cloud]
    behind = (
        f" What is known of {hidden:,} backup{'' if hidden == 1 else 's'} in it is old."
        if hidden
        else ""
    )
    why = row.text or "It has not given a good answer for more than half an hour."
    since = parse_datetime(row.key) if row.key else row.at
    step = "Test the connection: it names the step that fails."
    return Item(
        what="cloud",
        id=row.id,
        state=row.state,
        why=f"{why}{behind}",
        next=step,
        since=since,
        cloud=row.cloud,
        title=row.title,
        query=urlencode({"cloud": row.cloud, "tracking_state": "stale"}) if hidden else "",
    )


def _of_backup(row: Found, numbers: Numbers) -> Item:
    told = explain(status=row.state, reason=row.text)
    text = row.text if len(row.text) <= _TOLD else f"{row.text[:_TOLD]}…"
    why = text or told.meaning or ""
    name = str(uuid.UUID(row.id))
    title = (row.title or name) if row.n == 1 else f"{row.n:,} backups"
    query = urlencode({"cause": row.key, "cloud": row.cloud}) if row.n > 1 else ""
    return Item(
        what="backup",
        id=name,
        state=row.state,
        why=why,
        next=told.advice or "",
        since=row.at,
        cloud=row.cloud,
        title=title,
        count=row.n,
        query=query,
    )


def _of_volume(row: Found, numbers: Numbers) -> Item:
    why, step = _VOLUMES[row.state]
    return Item(
        what="volume",
        id=row.id,
        state=row.state,
        why=f"It {why}",
        next=step,
        since=row.at,
        cloud=row.cloud,
        title=row.title,
    )


_OF: Mapping[str, Callable[[Found, Numbers], Item]] = {
    "cloud": _of_cloud,
    "backup": _of_backup,
    "volume": _of_volume,
}


def _volumes_together(cloud: str, state: str, mine: Protected) -> Item:
    why, step = {**_VOLUMES, "unknown": _UNKNOWN}[state]
    volumes = f"{mine.count:,} disk{'' if mine.count == 1 else 's'}"
    return Item(
        what="cloud",
        id=cloud,
        state=state,
        why=f"Of {volumes} each {why}",
        next=step,
        since=mine.since if state in _VOLUMES else None,
        cloud=cloud,
        title=volumes,
        count=mine.count,
        query=urlencode({"protection": state, "cloud": cloud}),
    )


def _stale(cloud: str, n: int) -> Item:
    """Of a cloud that does answer."""
    some = f"{n:,} backup{'' if n == 1 else 's'}"
    return Item(
        what="cloud",
        id=cloud,
        state="stale",
        why=f"The cloud answers, but not for {some}: what is known is old.",
        next="Refresh them; if it stays so, look at their errors and at the cloud's call budget.",
        since=None,
        cloud=cloud,
        title=some,
        count=n,
        query=urlencode({"cloud": cloud, "tracking_state": "stale"}),
    )


def _volumes(now: datetime, numbers: Numbers) -> Any:
    """Only where they are few enough to be named one by one."""
    few = Q(pk__in=[])
    for (cloud, state), mine in numbers.volumes.items():
        if state in _VOLUMES and mine.count <= TOGETHER:
            few |= Q(cloud=cloud, protection=state)
    return _row(
        Volume.objects.with_protection(now).filter(few),
        what="volume",
        cloud=F("cloud"),
        id=F("volume_id"),
        state=F("protection"),
        title=Coalesce("label", "name", "volume_id", output_field=TextField()),
        at=Min(Coalesce("overdue_at", "first_seen_at")),
    )


def _failures(clouds: Sequence[str]) -> Any:
    """By cause. A backup that failed before its disk got a good one is done with, unless it could
    not be deleted.
    """
    good = Volume.objects.filter(
        cloud=OuterRef("cloud"),
        volume_id=OuterRef("volume_id"),
        last_good_at__gt=OuterRef("created_at"),
    )
    rows = Backup.objects.alias(
        of_cloud=unindexed("cloud")
    )  # not by the index of clouds: the failed are few
    rows = rows.filter(cause__isnull=False, status__in=FAILED, of_cloud__in=clouds)
    return _row(
        rows.filter(~Q(status="error") | ~Exists(good)),
        what="backup",
        summed={
            "id": Max(Cast("pk", CharField())),
            "title": Max("name"),
            "text": Max("cause__text"),
        },
        cloud=F("cloud"),
        state=F("status"),
        key=F("cause"),
        at=Min(Coalesce("created_at", "tracked_at")),
    )


def _clouds(clouds: Sequence[str], heard: Sequence[str]) -> Any:
    rows = Cloud.objects.filter(
        Q(error__isnull=False) | ~Q(name__in=heard), name__in=clouds, attempted_at__isnull=False
    )
    return _row(
        rows,
        what="cloud",
        cloud=F("name"),
        id=F("name"),
        state=Value("unreachable", output_field=TextField()),
        title=F("name"),
        text=KT("error__message"),
        key=KT("error__since"),
        at=Max("last_good_at"),
    )


def _row(
    rows: Any, *, what: str, at: Any, summed: Mapping[str, Any] | None = None, **words: Any
) -> Any:
    """One shape for all parts of the union; what is not given is empty."""
    empty, more = Value("", output_field=TextField()), summed or {}
    given = {name: words.get(name, empty) for name in _TEXTS if name not in more}
    plain = {f"w_{name}": _text(word) for name, word in given.items()}
    grouped = rows.order_by().values(w_what=Value(what, output_field=TextField()), **plain)
    sums = {f"w_{name}": _text(word) for name, word in more.items()}
    counted = grouped.annotate(**sums, w_at=Cast(at, DateTimeField()), w_n=Count("pk"))
    return counted.values_list("w_what", *(f"w_{name}" for name in _TEXTS), "w_at", "w_n")


def _text(word: Any) -> Any:
    return Coalesce(Cast(word, TextField()), Value("", output_field=TextField()))
