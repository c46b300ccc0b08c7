"""Two installations on one host: who is signed in to both stays so."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from backups.runner.ports import free_port
from backups.tests.nginx import need_nginx, nginx
from backups.tests.run_settings import LIMIT_S
from backups.tests.web_server import NAME, PASSWORD, serving

pytestmark = [pytest.mark.once, pytest.mark.browser]


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/account/")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{url}/account/")


def both_stay_signed_in(chromium: Browser, first: str, second: str) -> None:
    """Signs in to both, in one browser, and uses one after the other, forms too."""
    context = chromium.new_context(ignore_https_errors=True)
    context.set_default_timeout(LIMIT_S * 1000)
    try:
        page = context.new_page()
        sign_in(page, first)
        sign_in(page, second)
        for url in (first, second, first):
            page.goto(f"{url}/account/")
            expect(page).to_have_url(f"{url}/account/")
            form = page.locator("form[action$='/account/look/']")
            form.get_by_role("button").first.click()
            expect(page).to_have_url(f"{url}/account/")
            expect(page.locator("#main")).to_contain_text("Theme and time zone are kept")
        page.goto(f"{first}/")
        page.locator(".top-end summary").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(f"{first}/accounts/login/")
        page.goto(f"{second}/account/")
        expect(page).to_have_url(f"{second}/account/")
    finally:
        context.close()


def test_on_two_ports_nobody_signs_out_of_the_other(chromium: Browser, tmp_path: Path) -> None:
    with serving(tmp_path / "a") as first, serving(tmp_path / "b") as second:
        both_stay_signed_in(chromium, first.address, second.address)


@pytest.mark.soak
def test_on_two_ports_with_one_secret_key_neither(chromium: Browser, tmp_path: Path) -> None:
    key = "k" * 50
    with (
        serving(tmp_path / "a", SECRET_KEY=key) as first,
        serving(tmp_path / "b", SECRET_KEY=key) as second,
    ):
        both_stay_signed_in(chromium, first.address, second.address)


@pytest.mark.soak
def test_on_two_paths_of_which_one_is_the_root_neither(chromium: Browser, tmp_path: Path) -> None:
    need_nginx()
    port = free_port()
    root = f"https://backups.localhost:{port}"
    with (
        serving(tmp_path / "a", VBSDASH_URL=root) as first,
        serving(tmp_path / "b", VBSDASH_URL=f"{root}/other") as second,
        nginx(
            tmp_path / "nginx",
            port=port,
            locations={
                "/": f"proxy_pass {first.address}; proxy_set_header Host $http_host;",
                "/other/": f"proxy_pass {second.address}/; proxy_set_header Host $http_host;",
            },
        ),
    ):
        both_stay_signed_in(chromium, root, f"{root}/other")
