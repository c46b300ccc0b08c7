"""The units: what systemd itself says of them, and their commands under what they forbid.

systemd starts nothing here, as it is not process 1. The restrictions are made by the same means of
the kernel: mounts, another user, no capabilities, and filters of system calls from systemd's lists.
Not made are the private users and devices and the hidden processes of others.
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from errno import EAFNOSUPPORT, EPERM, EROFS
from pathlib import Path

import pyseccomp
import pytest

from backups.runner import broker
from backups.runner.ports import accepts, free_port
from backups.tests.deploy.image import Container, Image
from backups.tests.deploy.test_image import SOAK, ready
from backups.tests.deploy.units import COMMANDS, UNITS, values
from backups.tests.faults.parts import PROJECT, Part
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until

ANALYZE = shutil.which("systemd-analyze")
PYTHON = "/opt/vbsdash/.venv/bin/python"
MOST_EXPOSED = 3.0
WEB = "vbsdash-web.service"


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    if ANALYZE is None:
        sentence = "there is no systemd-analyze: apt-get install systemd"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(f"!!! {sentence} !!!")
    return subprocess.run(
        [ANALYZE, *words], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for name, text in UNITS.items():
        here = (
            text.replace(PYTHON, sys.executable)
            .replace("User=vbsdash", "User=root")
            .replace("/opt/vbsdash", str(PROJECT))
        )
        (tmp_path / name.replace("@", "@1")).write_text(here)
    units = map(str, sorted(tmp_path.iterdir()))
    done = analyze("verify", "--man=no", "--generators=no", *units)
    ours = [line for line in done.stderr.splitlines() if "vbsdash" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_calls_no_unit_exposed(unit: str, tmp_path: Path) -> None:
    file = tmp_path / unit
    file.write_text(UNITS[unit])
    done = analyze("security", "--offline=true", "--no-pager", "--json=short", str(file))
    assert done.returncode == 0, done.stderr
    # The sum is printed without --json alone.
    summary = analyze("security", "--offline=true", "--no-pager", str(file)).stdout
    (level,) = re.findall(r"exposure level for \S+: ([0-9.]+)", summary)
    exposed = [check["name"] for check in json.loads(done.stdout) if check["set"] is False]
    assert float(level) <= MOST_EXPOSED, exposed


def test_the_units_forbid_the_same() -> None:
    sandboxes = []
    for text in UNITS.values():
        sandbox = text.partition("CapabilityBoundingSet=")[2].partition("\n[Install]")[0]
        assert sandbox
        sandboxes.append(sandbox)
    assert len(set(sandboxes)) == 1


def test_what_a_unit_holds_back_is_no_secret_of_another_user() -> None:
    for unit in UNITS:
        assert values(unit, "EnvironmentFile") == ["/etc/vbsdash.env"]
        assert not re.search(r"(PASSWORD|SECRET_KEY|_URL)=", COMMANDS[unit])
        assert values(unit, "StateDirectoryMode") == ["0700"]
        assert values(unit, "UMask") == ["0077"]


def calls_of(name: str) -> set[str]:
    """The system calls of one of systemd's sets, with those of the sets in it."""
    calls: set[str] = set()
    for line in analyze("syscall-filter", name).stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            calls |= calls_of(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


def rules(unit: str) -> dict[str, list[str] | list[int]]:
    """The system calls and the kinds of sockets that the unit allows."""
    calls = calls_of("@default")
    for line in values(unit, "SystemCallFilter"):
        for name in line.removeprefix("~").split():
            if line.startswith("~"):
                calls -= calls_of(name)
            else:
                calls |= calls_of(name)
    (families,) = values(unit, "RestrictAddressFamilies")
    numbers = [int(getattr(socket, name)) for name in families.split()]
    return {"calls": sorted(calls), "families": numbers}


@contextmanager
def started(
    image: Image, unit: str, *words: str, log: Path, env: Mapping[str, str]
) -> Iterator[Container]:
    """A process under what the unit forbids: the unit's own command, or `words`."""
    folder = image.final.root / "mnt"
    shutil.copy(pyseccomp.__file__, folder)
    shutil.copy(Path(__file__).with_name("forbid.py"), folder)
    (folder / f"{unit}.json").write_text(json.dumps(rules(unit)))
    command = words or tuple(shlex.split(COMMANDS[unit].replace("%i", "1")))
    variables = dict(word.split("=", 1) for word in values(unit, "Environment")[0].split())
    variables |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/var/lib/vbsdash", **env}
    argv = ["/usr/local/bin/python", "/mnt/forbid.py", f"/mnt/{unit}.json", *command]
    process = image.launch(argv, log=log, env=variables)
    try:
        yield process
    finally:
        process.kill()


FORBIDDEN = """
import mmap, os, socket
def refusal(action):
    try:
        action()
    except OSError as e:
        return e.errno
print(
    refusal(lambda: os.setuid(os.getuid())),
    refusal(lambda: os.chown("/var/lib/vbsdash", os.getuid(), os.getgid())),
    refusal(lambda: os.nice(1)),
    refusal(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
    refusal(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)),
    refusal(lambda: open("/opt/vbsdash/file", "w")),
    refusal(lambda: open("/var/lib/vbsdash/file", "w").close()),
)
"""


class TestUnit:
    pytestmark = SOAK

    @pytest.mark.parametrize("unit", UNITS)
    def test_forbids_what_no_part_needs(self, image: Image, unit: str, tmp_path: Path) -> None:
        words = (PYTHON, "-c", FORBIDDEN)
        with started(image, unit, *words, log=tmp_path / "log", env={}) as process:
            wait_until(lambda: process.ended is not None)
            numbers = [EPERM, EPERM, EPERM, EAFNOSUPPORT, EPERM, EROFS, None]
            assert process.text == " ".join(map(str, numbers)) + "\n"

    def test_allows_all_that_its_part_does(self, image: Image, tmp_path: Path) -> None:
        prepared = broker.prepare(tmp_path / "broker", tmp_path / "url")
        valkey = Part(prepared.argv, {"PATH": os.environ["PATH"]}, tmp_path / "broker.log")
        valkey.start()
        env = {
            "CELERY_BROKER_URL": f"redis://:{prepared.password}@127.0.0.1:{prepared.port}/0",
            "PORT": str(free_port()),
            "SECRET_KEY": "k" * 50,
        }
        migrate = (PYTHON, "manage.py", "migrate", "--noinput")
        try:
            wait_until(lambda: accepts(prepared.port), valkey.log.read_text)
            with started(image, WEB, *migrate, log=tmp_path / "log", env=env) as migration:
                wait_until(lambda: migration.ended is not None)
                assert migration.ended == 0, migration.text
            with ExitStack() as stack:
                parts = []
                for unit in UNITS:
                    # In a folder of their own; with systemd nobody asks for signs of life.
                    own = {**env, "VBSDASH_ALIVE_DIR": "/dev/shm/vbsdash"}
                    running = started(image, unit, log=tmp_path / unit, env=own)
                    parts.append(stack.enter_context(running))
                for part in parts:
                    part.becomes("ok")
                wait_until(lambda: ready(env["PORT"]) == {}, lambda: str(ready(env["PORT"])))
                assert [part.stop() for part in parts] == [0] * len(UNITS)
                assert [part.text for part in parts if "Traceback" in part.text] == []
        finally:
            valkey.end()
