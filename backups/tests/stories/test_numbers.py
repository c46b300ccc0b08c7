"""A number is its list: each number of each page that is a link leads to exactly so many."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from backups.models import Backup, Role
from backups.tests.stories.numbers import Numbers, Page
from backups.tests.stories.test_counts_by_clouds import OURS, estate, person
from backups.tests.stories.test_demo import told

__all__ = ["estate", "told"]
pytestmark = [pytest.mark.django_db]
PAGES = (
    "/",
    "/?incidents=newest",
    "/backups/",
    "/backups/?ordering=attention",
    "/backups/?group=failed",
    "/volumes/",
    "/volumes/?group=unprotected",
    "/volumes/growing/",
    "/volumes/rules/",
    "/failures/",
    "/failures/?q=e",
    "/clouds/",
    "/account/",
    "/backups/add/",
)
MOST_READ = 40  # disks, and backups, each of another sort


def pages(client: Client, most: int) -> list[str]:
    """Every page that has numbers: of disks and backups one of each sort, `most` of each."""
    addresses = list(PAGES)
    disks: dict[tuple[str, bool, bool], str] = {}
    for disk in client.get("/api/volumes/?limit=500").json()["results"]:
        sort = (disk["protection"], bool(disk["failing_id"]), len(disk["chains"]) > 1)
        disks.setdefault(sort, f"/volumes/{disk['cloud']}/{quote(disk['volume_id'], safe='')}/")
    addresses += list(disks.values())[:most]
    backups: dict[tuple[str | None, str | None], str] = {}
    for pk, status, cause in Backup.objects.order_by("pk").values_list("pk", "status", "cause"):
        backups.setdefault((status, cause), f"/backups/{pk}/")
    return addresses + list(backups.values())[:most]


def walk(client: Client, most: int) -> Numbers:
    numbers = Numbers(client)
    wrong = []
    for address in pages(client, most):
        wrong += numbers.differing(address)
    assert wrong == []
    return numbers


@pytest.mark.soak
def test_every_number_of_every_page_of_the_demo_is_that_of_its_list(told: Client) -> None:
    checked = walk(told, MOST_READ).checked
    assert len(checked) >= 40
    assert sum(count for count in checked.values()) > 1000


@pytest.mark.parametrize("clouds", [pytest.param(None, marks=pytest.mark.soak), [OURS]])
def test_every_number_is_that_of_its_list_for_who_sees_some_clouds_too(
    estate: None, clouds: list[str] | None
) -> None:
    """Some cannot be restored, stand still, are gone, or of no disk."""
    checked = walk(person("one", clouds, Role.OPERATOR), 1).checked
    assert len(checked) >= 20


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="/x"><b>3</b> disks</a>', 3),
        ('<a href="/x">All 1\u202f240</a>', 1240),
        ('<a href="/x">12 h ago</a>', None),
        ('<a href="/x">7\u202f558 MB · 7.21 TB</a>', None),
        ('<a href="/x">1.18 TB</a>', None),
        ('<a href="/x"><bdi>3 copies of db</bdi></a>', None),
        ('<a href="/x">2748f2f2-4394</a>', None),
        ('<a href="/x">Failed</a>', None),
    ],
)
def test_a_number_is_told_from_names_times_and_sizes(html: str, expected: int | None) -> None:
    [link] = Page(html).links
    assert link.count == expected


def test_a_place_in_the_page_is_as_long_as_its_items() -> None:
    page = Page('<section id="a"><ol><li>1<br></li><li>2</li></ol></section><p id="b"></p>')
    assert (page.items["a"], page.items["b"]) == (2, 0)


def test_outcomes_of_days_are_lists_of_backups(estate: None) -> None:
    """By when the cloud began them, else by when they were added; of disks alone."""
    client = person("one", None)
    days: Any = client.get("/api/summary/").json()["outcomes_by_day"]
    for outcome in ("good", "failed"):
        for day in days:
            since = f"made_at_after={day['day']}&made_at_before={day['day']}"
            answer = client.get(f"/api/backups/?outcome={outcome}&{since}&limit=1000").json()
            assert len(answer["results"]) == day[outcome], (outcome, day)
    assert sum(day["good"] for day in days) > 0
    assert sum(day["failed"] for day in days) > 0
