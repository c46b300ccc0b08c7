"""The parts, started by hand on a database without tables: a sentence, a page, and no traceback."""

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from threading import Thread

import pytest

from backups.runner import ports
from backups.tests.faults.parts import PROJECT, Part
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until

SENTENCE = (
    "the database of DATABASE_URL is not set up (no such table: django_migrations): run manage.py "
    "migrate."
)
CAPITAL = f"T{SENTENCE[1:]}"


def env(folder: Path) -> dict[str, str]:
    (folder / "clouds.yaml").write_text("clouds: {}\n")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "VBSDASH_DATA_DIR": str(folder / "data"),
        "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"),
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "CELERY_BROKER_URL": "redis://127.0.0.1:9/0",
    }


@pytest.mark.parametrize(
    "options",
    [
        ("worker", "--pool", "threads", "--concurrency", "2"),
        ("worker", "--pool", "solo"),
        ("beat", "--pidfile="),
        ("worker", "-B", "--schedule", "/dev/null"),
    ],
    ids=" ".join,
)
def test_worker_and_beat_end_with_the_sentence(tmp_path: Path, options: tuple[str, ...]) -> None:
    python = (sys.executable, "-W", "ignore:::celery.platforms", "-m", "celery")
    ended = subprocess.run(
        (*python, "--quiet", "-A", "vbsdash", *options),
        env=env(tmp_path),
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert (ended.returncode, ended.stdout.count("Traceback")) == (1, 0)
    assert ended.stdout.strip().splitlines()[-1] == f"vbsdash: {SENTENCE}"
    assert not (tmp_path / "db.sqlite3").exists()


class Web:
    """gunicorn as somebody starts it by hand."""

    def __init__(self, folder: Path, *more_options: str, database_url: str = "") -> None:
        variables = env(folder)
        if database_url:
            variables["DATABASE_URL"] = database_url
        self._listener = ports.listen("127.0.0.1", 0)
        fd = self._listener.fileno()
        argv = (sys.executable, "-m", "gunicorn", "vbsdash.wsgi", "--bind", f"fd://{fd}")
        options = ("--worker-class", "gthread", "--threads", "4", "--no-control-socket")
        self._log = folder / "web.log"
        self._part = Part((*argv, *options, *more_options), variables, self._log, (fd,))
        self._part.start()

    def stop(self) -> None:
        self._part.end()
        self._listener.close()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def get(self, path: str) -> tuple[HTTPResponse, str]:
        port: int = self._listener.getsockname()[1]
        connection = HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response, text


def test_pages_say_what_is_missing_until_it_is_there(tmp_path: Path) -> None:
    web = Web(tmp_path)
    try:
        for path in ("/", "/accounts/login/", "/backups/?status=error", "/metrics", "/admin/"):
            response, text = web.get(path)
            assert (path, response.status, CAPITAL in text) == (path, 503, True)
            assert response.headers["Retry-After"] == "10"
        response, text = web.get("/api/backups/")
        assert (response.status, response.headers["Content-Type"]) == (
            503,
            "application/problem+json",
        )
        assert json.loads(text) == {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": CAPITAL,
            "errors": {},
        }
        for path in ("/healthz", "/healthz/"):
            assert web.get(path)[0].status == 200
        response, text = web.get("/readyz/")
        ready = json.loads(text)
        assert (response.status, ready["ready"], ready["parts"]["database"]) == (
            503,
            False,
            CAPITAL,
        )
        assert ready["parts"]["worker"] == "Not known: the database cannot be asked."
        assert (web.log.count(SENTENCE[:-1]), web.log.count("Traceback")) == (1, 0)
        argv = [sys.executable, "manage.py", "migrate", "-v", "0"]
        subprocess.run(argv, env=env(tmp_path), cwd=PROJECT, check=True)
        wait_until(lambda: web.get("/accounts/login/")[0].status == 200, lambda: web.log)
        assert web.get("/api/backups/")[0].status == 401
    finally:
        web.stop()


def test_the_log_says_why_the_database_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "db.sqlite3").write_text("no database at all" * 9)
    web = Web(tmp_path)
    try:
        assert web.get("/readyz")[0].status == 503
        sentence = (
            "the database of DATABASE_URL cannot be used (file is not a database): name "
            "another file, or restore it from a backup"
        )
        wait_until(lambda: sentence in web.log, lambda: web.log)
        assert "Traceback" not in web.log
    finally:
        web.stop()


class SilentDatabase:
    """Takes connections and says nothing, but for those that it is told to end."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        port: int = self._listener.getsockname()[1]
        # Longer than a test lasts, so that whoever asks it still waits when the test ends.
        self.url = f"postgres://u:p@127.0.0.1:{port}/x?connect_timeout=600"

    def take_one(self) -> socket.socket:
        self._listener.settimeout(LIMIT_S)
        return self._listener.accept()[0]

    def end_all_others(self) -> None:
        """Takes and ends each further connection, until it is closed."""
        Thread(target=self._end_each, daemon=True).start()

    def _end_each(self) -> None:
        self._listener.settimeout(None)
        with suppress(OSError):
            while True:
                self._listener.accept()[0].close()

    def close(self) -> None:
        self._listener.close()


def test_the_process_is_alive_while_the_database_is_silent(tmp_path: Path) -> None:
    database = SilentDatabase()
    web = Web(tmp_path, database_url=database.url)
    try:
        with database.take_one():
            # It is asked whether it is set up, and the answer is still awaited.
            for path in ("/healthz", "/healthz/"):
                assert web.get(path)[0].status == 200
    finally:
        web.stop()
        database.close()


def test_a_check_that_another_request_makes_is_not_waited_for(tmp_path: Path) -> None:
    database = SilentDatabase()
    web = Web(tmp_path, database_url=database.url)

    def ask_for_pages() -> None:
        with suppress(OSError):
            while True:
                web.get("/accounts/login/")

    try:
        database.take_one().close()
        Thread(target=ask_for_pages, daemon=True).start()
        with database.take_one():
            # It is a page that needs no database.
            assert web.get("/accounts/login/")[0].status == 200
    finally:
        web.stop()
        database.close()


def test_workers_that_are_forked_while_the_database_is_silent_answer(tmp_path: Path) -> None:
    database = SilentDatabase()
    web = Web(tmp_path, "--preload", database_url=database.url)
    try:
        # The check of the process that forks lasts on.
        with database.take_one():
            database.end_all_others()
            assert web.get("/accounts/login/")[0].status == 200
    finally:
        web.stop()
        database.close()
