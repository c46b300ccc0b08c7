"""What a run of the tests is told, says and installs."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backups.tests.dealing import SECONDS, deal
from backups.tests.rig import ONCE_FRAGILE, RECKONS_WITH_TIME
from backups.tests.run_settings import LIMIT_S

PROJECT = Path(__file__).resolve().parents[2]
TESTS = PROJECT / "backups" / "tests"
FAILING = "def test_red() -> None:\n    assert 1 == 2\n"


def make(target: str, folder: Path, **env: str) -> str:
    """What a target of the Makefile prints in a shell with these variables."""
    argv = ["make", "--silent", target, f"VENV={folder / 'venv'}"]
    plain = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(
        argv,
        cwd=PROJECT,
        env=plain | env,
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT_S,
    )
    return done.stdout


def test_patience_and_clock_reach_the_tests_and_nothing_of_the_operator_does(
    tmp_path: Path,
) -> None:
    told = make(
        "environment",
        tmp_path,
        VBSDASH_TEST_PATIENCE="2.5",
        VBSDASH_TEST_CLOCK="2027-01-01T00:00:00+00:00",
        OS_PASSWORD="s3cret-word",
        DATABASE_URL="postgres://h/x",
    ).splitlines()
    assert {"VBSDASH_TEST_PATIENCE=2.5", "VBSDASH_TEST_CLOCK=2027-01-01T00:00:00+00:00"} <= set(
        told
    )
    assert [line for line in told if line.startswith(("OS_", "DATABASE_URL"))] == []
    assert f"HOME={tmp_path}" not in told


def test_patience_stretches_every_limit() -> None:
    code = "from backups.tests import run_settings as s; print(s.LIMIT_S, s.START.isoformat())"
    env = {"VBSDASH_TEST_PATIENCE": "2.5", "VBSDASH_TEST_CLOCK": "2027-01-01T00:00:00+00:00"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "300.0 2027-01-01T00:00:00+00:00\n"


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        (
            "VBSDASH_TEST_PATIENCE",
            "much",
            "write a number above 0; 3 stretches every limit three times",
        ),
        (
            "VBSDASH_TEST_PATIENCE",
            "-1",
            "write a number above 0; 3 stretches every limit three times",
        ),
        (
            "VBSDASH_TEST_PATIENCE",
            "nan",
            "write a number above 0; 3 stretches every limit three times",
        ),
        (
            "VBSDASH_TEST_CLOCK",
            "noon",
            "write a time with its offset, as 2027-03-28T00:59:30+00:00",
        ),
        ("VBSDASH_TEST_CLOCK", "2027-03-28T00:59:30", "write its offset too, as +00:00"),
    ],
)
def test_a_wrong_word_for_a_run_is_refused_by_name(name: str, value: str, cure: str) -> None:
    argv = [sys.executable, "-c", "from backups.tests import run_settings"]
    done = subprocess.run(argv, cwd=PROJECT, env={name: value}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"{name} is {value!r}: {cure}.\n")


def test_what_is_going_to_be_installed_is_said_beforehand(tmp_path: Path) -> None:
    assert make("announce", tmp_path) == (
        "To be installed first, which may take some minutes: "
        f"requirements.txt, -oidc.txt, -apprise.txt and -dev.txt into {tmp_path / 'venv'}\n"
    )


@pytest.mark.parametrize(
    ("apt_says", "sentence"),
    [
        (
            "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (apt)",
            "another program holds dpkg's lock; wait until it has ended, then try again.",
        ),
        (
            "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'",
            "dpkg was interrupted once; run 'dpkg --configure -a' as root, then try again.",
        ),
        (
            "E: Unable to locate package chromium",
            "apt-get does not know or reach it; see what 'apt-get update' says, then try again.",
        ),
        ("E: You don't have enough free space", "E: You don't have enough free space"),
    ],
)
def test_a_package_that_cannot_be_installed_is_one_sentence(
    tmp_path: Path, apt_says: str, sentence: str
) -> None:
    for name, script in (
        ("apt-get", f'echo "{apt_says}" >&2; exit 100'),
        ("sudo", 'shift; exec "$@"'),
    ):
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "POLICY_RC_D": str(tmp_path / "policy")}
    done = subprocess.run(
        [".ci/install", "chromium"], cwd=PROJECT, env=env, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (1, f"cannot install chromium: {sentence}\n")


def test_no_service_of_a_package_is_started_while_it_is_installed(tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    answers = tmp_path / "answers"
    for name, script in (
        ("apt-get", f"{policy} tinyproxy start; echo $1 $? >>{answers}"),
        ("sudo", 'shift; exec "$@"'),
    ):
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "POLICY_RC_D": str(policy)}
    subprocess.run([".ci/install", "tinyproxy"], cwd=PROJECT, env=env, check=True)
    # 101 is Debian's word for: not allowed.
    assert answers.read_text().splitlines() == ["update 101", "install 101"]
    assert not policy.exists()


def test_a_red_run_names_clock_zone_load_cores_and_seed(tmp_path: Path) -> None:
    (tmp_path / "test_red.py").write_text(FAILING)
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "backups.tests.run_report",
        str(tmp_path / "test_red.py"),
    ]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "TZ": "Asia/Kathmandu"}
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    for told in (
        r"^reference: python -m timeit '.+' takes \d+ ms here and now$",
        r"^clock       \w{3} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d to \w{3} \d\d:\d\d:\d\d UTC$",
        r"^test clock  each test began at 2026-11-25T14:30:00\+00:00 ",
        r"^time zone   .* \(TZ=Asia/Kathmandu\)$",
        r"^load        [\d.]+ [\d.]+ [\d.]+ at the start, [\d.]+ [\d.]+ [\d.]+ at the end$",
        r"^cores       \d+ of \d+$",
        r"^seed        --hypothesis-seed=\d+$",
        r"^patience    VBSDASH_TEST_PATIENCE=1$",
    ):
        assert re.search(told, done.stdout, re.MULTILINE), (told, done.stdout)


STOP_WATCH = re.compile(
    r"perf_counter|time\.time\(|(?<![\w.])sleep\(|time\.sleep\((?!100\))|wait_for_timeout"
    r"|timeout=[\d.]+\b(?! \* LIMIT_S)|\.(?:wait|join)\([\d.]+\)"
)
ALLOWED = {  # file and line: it waits for an event, or holds a process that must not end
    "waiting.py": "time.sleep(LOOK_EVERY_S)",
    "vbs/test_client.py": "time.sleep(0.05)",  # a server that drips until the other side gives up
    "vbs/test_through_a_proxy.py": "time.sleep(0.05)",  # a proxy that drips
    # a part that ends late; a text that is never the same twice
    "runner/test_supervisor.py": "time.sleep(0.5)|print(f'process {os.getpid()} at {time.time()}",
    # options of an address
    "vbsdash/test_settings.py": "connect_timeout",
    "vbsdash/test_not_set_up.py": "?connect_timeout=",
    "vbsdash/test_database_url.py": "?connect_timeout=|?timeout=",
    "vbsdash/test_broker_url.py": "?socket_timeout=",
    "vbs/test_url_parts.py": "?timeout=",
    "runner/small_app.py": "time.sleep(0.01)",  # until a file is there; the app has nothing of ours
    "simulator/test_faults.py": "get(simulator, timeout=0.2)",  # an answer that never comes
    # how often a thread looks, until it is told to end
    "faults/installation.py": "_closing.wait(1)|stop.wait(0.5)",
}


def test_files_that_are_named_exist() -> None:
    named = [TESTS / name for name in (*ALLOWED, *SECONDS)]
    named += [PROJECT / name for name in (*ONCE_FRAGILE, *RECKONS_WITH_TIME)]
    assert [file for file in named if not file.exists()] == []


def may_wait(file: str, line: str) -> bool:
    return any(text in line for text in ALLOWED.get(file, "").split("|") if text)


def test_no_test_holds_a_stop_watch() -> None:
    waiting = []
    for file in TESTS.rglob("*.py"):
        name = str(file.relative_to(TESTS))
        if name in ("test_run_of_tests.py", "rig.py"):
            continue
        lines = [line.strip() for line in file.read_text().splitlines() if STOP_WATCH.search(line)]
        waiting += [f"{name}: {line}" for line in lines if not may_wait(name, line)]
    assert waiting == []


@dataclass
class Item:
    """As much of a pytest item as dealing looks at."""

    nodeid: str
    marks: tuple[str, ...]
    fixturenames: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return Path(self.nodeid.split("::")[0])

    def get_closest_marker(self, name: str) -> bool:
        return name in self.marks


def dealt(*, other: bool = False, one: bool = False, workers: int = 4) -> list[list[str]]:
    items: Any = [
        *(Item(f"test_{file}.py::test_{n}", ("django_db",)) for file in "ab" for n in range(3)),
        *(Item(f"test_page.py::test_{n}", ("django_db", "either")) for n in range(40)),
        *(Item(f"test_pure.py::test_{n}", ()) for n in range(3)),
        Item("test_once.py::test_once", ("django_db", "once")),
    ]
    return [
        [item.nodeid for item in mine]
        for mine in deal(items, workers=workers, other_database=other, one_database=one)
    ]


def test_each_test_of_the_database_runs_once_on_each_database() -> None:
    workers = dealt()
    for parity in (0, 1):
        of_database = [nodeid for mine in workers[parity::2] for nodeid in mine]
        both = [nodeid for nodeid in of_database if nodeid.startswith(("test_a", "test_b"))]
        assert sorted(both) == sorted(
            f"test_{file}.py::test_{n}" for file in "ab" for n in range(3)
        )


def test_what_is_marked_either_runs_on_one_database_and_in_the_long_run_on_the_other() -> None:
    plain, other = dealt(), dealt(other=True)
    pages = {f"test_page.py::test_{n}" for n in range(40)}
    for parity in (0, 1):
        here = {nodeid for mine in plain[parity::2] for nodeid in mine if nodeid in pages}
        there = {nodeid for mine in other[1 - parity :: 2] for nodeid in mine}
        assert 10 < len(here) < 30
        assert here == there


def test_a_run_of_one_database_takes_each_test_once_and_both_databases() -> None:
    workers = dealt(one=True)
    everything = [nodeid for mine in workers for nodeid in mine]
    assert sorted(everything) == sorted(dealt(workers=1)[0])
    for parity in (0, 1):
        assert any("test_page" in nodeid for mine in workers[parity::2] for nodeid in mine)


def test_the_rest_runs_once() -> None:
    everything = [nodeid for mine in dealt() for nodeid in mine]
    for nodeid in ("test_once.py::test_once", "test_pure.py::test_0"):
        assert everything.count(nodeid) == 1


def test_a_single_worker_runs_all() -> None:
    assert len(dealt(workers=1)[0]) == 50
