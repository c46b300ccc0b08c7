"""A real nginx names who has signed in, by the very lines of the README; a real web part
believes it, and nobody else.
"""

import base64
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from backups.runner.ports import free_port
from backups.tests.nginx import CERTIFICATE, need_nginx, nginx
from backups.tests.run_settings import LIMIT_S
from backups.tests.web_server import WebServer, serving

pytestmark = [pytest.mark.once, pytest.mark.real_clock]
README = Path(__file__).parents[3] / "README.md"
SECRET = "0123456789abcdef0123456789abcdef"
PASSWORD = "right-horse-staple"
FORGED = {"X-Remote-User": "admin", "X-Remote-Groups": "night", "X-Proxy-Secret": SECRET}
# What nobody should write: by a header of its own it has none of the server's, asks nobody, and
# hands on whatever comes.
FORGOTTEN = "proxy_pass {address}; proxy_set_header Host $http_host;"


@dataclass(frozen=True)
class Site:
    """`url` is the public one, with a path."""

    url: str
    server: WebServer

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(
            self.url + path,
            headers=headers,
            verify=str(CERTIFICATE),
            allow_redirects=False,
            timeout=LIMIT_S,
        )


class _Gate(BaseHTTPRequestHandler):
    """Stands for oauth2-proxy: says who somebody is, or that he has to sign in."""

    def do_GET(self) -> None:
        is_ada = self.headers.get("Authorization") == basic("ada", PASSWORD)["Authorization"]
        self.send_response(202 if is_ada else 401)
        if is_ada:
            self.send_header("X-Auth-Request-User", "ada")
            self.send_header("X-Auth-Request-Groups", "night")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Writes nothing."""


@contextmanager
def gate() -> Iterator[str]:
    """Yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Gate) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def server_of_the_readme(address: str, gate_address: str) -> tuple[str, dict[str, str]]:
    """Returns the directives of the server, and those of each location, with addresses and secret
    of here.
    """
    (block,) = re.findall(r"```nginx\n([^`]*auth_request[^`]*)```", README.read_text())
    block = block.replace("http://127.0.0.1:8000", address).replace("0123…", SECRET)
    block = block.replace("http://127.0.0.1:4180", gate_address)
    of_server, _ = block.split("\nlocation ", 1)
    return of_server, dict(re.findall(r"^location ([^{]+) {(.*?)\n}$", block, re.M | re.S))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    need_nginx()
    folder = tmp_path_factory.mktemp("site")
    port = free_port()
    url = f"https://127.0.0.1:{port}/vbs"
    (folder / "groups.yaml").write_text("night: operator\n")
    (folder / "secret").write_text(SECRET + "\n")
    env = {
        "VBSDASH_URL": url,
        "CELERY_BROKER_URL": "memory://",
        "VBSDASH_GROUPS_FILE": str(folder / "groups.yaml"),
        "VBSDASH_PROXY_USER_HEADER": "X-Remote-User",
        "VBSDASH_PROXY_GROUPS_HEADER": "X-Remote-Groups",
        "VBSDASH_PROXY_SECRET_HEADER": "X-Proxy-Secret",
        "VBSDASH_PROXY_SECRET_FILE": str(folder / "secret"),
    }
    with serving(folder / "vbsdash", **env) as server, gate() as gate_address:
        of_server, locations = server_of_the_readme(server.address, gate_address)
        locations["= /vbs/api/rules/"] = FORGOTTEN.format(address=server.address)
        with nginx(folder / "nginx", port=port, locations=locations, all_locations=of_server):
            yield Site(url, server)


def basic(name: str, password: str) -> dict[str, str]:
    text = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


def test_who_signs_in_with_the_proxy_is_signed_in(site: Site) -> None:
    answer = site.get("/account/")
    to_sign_in = f"/oauth2/sign_in?rd={site.url}/account/"
    assert (answer.status_code, answer.headers["Location"].endswith(to_sign_in)) == (302, True)
    page = site.get("/account/", **basic("ada", PASSWORD))
    assert (page.status_code, "ada" in page.text) == (200, True)
    # What a client writes into the headers itself does not get through nginx.
    page = site.get("/account/", **basic("ada", PASSWORD), **FORGED)
    assert (page.status_code, "ada" in page.text) == (200, True)


def test_links_to_the_api_on_a_page_open_for_who_is_signed_in(site: Site) -> None:
    for path in ("/api/docs/", "/api/backups.csv", "/api/backups/"):
        assert site.get(path, **basic("ada", PASSWORD)).status_code == 200, path
        assert site.get(path).status_code == 401, path


def test_a_token_opens_the_api_alone_and_names_nobody_else(site: Site) -> None:
    assert site.get("/api/backups/", **site.server.token, **FORGED).status_code == 200
    for key in ("x", "vbs_x"):
        bearer = {"Authorization": f"Bearer {key}"}
        answer = site.get("/api/backups/", **bearer, **FORGED)
        assert (answer.status_code, "sessionid" in str(answer.cookies)) == (401, False)
        assert site.get("/account/", **bearer, **FORGED).status_code == 302


def test_a_name_that_a_client_sends_where_nginx_asks_nobody_signs_nobody_in(site: Site) -> None:
    """nginx takes it for `$remote_user`, right password or not."""
    for headers in (basic("admin", "x"), basic("ada", PASSWORD), FORGED):
        answer = site.get("/metrics", **headers)
        assert (answer.status_code, "sessionid" in str(answer.cookies)) == (401, False)
    assert site.get("/metrics", **site.server.token).status_code == 200
    assert site.get("/healthz").status_code == 200


def test_a_path_on_which_nginx_sets_no_header_lets_no_forged_one_in(site: Site) -> None:
    forged = {"X-Remote-User": "admin", "X-Remote-Groups": "night"}
    answer = site.get("/api/rules/", **forged)
    assert answer.status_code == 403
    assert "without the secret of the proxy" in answer.json()["detail"]
    assert "account=admin" in site.server.log.replace("'", "")
    assert site.get("/api/rules/", **forged, **site.server.token).status_code == 200


def test_a_header_with_an_underscore_is_none(site: Site) -> None:
    """nginx drops it, and so does the web part without nginx."""
    names = {"X_Remote_User": "admin", "X_Remote_Groups": "night", "X_Proxy_Secret": SECRET}
    assert site.get("/api/backups/", **names).status_code == 401
    heads = [f"Host: 127.0.0.1:{site.server.port}"]
    heads += [f"{name}: {value}" for name, value in names.items()]
    assert site.server.ask("/api/backups/", *heads).status == 401


def test_two_headers_of_one_name_are_refused(site: Site) -> None:
    heads = [
        f"Host: 127.0.0.1:{site.server.port}",
        "X-Remote-User: ada",
        "X-Remote-User: admin",
        "X-Remote-Groups: night",
    ]
    answer = site.server.ask("/api/backups/", *heads, f"X-Proxy-Secret: {SECRET}")
    assert (answer.status, "two people" in answer.text) == (403, True)
    twice = [f"X-Proxy-Secret: {SECRET}"] * 2
    answer = site.server.ask("/api/backups/", heads[0], *heads[2:], *twice)
    assert (answer.status, "without the secret" in answer.text) == (403, True)


def test_the_secret_is_in_no_log(site: Site) -> None:
    site.get("/account/", **basic("ada", PASSWORD))
    assert SECRET not in site.server.log
