"""Where things stand: on a phone, on a wall, one line a row, and on paper."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from pypdf import PdfReader

from backups.models import Backup
from backups.tests.screen import Watched, demo, sideways

pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WALLS = (1920, 2560)
WIDE_PAGES = ("/", "/backups/?ordering=attention", "/failures/")
CUT = """() => [...document.querySelectorAll("main *")].filter(
    (one) => getComputedStyle(one).textOverflow === "ellipsis" && one.offsetWidth
        && one.scrollWidth > one.clientWidth + 1
).map((one) => one.textContent.trim().slice(0, 60))"""
ROWS_IN_SIGHT = """() => [...document.querySelectorAll("#rows tr")].filter(
    (row) => row.getBoundingClientRect().bottom <= innerHeight
).length"""
OVERFLOWING = """tabs => tabs.filter((tab) => tab.scrollWidth > tab.offsetWidth + 1).map(
    (tab) => tab.textContent.trim()
)"""
# The words of a row from top to bottom and from left to right.
READ = """(row) => [
        ...row.querySelectorAll(".disk a, .made time, .state .st, .known .age, .name a")
    ]
    .filter((one) => one.offsetParent)
    .map((one) => ({ box: one.getBoundingClientRect(), kind: one.closest("td, th").className }))
    .sort((a, b) => Math.round((a.box.top - b.box.top) / 12) || a.box.left - b.box.left)
    .map((one) => one.kind.replace("num ", ""))"""


def at(page: Page, width: int, path: str) -> Page:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(path)
    return page


def first_sheet(page: Page, path: str) -> str:
    """Prints a page, and returns the words of the first sheet."""
    page.goto(path)
    sheets = PdfReader(io.BytesIO(page.pdf(format="A4"))).pages
    return " ".join(sheets[0].extract_text().split())


@pytest.mark.soak
def test_windows_are_used_from_a_phone_to_a_wall(
    watched: Watched, settings: Any, tmp_path: Path
) -> None:
    page = watched.page
    with demo(settings, tmp_path):
        at(page, 1280, "/backups/?density=compact")
        assert page.evaluate(ROWS_IN_SIGHT) >= 30
        heights = page.locator("#rows tr").evaluate_all("rows => rows.map(row => row.offsetHeight)")
        assert max(heights) - min(heights) <= 1
        cut = {}
        for width in WALLS:
            for path in WIDE_PAGES:
                if words := at(page, width, path).evaluate(CUT):
                    cut[f"{width} {path}"] = words
        assert cut == {}
        # A table down to 768 px; on a phone the disk, its age and its state come first.
        at(page, 768, "/backups/")
        assert (
            page.locator("#rows tr").first.evaluate("row => getComputedStyle(row).display")
            == "table-row"
        )
        at(page, 360, "/backups/")
        assert page.locator(".tabs a").evaluate_all(OVERFLOWING) == []
        row = page.locator("#rows tr").first
        assert row.evaluate(READ) == ["disk", "made", "state", "known", "name"]
        known = row.locator(".known .age").evaluate(
            "age => getComputedStyle(age, '::before').content"
        )
        assert known == '"known "'
        # Who chose a column sees it in each width.
        at(page, 360, "/backups/?columns=throughput_mb_s,availability_zone")
        assert page.locator("#rows tr").first.locator("[data-label]").evaluate_all(
            "cells => cells.map(cell => [cell.dataset.label, cell.offsetHeight > 0])"
        ) == [["Speed", True], ["Zone", True]]
        assert at(page, 360, "/").evaluate("document.documentElement.scrollHeight") <= 2500
        for path in ("/", "/backups/?density=compact", "/clouds/"):
            assert (path, sideways(at(page, 320, path))) == (path, 0)


def test_paper_begins_with_what_the_page_is_about(
    watched: Watched, settings: Any, tmp_path: Path
) -> None:
    page = watched.page
    with demo(settings, tmp_path):
        failed = Backup.objects.filter(status="error").order_by("-created_at", "-pk")[0]
        text = first_sheet(page, "/backups/?status=error&tracking_state=fresh")
        count = Backup.objects.filter(status="error").count()
        assert f"{count} of {count} backups: Status: error; Knowledge: fresh" in text
        # The clock that is set to 14:30:00 may read a fraction of a second less.
        said = r"as operator sees it\. Known at 2026-11-25 14:(29|30) UTC, printed at 2026-"
        assert re.search(said, text)
        assert failed.name is not None
        assert failed.name in text
        assert "Filter" not in text
        sheets = PdfReader(io.BytesIO(page.pdf(format="A4"))).pages
        assert len(sheets) > 1
        assert "Disk · Cloud" in sheets[1].extract_text()  # The head stands on each sheet.
        page.goto("/volumes/")
        first = page.locator(".days tbody th a").first.inner_text()
        assert first in first_sheet(page, "/volumes/").replace("- ", "-")
        text = first_sheet(page, "/")
        assert "Needs attention" in text
        assert len(text) > 1000
