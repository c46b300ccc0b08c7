"""How the pages behave under a reader's hands, in real Chromium."""

import gzip
import re
import uuid
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from backups.models import Backup
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.simulator import Simulator
from backups.tests.accounts import make_operator
from backups.tests.screen import Watched, rows, session, track_samples
from backups.vbs import payload
from backups.vbs.clouds import load_clouds

pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PENDING = uuid.UUID(int=1)


def answer(pk: uuid.UUID, **words: Any) -> None:
    apply("otc", [Fetched(pk, timezone.now(), answer=payload.receive({"id": str(pk), **words}))])


def poll(page: Page) -> None:
    """What the clock of the page would do by itself."""
    with page.expect_response(
        lambda response: response.request.headers.get("hx-request") == "true"
    ):
        page.evaluate("poll()")


def test_after_signing_in_the_list_shows_every_backup(
    chromium: Browser, live_server: Any, settings: Any
) -> None:
    ids = track_samples(settings)
    make_operator("operator", password="right-horse")
    page = chromium.new_page(base_url=live_server.url)
    seen = Watched(page)
    page.goto("/backups/")
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill("right-horse")
    page.get_by_role("button", name="Sign in").click()
    # The page of the sign-in ends in ?next=/backups/.
    page.wait_for_url(f"{live_server.url}/backups/")
    assert (sorted(rows(page)), seen.complaints) == (sorted(ids), [])
    assert seen.hosts == {urlsplit(live_server.url).netloc}
    page.close()


def test_a_row_that_is_answered_changes_by_itself(watched: Watched, settings: Any) -> None:
    track_samples(settings)
    watched.page.goto("/backups/?tracking_state=pending")
    expect(watched.page.locator("#rows .st")).to_have_text("no answer yet")
    apply(
        "otc",
        [
            Fetched(
                uuid.UUID(int=1),
                timezone.now(),
                answer=payload.receive({"id": str(uuid.UUID(int=1))}),
            )
        ],
    )
    expect(watched.page.locator("#matching")).to_have_text("0 matching")
    assert watched.complaints == []


def test_ticks_focus_and_menus_survive_an_update_that_changes_a_row(
    watched: Watched, settings: Any
) -> None:
    track_samples(settings)
    page = watched.page
    page.goto("/backups/")
    ids = rows(page)
    page.locator(f"#b-{ids[2]} input").check()
    page.evaluate(f"document.getElementById('b-{ids[2]}').mark = 1")
    page.locator("#tag-menu summary").click()
    page.locator("#bulk-tag").fill("half writ")
    expect(page.locator("#picked")).to_have_text("1 selected")
    answer(PENDING, status="creating", service_metadata='{"progress": "40"}')
    poll(page)
    expect(page.locator(f"#b-{PENDING} .st")).to_have_text("creating 40 %")
    assert page.locator(f"#b-{ids[2]} input").is_checked()
    # The same element, not a new one.
    assert page.evaluate(f"document.getElementById('b-{ids[2]}').mark") == 1
    assert (
        page.evaluate("document.activeElement.id"),
        page.locator("#bulk-tag").input_value(),
    ) == (
        "bulk-tag",
        "half writ",
    )
    assert page.locator("#tag-menu").get_attribute("open") is not None
    assert watched.complaints == []


def test_a_question_with_nothing_new_is_answered_304(watched: Watched, settings: Any) -> None:
    track_samples(settings)
    watched.page.goto("/backups/")
    answers: list[int] = []
    watched.page.on(
        "response",
        lambda one: answers.append(one.status) if "hx-request" in one.request.headers else None,
    )
    poll(watched.page)
    poll(watched.page)
    assert answers == [304, 304]


def test_a_hidden_tab_asks_nothing_and_a_seen_one_at_once(watched: Watched, settings: Any) -> None:
    track_samples(settings)
    page = watched.page
    page.clock.install()
    page.goto("/backups/")
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => window.away, configurable: true}); "
        "window.away = true;"
        "document.dispatchEvent(new Event('visibilitychange'));"
        "sessionStorage.setItem('poll-fast-until', Date.now() + 60000)"
    )
    asked: list[str] = []
    # Chromium fetches the icon of the tab whenever it likes.
    page.on(
        "request",
        lambda request: asked.append(request.url) if "hx-request" in request.headers else None,
    )
    page.evaluate("poll()")
    page.clock.run_for(120_000)
    assert asked == []
    with page.expect_request(lambda request: "hx-request" in request.headers):
        page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")


