"""Secrets that are planted in a whole installation of real processes come out nowhere: not in the
database, a log, a message of the broker, a page, the API, metrics, a crash page or a command line.

Its clouds sign in by password, application credential and keys, through a proxy with a password;
one of them is refused. Its channels lead to far sides that are not there.
"""

import base64
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import psutil
import psycopg
import pytest
from redis import Redis

from backups.runner import broker, parts
from backups.runner.part import Part as PartPlan
from backups.runner.ports import listen
from backups.simulator import Fault, Simulator
from backups.tests.faults.parts import PROJECT, Part, PostgreSQL, open_folder
from backups.tests.forward_proxy import ForwardProxy, forward_proxy
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until

pytestmark = [pytest.mark.once, pytest.mark.soak, pytest.mark.real_clock]
BACKUP = str(uuid.UUID(int=77))
PLANTED = {
    "account password": "planted-account-password",
    "password that is wrong": "planted-wrong-password",
    "database password": "planted-database-password",
    "proxy password": "planted-proxy-password",
    "key of volumes": "planted-volume-key",
    "address of a webhook": "planted-webhook-address",
    "secret of a webhook": "planted-webhook-secret",
    "mail password": "planted-mail-password",
    "address of the heartbeat": "planted-heartbeat-address",
    "SECRET_KEY": "planted-secret-key-" * 3,
    "SECRET_KEY_FALLBACKS": "planted-fallback-key-" * 3,
}
PREPARE = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", interactive=False, verbosity=0)
call_command("createsuperuser", interactive=False, username="operator", email="", verbosity=0)
call_command("create_token", "operator")
"""
TEST_CHANNELS = """
import django; django.setup()
from backups.alarms import outbox
from backups.alarms.channels_file import channels
from backups.edits.common import Actor
from backups.models import FULL_ACCESS
from backups.shared import clock
for name in channels():
    outbox.send_test(name, actor=Actor("operator", clock.now(), FULL_ACCESS))
