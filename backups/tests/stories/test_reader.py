"""A reader who never saw the demo cloud finds the answers by clicking links, three
at most from home.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page

from backups.analysis.causes import explain
from backups.models import Backup, Volume
from backups.tests.screen import Watched, demo

pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Reader:
    """Begins at home; sees words and clicks links that can be seen."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks = page, 0
        page.goto("/")

    def click(self, link: Locator) -> "Reader":
        link.first.click()
        self.page.wait_for_load_state()
        self.clicks += 1
        return self

    def link(self, name: str) -> Locator:
        return self.page.locator("main").get_by_role("link", name=name)

    def reads(self, pattern: str) -> list[Any]:
        """What the page says in this way; nothing counts after three clicks."""
        text = " ".join(self.page.locator("main").inner_text().split())
        return re.findall(pattern, text) if self.clicks <= 3 else []


def test_the_answers_are_found_on_the_demo_cloud(
    watched: Watched, settings: Any, tmp_path: Path
) -> None:
    with demo(settings, tmp_path):
        for find in (
            what_is_wrong_and_why,
            what_would_be_lost,
            which_incident_is_new,
            why_a_backup_failed,
            which_chain_grows_fastest,
            how_old_it_is,
        ):
            find(watched.page)
    assert watched.complaints == []


def what_is_wrong_and_why(page: Page) -> None:
    """Which disks are overdue, since when and why: two clicks, the list of an incident and a disk
    of it.
    """
    volumes: Any = Volume.objects.with_protection(timezone.now())
    overdue = list(volumes.filter(protection="overdue"))
    assert overdue
    for volume in overdue:
        name = str(volume)
        reader = Reader(page)
        card = page.locator("#todo li").filter(has_text=name)
        assert re.search(r"had no good backup.* since ", " ".join(card.inner_text().split()))
        reader.click(card.locator(".what a"))
        if "/volumes/?" in page.url:
            reader.click(page.locator("main").get_by_role("link", name=name[:8]))
        assert reader.reads(r"Overdue\. The last good backup holds .* overdue since \d+ .*? ago")
        assert reader.reads(r"Next: \w+")
        assert reader.clicks <= 2
        assert page.locator(f'time[datetime^="{volume.overdue_at:%Y-%m-%dT%H:%M}"]').count() > 0


def what_would_be_lost(page: Page) -> None:
    """What is lost if disk X burned now: two clicks, the disks and the disk."""
    volumes: Any = Volume.objects.with_protection(timezone.now())
    names = [str(volume) for volume in volumes if volume.protection in ("protected", "overdue")]
    assert len(names) > 1
    for name in (names[0], names[-1]):
        reader = Reader(page).click(page.get_by_role("link", name="Disks"))
        reader.click(reader.link(name))
        assert reader.reads(r"\d+ \w+ of data would be lost; the rule allows \d+")
        assert reader.reads(r"Restore point: the backup that holds the disk as of \w+")
        assert reader.clicks == 2


def which_incident_is_new(page: Page) -> None:
    """Home says how many are new since yesterday, and marks them; the newest first is one click."""
    [said] = Reader(page).reads(r"(\d+) new since yesterday")
    marked = page.locator("#todo li").filter(has=page.locator(".since .tag"))
    assert marked.count() == int(said) > 0
    reader = Reader(page).click(page.get_by_role("link", name="newest first"))
    assert page.locator("#todo li").first.locator(".since .tag").inner_text() == "new"
    reader.click(page.locator("#todo li").first.locator(".what a"))
    assert reader.clicks == 2


def why_a_backup_failed(page: Page) -> None:
    """Why did backup X fail, and what is to be done? The newest and the oldest are looked for."""
    failed = Backup.objects.filter(status="error", fail_reason__gt="", name__gt="").order_by(
        "created_at"
    )
    for one in (failed.first(), failed.last()):
        assert one is not None
        reader = Reader(page).click(page.locator('main a[href="/backups/?status=error"]'))
        reader.click(page.locator(f'#rows a[href="/backups/{one.pk}/"]'))
        told = explain(status="error", reason=one.fail_reason)
        assert told.advice
        assert reader.reads(re.escape(" ".join(str(one.fail_reason).split())))
        assert reader.reads(r"What to do " + re.escape(told.advice))


def which_chain_grows_fastest(page: Page) -> None:
    """The sentence names the disk; so does the first row of all chains, and its link leads
    to the disk's chains.
    """
    reader = Reader(page).click(page.get_by_role("link", name="Fastest growing"))
    name, growth = reader.reads(r"(\S+) has the chain that grows fastest: ([\d.]+) GB")[0]
    rows = page.locator("[aria-labelledby=fast] tbody")
    grown = [text.split()[0] for text in rows.locator("td:nth-child(2)").all_inner_texts()]
    assert (grown[0], grown) == (
        growth,
        sorted(grown, key=lambda one: -float(one)),
    )
    assert reader.click(rows.locator("a")).reads(rf"{re.escape(name)} .*? Chains newest first")


def how_old_it_is(page: Page) -> None:
    assert Reader(page).reads(r"Newest answer \d+ (?:s|min) ago")
    reader = Reader(page).click(page.locator('main a[href="/backups/?status=available"]'))
    assert re.fullmatch(r"\d+ (s|min)", page.locator("#rows tr .known").first.inner_text())
    assert reader.click(page.locator("#rows th a")).reads(r"known \d+ (?:s|min) ago")
