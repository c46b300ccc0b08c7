"""Charts under a reader's hands, in real Chromium."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from backups.tests.screen import Watched
from backups.tests.web.test_grid import otc, volume

__all__ = ["otc"]
pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_chart_reads_out_the_day_under_the_pointer_and_under_the_arrow_keys(
    watched: Watched,
) -> None:
    volume("good", 1, 2)
    volume("bad", 1, status="error", outcome="failed")
    page = watched.page
    page.goto("/?live=off")
    chart = page.locator("[data-chart]").first
    readout = chart.locator("[data-readout]")
    expect(readout).to_contain_text("Point at a day")
    svg = chart.locator("svg")
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 20)
    expect(readout).to_contain_text("(today, unfinished): 0 good, 0 failed")
    page.mouse.move(0, 0)
    svg.focus()
    page.keyboard.press("ArrowLeft")
    expect(readout).to_contain_text("1 good, 1 failed")
    expect(readout.get_by_role("link")).to_have_count(2)
    assert page.locator(".chart-cursor").is_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".chart-cursor")).to_be_hidden()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    today = timezone.now().date()
    with page.expect_request("**/backups/?outcome=failed*") as asked:
        page.keyboard.press("Enter")
    yesterday = today.replace(day=today.day - 1)
    assert f"made_at_after={yesterday}T00%3A00%3A00Z" in asked.value.url
    page.wait_for_load_state("networkidle")
