"""`manage.py up` as an operator meets it: all parts, on a data folder of its own."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import psutil
import pytest
from django.contrib.auth import get_user_model

from backups.management.commands.up import first_account
from backups.runner import ports
from backups.tests.accounts import make_operator
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until

# A story of one installation, from its banner to its end: its tests keep their order.
pytestmark = pytest.mark.random_order(disabled=True)
PROJECT = Path(__file__).resolve().parents[3]
READY = re.compile(r"^up     \| vbsdash     (https?://\S+)/$", re.M)
PASSWORD = re.compile(r"^up     \| password    (.*)$", re.M)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Nothing of the operator's, and no cloud: that makes a demo."""
    no_clouds = folder / "no_clouds.yaml"
    no_clouds.write_text("clouds: {}\n")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "OS_CLIENT_CONFIG_FILE": str(no_clouds),
        "VBSDASH_DATA_DIR": str(folder / "data"),
        "PORT": "0",
        **more,
    }


def refused(folder: Path, *command: str, **more: str) -> tuple[int, str]:
    """Exit code and all output of a command, else of a start, that should not get far."""
    argv = [sys.executable, "manage.py", *(command or ["up"])]
    env = environment(folder, **more)
    done = subprocess.run(
        argv,
        cwd=PROJECT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
    )
    return done.returncode, done.stdout


class Up:
    """A running `manage.py up`, once its banner is shown."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder, self.log = folder, folder / "log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--stop-with-parent"],
                cwd=PROJECT,
                env=environment(folder, **more),
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(lambda: READY.search(self.text) is not None, lambda: self.text)
        except AssertionError:
            self.process.kill()
            self.process.wait()
            raise
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    @property
    def text(self) -> str:
        return self.log.read_text()

    def get(self, path: str) -> int:
        found = READY.search(self.text)
        assert found is not None
        answer: HTTPResponse
        with urllib.request.urlopen(found[1] + path, timeout=LIMIT_S) as answer:
            return answer.status

    def part(self, word: str) -> psutil.Process:
        """The runner's own child whose command line holds `word`."""
        (found,) = [p for p in psutil.Process(self.process.pid).children() if word in p.cmdline()]
        return found

    def stop(self, signum: signal.Signals) -> None:
        """Send `signum` and wait until the runner has ended."""
        self.children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signum)
        self.process.wait(LIMIT_S)

    def left_over(self) -> list[list[str]]:
        return [p.cmdline() for p in self.children if runs(p)]


def runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = Up(tmp_path_factory.mktemp("up"))
    yield running
    running.process.kill()
    running.process.wait()


def test_the_banner_comes_when_every_part_is_ready(up: Up) -> None:
    assert (up.get("/healthz"), up.get("/readyz")) == (200, 200)
    assert "not ready" not in up.text
    assert len(up.children) == 6  # broker, simulator, web and its worker, worker, beat
    said = PASSWORD.search(up.text)
    assert said is not None
    assert re.fullmatch(r"([a-z2-9]{5}-){3}[a-z2-9]{5}   \(shown only this once\)", said[1])


def test_a_proxy_on_this_machine_tells_that_a_page_came_over_tls(up: Up) -> None:
    found = READY.search(up.text)
    assert found is not None
    for scheme, secure in (("https", True), ("http", False)):
        request = urllib.request.Request(
            f"{found[1]}/accounts/login/", headers={"X-Forwarded-Proto": scheme}
        )
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            assert ("; Secure" in answer.headers["Set-Cookie"]) is secure


def test_the_brokers_password_is_neither_in_the_log_nor_on_a_command_line(up: Up) -> None:
    url = (up.folder / "data" / "broker" / "url").read_text()
    found = re.fullmatch(r"redis://:([\w-]{32,})@127\.0\.0\.1:\d+/0\n", url)
    assert found is not None
    lines = [" ".join(process.cmdline()) for process in up.children]
    assert [line for line in [*lines, up.text] if found[1] in line] == []


def test_what_it_writes_is_for_its_owner_only(up: Up) -> None:
    files = [file for file in (up.folder / "data").rglob("*") if file.is_file()]
    assert "demo.sqlite3" in {file.name for file in files}
    assert [file.name for file in files if file.stat().st_mode & 0o077] == []


def test_a_second_start_on_the_same_data_folder_is_refused_with_the_pid(up: Up) -> None:
    assert refused(up.folder) == (
        1,
        f"vbsdash: {up.folder / 'data'} is in use by process {up.process.pid}, another vbsdash: "
        "stop that one, or set VBSDASH_DATA_DIR to another folder.\n",
    )


