"""A real nginx names who has signed in with it; a real web part believes it, and nobody else."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from backups.runner.ports import free_port
from backups.tests.nginx import CERTIFICATE, need_nginx, nginx
from backups.tests.run_settings import LIMIT_S
from backups.tests.web_server import WebServer, serving

pytestmark = [pytest.mark.once, pytest.mark.real_clock]
SECRET = "0123456789abcdef0123456789abcdef"
PASSWORD = "right-horse-staple"
# {SHA} is what nginx understands without the host's crypt.
PASSWORDS = f"ada:{{SHA}}{base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()}\n"
PROXY = """
    proxy_pass {address};
    auth_basic company; auth_basic_user_file {passwords};
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header Authorization "";
    proxy_set_header X-Remote-User $remote_user;
    proxy_set_header X-Remote-Groups night;
    proxy_set_header X-Proxy-Secret {secret};
"""
OPEN = "proxy_pass {address}; proxy_set_header Host $http_host;"


@dataclass(frozen=True)
class Site:
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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    need_nginx()
    folder = tmp_path_factory.mktemp("site")
    port = free_port()
    (folder / "passwords").write_text(PASSWORDS)
    (folder / "groups.yaml").write_text("night: operator\n")
    (folder / "secret").write_text(SECRET + "\n")
    env = {
        "VBSDASH_URL": f"https://127.0.0.1:{port}",
        "CELERY_BROKER_URL": "memory://",
        "VBSDASH_GROUPS_FILE": str(folder / "groups.yaml"),
        "VBSDASH_PROXY_USER_HEADER": "X-Remote-User",
        "VBSDASH_PROXY_GROUPS_HEADER": "X-Remote-Groups",
        "VBSDASH_PROXY_SECRET_HEADER": "X-Proxy-Secret",
        "VBSDASH_PROXY_SECRET_FILE": str(folder / "secret"),
    }
    with serving(folder / "vbsdash", **env) as server:
        words = {"address": server.address, "passwords": folder / "passwords", "secret": SECRET}
        locations = {"/": PROXY.format(**words), "/api/": OPEN.format(**words)}
        with nginx(folder / "nginx", port=port, locations=locations):
            yield Site(f"https://127.0.0.1:{port}", server)


def basic(name: str, password: str) -> dict[str, str]:
    text = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


def test_who_signs_in_with_nginx_is_signed_in(site: Site) -> None:
    assert site.get("/account/").status_code == 401
    page = site.get("/account/", **basic("ada", PASSWORD))
    assert (page.status_code, "ada" in page.text) == (200, True)
    # What a client writes into the headers itself does not get through nginx.
    forged = {"X-Remote-User": "admin", "X-Remote-Groups": "x", "X-Proxy-Secret": "x"}
    page = site.get("/account/", **basic("ada", PASSWORD), **forged)
    assert (page.status_code, "ada" in page.text) == (200, True)


def test_a_path_on_which_nginx_sets_no_header_lets_no_forged_one_in(site: Site) -> None:
    forged = {"X-Remote-User": "admin", "X-Remote-Groups": "night"}
    answer = site.get("/api/backups/", **forged)
    assert answer.status_code == 403
    assert "without the secret of the proxy" in answer.json()["detail"]
    assert "account=admin" in site.server.log.replace("'", "")
    assert site.get("/api/backups/", **forged, **site.server.token).status_code == 200


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
