"""Single sign-on from end to end: a real browser, a real provider, and the web part as an operator
starts it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, expect

from backups.tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider, provider
from backups.tests.run_settings import LIMIT_S
from backups.tests.screen import Watched
from backups.tests.web_server import PASSWORD, WebServer, serving

pytestmark = [pytest.mark.once, pytest.mark.real_clock]


@dataclass(frozen=True)
class Site:
    idp: Provider
    server: WebServer


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "groups.yaml").write_text("night: operator\nall: viewer\n")
    (folder / "secret").write_text(f"{CLIENT_SECRET}\n")
    with provider() as idp:
        env = {
            "CELERY_BROKER_URL": "memory://",
            "VBSDASH_GROUPS_FILE": str(folder / "groups.yaml"),
            "VBSDASH_OIDC_ISSUER": idp.issuer,
            "VBSDASH_OIDC_CLIENT_ID": CLIENT_ID,
            "VBSDASH_OIDC_CLIENT_SECRET_FILE": str(folder / "secret"),
            "VBSDASH_OIDC_BUTTON": "Company sign-in",
            "VBSDASH_LOCAL_FORM": "0",
        }
        with serving(folder / "vbsdash", **env) as server:
            yield Site(idp, server)


@pytest.fixture
def visitor(chromium: Browser, site: Site) -> Iterator[BrowserContext]:
    context = chromium.new_context(base_url=site.server.address)
    context.set_default_timeout(LIMIT_S * 1000)
    # The provider's own pages have a style sheet from elsewhere.
    context.route(lambda url: "//127.0.0.1:" not in url, lambda route: route.abort())
    yield context
    context.close()


@pytest.mark.browser
def test_a_browser_goes_to_the_provider_and_back_and_out_of_both(
    visitor: BrowserContext, site: Site
) -> None:
    site.idp.person("ada-1", preferred_username="ada", groups=["all"])
    page = visitor.new_page()
    watched = Watched(page)
    page.goto("/volumes/?q=x")
    expect(page.locator("input[type=password]")).to_have_count(0)
    assert watched.complaints == []
    page.get_by_role("link", name="Company sign-in").click()
    page.locator("input[name=sub]").fill("ada-1")
    page.get_by_role("button", name="Authorize").click()
    page.wait_for_url(f"{site.server.address}/volumes/?q=x")
    # Those of the provider's pages are not ours.
    watched.complaints.clear()
    page.goto("/account/")
    expect(page.locator("main")).to_contain_text("ada")
    assert watched.complaints == []
    page.locator("summary", has_text="Account menu").click()
    page.get_by_role("button", name="Sign out").click()
    # The page in between leads there by itself, which a form's own redirect could not.
    page.wait_for_url(f"{site.idp.issuer}/oauth2/end_session?**")
    page.goto("/volumes/")
    expect(page.get_by_role("link", name="Company sign-in")).to_be_visible()


@pytest.mark.browser
def test_a_refusal_is_read_on_the_sign_in_page(visitor: BrowserContext, site: Site) -> None:
    site.idp.person("eve-1", preferred_username="eve", groups=["unknown"])
    page = visitor.new_page()
    page.goto("/accounts/oidc/")
    page.locator("input[name=sub]").fill("eve-1")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("alert")).to_contain_text("None of your groups opens vbsdash.")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("is over. Begin once more.")
    page.get_by_role("link", name="Company sign-in").click()
    expect(page.get_by_role("button", name="Authorize")).to_be_visible()


def sign_in(site: Site, subject: str) -> requests.Session:
    session = requests.Session()
    begun = session.get(
        f"{site.server.address}/accounts/oidc/", allow_redirects=False, timeout=LIMIT_S
    )
    back = site.idp.agree(begun.headers["Location"], subject)
    answer = session.get(back, allow_redirects=False, timeout=LIMIT_S)
    assert answer.status_code == 302, answer.text
    return session


def test_a_viewer_writes_nothing_and_an_operator_does(site: Site) -> None:
    statuses = {}
    for subject, group in (("viv-1", "all"), ("olga-1", "night")):
        site.idp.person(subject, preferred_username=subject, groups=[group])
        with sign_in(site, subject) as session:
            url = f"{site.server.address}/backups/add/"
            session.get(url, timeout=LIMIT_S)
            token = next(value for name, value in session.cookies.items() if "csrf" in name)
            form = {"csrfmiddlewaretoken": token, "cloud": "x", "backup_ids": "x"}
            statuses[group] = session.post(url, form, timeout=LIMIT_S).status_code
    assert statuses == {"all": 403, "night": 200}


def test_the_local_superuser_comes_in_at_the_hidden_form(site: Site) -> None:
    with requests.Session() as session:
        url = f"{site.server.address}/accounts/login/?local=1"
        assert 'type="password"' in session.get(url, timeout=LIMIT_S).text
        [token] = session.cookies.values()
        form = {"csrfmiddlewaretoken": token, "username": "admin", "password": PASSWORD}
        assert session.post(url, form, allow_redirects=False, timeout=LIMIT_S).status_code == 302


def test_neither_secret_nor_token_is_in_the_log(site: Site) -> None:
    site.idp.person("ada-1", preferred_username="ada", groups=["all"])
    sign_in(site, "ada-1").close()
    assert "signed in" in site.server.log
    assert CLIENT_SECRET not in site.server.log
    assert "eyJ" not in site.server.log
