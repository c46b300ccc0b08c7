"""Go to: what a text may mean, to whom, and Ctrl-K by the keyboard alone."""

import re
import uuid
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from backups.edits import volume_edits
from backups.edits.common import Actor
from backups.models import Role
from backups.tests.accounts import make_account
from backups.tests.otc import configure, silent
from backups.tests.screen import Watched, track_samples
from backups.tests.web.test_pages import body, track

ONE = uuid.UUID("2ef47aee-8844-490c-804d-2a8efe561c65")
OTHER = uuid.UUID("2ef47aee-0000-4000-8000-000000000002")
READS = [("Backups", "/backups/?view=all")]


def reader(client: Client, role: Role, clouds: list[str] | None = None) -> Client:
    client.force_login(make_account(f"{role}", role=role, clouds=clouds))
    return client


@pytest.fixture
def world(settings: Any, tmp_path: Any, db: None) -> None:
    configure(settings, tmp_path, silent("otc", "west"))
    track(
        {**body(name="nightly of mail", status="error", fail_reason="no quota"), "id": str(ONE)},
        {**body(name="weekly", volume_id="d-1"), "id": str(OTHER)},
    )
    actor = Actor("anna", timezone.now())
    volume_edits.register("otc", "d-1", label="mail store", actor=actor)


def goto(client: Client, text: str) -> dict[str, list[str]]:
    """The titles of each group."""
    page = client.get("/search/", {"q": text}).content.decode()
    groups = {}
    for section in re.findall(r"<section aria-labelledby=.goto.*?</section>", page, re.DOTALL):
        [name] = re.findall(r"<h2[^>]*>([^<]*)</h2>", section)
        titles = re.findall(r"<li>.*?<bdi>([^<]*)</bdi>", section, re.DOTALL)
        groups[name] = [unescape(title) for title in titles]
    return groups


@pytest.mark.either
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "groups"),
    [
        (str(ONE), {"Backups": ["nightly of mail"]}),
        (f"  {str(ONE).upper()} ", {"Backups": ["nightly of mail"]}),
        (ONE.hex[:8], {"Backups": ["weekly", "nightly of mail"]}),
        ("nightly", {"Backups": ["nightly of mail"]}),
        ("mail", {"Backups": ["weekly", "nightly of mail"], "Disks": ["mail store"]}),
        ("d-1", {"Backups": ["weekly"], "Disks": ["mail store"]}),
        ("west", {"Clouds": ["west"]}),
        ("nothing that is", {}),
    ],
)
def test_a_text_leads_to_what_it_may_mean(
    client: Client, world: None, text: str, groups: dict[str, list[str]]
) -> None:
    assert goto(reader(client, Role.VIEWER), text) == groups


@pytest.mark.either
@pytest.mark.django_db
def test_pages_and_actions_are_offered_to_whom_they_are_open(client: Client, world: None) -> None:
    add = "Add backups"
    assert goto(reader(client, Role.VIEWER), "add backups") == {}
    assert goto(reader(client, Role.OPERATOR), "add backups") == {"Pages and actions": [add]}
    every = goto(reader(client, Role.ADMIN), "")["Pages and actions"]
    assert {"Home", "Users", add, "Make an API token"} <= set(every)
    for href in re.findall(r'<li>\s*<a href="([^"]+)"', client.get("/search/").content.decode()):
        assert client.get(unescape(href).partition("#")[0]).status_code == 200, href


@pytest.mark.either
@pytest.mark.django_db
def test_a_cause_is_searched_by_its_reason_where_that_may_be_read(
    client: Client, world: None
) -> None:
    assert goto(reader(client, Role.VIEWER), "no quota")["Causes"] == [
        "The backup failed; nothing can be restored from it."
    ]
    blind = goto(reader(client, Role.OPERATOR, clouds=["otc"]), "no quota")
    assert "Causes" not in blind


@pytest.mark.either
@pytest.mark.django_db
def test_what_lies_in_a_closed_cloud_is_not_there(client: Client, world: None) -> None:
    closed = reader(client, Role.OPERATOR, clouds=["west"])
    for text in (ONE.hex[:8], "mail", "no quota", "otc"):
        assert goto(closed, text) == {}, text
    assert goto(closed, str(ONE)) == {"Not here yet": [f"Add {ONE}"]}


@pytest.mark.once
@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_ctrl_k_opens_a_backup_by_its_id_with_the_keyboard_alone(
    watched: Watched, settings: Any
) -> None:
    ids = track_samples(settings)
    page, keys = watched.page, watched.page.keyboard
    page.goto("/clouds/")
    page.locator(".nav-main a").first.focus()
    keys.press("Control+k")
    expect(page.locator("#palette-q")).to_be_focused()
    expect(page.locator("#palette-rows a").first).to_have_text(re.compile("Home"))
    keys.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    expect(page.locator(".nav-main a").first).to_be_focused()
    keys.press("Control+k")
    keys.insert_text(ids[0])
    keys.press("Enter")
    page.wait_for_url(f"**/backups/{ids[0]}/")
    keys.press("Control+k")
    keys.type("growth")
    expect(page.locator("#palette-rows a")).to_have_count(1)
    keys.press("ArrowDown")
    keys.press("ArrowDown")  # over the action of this page
    keys.press("Enter")
    page.wait_for_url("**/volumes/growing/")
    assert watched.complaints == []
