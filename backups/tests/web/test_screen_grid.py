"""The grid of days under a reader's hands, in real Chromium."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from backups.tests.screen import Watched
from backups.tests.web.test_grid import otc, volume
from backups.tests.web.test_screen import poll

__all__ = ["otc"]
pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def open_grid(page: Page, path: str) -> None:
    """Opens a page and comes near its grid, which loads what it does under a hand."""
    page.goto(path)
    page.locator("[data-grid] thead").hover()
    page.locator(".day-card").wait_for(state="attached")


def row(page: Page, title: str) -> Locator:
    return page.locator("tr[data-states]").filter(has_text=title)


def drag(page: Page, first: Locator, last: Locator, *, release: bool = True) -> None:
    for cell, press in ((first, True), (last, False)):
        box = cell.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        if press:
            page.mouse.down()
    if release:
        page.mouse.up()


def span_of(page: Page) -> tuple[list[str], str, str]:
    """The disks and the days of the list that was opened."""
    page.wait_for_url("**/backups/?*", wait_until="networkidle")
    query = parse_qs(urlsplit(page.url).query)
    return query["volume_id"], query["created_at_after"][0], query["created_at_before"][0]


def days_back(first: int, last: int) -> tuple[str, str]:
    """The begin of a day and the end of another one, as the list is asked for them."""
    today = timezone.now().date()
    begin = today - timedelta(days=first)
    end = today - timedelta(days=last)
    return f"{begin}T00:00:00Z", f"{end}T23:59:59Z"


def test_a_drag_over_days_opens_their_list_and_escape_ends_it(watched: Watched) -> None:
    volume("db", 0, 1, 2, 3)
    page = watched.page
    open_grid(page, "/volumes/")
    cells = row(page, "db").locator(".c")
    drag(page, cells.nth(26), cells.nth(28), release=False)
    expect(page.locator(".day-marked")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".day-marked")).to_be_hidden()
    page.mouse.up()
    assert urlsplit(page.url).path == "/volumes/"
    drag(page, cells.nth(28), cells.nth(26))
    assert span_of(page) == (["db"], *days_back(3, 1))
    expect(page.locator("#rows tr")).to_have_count(3)
    assert watched.complaints == []


def test_a_drag_over_the_head_means_all_disks_of_the_page(watched: Watched) -> None:
    volume("a", 1, 2)
    volume("b", 1)
    page = watched.page
    open_grid(page, "/volumes/")
    heads = page.locator("thead .d")
    drag(page, heads.nth(27), heads.nth(28))
    assert span_of(page) == (["a", "b"], *days_back(2, 1))
    expect(page.locator("#rows tr")).to_have_count(3)


def test_the_first_key_on_a_grid_loads_what_it_does(watched: Watched) -> None:
    volume("db", 1)
    watched.page.goto("/volumes/otc/db/")
    watched.page.locator("[tabindex='0'].c").focus()
    expect(watched.page.locator(".day-card")).to_contain_text("db · ")
    assert watched.complaints == []


def test_shift_and_click_picks_from_the_last_day_on(watched: Watched) -> None:
    volume("db", known_days=3)
    page = watched.page
    open_grid(page, "/volumes/")
    cells = row(page, "db").locator(".c")
    cells.nth(20).click()
    assert urlsplit(page.url).path == "/volumes/"  # Nothing was made on it.
    cells.nth(24).click(modifiers=["Shift"])
    assert span_of(page) == (["db"], *days_back(9, 5))


def test_a_card_says_under_the_pointer_what_was_made_and_survives_an_update(
    watched: Watched,
) -> None:
    volume("db", 1, status="error", outcome="failed", fail_reason="quota used up")
    page = watched.page
    open_grid(page, "/volumes/")
    row(page, "db").locator(".c-fail").hover()
    card = page.locator(".day-card")
    expect(card).to_contain_text("quota used up")
    expect(card).to_contain_text("20 GB · took 5 min")
    expect(card.get_by_role("link", name="Open the list")).to_be_visible()
    poll(page)
    expect(card).to_contain_text("quota used up")
    page.locator("h1").hover()
    expect(card).to_be_hidden()
    assert watched.complaints == []


@pytest.mark.parametrize("days", [30, 365])
def test_the_arrow_keys_move_from_day_to_day_and_enter_opens_the_list(
    watched: Watched, days: int
) -> None:
    volume("db", 1, status="error", outcome="failed", fail_reason="quota used up")
    page = watched.page
    open_grid(page, f"/volumes/?days={days}")
    row(page, "db").locator("[tabindex='0'].c, .track").focus()
    card = page.locator(".day-card")
    expect(card).to_contain_text(f"{timezone.now():%a} {timezone.now().day}")
    page.keyboard.press("ArrowLeft")
    expect(card).to_contain_text("quota used up")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    expect(card).to_contain_text("3 days: Enter opens their list")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    first, last = (4, 3) if days == 30 else (1, 0)  # A drawing begins anew at today.
    assert span_of(page) == (["db"], *days_back(first, last))
    assert watched.complaints == []