def test_a_killed_web_part_comes_back_and_requests_wait_for_it(up: Up) -> None:
    master = up.part("gunicorn")
    (worker,) = master.children()
    master.kill()
    wait_until(lambda: not runs(worker), lambda: "gunicorn's worker outlives it")
    assert up.get("/healthz") == 200
    assert "up     | web ended (SIGKILL); starting it again in 1 s" in up.text.splitlines()


def test_sigterm_ends_all_and_the_next_start_upgrades_the_data_and_dies_whole_when_killed(
    up: Up,
) -> None:
    url = (up.folder / "data" / "broker" / "url").read_text()
    up.stop(signal.SIGTERM)
    assert (up.process.returncode, up.left_over()) == (0, [])
    assert "Traceback" not in up.text
    assert "did not stop in time" not in up.text
    code, said_meanwhile = refused(up.folder, "migrate", "backups", "0010", "-v0")
    assert (code, said_meanwhile) == (0, "")
    again = Up(up.folder)
    try:
        data = up.folder / "data"
        (copy,) = data.glob("demo.sqlite3.*upgrade*")
        assert copy.name.startswith("demo.sqlite3.before-upgrade-2")
        assert copy.stat().st_mode & 0o077 == 0
        lines = again.text.splitlines()
        assert lines[0].startswith("up     | the database is of an earlier version: ")
        assert lines[0].endswith(" made first, from backups.0011_folded_search on")
        assert f"up     | the database is upgraded; {copy} is it as it was before" in lines
        said = PASSWORD.search(again.text)
        assert said is not None
        assert (
            said[1] == "the one of the first start (manage.py changepassword admin sets a new one)"
        )
        assert (up.folder / "data" / "broker" / "url").read_text() == url
        with sqlite3.connect(up.folder / "data" / "demo.sqlite3") as database:
            assert database.execute("SELECT username, is_superuser FROM auth_user").fetchall() == [
                ("admin", 1)
            ]
        database.close()
    finally:
        again.stop(signal.SIGKILL)
    wait_until(lambda: again.left_over() == [], lambda: str(again.left_over()))


def test_a_taken_port_stops_the_start_before_anything_else_was_done(tmp_path: Path) -> None:
    with ports.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        said = refused(tmp_path, PORT=str(port))
    cure = "stop that one, or set PORT to a free number (or 0)."
    assert said == (1, f"vbsdash: port {port} of 127.0.0.1 is taken by another program: {cure}\n")
    assert not (tmp_path / "data" / "broker").exists()
    assert not (tmp_path / "data" / "demo.sqlite3").exists()


def test_a_broker_that_no_two_processes_share_is_refused(tmp_path: Path) -> None:
    code, said = refused(tmp_path, CELERY_BROKER_URL="memory://")
    assert (code, said.count("\n")) == (1, 1)
    assert "CELERY_BROKER_URL is memory://" in said


def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    code, said = refused(tmp_path, DATABASE_URL="postgres://vbs:s3cret-word@127.0.0.1:1/vbs")
    assert code == 1
    assert said.startswith("vbsdash: the database of DATABASE_URL cannot be used (connection")
    assert said.endswith("): start it, or correct the address.\n")
    assert len(said.splitlines()) == 1
    assert "s3cret-word" not in said


