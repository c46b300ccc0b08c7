"""Served to others: behind a real TLS proxy on a sub-path, which strips the path or keeps it, and
tells much, little or nothing.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from _pytest.mark import ParameterSet
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from backups.runner.ports import free_port
from backups.tests.nginx import CERTIFICATE, need_nginx, nginx
from backups.tests.run_settings import LIMIT_S
from backups.tests.screen import Watched
from backups.tests.web_server import NAME, PASSWORD, WebServer, serving

pytestmark = pytest.mark.once

README = Path(__file__).parents[3] / "README.md"
STRIPPED = "proxy_pass {address}/;"
KEPT = "proxy_pass {address};"
ALL_TOLD = """
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
"""
WITHOUT_PORT = "proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto $scheme;"
AS_FORWARDED_HOST = """
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
"""
NOTHING_TOLD = ""


def _directives_of_the_readme() -> str:
    block, *_ = re.findall(r"location /vbs/ {\n(.*?)\n}", README.read_text(), re.S)
    return str(block).replace("http://127.0.0.1:8000", "{address}")


PROXIES = {
    "stripped, all told": STRIPPED + ALL_TOLD,
    "kept, as the README says": _directives_of_the_readme(),
    "kept, nothing told": KEPT + NOTHING_TOLD,
    "stripped, nothing told": STRIPPED + NOTHING_TOLD,
    "stripped, the host without its port": STRIPPED + WITHOUT_PORT,
    "kept, the host as X-Forwarded-Host": KEPT + AS_FORWARDED_HOST,
}
MOST_DIFFERENT = list(PROXIES)[:2]  # the others run in the long tests
HOST = "backups.localhost"  # every name below localhost leads a browser to this machine
PATH = "/vbs"
CLOUD = "otc"
CLOUDS = f"""
clouds:
  {CLOUD}:
    auth:
      auth_url: https://iam.example/v3
      username: u
      password: p
      user_domain_id: d
      project_id: p
