"""A real Chromium for tests, its pages watched for what they must not do, and clouds that
are worth looking at.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from backups.alarms import evaluate
from backups.analysis.runs import RunOutcome
from backups.clouds import registry
from backups.derived import queue
from backups.edits import demo as furnished
from backups.edits import tracking
from backups.models import Account, Backup, Role, Volume
from backups.refresh import services, type_interpretation
from backups.refresh.apply import apply
from backups.refresh.dispatcher import DO, needs
from backups.refresh.plan import Fetched
from backups.runner.parts import DEMO_BACKUPS
from backups.simulator import Simulator
from backups.tests.otc import configure
from backups.tests.policy_rows import members, policy, read_policies, run, vault
from backups.tests.run_settings import LIMIT_S
from backups.tests.sample_bodies import sample_bodies
from backups.vbs import payload

expect.set_options(timeout=LIMIT_S * 1000)
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    *(
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
    ),
    *("--disable-component-update", "--disable-sync"),
]
ABSURD_POLICIES: list[dict[str, Any]] = [
    {"name": "p" * 200, "problems": ["q" * 1000], "claimed": 2**31 - 1},
    {"name": "سياسة النسخ الاحتياطي", "schedule": {"calendar": "odd", "hours": None}},
    {"name": None, "enabled": None, "claimed": 0, "retention": {"days": 10**9}},
    {"name": "<b>off</b> 🎉", "enabled": False, "api": "cbr"},
]
ABSURD = [
    {
        "id": str(uuid.UUID(int=100)),
        "name": "x" * 200,
        "fail_reason": "r" * 10_000,
        "volume_id": "v" * 200,
    },
    {
        "id": str(uuid.UUID(int=101)),
        "name": "نسخة احتياطية يومية",
        "status": "frozen_by_admin",
        "description": "\u202eevil",
    },
    {
        "id": str(uuid.UUID(int=102)),
        "name": "<script>alert(1)</script> 🎉",
        "status": "error",
        "fail_reason": "<b>no</b>",
        "volume_id": "disk." + "0123456789" * 25,
    },
    {"id": str(uuid.UUID(int=103))},
]


class Watched:
    """A page that notes what it must not do."""

    def __init__(self, page: Page) -> None:
        self.page, self.complaints, self.hosts = page, list[str](), set[str]()
        page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text) if message.type == "error" else None
            ),
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("there is no /usr/bin/chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


def session() -> str:
    client = Client()
    user, is_new = User.objects.get_or_create(username="operator")
    if is_new:
        user.set_password("right-horse")
        user.save()
        # Who may open every page.
        Account.objects.create(user=user, role=Role.ADMIN)
    client.force_login(user)
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


@contextmanager
def signed_in(chromium: Browser, url: str, **words: Any) -> Iterator[BrowserContext]:
    made = chromium.new_context(base_url=url, viewport={"width": 1280, "height": 900}, **words)
    made.set_default_timeout(LIMIT_S * 1000)
    made.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session(), "url": url}])
    yield made
    made.close()


@pytest.fixture
def context(chromium: Browser, live_server: Any, settings: Any) -> Iterator[BrowserContext]:
    settings.CLOUDS = {}
    with signed_in(chromium, live_server.url) as made:
        yield made


@pytest.fixture
def watched(context: BrowserContext) -> Watched:
    return Watched(context.new_page())


def rows(page: Page) -> list[str]:
    ids = page.locator("#rows tr").evaluate_all("rows => rows.map(row => row.id.slice(2))")
    assert isinstance(ids, list)
    return ids


def sideways(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )


def track_samples(settings: Any) -> list[str]:
    """Every sample is answered, one backup never was."""
    settings.CLOUDS = dict.fromkeys(["otc"])
    now = timezone.now()
    bodies = [body for _, body in sample_bodies()]
    tracking.add(
        cloud="otc", values=[*(body["id"] for body in bodies), str(uuid.UUID(int=1))], now=now
    )
    settings.CLOUDS = {}
    apply(
        "otc",
        [Fetched(uuid.UUID(body["id"]), now, answer=payload.receive(body)) for body in bodies],
    )
    return [str(pk) for pk in Backup.objects.newest_first().values_list("pk", flat=True)]


def track_absurd(settings: Any) -> None:
    track_samples(settings)
    settings.CLOUDS = dict.fromkeys(["otc"])
    now = timezone.now()
    tracking.add(cloud="otc", values=[str(body["id"]) for body in ABSURD], now=now)
    settings.CLOUDS = {}
    apply(
        "otc",
        [Fetched(uuid.UUID(str(body["id"])), now, answer=payload.receive(body)) for body in ABSURD],
    )
    absurd_policies(now)


def absurd_policies(now: datetime) -> None:
    """Policies with odd names, schedules, counts and reasons, and disks that have odd ones."""
    odd_reason = "AutoBackup.0031: " + "r" * 5000
    disks = sorted(Volume.objects.filter(cloud="otc").values_list("volume_id", flat=True))
    night = now.replace(hour=22, minute=0, second=0, microsecond=0) - timedelta(days=1)
    read_policies("otc", at=now)
    for number, words in enumerate(ABSURD_POLICIES):
        row = policy(number, seen_at=now, first_seen_at=now - timedelta(days=40), **words)
        members(row, disks, since=now, seen_at=now)
        vault(number, [row], cloud="otc", name=words["name"], used_mb=2**50, size_gb=2**40)
        for disk in disks:
            for days, outcome in enumerate(RunOutcome):
                reason = None if outcome == "made" else odd_reason
                at = night - timedelta(days=days)
                run(row, disk, at, outcome, reason=reason, late_seconds=10**6)


@contextmanager
def demo(settings: Any, folder: Path) -> Iterator[Simulator]:
    """The clouds that `make run` shows where none is configured, as their workers have
    them after two rounds.
    """
    with Simulator(backups=DEMO_BACKUPS, api="both", clock=timezone.now) as sim:
        words: dict[str, Any] = {"vbs_follow": "all", "vbs_requests_per_second": 0}
        entries = {
            "demo": sim.cloud_entry(**words),
            "demo-cbr": sim.cloud_entry(api="cbr", **words),
        }
        configure(settings, folder, entries)
        registry.ensure_rows()
        for _ in range(2):
            services.ensure(timezone.now())
            for need in needs(timezone.now()):
                DO[need.work](need.cloud)
            type_interpretation.ensure_all(timezone.now())
        furnished.furnish_history(timezone.now())
        for name in entries:
            queue.derive_due(name, timezone.now())
        evaluate.evaluate(timezone.now())
        yield sim
        registry.forget_clients()
