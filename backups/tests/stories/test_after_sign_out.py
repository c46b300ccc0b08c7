"""After a sign-out the next person at the browser sees nothing of what was read."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from backups.tests.screen import CHROMIUM, FLAGS, signed_in

pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]
READ = ("/account/", "/backups/", "/account/password/")


@pytest.fixture
def keeping(chromium: Browser) -> Iterator[Browser]:
    """A browser that keeps whole pages for its button Back, as those of people do; those of tests
    are told not to.
    """
    browser = chromium.browser_type.launch(
        executable_path=str(CHROMIUM),
        args=FLAGS,
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield browser
    browser.close()


def sign_out(page: Page) -> None:
    page.goto("/account/")
    page.locator(".top-end summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_button_back_shows_nothing(keeping: Browser, live_server: Any) -> None:
    with signed_in(keeping, live_server.url) as context:
        page = context.new_page()
        for path in READ:
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200
        sign_out(page)
        for _ in range(len(READ) + 1):
            page.go_back(wait_until="commit")
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
            assert "operator" not in page.content()
