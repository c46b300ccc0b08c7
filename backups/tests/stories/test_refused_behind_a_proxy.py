"""Nobody can sign in behind a proxy that tells too little: the page says why, and what it advises
helps.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import pytest
import requests

from backups.runner.ports import free_port
from backups.tests.nginx import CERTIFICATE, need_nginx, nginx
from backups.tests.run_settings import LIMIT_S
from backups.tests.web_server import NAME, PASSWORD, serving

pytestmark = pytest.mark.once
LEADS = "proxy_pass {address}/;"
HOST = "proxy_set_header Host $http_host;"
HOST_WITHOUT_PORT = "proxy_set_header Host $host;"
FORWARDED_HOST = "proxy_set_header X-Forwarded-Host $http_host;"
SCHEME = "proxy_set_header X-Forwarded-Proto $scheme;"
NO_ORIGIN = 'proxy_set_header Origin "";'
NO_COOKIE = 'proxy_set_header Cookie "";'


class Site:
    def __init__(self, url: str) -> None:
        self.url = url

    def sign_in(self, path: str) -> requests.Response:
        """As a browser does: the form is loaded, and sent with its cookie and its origin."""
        browser = requests.Session()
        browser.verify = str(CERTIFICATE)
        page = f"{self.url}{path}/accounts/login/"
        form = browser.get(page, timeout=LIMIT_S)
        assert form.status_code == 200, form.text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)
        assert token is not None
        fields = {"username": NAME, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        heads = {"Origin": self.url, "Referer": page}
        return browser.post(page, fields, headers=heads, allow_redirects=False, timeout=LIMIT_S)

    def refusal(self, path: str) -> str:
        answer = self.sign_in(path)
        assert answer.status_code == 403
        return unescape(answer.text)


@contextmanager
def behind(folder: Path, proxies: Mapping[str, str], **env: str) -> Iterator[Site]:
    """`proxies`: by path, what each tells."""
    need_nginx()
    folder.mkdir(exist_ok=True)
    port = free_port()
    own_url = f"https://127.0.0.1:{port}"
    given = {name: value.replace("PUBLIC", own_url) for name, value in env.items()}
    with serving(folder / "web", **given) as server:
        locations = {}
        for path, words in proxies.items():
            locations[f"{path}/"] = LEADS.format(address=server.address) + words
        with nginx(folder / "nginx", port=port, locations=locations):
            yield Site(own_url)


def test_headers_that_the_page_advises_let_everybody_sign_in(tmp_path: Path) -> None:
    proxies = {
        "/nothing": "",
        "/no-scheme": HOST,
        "/no-port": HOST_WITHOUT_PORT + SCHEME,
        "/no-origin": HOST_WITHOUT_PORT + SCHEME + NO_ORIGIN,
        "/no-cookie": HOST + SCHEME + NO_COOKIE,
        "/good": HOST + SCHEME,
        "/good-too": FORWARDED_HOST + SCHEME,
    }
    with behind(tmp_path, proxies) as site:
        assert "X-Forwarded-Proto: https" in site.refusal("/nothing")
        assert f"{site.url}," in site.refusal("/nothing")
        assert "X-Forwarded-Proto: https" in site.refusal("/no-scheme")
        assert "proxy_set_header Host $http_host" in site.refusal("/no-port")
        assert "proxy_set_header Host $http_host" in site.refusal("/no-origin")
        assert "has sent no cookie" in site.refusal("/no-cookie")
        assert site.sign_in("/good").status_code == 302
        assert site.sign_in("/good-too").status_code == 302


@pytest.mark.soak
def test_the_public_address_that_the_page_advises_lets_everybody_sign_in(tmp_path: Path) -> None:
    proxies = {"/nothing": "", "/no-scheme": HOST, "/no-port": HOST_WITHOUT_PORT + SCHEME}
    with behind(tmp_path, proxies, VBSDASH_URL="PUBLIC") as site:
        for path in proxies:
            assert site.sign_in(path).status_code == 302


@pytest.mark.soak
def test_the_origin_that_the_page_advises_lets_everybody_sign_in(tmp_path: Path) -> None:
    with behind(tmp_path, {"/nothing": ""}, CSRF_TRUSTED_ORIGINS="PUBLIC") as site:
        assert site.sign_in("/nothing").status_code == 302


def test_the_trusted_proxy_that_the_page_advises_lets_everybody_sign_in(tmp_path: Path) -> None:
    proxies = {"/good": HOST + SCHEME}
    with behind(tmp_path / "a", proxies, VBSDASH_TRUSTED_PROXIES="10.0.0.5") as site:
        page = site.refusal("/good")
        assert "127.0.0.1 tells of" in page
        assert "add it to VBSDASH_TRUSTED_PROXIES" in page
    with behind(tmp_path / "b", proxies, VBSDASH_TRUSTED_PROXIES="10.0.0.5,127.0.0.1") as site:
        assert site.sign_in("/good").status_code == 302
