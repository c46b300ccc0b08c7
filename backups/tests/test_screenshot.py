"""The picture in the README, taken anew by `make screenshots`; each run proves that it can be taken."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser

from backups.bench.fill import CLOUD, fill
from backups.models import Cloud
from backups.tests.otc import configure, silent
from backups.tests.test_browser import browser

__all__ = ["browser"]
pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PROJECT = Path(__file__).resolve().parents[2]
PICTURE = "backups/tests/pictures/home.png"


def test_the_screenshot_of_the_readme_shows_the_home_page(
    browser: Browser, live_server: Any, settings: Any, tmp_path: Path
) -> None:
    configure(settings, tmp_path, silent(CLOUD, region_name="eu-de", vbs_follow="all"))
    User.objects.create_user("operator", password="right-horse")
    now = timezone.now()
    fill(300, now=now)
    Cloud.objects.update(follow="all", backups_listed_at=now)  # as after a round of its lists
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill("right-horse")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state("networkidle")
    to = PROJECT / PICTURE if os.environ.get("VBSDASH_SCREENSHOTS") else tmp_path / "home.png"
    page.screenshot(path=to)
    context.close()
    assert to.stat().st_size > 20_000
    assert f"({PICTURE})" in (PROJECT / "README.md").read_text()
