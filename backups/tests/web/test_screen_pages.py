"""Every page on the demo cloud and on absurd data: access, width, stillness.

`make soak ARGS=longest` looks once more and leaves a picture of each page in each width
and theme in var/screenshots.
"""

import uuid
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page

from backups.models import Backup, Policy, Volume
from backups.tests.screen import Watched, demo, sideways, track_absurd

pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHOTS = Path(__file__).parents[3] / "var" / "screenshots"
SERIOUS = ("serious", "critical")
DARK_GROUND = "rgb(19, 21, 24)"
PHONE, DESK, WALL = 360, 1280, 2560
WIDTHS = {PHONE: 800, WALL: 1300, DESK: 900}
SHORTEN = "document.querySelectorAll('tbody tr:nth-child(n+21)').forEach(row => row.remove())"
SAME = {
    "home": "/",
    "list": "/backups/",
    "every-column": "/backups/?columns=note&columns=job_id",
    "odd-filter": "/backups/?status=odd",
    "add": "/backups/add/",
    "discover": "/backups/add/discover/",
    "disks": "/volumes/",
    "growth": "/volumes/growing/",
    "loss": "/volumes/loss/",
    "rules": "/volumes/rules/",
    "failures": "/failures/",
    "policies": "/policies/",
    "migration": "/migration/",
    "goto": "/search/?q=a",
    "clouds": "/clouds/",
    "alarms": "/alarms/",
    "deliveries": "/alarms/deliveries/",
    "trash": "/trash/",
    "audit": "/audit/",
    "account": "/account/",
    "password": "/account/password/",
}
# The names of the pages whose addresses tests below and in test_screen_users.py make by `address`.
OF_ROWS = [
    "backup",
    "volume",
    "policy",
    "login",
    "styleguide",
    "users",
    "user",
    "user_add",
    "user_delete",
]
# The routes of pages that no test looks at here.
NOT_LOOKED_AT = {
    "api/docs/": "Swagger UI draws it; api/test_swagger_ui.py looks at it",
    "volumes/<str:cloud>/<volume_id:volume_id>/day/<str:on>/": "leads on to a list",
}
PICTURES = pytest.mark.parametrize(
    "pictures",
    [False, pytest.param(True, marks=[pytest.mark.soak, pytest.mark.long])],
    ids=["looked at", "and pictured"],
)
# Links, buttons and fields that are pressed with a finger; a link in a sentence is as high as its
# line, and what is folded away is not there.
TOO_SMALL = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary")].filter(target => {
  const box = target.getBoundingClientRect();
  if (!target.checkVisibility({checkVisibilityCSS: true}) || !box.width) return false;
  if (target.closest(".skip, .visually-hidden, svg, .days td")) return false;
  const text = [...target.parentElement.childNodes].some(
    node => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  const isInSentence = getComputedStyle(target).display === "inline" && text;
  return !isInSentence && (box.width < 23.5 || box.height < 23.5);
}).map(target => target.outerHTML.slice(0, 120))"""
SHIFTED = (
    "new Promise(done => { let sum = 0; new PerformanceObserver(list => { for (const one of "
    "list.getEntries()) "
    "sum += one.value; }).observe({type: 'layout-shift', buffered: true}); setTimeout(() => "
    "done(sum), 60); })"
)


def address(name: str, *args: object) -> str:
    assert name in OF_ROWS
    return reverse(name, args=args)


def look_at(
    page: Page, pages: dict[str, str], *, name: str = "", most: int = WALL, pictures: bool = False
) -> dict[str, Any]:
    """What is wrong with these pages, in all widths up to `most` and both themes.

    A page is loaded on a phone and widened from there, and axe sees twenty rows of a table; for
    pictures it is loaded anew in each width and seen whole. A theme changes the colors of a page
    and nothing else; absurd data (with a `name`) change all but the colors.
    """
    SHOTS.mkdir(parents=True, exist_ok=True)
    wrong: dict[str, Any] = {}
    for word, path in pages.items():
        for width, height in WIDTHS.items():
            if width > most:
                continue
            page.set_viewport_size({"width": width, "height": height})
            if width == PHONE or pictures:
                page.emulate_media(color_scheme="light")
                page.goto(path)
                if (shift := page.evaluate(SHIFTED)) > 0.02:
                    wrong[f"{word} {width}"] = shift
            if width == PHONE and (small := page.evaluate(TOO_SMALL)):
                wrong[f"{word} targets"] = small
            if (over := sideways(page)) > 0:
                wrong[f"{word} {width} sideways"] = over
            if width == DESK and not pictures:
                page.evaluate(SHORTEN)
            if width == DESK or pictures:
                wrong |= look_at_themes(page, f"{word} {width}", absurd=bool(name))
            if pictures:
                take_pictures(page, f"{name}{word}-{width}")
    return wrong


def take_pictures(page: Page, name: str) -> None:
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.screenshot(path=SHOTS / f"{name}-light.jpeg", full_page=True, type="jpeg", quality=80)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.screenshot(path=SHOTS / f"{name}-dark.jpeg", full_page=True, type="jpeg", quality=80)


def look_at_themes(page: Page, what: str, *, absurd: bool) -> dict[str, Any]:
    """What is wrong with this page in both themes."""
    wrong: dict[str, Any] = {}
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    if faults := serious(page, {"rules": {"color-contrast": {"enabled": not absurd}}}):
        wrong[f"{what} light"] = faults
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    if (ground := page.evaluate("getComputedStyle(document.body).backgroundColor")) != DARK_GROUND:
        wrong[f"{what} ground"] = ground
    if not absurd and (faults := serious(page, {"runOnly": ["color-contrast"]})):
        wrong[f"{what} dark"] = faults
    return wrong


def serious(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe finds that keeps somebody out."""
    faults = (
        Axe().run(page, options={"resultTypes": ["violations"]} | options).response["violations"]
    )
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}"
        for one in faults
        if one["impact"] in SERIOUS
    ]


