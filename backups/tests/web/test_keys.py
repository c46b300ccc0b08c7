"""Keys on every list, and the current page where the system chooses the colours."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from backups.edits import tokens
from backups.models import Backup, Volume
from backups.tests.accounts import make_operator
from backups.tests.screen import Watched, demo

pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ROW = "document.activeElement.closest('[data-rows] > *')"
INDEX = f"[...document.querySelectorAll('[data-rows] > *')].indexOf({ROW})"
LISTS = (
    "/",
    "/backups/",
    "/volumes/",
    "/failures/",
    "/users/",
    "/audit/",
    "/backups/add/discover/?cloud=demo",
)


def steps(page: Page) -> list[int]:
    """Which row has the focus after j, j and k."""
    rows = []
    for key in "jjk":
        page.keyboard.press(key)
        rows.append(page.evaluate(INDEX))
    return rows


@pytest.mark.soak
def test_j_and_k_move_on_every_list_and_x_picks(
    watched: Watched, settings: Any, tmp_path: Path
) -> None:
    page = watched.page
    wrong = {}
    with demo(settings, tmp_path):
        for name in ("anna", "bert"):
            account = make_operator(name)
            tokens.create(user=account, name="cron", now=timezone.now())
        volumes: Any = Volume.objects.with_protection(timezone.now())
        disk = volumes.filter(protection="protected").order_by("volume_id")[0]
        for address in (*LISTS, f"/volumes/demo/{disk.volume_id}/"):
            page.goto(address)
            moved = steps(page)
            if moved != [0, 1, 0]:
                wrong[address] = moved
        page.goto("/volumes/")
        page.keyboard.press("j")
        page.keyboard.press("x")
        assert page.locator("#rows input:checked").count() == 1
        page.keyboard.press("Enter")
        page.wait_for_url("**/volumes/demo/*/")
        assert Backup.objects.exists()
    assert (wrong, watched.complaints) == ({}, [])


def test_the_current_page_is_told_by_the_systems_own_colours_too(watched: Watched) -> None:
    page = watched.page
    page.emulate_media(forced_colors="active")
    page.goto("/clouds/")
    current = page.locator('.nav-main [aria-current="page"]')
    expect(current).to_have_text("Clouds")
    ground = "element => getComputedStyle(element).backgroundColor"
    others = page.locator(".nav-main a:not([aria-current])")
    grounds = {others.nth(number).evaluate(ground) for number in range(others.count())}
    assert current.evaluate(ground) not in grounds
    text = current.evaluate("element => getComputedStyle(element).color")
    assert text != current.evaluate(ground)
