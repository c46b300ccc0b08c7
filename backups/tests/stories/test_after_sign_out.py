"""After a sign-out the next person at the browser sees nothing of what was read."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]
READ = ("/account/", "/backups/", "/account/password/", "/api/summary/")


def sign_out(page: Page) -> None:
    page.goto("/account/")
    page.locator(".top-end summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_button_back_shows_nothing(context: BrowserContext) -> None:
    page = context.new_page()
    for path in READ:
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200
    sign_out(page)
    # The sign-in page was not left by it, and the page of the sign-out is one more.
    seen = []
    for _ in range(len(READ) + 1):
        page.go_back()
        seen.append(page.content())
    assert [text for text in seen if "operator" in text or "by_status" in text] == []
    assert "Sign in" in seen[0]
    assert "Authentication credentials were not provided" in seen[1]
