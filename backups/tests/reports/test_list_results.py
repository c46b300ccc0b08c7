"""A page of a list that was found before is the same page, with rows as they are now."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.http import QueryDict
from django.utils import timezone

from backups.models import FULL_ACCESS, Backup, Cloud
from backups.models.data_version import data_changed, data_touched
from backups.query.cursor import read_cursor
from backups.query.list_query import parse
from backups.query.page import Page
from backups.reports.backup_pages import PAGE_BACKUPS, backup_pages
from backups.reports.data_version import Versions, versions

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = 3
ORDERS = ("-created_at", "attention", "name", "-refreshed_at")
FIELDS = ("id", "name", "status", "refreshed_at")


@pytest.fixture(autouse=True)
def estate() -> None:
    now = timezone.now()
    Cloud.objects.create(name="otc", last_good_at=now)
    Backup.objects.bulk_create([backup(number, now) for number in range(10)])
    data_changed()


def backup(number: int, now: datetime) -> Backup:
    return Backup(
        id=uuid.UUID(int=number + 1),
        cloud_id="otc",
        name=f"b{number % 4}",
        status="available" if number % 3 else "error",
        created_at=now - timedelta(hours=number),
        tracked_at=now,
        refreshed_at=now - timedelta(minutes=number),
        stale_at=now + timedelta(days=1),
    )


def page_of(address: str, versions_read: Versions | None, cursor: str | None = None) -> Page:
    query = parse(QueryDict(address), PAGE_BACKUPS)
    place = read_cursor(cursor, PAGE_BACKUPS, query) if cursor else None
    pages = backup_pages(query, timezone.now(), access=FULL_ACCESS, versions=versions_read)
    return pages.page(place, SIZE, *FIELDS, count=True)


@pytest.mark.parametrize("where", ["", "status=error", "name=b1&name=b2", "q=b"])
def test_each_page_is_the_same_at_first_again_and_without_anything_kept(where: str) -> None:
    for order in ORDERS:
        address = f"{where}&ordering={order}"
        cursor = None
        for _ in range(2):
            anew = page_of(address, None, cursor)
            for _ in range(2):
                assert page_of(address, versions(timezone.now()), cursor) == anew
            cursor = anew.next
            if cursor is None:
                break


def test_a_kept_page_has_the_ages_of_now() -> None:
    page_of("", versions(timezone.now()))
    later = timezone.now() + timedelta(minutes=1)
    Backup.objects.filter(pk=uuid.UUID(int=1)).update(refreshed_at=later)
    data_touched()
    page = page_of("", versions(timezone.now()))
    assert page.rows[0]["refreshed_at"] == later


@pytest.mark.parametrize("where", ["", "refreshed_at_after=2000-01-01"])
def test_what_is_ordered_by_answers_moves_with_an_answer_that_told_nothing_new(where: str) -> None:
    address = f"{where}&ordering=-refreshed_at"
    page_of(address, versions(timezone.now()))
    later = timezone.now() + timedelta(minutes=1)
    Backup.objects.filter(pk=uuid.UUID(int=10)).update(refreshed_at=later)
    data_touched()
    page = page_of(address, versions(timezone.now()))
    assert page.rows[0]["id"] == uuid.UUID(int=10)
    assert page == page_of(address, None)
