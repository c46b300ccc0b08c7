"""The description of the API, drawn by Swagger UI under the strict Content-Security-Policy and
without a network.
"""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from backups.tests.screen import Watched

pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_swagger_ui_shows_every_call_and_complains_of_nothing(watched: Watched) -> None:
    watched.page.goto("/api/docs/")
    expect(watched.page.get_by_text("/api/backups/{backup_id}/raw/")).to_be_visible()
    watched.page.locator("#operations-backups-backups_add .opblock-summary-control").click()
    expect(watched.page.get_by_text("Track backups by ID or self-link").last).to_be_visible()
    expect(watched.page.locator("header.top nav")).to_be_visible()
    assert "\n".join(watched.complaints) == ""
    assert watched.hosts == {urlsplit(watched.page.url).netloc}


def test_swagger_ui_is_dark_where_the_reader_is(watched: Watched) -> None:
    page = watched.page
    page.emulate_media(color_scheme="dark")
    page.goto("/api/docs/")
    title = page.locator(".swagger-ui .info .title")
    expect(title).to_be_visible()
    light_on_dark = "getComputedStyle(document.querySelector('.swagger-ui .info .title')).color"
    dark = page.evaluate(light_on_dark)
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).not_to_have_class("dark-mode")
    assert page.evaluate(light_on_dark) != dark