def test_after_adding_the_page_asks_each_second_and_stops_when_told(
    watched: Watched, settings: Any
) -> None:
    track_samples(settings)
    page = watched.page
    page.clock.install()
    page.goto("/backups/?live=off")
    assert page.locator("[data-poll]").count() == 0
    page.goto("/backups/")
    page.evaluate("pollFast()")
    for _ in range(2):
        with page.expect_response(lambda response: "hx-request" in response.request.headers):
            page.clock.run_for(1_000)


def test_the_keyboard_alone_adds_opens_and_refreshes(watched: Watched, settings: Any) -> None:
    with Simulator(backups=3, clock=timezone.now) as simulator:
        folder = settings.DATA_DIR
        (folder / "keys.yaml").write_text(simulator.clouds_yaml("sim", vbs_requests_per_second=0))
        settings.CLOUDS = load_clouds(
            {"OS_CLIENT_CONFIG_FILE": str(folder / "keys.yaml")}, cwd=folder, home=folder
        )
        page, keys = watched.page, watched.page.keyboard
        page.goto("/backups/")
        keys.press("a")
        page.wait_for_url("**/backups/add/")
        page.locator("#backup_ids").focus()
        keys.type(f"{simulator.seed_example_id} aj")  # keys rest inside a field
        expect(page.locator("#vd")).to_contain_text("1 new")
        keys.press("Tab")  # the field for files
        keys.press("Tab")
        keys.press("Enter")
        # The word behind it is no ID: the text is kept.
        expect(page.locator("#vd")).to_contain_text("1 added")
        page.goto("/backups/?view=all")
        keys.press("j")
        assert (
            page.evaluate("document.activeElement.closest('tr').id")
            == f"b-{simulator.seed_example_id}"
        )
        Backup.objects.update(next_refresh_at=None)
        keys.press("x")
        expect(page.locator("#picked")).to_have_text("1 selected")
        keys.press("r")
        expect(page.locator("#notice")).to_have_text("1 backup is asked about now.")
        assert Backup.objects.filter(next_refresh_at__isnull=False).count() == 1
        page.locator("#rows a").first.focus()
        keys.press("Enter")
        page.wait_for_url(f"**/backups/{simulator.seed_example_id}/")
        keys.press("?")
        expect(page.locator("#help")).to_be_visible()
        keys.press("Escape")
        expect(page.locator("#help")).to_be_hidden()
        keys.press("r")
        expect(page.locator("main .note").first).to_contain_text(
            "is being asked about this backup now"
        )
    assert watched.complaints == []


def test_quick_search_swaps_only_the_list(watched: Watched, settings: Any) -> None:
    ids = track_samples(settings)
    page = watched.page
    page.goto("/backups/")
    page.keyboard.press("/")
    page.keyboard.type(ids[0])
    expect(page.locator("#matching")).to_have_text("1 matching")
    assert (rows(page), page.evaluate("document.activeElement.id")) == ([ids[0]], "q")
    assert page.url.endswith(f"/backups/?q={ids[0]}")


def test_the_first_page_weighs_at_most_90_kb_with_all_it_needs(
    client: Client, settings: Any
) -> None:
    track_samples(settings)
    client.cookies[settings.SESSION_COOKIE_NAME] = session()
    page = client.get("/backups/", headers={"Accept-Encoding": "gzip"})
    text = gzip.decompress(page.content).decode()
    wire = len(page.content)
    assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    for path in assets:
        sent: Any = client.get(path, headers={"Accept-Encoding": "gzip"})
        wire += len(b"".join(sent.streaming_content) if sent.streaming else sent.content)
    assert len(assets) >= 6
    assert wire <= 90_000


def test_no_request_leaves_the_host(watched: Watched, live_server: Any, settings: Any) -> None:
    track_samples(settings)
    for path in ("/", "/backups/", "/account/"):
        watched.page.goto(path)
    assert watched.hosts == {urlsplit(live_server.url).netloc}
