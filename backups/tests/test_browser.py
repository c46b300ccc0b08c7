import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect, sync_playwright

from backups.engine import tracking
from backups.engine.apply import apply
from backups.engine.plan import Fetched
from backups.models import Backup
from backups.tests.conftest import sample_bodies
from backups.vbs import payload

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
SHOTS = Path(__file__).parents[2] / "var" / "screenshots"
PATHS = {"home": "/", "list": "/backups/", "add": "/backups/add/", "clouds": "/clouds/", "disks": "/volumes/"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("there is no /usr/bin/chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


class Watched:
    """A page that notes what it must not do."""

    def __init__(self, page: Page) -> None:
        self.page, self.complaints, self.hosts = page, list[str](), set[str]()
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))


@pytest.fixture
def watched(browser: Browser, live_server: Any, settings: Any) -> Iterator[Watched]:
    """Signed in through the form, with every sample tracked and one backup that never answered."""
    settings.CLOUDS = {}
    User.objects.create_user("operator", password="right-horse")
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    one = Watched(context.new_page())
    one.page.goto("/")
    one.page.get_by_label("Name").fill("operator")
    one.page.get_by_label("Password").fill("right-horse")
    one.page.get_by_role("button", name="Sign in").click()
    one.page.wait_for_url("**/")
    yield one
    context.close()


def track_samples(settings: Any) -> list[str]:
    settings.CLOUDS = dict.fromkeys(["otc"])
    now = timezone.now()
    bodies = [body for _, body in sample_bodies()]
    tracking.add(cloud="otc", values=[*(body["id"] for body in bodies), str(uuid.UUID(int=1))], now=now)
    settings.CLOUDS = {}
    apply("otc", [Fetched(uuid.UUID(body["id"]), now, answer=payload.receive(body)) for body in bodies])
    return [str(pk) for pk in Backup.objects.newest_first().values_list("pk", flat=True)]


def rows(page: Page) -> list[str]:
    ids = page.locator("#rows tr").evaluate_all("rows => rows.map(row => row.id.slice(2))")
    assert isinstance(ids, list)
    return ids


def test_after_signing_in_the_list_shows_every_backup(watched: Watched, live_server: Any, settings: Any) -> None:
    ids = track_samples(settings)
    watched.page.goto("/backups/")
    assert (sorted(rows(watched.page)), watched.complaints) == (sorted(ids), [])
    assert watched.hosts == {urlsplit(live_server.url).netloc}


def test_a_row_that_is_answered_changes_by_itself(watched: Watched, settings: Any) -> None:
    track_samples(settings)
    watched.page.goto("/backups/?tracking_state=pending")
    expect(watched.page.locator("#rows .st")).to_have_text("no answer yet")
    apply("otc", [Fetched(uuid.UUID(int=1), timezone.now(), answer=payload.receive({"id": str(uuid.UUID(int=1))}))])
    expect(watched.page.locator("#matching")).to_have_text("0 matching", timeout=8_000)
    assert watched.complaints == []


@pytest.mark.once
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280, 2560])
def test_no_page_scrolls_sideways_or_complains(watched: Watched, settings: Any, width: int, scheme: Any) -> None:
    ids = track_samples(settings)
    page = watched.page
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    SHOTS.mkdir(parents=True, exist_ok=True)
    over = {}
    for name, path in {**PATHS, "backup": f"/backups/{ids[0]}/"}.items():
        page.goto(path)
        page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}.png", full_page=True)
        over[name] = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert ({name: by for name, by in over.items() if by > 0}, watched.complaints) == ({}, [])
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(248, 248, 246)", "dark": "rgb(19, 21, 24)"}[scheme]


def test_pages_work_without_javascript(browser: Browser, live_server: Any, settings: Any) -> None:
    ids = track_samples(settings)
    User.objects.create_user("operator", password="right-horse")
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/backups/")
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill("right-horse")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Search name").fill(ids[0])
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#matching")).to_have_text("1 matching")
    page.locator("#rows th a").click()
    expect(page.locator("#own-id")).to_have_text(ids[0])
    page.goto("/backups/?status=error")
    page.locator("#rows input").first.check()
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("main .note").first).to_have_text("1 backup is asked about now.")
    page.locator("summary", has_text="Save as view").click()
    page.locator("#view-name").fill("Failed ones")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".tabs [aria-current]")).to_have_text("Failed ones")
    page.locator("summary", has_text="Columns").click()
    page.get_by_label("Note", exact=True).check()
    page.get_by_role("button", name="Show these").click()
    expect(page.get_by_role("columnheader", name="Note")).to_be_visible()
    context.close()