@pytest.mark.parametrize("command", [("migrate",), ("create_token", "admin"), ("up",)])
def test_each_command_says_in_a_sentence_that_the_database_cannot_be_used(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = tmp_path / "text"
    file.write_text("no database at all")
    code, said = refused(tmp_path, *command, DATABASE_URL=f"sqlite:///{file}")
    assert code == 1
    assert said == (
        "vbsdash: the database of DATABASE_URL cannot be used (file is not a database): name "
        "another file, or restore it from a backup.\n"
    )


def test_a_command_says_that_the_database_is_not_set_up(tmp_path: Path) -> None:
    code, said = refused(tmp_path, "create_token", "admin")
    assert code == 1
    assert said.startswith("vbsdash: the database of DATABASE_URL is not set up (no such table")
    assert said.endswith("): run manage.py migrate.\n")


@pytest.mark.django_db
def test_the_first_account_is_the_one_of_the_environment_and_its_password_is_not_said() -> None:
    env = {
        "DJANGO_SUPERUSER_USERNAME": "ada",
        "DJANGO_SUPERUSER_PASSWORD": "given-word",
        "DJANGO_SUPERUSER_EMAIL": "a@example.org",
    }
    assert first_account(env) == ("ada", "the one in DJANGO_SUPERUSER_PASSWORD")
    user = get_user_model().objects.get()
    assert (user.get_username(), user.email, user.is_superuser) == ("ada", "a@example.org", True)
    assert user.check_password("given-word")


@pytest.mark.django_db
def test_no_account_is_made_where_there_is_one() -> None:
    make_operator("eve")
    assert first_account({}) == (
        "eve",
        "the one of the first start (manage.py changepassword eve sets a new one)",
    )
    assert get_user_model().objects.count() == 1


@pytest.mark.django_db
def test_the_password_of_the_first_account_is_random_and_works() -> None:
    user, said = first_account({})
    assert (user, len(said.split()[0])) == ("admin", 23)
    assert get_user_model().objects.get().check_password(said.split()[0])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("env", "begins"),
    [
        (
            {"DJANGO_SUPERUSER_USERNAME": "a b"},
            "vbsdash: DJANGO_SUPERUSER_USERNAME cannot be used: Enter a valid username.",
        ),
        (
            {"DJANGO_SUPERUSER_EMAIL": "x"},
            "vbsdash: DJANGO_SUPERUSER_EMAIL cannot be used: Enter a valid email address.",
        ),
    ],
)
def test_a_name_or_address_that_cannot_be_is_refused(env: dict[str, str], begins: str) -> None:
    with pytest.raises(SystemExit) as refusal:
        first_account(env)
    assert str(refusal.value).startswith(begins)
    assert get_user_model().objects.count() == 0


def test_behind_a_proxy_the_banner_has_the_public_address_and_where_the_proxy_leads(
    tmp_path: Path,
) -> None:
    running = Up(tmp_path, VBSDASH_URL="https://vbs.example/vbs")
    try:
        assert "vbsdash     https://vbs.example/vbs/\n" in running.text
        inner = re.search(r"behind it   (http://127\.0\.0\.1:\d+)/ is where", running.text)
        assert inner is not None, running.text
        answer: HTTPResponse
        with urllib.request.urlopen(f"{inner[1]}/vbs/accounts/login/", timeout=LIMIT_S) as answer:
            cookies = answer.headers.get_all("Set-Cookie", [])
        assert len(cookies) == 1
        assert cookies[0].startswith("__Secure-vbsdash_csrf_443.vbs_")
        assert "Path=/vbs; SameSite=Lax; Secure" in cookies[0]
    finally:
        running.stop(signal.SIGTERM)


def test_a_setting_that_is_wrong_at_a_restart_is_said_once_by_each_part(tmp_path: Path) -> None:
    up = Up(tmp_path)
    parts = {"web": "gunicorn", "worker": "worker", "beat": "beat"}
    try:
        (tmp_path / "no_clouds.yaml").write_text("clouds: [")
        # All are looked up before one is dead, whose command line nobody can read.
        processes = [up.part(word) for word in parts.values()]
        for process in processes:
            process.kill()
        for name in parts:
            last = f"up     | {name} does not stay up"
            wait_until(lambda last=last: last in up.text, lambda: up.text)  # type: ignore[misc]
        lines = [line for line in up.text.splitlines() if "is not valid YAML" in line]
        assert sorted(line.split()[0] for line in lines) == ["beat", "web", "worker"]
        assert all("| vbsdash: " in line for line in lines)
        assert "Traceback" not in up.text
        up.stop(signal.SIGTERM)
        assert (up.process.returncode, up.left_over()) == (0, [])
    finally:
        up.process.kill()
        up.process.wait()


def test_a_broker_that_is_away_is_said_once_by_each_part_and_the_stop_is_clean(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--stop-with-parent"],
            cwd=PROJECT,
            env=environment(tmp_path, CELERY_BROKER_URL="redis://:s3cret-word@127.0.0.1:9/0"),
            stdout=out,
            stderr=subprocess.STDOUT,
        )

    def lines_of(part: str) -> list[str]:
        return [line for line in log.read_text().splitlines() if line.startswith(f"{part:<6} |")]

    try:
        children = psutil.Process(process.pid).children
        wait_until(lambda: lines_of("worker") != [], log.read_text)
        wait_until(lambda: lines_of("beat") != [], log.read_text)
        wait_until(lambda: lines_of("web") != [], log.read_text)
        left = children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
    finally:
        process.kill()
        process.wait()
    assert [each.cmdline() for each in left if runs(each)] == []
    text = log.read_text()
    assert ("Traceback" in text, "s3cret-word" in text) == (False, False)
    assert [len(lines_of(part)) for part in ("beat", "web")] == [1, 1]
    assert len([line for line in lines_of("worker") if "Cannot connect" in line]) == 1
    assert "up     | password    " in text
