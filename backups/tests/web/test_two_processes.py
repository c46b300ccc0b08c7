"""What one process of the web part keeps is never served after another one has written."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from backups.tests.run_settings import LIMIT_S
from backups.tests.web_server import NAME, PASSWORD, WebServer, serving_in_processes

pytestmark = pytest.mark.once
WRITES = 4  # a row each
READERS = 8  # at once, so that neither process answers alone
CLOUDS = """clouds:
  otc:
    auth:
      auth_url: http://127.0.0.1:9/v3
      username: u
      user_domain_name: d
      password: p
      project_id: a1
"""


def test_no_process_serves_what_was_before_a_write_of_another(tmp_path: Path) -> None:
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(CLOUDS)
    with serving_in_processes(2, tmp_path / "web", OS_CLIENT_CONFIG_FILE=str(clouds)) as web:
        cookies = signed_in(web)

        def titles(_: int) -> tuple[str, str]:
            return title(web, "/backups/?tag=night", cookies), title(web, "/backups/", cookies)

        with ThreadPoolExecutor(READERS) as readers:
            for written in range(1, WRITES):
                add(web)
                expected = ("0 night · Backups", f"{written} Backups")
                assert set(readers.map(titles, range(READERS))) == {expected}


def signed_in(web: WebServer) -> dict[str, str]:
    with requests.Session() as session:
        page = session.get(f"{web.address}/accounts/login/", timeout=LIMIT_S)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert token is not None
        form = {"username": NAME, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        answer = session.post(page.url, form, timeout=LIMIT_S)
        assert answer.status_code == 200
        return session.cookies.get_dict()


def title(web: WebServer, path: str, cookies: dict[str, str]) -> str:
    page = requests.get(f"{web.address}{path}", cookies=cookies, timeout=LIMIT_S)
    page.raise_for_status()
    match = re.search(r"<title>(.*?) · vbsdash</title>", page.text)
    assert match is not None
    return match[1]


def add(web: WebServer) -> None:
    ids = {"cloud": "otc", "ids": [str(uuid.uuid4())]}
    answer = requests.post(
        f"{web.address}/api/backups/", json=ids, headers=web.token, timeout=LIMIT_S
    )
    assert answer.status_code == 201