"""
NOBODY = "127.0.0.1:1"
HREF = re.compile(r'href="(/[^"#?]*)"')
MOST_PAGES = 60
HOLD_SECRETS = ("clouds.yaml", "channels.yaml", "key-of-before", "broker-url")


class Installation:
    def __init__(self, folder: Path, sim: Simulator, proxy: ForwardProxy) -> None:
        self.folder = folder
        self.proxy = proxy
        self.sim = sim
        self.postgresql = PostgreSQL(folder)
        self._administer(
            f"CREATE ROLE vbsdash SUPERUSER LOGIN PASSWORD '{PLANTED['database password']}'"
        )
        place = urlsplit(self.postgresql.url)
        self.database_url = (
            f"postgresql://vbsdash:{PLANTED['database password']}@{place.path}?{place.query}"
        )
        prepared = broker.prepare(folder / "broker", folder / "broker-url")
        self.broker_url = (folder / "broker-url").read_text().strip()
        self.broker = Part(prepared.argv, {"PATH": os.environ["PATH"]}, folder / "broker.log")
        self.secrets = {
            **PLANTED,
            "broker password": prepared.password,
            "cloud password": sim.password,
            "secret of the application credential": sim.application_credential_secret,
            "secret key of the cloud": sim.secret_key,
            "proxy credentials": base64.b64encode(self.proxy_credentials.encode()).decode(),
        }
        self._listener = listen("127.0.0.1", 0)
        self._port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self._port}"
        self.env = self._environment()
        self.worker = self._part(parts.worker_part())
        self.beat = self._part(parts.beat_part())
        self.web = self._web()
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        self._browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)

    proxy_credentials = f"reader:{PLANTED['proxy password']}"

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self.postgresql.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _environment(self) -> dict[str, str]:
        wrong = self.sim.cloud_entry()
        wrong["auth"]["password"] = PLANTED["password that is wrong"]
        clouds = {
            "password": self.sim.cloud_entry(vbs_follow="all"),
            "application": self.sim.cloud_entry(auth="v3applicationcredential"),
            "keys": self.sim.cloud_entry(auth="aksk"),
            "wrong": wrong,
        }
        mail = {
            "kind": "mail",
            "to": "ops@example.org",
            "from": "vbsdash@example.org",
            "host": "127.0.0.1",
            "port": 1,
            "security": "none",
            "user": "vbsdash",
            "password": PLANTED["mail password"],
        }
        hook = {
            "kind": "webhook",
            "url": f"http://{NOBODY}/{PLANTED['address of a webhook']}",
            "secret": PLANTED["secret of a webhook"],
        }
        pulse = {"url": f"http://{NOBODY}/{PLANTED['address of the heartbeat']}", "every": "1m"}
        channels = {"channels": {"mail": mail, "hook": hook}, "heartbeat": pulse}
        (self.folder / "channels.yaml").write_text(json.dumps(channels))
        clouds_file = self.folder / "clouds.yaml"
        clouds_file.write_text(json.dumps({"clouds": clouds}))
        key_file = self.folder / "key-of-before"
        key_file.write_text(PLANTED["SECRET_KEY_FALLBACKS"])
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "DJANGO_SETTINGS_MODULE": "vbsdash.settings",
            "DJANGO_SUPERUSER_PASSWORD": PLANTED["account password"],
            "OS_CLIENT_CONFIG_FILE": str(clouds_file),
            "VBSDASH_DATA_DIR": str(self.folder / "data"),
            "DATABASE_URL": self.database_url,
            "CELERY_BROKER_URL": self.broker_url,
            "SECRET_KEY": PLANTED["SECRET_KEY"],
            "SECRET_KEY_FALLBACKS_FILE": str(key_file),
            "HTTP_PROXY": f"http://{self.proxy_credentials}@{self.proxy.place}",
        }

    def _part(self, plan: PartPlan, **env: str) -> Part:
        log = self.folder / f"{plan.name}.log"
        return Part(plan.argv, {**self.env, **plan.env, **env}, log, plan.pass_fds)

    def _web(self, **env: str) -> Part:
        return self._part(parts.web_part(self._listener.fileno(), port=self._port), **env)

    def open(self) -> None:
        self.broker.start()
        done = subprocess.run(
            [sys.executable, "-c", PREPARE],
            env=self.env,
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        self.secrets["API key"] = done.stdout.split()[-1]
        for part in (self.web, self.worker, self.beat):
            part.start()
        wait_until(lambda: self.get("/healthz")[0] == 200)

    def test_channels(self) -> None:
        """Sends a test to each channel and waits for what comes of it."""
        argv = [sys.executable, "-c", TEST_CHANNELS]
        subprocess.run(argv, env=self.env, cwd=PROJECT, check=True)
        wait_until(lambda: self.count("backups_deliveryattempt") >= 2)

    def count(self, table: str) -> int:
        with psycopg.connect(self.postgresql.url) as connection:
            row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        for part in (self.beat, self.worker, self.web, self.broker):
            part.end()
        self._listener.close()
        self.postgresql.close()

    def serve_with_debug(self) -> None:
        self.web.end()
        self.web = self._web(DEBUG="1")
        self.web.start()
        wait_until(lambda: self.get("/healthz")[0] == 200)

    # What comes out

    def get(self, path: str, *, by_key: bool = False, data: Any = None) -> tuple[int, str]:
        request = urllib.request.Request(self.url + path, data=data)
        if by_key:
            request.add_header("Authorization", f"Token {self.secrets['API key']}")
            request.add_header("Content-Type", "application/json")
        try:
            with self._browser.open(request, timeout=LIMIT_S) as answer:
                return answer.status, str(answer.headers) + answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, str(refusal.headers) + refusal.read().decode()
        except OSError:
            return 0, ""

    def sign_in(self) -> None:
        _, page = self.get("/accounts/login/")
        [token] = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[:1]
        fields = {
            "csrfmiddlewaretoken": token,
            "username": "operator",
            "password": PLANTED["account password"],
        }
        status, page = self.get("/accounts/login/", data=urlencode(fields).encode())
        assert (status, "Account" in page) == (200, True)

    def pages(self) -> dict[str, str]:
        """Every page that links lead to, and the API's answers, by address."""
        seen: dict[str, str] = {}
        waiting = ["/", "/clouds/", "/account/", "/admin/", "/styleguide/", f"/backups/{BACKUP}/"]
        while waiting and len(seen) < MOST_PAGES:
            path = waiting.pop(0)
            if path in seen or "/static/" in path or "logout" in path:
                continue
            seen[path] = self.get(path)[1]
            waiting += [
                urljoin(path, href.replace("&amp;", "&")) for href in HREF.findall(seen[path])
            ]
        for path in (
            "/metrics",
            "/readyz",
            "/api/schema/",
            "/api/backups/",
            "/api/backups.csv",
            "/api/clouds/",
            "/api/clouds/password/backups/",
            "/api/summary/",
            f"/api/backups/{BACKUP}/",
            f"/api/backups/{BACKUP}/raw/",
            f"/api/backups/{BACKUP}/revisions/",
            "/api/volumes/",
            "/api/failures/",
        ):
            seen[path] = self.get(path, by_key=True)[1]
        return seen

    def tables(self) -> str:
        """The rows of every table, as text."""
        texts: list[str] = []
        with psycopg.connect(self.postgresql.url) as connection:
            rows = connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
            )
            for (name,) in rows.fetchall():
                with connection.cursor().copy(f'COPY "{name}" TO STDOUT'.encode()) as copy:
                    texts += [bytes(data).decode() for data in copy]
        return "".join(texts)

    def messages(self) -> str:
        """Everything in the broker: names, and values of each type."""
        texts: list[str] = []
        with Redis.from_url(self.broker_url) as redis:
            for key in redis.scan_iter():
                kind = redis.type(key)
                if kind == b"list":
                    value: Any = [_unpacked(item) for item in redis.lrange(key, 0, -1)]
                elif kind == b"hash":
                    value = redis.hgetall(key)
                elif kind == b"set":
                    value = redis.smembers(key)
                elif kind == b"zset":
                    value = redis.zrange(key, 0, -1)
                else:
                    value = redis.get(key)
                texts.append(f"{key!r} {value!r}")
        return "\n".join(texts)

    def files(self) -> dict[str, str]:
        """The bytes of logs, database and broker, and of what the parts leave behind."""
        texts: dict[str, str] = {}
        for file in sorted(self.folder.rglob("*")):
            is_where_secrets_are = file.name in HOLD_SECRETS
            if is_where_secrets_are or file.name == "broker.conf" or not file.is_file():
                continue
            texts[str(file.relative_to(self.folder))] = file.read_bytes().decode("latin-1")
        return texts

    def command_lines(self) -> str:
        """Of all processes of this machine, as `ps` shows them."""
        processes = psutil.process_iter(["cmdline"])
        return "\n".join(" ".join(process.info["cmdline"] or ()) for process in processes)


