"""Pages that filter themselves: only what changed is swapped, and Back and Forward show whole
pages.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as product
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, Route, expect

from backups.models import Role
from backups.tests.accounts import make_account
from backups.tests.screen import Watched, rows, track_samples

pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TEMPLATES = Path(product.BASE_DIR) / "templates"
PUSHED = re.compile(r"hx-push-url|hx-replace-url")
QUICK_FILTER = re.compile(r"{% quick_filter \"(\w+)\"")
FRAME = ("header.top nav", "footer.foot", ".search svg", "#main", "#q")


def pages_that_swap() -> set[str]:
    """The URL names of all pages whose address changes without a new page, from their source."""
    names = set()
    for template in TEMPLATES.rglob("*.html"):
        text = template.read_text()
        assert not PUSHED.search(text), f"{template}: write {{% quick_filter %}}, as others do"
        names.update(QUICK_FILTER.findall(text))
    return names


def search(page: Page, text: str) -> None:
    page.locator("#q").fill(text)
    page.wait_for_url(re.compile(rf"[?&]q={text}$"))
    expect(page.locator("#main")).not_to_have_class(re.compile("htmx-request"))


def expect_whole(page: Page, q: str) -> None:
    """A header, a foot, an icon and the field with this text, each once."""
    expect(page.locator("#q")).to_have_value(q)
    for part in FRAME:
        expect(page.locator(part)).to_have_count(1)


@pytest.mark.parametrize("name", sorted(pages_that_swap()))
def test_back_and_forward_after_a_quick_search_show_the_whole_page(
    watched: Watched, settings: Any, name: str
) -> None:
    track_samples(settings)
    page = watched.page
    page.goto(f"{reverse(name)}?q=e")
    search(page, "zzz")
    expect_whole(page, "zzz")
    page.go_back()
    expect_whole(page, "e")
    page.go_forward()
    expect_whole(page, "zzz")
    # It lives: it asks and is answered as a page that was opened anew.
    search(page, "yyy")
    expect_whole(page, "yyy")
    assert watched.complaints == []


def test_back_from_a_backup_shows_the_list_as_it_was_searched(
    watched: Watched, settings: Any
) -> None:
    ids = track_samples(settings)
    page = watched.page
    page.goto("/backups/")
    search(page, ids[0])
    expect(page.locator("#matching")).to_have_text("1 matching")
    page.locator("#rows a").first.click()
    page.wait_for_url(f"**/backups/{ids[0]}/")
    page.go_back()
    expect_whole(page, ids[0])
    assert rows(page) == [ids[0]]


def test_only_the_poll_of_the_live_region_is_answered_with_a_fragment(
    client: Client, settings: Any
) -> None:
    track_samples(settings)
    client.force_login(make_account("reader", role=Role.VIEWER))
    poll = {"HX-Request": "true", "HX-Trigger": "live"}
    back = poll | {"HX-History-Restore-Request": "true"}
    answers = {}
    for name, headers in {"poll": poll, "back": back, "filter": {"HX-Request": "true"}}.items():
        answer = client.get("/backups/?q=a", headers=headers)
        answers[name] = "<header" in answer.content.decode()
        asked = {header.strip() for header in answer["Vary"].split(",")}
        assert asked >= {"HX-Request", "HX-History-Restore-Request", "HX-Trigger"}
    assert answers == {"poll": False, "back": True, "filter": True}


def test_a_choice_filters_at_once_and_the_address_holds_only_what_is_set(
    watched: Watched, settings: Any
) -> None:
    track_samples(settings)
    page = watched.page
    page.goto("/backups/?view=all")
    page.evaluate("document.body.mark = 1")
    page.locator("#status").focus()
    page.locator("#status").select_option("error")
    page.wait_for_url("**/backups/?status=error")
    page.locator("#status").select_option("")
    page.wait_for_url("**/backups/?view=all")
    # The page was never loaded anew, and the field that was chosen in has the focus still.
    assert page.evaluate("[document.body.mark, document.activeElement.id]") == [1, "status"]


def test_a_filter_that_cannot_be_is_answered_in_words(watched: Watched, settings: Any) -> None:
    track_samples(settings)
    page = watched.page
    page.goto("/backups/?view=all")
    page.locator("summary", has_text="More").click()
    page.locator("#size_min").fill("many")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("is no whole number")


def test_an_answer_to_the_list_of_before_is_not_put_in(watched: Watched, settings: Any) -> None:
    ids = track_samples(settings)
    page = watched.page
    page.goto("/backups/?view=all")
    held: list[Route] = []
    page.route("**/backups/?view=all", lambda route: held.append(route))
    page.evaluate("document.getElementById('live').dataset.etag = 'another'")
    with page.expect_request("**/backups/?view=all"):
        page.evaluate("poll()")
    search(page, ids[0])
    expect(page.locator("#matching")).to_have_text("1 matching")
    with page.expect_response("**/backups/?view=all"):
        held[0].continue_()
    page.evaluate("new Promise(done => setTimeout(done, 50))")
    assert rows(page) == [ids[0]]
