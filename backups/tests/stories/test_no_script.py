"""With JavaScript off everything that reads or writes data works: forms post, links go."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Locator, Page, expect

from backups.models import ApiToken, Backup, Preferences, SavedView, Volume
from backups.tests.accounts import make_operator
from backups.tests.screen import demo, signed_in

pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(chromium: Browser, live_server: Any, settings: Any, tmp_path: Path) -> Iterator[Page]:
    """The demo cloud, read by somebody who is signed in and has JavaScript off."""
    with (
        demo(settings, tmp_path),
        signed_in(chromium, live_server.url, java_script_enabled=False) as context,
    ):
        yield context.new_page()


def press(page: Page, name: str) -> None:
    send(page, page.get_by_role("button", name=name, exact=True).first)


def send(page: Page, button: Locator) -> None:
    """Press, and wait for the page that answers."""
    with page.expect_navigation():
        button.click()


def unfold(page: Page, summary: str) -> None:
    page.locator("summary", has_text=re.compile(rf"^\s*{summary}")).first.click()


def told(page: Page) -> str:
    """What the page says was done."""
    return page.locator("main .note").first.inner_text()


def test_signing_in_and_out(chromium: Browser, live_server: Any) -> None:
    make_operator("operator", password="right-horse")
    page = chromium.new_page(base_url=live_server.url, java_script_enabled=False)
    page.goto("/account/")
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill("right-horse")
    press(page, "Sign in")
    page.wait_for_url("**/account/")
    page.locator("details.menu summary").last.click()
    press(page, "Sign out")
    page.wait_for_url("**/accounts/login/")
    page.close()


def test_the_list_is_searched_shaped_kept_and_worked_on(page: Page) -> None:
    page.goto("/backups/")
    page.get_by_label("Search name").fill("mail-store")
    press(page, "Filter")
    page.goto("/backups/?status=error")
    unfold(page, "Columns")
    page.get_by_label("Note", exact=True).check()
    press(page, "Show these")
    expect(page.get_by_role("columnheader", name="Note")).to_be_visible()
    unfold(page, "Save as view")
    page.locator("#view-name").fill("Failed ones")
    press(page, "Save")
    expect(page.locator(".tabs [aria-current]")).to_have_text("Failed ones")
    page.locator("#rows input").first.check()
    press(page, "Refresh")
    assert told(page) == "1 backup is asked about now."
    page.goto("/backups/?status=error")
    n = int(page.locator("#matching").inner_text().split()[0])
    send(page, page.get_by_role("link", name=re.compile("Select all")))
    unfold(page, "Tag")
    page.locator("#bulk-tag").fill("look")
    press(page, "Put on")
    assert [tags for tags in Backup.objects.values_list("tags", flat=True) if tags] == [
        ["look"]
    ] * n
    page.goto("/backups/?status=error")
    page.locator("#rows input").first.check()
    press(page, "Untrack")
    press(page, "Yes, untrack it")
    assert Backup.objects.filter(status="error").count() == n - 1
    page.goto("/backups/?status=error")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == n


def test_backups_are_added_by_text_and_from_the_clouds_list_and_labelled(
    page: Page, clock: time_machine.Traveller
) -> None:
    newest = Backup.objects.filter(status="available").newest_first()[:2]
    ids = [str(pk) for pk in newest.values_list("pk", flat=True)]
    Backup.objects.filter(pk__in=ids).delete()
    clock.shift(1)
    page.goto("/backups/add/")
    page.locator("#backup_ids").fill(f"{ids[0]} tuesday")
    press(page, "Check first")
    expect(page.locator("#vd")).to_have_text("1 new, 1 not an ID")
    page.locator("#backup_ids").fill(ids[0])
    send(page, page.get_by_role("button", name=re.compile("^Track")))
    expect(page.locator(".added")).to_contain_text("1 added.")
    clock.shift(1)
    page.goto("/backups/add/discover/")
    press(page, "Ask the cloud")
    page.locator(f'#rows input[value="{ids[1]}"]').check()
    press(page, "Track the selected backups")
    expect(page.locator(".added")).to_contain_text("1 added.")
    send(page, page.locator("#rows th a").first)
    page.locator("#tags").fill("gold")
    page.locator("#note").fill("keep it")
    press(page, "Save")
    assert Backup.objects.get(pk=ids[1]).note == "keep it"
    press(page, "Refresh now")
    assert "being asked about this backup now" in told(page)


def test_a_disk_gets_a_rule_an_exemption_a_label_and_is_followed(page: Page) -> None:
    page.goto("/volumes/?q=hr-vault")
    page.locator('table input[type="checkbox"]').first.check()
    unfold(page, "Tags")
    page.locator("#bulk-tags").fill("silver")
    press(page, "Put on")
    send(page, page.locator("#rows").get_by_role("link", name="hr-vault").first)
    unfold(page, "Rule")
    page.locator("#period").fill("12")
    press(page, "Set this rule")
    unfold(page, "Follow")
    page.locator("#follow").select_option("no")
    send(page, page.get_by_role("button", name="Save", exact=True).locator("visible=true"))
    unfold(page, "Label")
    page.locator("#label").fill("vault of HR")
    send(page, page.get_by_role("button", name="Save", exact=True).locator("visible=true"))
    unfold(page, "Exempt this disk")
    page.locator("#reason").fill("it is a copy")
    press(page, "Exempt")
    volume = Volume.objects.get(name="hr-vault", cloud="demo")
    assert (volume.label, volume.exempt_reason, volume.follow) == (
        "vault of HR",
        "it is a copy",
        False,
    )
    assert "Rule: A backup is expected every 12 h" in page.locator("main").inner_text()
    assert volume.tags == ["silver"]


def test_theme_keys_tokens_views_and_the_connection_test(page: Page) -> None:
    page.goto("/account/")
    page.get_by_label("dark").check()
    send(page, page.locator("#look").get_by_role("button"))
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.get_by_label("Single keys are on").uncheck()
    send(page, page.locator("#keys").get_by_role("button"))
    assert Preferences.objects.get().single_keys is False
    page.get_by_label("What it is for").fill("scripts")
    page.get_by_label("No end").check()
    press(page, "Make a token")
    expect(page.locator("#made-key")).to_have_text(re.compile("^vbs_"))
    page.goto("/account/")
    send(page, page.get_by_role("button", name="Revoke scripts"))
    assert ApiToken.objects.get().revoked_at is not None
    SavedView.objects.create(user=User.objects.get(), name="mine", query="status=error")
    page.goto("/account/")
    send(page, page.locator("#views").get_by_role("button", name=re.compile("Remove")))
    assert SavedView.objects.count() == 0
    page.goto("/clouds/")
    press(page, "Test connection")
    expect(page.locator(".steps li")).to_have_count(6)