@pytest.fixture
def installation() -> Iterator[Installation]:
    with _whole() as running:
        yield running


@contextmanager
def _whole() -> Iterator[Installation]:
    with (
        open_folder() as folder,
        Simulator(backups=5) as sim,
        forward_proxy(credentials=Installation.proxy_credentials) as proxy,
    ):
        running = Installation(folder, sim, proxy)
        try:
            running.open()
            yield running
        finally:
            running.close()


def _unpacked(message: bytes) -> bytes:
    """A message of Celery with the arguments of its task, which travel in base64."""
    body = json.loads(message).get("body", "")
    return message + base64.b64decode(body)


def test_no_planted_secret_comes_out_anywhere(installation: Installation) -> None:
    sim = installation.sim
    metadata = json.dumps({"VK": PLANTED["key of volumes"], "CS": "1"})
    sim.add({"id": BACKUP, "status": "error", "fail_reason": "no", "service_metadata": metadata})
    sim.fault(Fault("status", status=401, path=sim.ids[0]))
    installation.sign_in()
    for cloud in ("password", "application", "keys", "wrong"):
        assert installation.get(f"/api/clouds/{cloud}/test/", by_key=True, data=b"")[0] == 200
    body = json.dumps({"cloud": "password", "ids": [BACKUP, *sim.ids]}).encode()
    status, _ = installation.get("/api/backups/", by_key=True, data=body)
    assert status in (200, 201)  # They may be followed already.
    wait_until(
        lambda: "[redacted]" in installation.get(f"/api/backups/{BACKUP}/raw/", by_key=True)[1]
    )
    wait_until(
        lambda: '"code": "401"' in installation.tables() or "unauthorized" in installation.tables()
    )
    installation.test_channels()

    outputs = installation.pages()
    installation.worker.end()
    refresh = f"/api/backups/{BACKUP}/refresh/"
    assert installation.get(refresh, by_key=True, data=b"")[0] == 202
    wait_until(lambda: "backups.tasks.refresh_backups" in installation.messages())
    outputs["broker"] = installation.messages()
    outputs["command lines"] = installation.command_lines()
    outputs["tables"] = installation.tables()

    # A page crashes that reads what cannot be computed, with and without DEBUG.
    with psycopg.connect(installation.postgresql.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE backups_savedview RENAME TO backups_gone")
        connection.execute(
            "CREATE VIEW backups_savedview AS SELECT * FROM backups_gone WHERE 1 / 0 = 1"
        )
    status, outputs["crash page"] = installation.get("/account/")
    assert status == 500
    installation.serve_with_debug()
    status, outputs["crash page with DEBUG"] = installation.get("/account/")
    assert status == 500
    assert "Traceback" in outputs["crash page with DEBUG"]
    outputs |= installation.files()

    # What was searched holds what it should hold otherwise.
    assert BACKUP in outputs["/backups/"]
    assert "vbsdash_" in outputs["/metrics"]
    assert BACKUP in outputs["tables"]
    assert "operator" in outputs["tables"]
    assert f"{NOBODY} refused the connection." in outputs["tables"]
    assert "--app vbsdash" in outputs["command lines"]
    assert "division by zero" in outputs["web.log"]
    secrets = dict(installation.secrets)
    tokens = {
        asked.headers["x-auth-token"]
        for asked in installation.proxy.asked
        if "x-auth-token" in asked.headers
    }
    assert tokens
    for number, token in enumerate(sorted(tokens)):
        secrets[f"token {number}"] = token
    found = []
    for place, text in outputs.items():
        for what, secret in secrets.items():
            if secret in text:
                found.append(f"{what} in {place}")
    assert found == []