@PICTURES
def test_every_page_of_the_demo_cloud_holds_in_all_widths_and_both_themes(
    watched: Watched, settings: Any, tmp_path: Path, pictures: bool
) -> None:
    with demo(settings, tmp_path):
        failed = (
            Backup.objects.filter(status="error")
            .exclude(fail_reason=None)
            .order_by("-created_at")[0]
        )
        moving = Backup.objects.filter(status="creating").order_by("-created_at")[0]
        volumes: Any = Volume.objects.with_protection(timezone.now())
        overdue = volumes.filter(protection="overdue").order_by("volume_id")[0]
        own = {
            "backup-failed": address("backup", failed.pk),
            "backup": address("backup", moving.pk),
            "disk": address("volume", "demo", overdue.volume_id),
        }
        for row in Policy.objects.order_by("policy_id")[:1]:
            own["policy"] = address("policy", "demo", row.policy_id)
        listed = {"discovered": "/backups/add/discover/?cloud=demo&volume_id=&name="}
        wrong = look_at(watched.page, SAME | own | listed, pictures=pictures)
    assert (wrong, watched.complaints) == ({}, [])


@PICTURES
def test_every_page_holds_absurd_names_and_reasons(
    watched: Watched, settings: Any, pictures: bool
) -> None:
    track_absurd(settings)
    odd = Volume.objects.get(volume_id__startswith="disk.")
    own = {
        "backup": address("backup", uuid.UUID(int=102)),
        "backup-long": address("backup", uuid.UUID(int=100)),
        "backup-bare": address("backup", uuid.UUID(int=103)),
        "disk": address("volume", "otc", odd.volume_id),
        "policy": address("policy", "otc", "policy-0"),
    }
    wrong = look_at(watched.page, SAME | own, name="absurd-", most=DESK, pictures=pictures)
    assert (wrong, watched.complaints) == ({}, [])


def test_the_sign_in_page_and_the_style_guide_hold_too(
    chromium: Browser, context: BrowserContext, live_server: Any, settings: Any
) -> None:
    stranger = chromium.new_page(base_url=live_server.url)
    wrong = look_at(stranger, {"sign-in": address("login")})
    stranger.close()
    page = context.new_page()
    shut = page.goto(address("styleguide"))
    settings.DEBUG = True
    wrong |= look_at(page, {"styleguide": address("styleguide")})
    assert (shut and shut.status, wrong) == (404, {})
    assert page.locator("#rows tr").count() == 20
