"""While vbsdash does not answer, that is said where the person looks, what was typed stays, and the
page heals by itself.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from backups.models import Backup
from backups.tests.front import Front
from backups.tests.screen import rows, signed_in, track_samples

pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SOAK = pytest.mark.soak
SINCE = re.compile(r"no answer since \d\d:\d\d")
ENDS = {
    "refused": Front.close,
    "502": lambda front: front.turn("502"),
    "silent": lambda front: front.turn("silent"),
}


@pytest.fixture
def front(live_server: Any) -> Iterator[Front]:
    front = Front(urlsplit(live_server.url).port or 0)
    yield front
    front.close()


@pytest.fixture
def page(chromium: Browser, front: Front, settings: Any) -> Iterator[Page]:
    settings.CLOUDS = {}
    with signed_in(chromium, f"http://localhost:{front.port}") as context:
        # Patience is for people: the tests have less of it.
        context.add_init_script("addEventListener('load', () => { htmx.config.timeout = 1000 })")
        page = context.new_page()
        page.clock.install()
        yield page


def heal(front: Front, page: Page, how: str) -> None:
    if how == "refused":
        front.listen()
    front.turn("open")
    page.clock.run_for(61_000)  # the longest pause between two questions


@pytest.mark.parametrize(
    "how",
    ["refused", pytest.param("502", marks=SOAK), pytest.param("silent", marks=SOAK)],
)
def test_a_search_that_is_not_answered_says_so_keeps_its_text_and_heals(
    front: Front, page: Page, settings: Any, how: str
) -> None:
    ids = track_samples(settings)
    page.goto("/backups/?view=all")
    end: Callable[[Front], None] = ENDS[how]
    end(front)
    page.locator("#q").fill(ids[0])
    page.clock.run_for(2_000)
    refusal = page.locator("[data-not-sent]")
    expect(refusal).to_have_text(re.compile(r"^Not filtered: no answer since \d\d:\d\d\."))
    expect(page.locator("#gone")).to_have_text(SINCE)
    assert page.locator("#q").input_value() == ids[0]
    heal(front, page, how)
    expect(page.locator("#matching")).to_have_text("1 matching")
    expect(refusal).to_have_count(0)
    expect(page.locator("#gone")).to_be_hidden()
    assert (rows(page), page.locator("#q").input_value()) == ([ids[0]], ids[0])


def test_polls_that_are_not_answered_say_since_when_and_go_on(
    front: Front, page: Page, settings: Any
) -> None:
    track_samples(settings)
    page.goto("/backups/?view=all")
    front.close()
    page.evaluate("poll()")
    expect(page.locator("#updated")).to_have_text(SINCE)
    expect(page.locator("#gone")).to_have_text(SINCE)
    heal(front, page, "refused")
    expect(page.locator("#updated")).to_have_text(re.compile("^updated"))
    expect(page.locator("#gone")).to_be_hidden()


def test_a_key_that_is_not_answered_says_so_and_leaves_the_page(
    front: Front, page: Page, settings: Any
) -> None:
    ids = track_samples(settings)
    page.goto("/backups/?view=all")
    address = page.url
    page.locator(f"#b-{ids[1]} input").check()
    front.close()
    page.keyboard.press("r")
    expect(page.locator("#notice")).to_have_text(re.compile("^Nothing was done: no answer since"))
    page.keyboard.press("a")
    expect(page.locator("#notice")).to_have_text(re.compile("^Nothing was opened: no answer since"))
    assert (page.url, page.locator(f"#b-{ids[1]} input").is_checked()) == (address, True)


def test_a_form_that_cannot_be_sent_keeps_what_was_typed_and_is_sent_later(
    front: Front, page: Page, settings: Any
) -> None:
    ids = track_samples(settings)
    page.goto(f"/backups/{ids[0]}/")
    page.locator("#note").fill("written while the server was away")
    front.close()
    save = page.locator("form", has=page.locator("#note")).get_by_role("button", name="Save")
    save.click()
    refusal = page.locator("[data-not-sent]")
    expect(refusal).to_have_text(re.compile(r"^Not sent: no answer since \d\d:\d\d\."))
    front.listen()
    save.click()
    expect(page.locator("main .note").first).to_contain_text("Saved.")
    assert Backup.objects.get(pk=ids[0]).note == "written while the server was away"
