"""Disks "worst first": by what they are, and among equals by how long they wait."""

import random
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.http import QueryDict

from backups.models import Backup, Cloud, Volume
from backups.query.cursor import FIRST, BadCursor, Cursor, read_cursor
from backups.query.list_query import InvalidQuery, parse
from backups.query.page import Pages
from backups.query.volumes import VOLUMES, WORST_FIRST
from backups.tests.facts import NOON
from backups.tests.policy_rows import disk_row, policy, vault

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
WAITS_SINCE = {"overdue": "overdue_at", "never": "first_seen_at", "late": "late_at"}


@pytest.fixture
def volumes() -> list[dict[str, Any]]:
    """Disks of every word with many ties, as rows in no order."""
    dice = random.Random(11)
    Cloud.objects.create(name="otc", last_good_at=NOON, backups_listed_at=NOON, follow="all")
    for n in range(80):
        good = None
        if dice.random() < 0.7:
            fresh = {"tracked_at": NOON, "refreshed_at": NOON, "stale_at": NOON + DAY}
            good = Backup.objects.create(
                id=uuid.UUID(int=n), cloud_id="otc", created_at=NOON, **fresh
            )
        late = NOON + dice.randint(-4, 2) * DAY if good else None
        Volume.objects.create(
            cloud_id="otc",
            volume_id=f"disk {n}",
            first_seen_at=NOON - dice.randint(0, 3) * DAY,
            follow=dice.random() < 0.9,
            listed_backups=0,
            deleted_at=NOON if dice.random() < 0.1 else None,
            exempt_reason="scratch" if dice.random() < 0.1 else None,
            last_good=good,
            last_good_at=NOON if good else None,
            late_at=late,
            overdue_at=late + 2 * DAY if late else None,
        )
    rows: list[Any] = list(Volume.objects.with_protection(NOON).values())
    assert {row["protection"] for row in rows} == set(WORST_FIRST)
    return rows


def walked(ordering: str, few: int, cursor: Cursor) -> list[int]:
    """The keys of all disks, page by page, in the direction of a cursor that stands at an end."""
    wanted = parse(QueryDict(f"ordering={ordering}&cloud=otc"), VOLUMES)
    pages = Pages(VOLUMES, wanted, NOON, rows=Volume.objects.with_protection(NOON), few=few)
    found: list[int] = []
    while True:
        page = pages.page(cursor, 7, "id")
        ids = [row["id"] for row in page.rows]
        found = ids + found if cursor.backwards else found + ids
        follows = page.previous if cursor.backwards else page.next
        if follows is None:
            return found
        cursor = read_cursor(follows, VOLUMES, wanted)


@pytest.mark.parametrize("ordering", VOLUMES.orderings)
def test_one_statement_gives_the_keys_in_the_order_of_the_pages(
    volumes: list[dict[str, Any]], ordering: str
) -> None:
    wanted = parse(QueryDict(f"ordering={ordering}&cloud=otc"), VOLUMES)
    pages = Pages(VOLUMES, wanted, NOON, rows=Volume.objects.with_protection(NOON))
    assert volumes
    assert list(pages.ordered_keys()) == walked(ordering, 0, FIRST)


@pytest.mark.parametrize("few", [0, 10_000], ids=["walked", "gathered"])
@pytest.mark.parametrize("ordering", ["attention", "-attention"])
def test_the_newest_of_the_worst_comes_first(
    volumes: list[dict[str, Any]], ordering: str, few: int
) -> None:
    way = -1 if ordering.startswith("-") else 1

    def need(row: dict[str, Any]) -> tuple[int, float, int]:
        waits = WAITS_SINCE.get(row["protection"])
        since = row[waits].timestamp() if waits else 0.0
        return way * WORST_FIRST.index(row["protection"]), -way * since, row["id"]

    expected = [row["id"] for row in sorted(volumes, key=need)]
    assert walked(ordering, few, Cursor(backwards=False, place=None)) == expected
    assert walked(ordering, few, Cursor(backwards=True, place=None)) == expected


