"""Forms: what was written is not written again by loading the answer anew, and the first thing that
is wrong has the focus.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from playwright.sync_api import Browser, Page

from backups.models import Role
from backups.tests.screen import signed_in, track_samples
from backups.tests.stories.test_matrix import TABLE, ask, callers_of, state, world

pytestmark = [pytest.mark.once]
__all__ = ["world"]


@pytest.mark.django_db
def test_each_form_that_writes_is_answered_by_a_redirect(world: None) -> None:
    """So a page that is loaded anew sends nothing again."""
    caller = next(callers_of(Role.ADMIN, "all"))
    before = state()
    again = []
    for route, calls in TABLE.items():
        call = calls.get("POST")
        if call is None or route.startswith("api/"):
            continue
        with transaction.atomic():
            answer = ask(caller, route, "POST", call)
            if answer.status_code not in (302, 303) and state() != before:
                again.append((route, answer.status_code))
            transaction.set_rollback(True)
    assert again == []


@pytest.mark.django_db
def test_a_reload_after_a_new_token_makes_no_second_one_and_shows_no_key(client: Client) -> None:
    caller = next(callers_of(Role.OPERATOR, "all"))
    client.cookies.load(dict(caller.cookies))
    answer = client.post("/account/tokens/", {"name": "cron", "no_end": "on"}, follow=True)
    assert [status for _, status in answer.redirect_chain] == [302]
    assert "made-key" in answer.content.decode()
    assert "made-key" not in client.get("/account/").content.decode()


# Where a form stands, what is typed, the button, and the field that is wrong first.
WRONG = [
    ("/account/", {"#token-days": "soon", "#token-name": "x"}, "Make a token", "token-days"),
    ("/account/", {"#time_zone": "Mars"}, "Keep this", "time_zone"),
    (
        "/volumes/rules/",
        {"#name-new": "gold", "#period-new": "0.001"},
        "Set this rule",
        "period-new",
    ),
    ("/volumes/rules/", {"#name-new": "gold", "#cron-new": "x"}, "Set this rule", "cron-new"),
    ("/users/add/", {"#username": "x", "#password": "1"}, "Make the account", "password"),
    ("/account/password/", dict.fromkeys(("#old_password", "#new_password1"), "a"), "", "old"),
]


@pytest.fixture
def page(chromium: Browser, live_server: Any, settings: Any, tmp_path: Path) -> Iterator[Page]:
    settings.CLOUDS = {}
    track_samples(settings)
    with signed_in(chromium, live_server.url, java_script_enabled=False) as context:
        yield context.new_page()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_first_error_has_the_focus_and_is_in_sight_without_javascript(page: Page) -> None:
    for address, typed, button, focused in WRONG:
        page.goto(address)
        if address == "/volumes/rules/":
            page.locator("#rule-new > summary").click()
        for field, text in typed.items():
            page.locator(field).fill(text)
        if "#new_password1" in typed:
            page.locator("#new_password2").fill("b")
        form = page.locator("form", has=page.locator(next(iter(typed))))
        submit = form.get_by_role("button", name=re.compile(button)).first
        with page.expect_navigation():
            submit.click()
        active = page.locator(":focus")
        assert (active.get_attribute("id") or "").startswith(focused), address
        assert active.get_attribute("aria-invalid") == "true", address
        described = (active.get_attribute("aria-describedby") or "").split()[0]
        assert page.locator(f"#{described}").inner_text(), address
        box = active.bounding_box()
        assert box is not None
        assert 0 <= box["y"] <= 900, address
