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
    assert "\n".join(watched.complaints) == ""
    assert watched.hosts == {urlsplit(watched.page.url).netloc}