"""


@dataclass(frozen=True)
class Site:
    """`url` is the public one."""

    url: str
    server: WebServer
    tells_host: bool

    def track(self) -> str:
        """Tracks one more backup, by the inner address, and returns its ID."""
        backup_id = str(uuid.uuid4())
        answer = requests.post(
            f"{self.server.address}/api/backups/",
            json={"cloud": CLOUD, "ids": [backup_id]},
            headers=self.server.token,
            timeout=LIMIT_S,
        )
        assert answer.status_code == 201, answer.text
        return backup_id

    @property
    def at_proxy(self) -> str:
        """Where the proxy listens: a name below localhost is known to browsers alone."""
        return f"https://127.0.0.1:{urlsplit(self.url).port}{PATH}"

    def get(self, path: str, *, host: str = "", **headers: str) -> requests.Response:
        """Asks by the public address; `path` may be a whole URL."""
        return requests.get(
            self.at_proxy + path.removeprefix(self.url),
            headers={"Host": host or urlsplit(self.url).netloc, **headers},
            verify=str(CERTIFICATE),
            allow_redirects=False,
            timeout=LIMIT_S,
        )

    def sign_in(self, password: str, *, client: str) -> int:
        """Returns the status of a sign-in of `client`, which another proxy in front has seen."""
        url = f"{self.at_proxy}/accounts/login/"
        with requests.Session() as session:
            session.verify = str(CERTIFICATE)
            session.headers.update({"Host": urlsplit(self.url).netloc, "X-Forwarded-For": client})
            session.get(url, timeout=LIMIT_S)
            (token,) = session.cookies.values()
            form = {"username": NAME, "password": password, "csrfmiddlewaretoken": token}
            origin = {"Origin": f"https://{urlsplit(self.url).netloc}"}
            answer = session.post(url, form, headers=origin, allow_redirects=False, timeout=LIMIT_S)
        return answer.status_code


def _each_proxy() -> Iterator[ParameterSet]:
    for name in PROXIES:
        marks = () if name in MOST_DIFFERENT else (pytest.mark.soak,)
        yield pytest.param(name, marks=marks, id=name)


@pytest.fixture(scope="module", params=_each_proxy())
def site(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    need_nginx()
    folder = tmp_path_factory.mktemp("site")
    port = free_port()
    url = f"https://{HOST}:{port}{PATH}"
    (folder / "clouds.yaml").write_text(CLOUDS)
    env = {"VBSDASH_URL": url, "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml")}
    with serving(folder / "vbsdash", CELERY_BROKER_URL="memory://", **env) as server:
        directives = PROXIES[request.param].format(address=server.address)
        location = PATH + "/" if "stripped" in request.param else PATH
        with nginx(folder / "nginx", port=port, locations={location: directives}):
            tells_host = "nothing" not in request.param
            yield Site(url, server, tells_host)


@pytest.fixture
def visitor(chromium: Browser, site: Site) -> Iterator[BrowserContext]:
    context = chromium.new_context(ignore_https_errors=True)
    context.set_default_timeout(LIMIT_S * 1000)
    yield context
    context.close()


def sign_in(page: Page) -> None:
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.browser
def test_every_page_works_in_a_browser(site: Site, visitor: BrowserContext) -> None:
    page = visitor.new_page()
    watched = Watched(page)
    responses: list[Response] = []
    page.on("response", lambda response: responses.append(response))

    page.goto(f"{site.url}/backups/?q=x")
    sign_in(page)
    expect(page).to_have_url(f"{site.url}/backups/?q=x")

    page.goto(f"{site.url}/backups/add/")
    new_id = "7d2c0a5e-5ad7-4d0f-9a0c-0a54f0cf3a11"
    page.locator("[name=backup_ids]").fill(new_id)
    page.locator("button.btn-primary[type=submit]").click()
    expect(page.locator(f"#b-{new_id}")).to_be_visible()
    assert page.url.startswith(f"{site.url}/backups/?added=")
    page.goto(f"{site.url}/backups/")
    # A poll puts in what another has added.
    tracked = site.track()
    page.evaluate("poll()")
    expect(page.locator(f"#b-{tracked}")).to_be_visible()
    page.locator("#q").fill("no such backup")
    expect(page.locator(f"#b-{tracked}")).to_be_hidden()
    assert page.url.startswith(f"{site.url}/backups/?q=no")

    for path in ("/", "/volumes/", "/failures/", "/clouds/", "/account/"):
        page.goto(site.url + path)
        assert page.url == site.url + path

    page.goto(f"{site.url}/api/docs/")
    summary = page.locator("[id^=operations-summary]").first
    summary.locator(".opblock-summary-control").click()
    summary.get_by_role("button", name="Try it out").click()
    summary.get_by_role("button", name="Execute").click()
    expect(summary.locator(".live-responses-table .response-col_status").last).to_contain_text(
        "200"
    )

    cookies = visitor.cookies()
    assert {(cookie["path"], cookie["secure"]) for cookie in cookies} == {(PATH, True)}
    names = sorted(cookie["name"].rpartition("_")[0] for cookie in cookies)
    port = urlsplit(site.url).port
    ours = [f"__Secure-vbsdash_csrf_{port}.vbs", f"__Secure-vbsdash_session_{port}.vbs"]
    assert names == ["", *ours]

    page.goto(f"{site.url}/")
    page.locator(".top-end summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{site.url}/accounts/login/")
    page.goto(f"{site.url}/clouds/")
    expect(page).to_have_url(f"{site.url}/accounts/login/?next={PATH}/clouds/")

    assert "\n".join(watched.complaints) == ""
    assert watched.hosts == {urlsplit(site.url).netloc}
    assert [answer.url for answer in responses if answer.status >= 400] == []
    loaded = {urlsplit(answer.url).path for answer in responses}
    assert {f"{PATH}/static/vbsdash/poll.js", f"{PATH}/static/vbsdash/vbsdash.css"} <= loaded
    assert all(path.startswith(f"{PATH}/") for path in loaded)


@pytest.mark.browser
def test_the_administration_has_its_style_and_keeps_its_path(
    site: Site, visitor: BrowserContext
) -> None:
    page = visitor.new_page()
    page.goto(f"{site.url}/admin/auth/user/")
    sign_in(page)
    expect(page).to_have_url(f"{site.url}/admin/auth/user/")
    expect(page.locator("#header")).to_have_css("display", "flex")
    expect(page.get_by_role("link", name="View site")).to_have_attribute("href", f"{PATH}/")
    page.get_by_role("link", name=NAME, exact=True).click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_url(f"{site.url}/admin/auth/user/")
    expect(page.locator(".messagelist .success")).to_be_visible()


def test_scripts_get_links_that_lead_back(site: Site) -> None:
    tracked = {site.track() for _ in range(3)}
    token = site.server.token
    seen = set()
    path = "/api/backups/?limit=1&fields=id"
    while path:
        page = site.get(path, **token).json()
        seen |= {row["id"] for row in page["results"]}
        path = page["next"] or ""
        assert path == "" or path.startswith(f"{site.url}/api/backups/?")
        previous = page["previous"]
        assert previous is None or previous.startswith(f"{site.url}/api/backups/?")
    assert tracked <= seen
    # The same by the inner address.
    inner = requests.get(
        f"{site.server.address}/api/backups/?limit=1", headers=token, timeout=LIMIT_S
    )
    assert inner.json()["next"].startswith(f"{site.url}/api/backups/?")
    description = site.get("/api/schema/", Accept="application/json", **token).json()
    assert description["servers"] == [{"url": site.url}]


def test_machines_are_answered(site: Site) -> None:
    token = site.server.token
    refused = site.get("/api/backups/")
    assert refused.status_code == 401
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert site.get("/metrics").status_code == 401
    metrics = site.get("/metrics", **token)
    assert (metrics.status_code, f'cloud="{CLOUD}"' in metrics.text) == (200, True)
    assert site.get("/healthz").text == "ok\n"
    assert set(site.get("/readyz").json()["parts"]) >= {"database", "broker"}
    for path in ("/healthz", "/accounts/login/", f"{PATH}/healthz"):
        assert requests.get(site.server.address + path, timeout=LIMIT_S).ok


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/backups", "/backups/"),
        ("/backups/?q=x", "/accounts/login/?next=/vbs/backups/%3Fq%3Dx"),
        ("/admin", "/admin/"),
        ("/admin/", "/admin/login/?next=/vbs/admin/"),
        ("/api/docs/", "/accounts/login/?next=/vbs/api/docs/"),
    ],
)
def test_redirects_stay_below_the_public_path(site: Site, path: str, target: str) -> None:
    answer = site.get(path, Accept="text/html")
    place = answer.headers["Location"]
    assert (answer.status_code in (301, 302), place) == (True, PATH + target)


def test_browsers_are_told_to_use_tls_alone(site: Site) -> None:
    page = site.get("/accounts/login/")
    policy = page.headers.get("Strict-Transport-Security")
    # Without a host and a scheme nothing says that the request came over TLS.
    assert policy == ("max-age=31536000" if site.tells_host else None)
    inner = requests.get(f"{site.server.address}/accounts/login/", timeout=LIMIT_S)
    assert "Strict-Transport-Security" not in inner.headers


def test_a_host_of_somebody_else_is_refused(site: Site) -> None:
    page = site.get("/accounts/login/", host="evil.example")
    assert page.status_code == (400 if site.tells_host else 200)
    assert ("VBSDASH_URL" in page.text) is site.tells_host
    assert "Traceback" not in site.server.log


@pytest.mark.soak
def test_the_pause_after_wrong_passwords_is_for_one_client(site: Site) -> None:
    for _ in range(10):
        site.sign_in("wrong", client="203.0.113.7")
    assert site.sign_in(PASSWORD, client="203.0.113.7") == 429
    assert site.sign_in(PASSWORD, client="198.51.100.1, 203.0.113.7") == 429
    assert site.sign_in(PASSWORD, client="203.0.113.8") == 302
    assert "client='203.0.113.7'" in site.server.log