def test_a_place_of_the_other_direction_or_without_its_instant_is_refused(
    volumes: list[dict[str, Any]],
) -> None:
    worst = parse(QueryDict("ordering=attention"), VOLUMES)
    given = (
        Pages(VOLUMES, worst, NOON, rows=Volume.objects.with_protection(NOON))
        .page(None, 5, "id")
        .next
    )
    assert given is not None
    cursor = read_cursor(given, VOLUMES, worst)
    assert cursor.place is not None
    assert cursor.place.value.tzinfo is not None
    with pytest.raises(BadCursor):
        read_cursor(given, VOLUMES, parse(QueryDict("ordering=-attention"), VOLUMES))
    bare = Cursor(False, type(cursor.place)(cursor.place.segment, None, cursor.place.pk)).write(
        VOLUMES, "attention"
    )
    with pytest.raises(BadCursor):
        read_cursor(bare, VOLUMES, worst)


@pytest.mark.parametrize("few", [0, 10_000], ids=["walked", "gathered"])
def test_a_disk_is_found_by_the_id_of_its_last_good_backup(
    volumes: list[dict[str, Any]], few: int
) -> None:
    row = next(row for row in volumes if row["last_good_id"] is not None)
    query = parse(QueryDict(f"last_good_id={row['last_good_id']}"), VOLUMES)
    rows = Volume.objects.with_protection(NOON)
    page = Pages(VOLUMES, query, NOON, rows=rows, few=few).page(None, 7, "id", count=True)
    assert ([found["id"] for found in page.rows], page.matching) == ([row["id"]], 1)


READ = NOON - timedelta(hours=1)


@pytest.fixture
def promised() -> None:
    """Disks of each word of a schedule, and one in a cloud whose policies were not read lately."""
    for name, read_at in (("otc", READ), ("silent", NOON - timedelta(hours=4))):
        Cloud.objects.create(name=name, policies_read_at=read_at)
    nightly = policy(1, name="nightly")
    weekly = policy(2, name="weekly", policy_id="8f1f3c5e-2a07-4f0c-9d3f-6a2f31c5b0aa")
    disk_row("on", schedule_read="scheduled", policy=nightly, last_run_outcome="made")
    disk_row("off", schedule_read="off", policy=weekly, last_run_outcome="skipped")
    disk_row("none", schedule_read="none", last_run_at=NOON, vault=vault(1, (), cloud="otc"))
    disk_row("stale", cloud="silent", schedule_read="scheduled")


def found(query: str) -> set[str]:
    rows = Volume.objects.with_protection(NOON).with_schedule(NOON)
    page = Pages(VOLUMES, parse(QueryDict(query), VOLUMES), NOON, rows=rows)
    return {row["volume_id"] for row in page.page(None, 100, "volume_id").rows}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("schedule=scheduled", {"on"}),
        ("schedule=off&schedule=none", {"off", "none"}),
        ("schedule=unknown", {"stale"}),
        ("policy_id=policy-1", {"on"}),
        ("policy_id=8F1F3C5E2A074F0C9D3F6A2F31C5B0AA", {"off"}),
        ("policy_id=null", {"none", "stale"}),
        ("policy_name=weekly&policy_name=null", {"off", "none", "stale"}),
        ("policy_name=nobody", set()),
        ("last_run_outcome=skipped", {"off"}),
        ("last_run_outcome=null", {"none", "stale"}),
        ("last_run_at_after=2026-11-24T12:00:00Z", {"none"}),
        ("last_run_at_before=2026-11-24T11:59:59Z", set()),
        ("vault_id=vault-1", {"none"}),
        ("vault_id=null", {"on", "off", "stale"}),
        ("vault_mb=null&schedule=none", {"none"}),
    ],
)
def test_disks_are_found_by_what_is_promised_for_them(
    promised: None, query: str, ids: set[str]
) -> None:
    assert found(query) == ids


@pytest.mark.parametrize(
    "query", ["schedule=nightly", "schedule=null", "last_run_outcome=good", "next_run_at=null"]
)
def test_words_of_a_schedule_that_there_are_not_are_refused(query: str) -> None:
    with pytest.raises(InvalidQuery):
        parse(QueryDict(query), VOLUMES)
