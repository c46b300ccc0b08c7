"""The image: what its linter and its parser say, and its steps and commands, really run."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dockerfile
import psutil
import pytest

from backups.runner import broker
from backups.runner.ports import accepts, free_port
from backups.tests.deploy.image import DOCKERFILE, Container, Image
from backups.tests.faults.parts import Part
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until

COMMANDS = dockerfile.parse_file(str(DOCKERFILE))
HADOLINT = Path(sys.executable).parent / "hadolint"
# A worker touches its file every 5 s.
SILENCE_S = 12.0
SOAK = [pytest.mark.soak, pytest.mark.once, pytest.mark.real_clock]


def values(name: str) -> list[tuple[str, ...]]:
    return [command.value for command in COMMANDS if command.cmd.upper() == name]


def test_the_linter_finds_nothing() -> None:
    done = subprocess.run(
        [HADOLINT, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_both_stages_begin_with_one_pinned_base() -> None:
    assert values("FROM") == [("${BASE}", "AS", "build"), ("${BASE}",)]
    ((pin,),) = values("ARG")
    assert pin.startswith("BASE=python:3.11.")
    assert pin.endswith("-slim-bookworm")


def test_it_runs_as_a_numeric_user_and_is_stopped_by_what_all_parts_obey() -> None:
    assert values("USER") == [("990:990",)]
    assert values("STOPSIGNAL") == [("SIGTERM",)]
    assert len(values("VOLUME")) == 1


def test_packages_are_checked_by_their_hashes() -> None:
    installs = [words[0] for words in values("RUN") if "pip install" in words[0]]
    assert len(installs) == 1
    words = installs[0].split()
    after = words[words.index("--require-hashes") :]
    files = ["-r", "requirements.txt", "-r", "requirements-oidc.txt", "-r"]
    files.append("requirements-apprise.txt")
    assert [word for word in after if word != "\\"][1:7] == files


def test_nothing_but_the_program_is_copied_and_sent_to_the_builder() -> None:
    sources: set[str] = set()
    for command in COMMANDS:
        if command.cmd.upper() == "COPY" and not command.flags:
            sources |= set(command.value[:-1])
    requirements = {"requirements.txt", "requirements-oidc.txt", "requirements-apprise.txt"}
    assert sources == {*requirements, "manage.py", "vbsdash", "backups", "templates"}
    ignored = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    lines = [line for line in ignored if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == sources
    private = {"**/.env", "**/clouds.yaml", "**/secure.yaml", "**/channels.yaml"}
    assert {"backups/tests", *private} < set(lines)


def environment(**more: str) -> dict[str, str]:
    return {"VBSDASH_HOST": "127.0.0.1", "PORT": str(free_port()), **more}


@contextmanager
def container(image: Image, log: Path, *words: str, **env: str) -> Iterator[Container]:
    one = image.start(*words, log=log, **env)
    try:
        yield one
    finally:
        one.kill()


def hang(one: Container, process: psutil.Process, sentence: str) -> None:
    """Stops a process for as long as the health check takes to say so."""
    process.suspend()
    one.becomes(sentence, silence_s=SILENCE_S)
    process.resume()
    one.becomes("ok", silence_s=SILENCE_S)


def ready(port: str) -> dict[str, str]:
    """The parts of `/readyz` that are not well."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=LIMIT_S) as answer:
            parts = json.load(answer)["parts"]
    except urllib.error.HTTPError as refusal:
        with refusal:
            parts = json.load(refusal)["parts"]
    except OSError:
        return {"web": "does not answer"}
    return {name: state for name, state in parts.items() if state != "ok"}


class TestImage:
    pytestmark = SOAK

    def test_holds_the_program_compiled_and_neither_tests_nor_installers(
        self, image: Image
    ) -> None:
        tree = image.final.root / "opt" / "vbsdash"
        assert sorted(file.name for file in tree.iterdir()) == [
            ".venv",
            "backups",
            "manage.py",
            "requirements-apprise.txt",
            "requirements-oidc.txt",
            "requirements.txt",
            "templates",
            "vbsdash",
        ]
        assert not (tree / "backups" / "tests").exists()
        assert list(tree.glob(".venv/lib/python3*/site-packages/pip")) == []
        plain = [
            file
            for file in tree.rglob("*.py")
            if file.name != "manage.py"
            and not list(file.parent.glob(f"__pycache__/{file.stem}.cpython-*.pyc"))
        ]
        assert plain == []
        states = [file.lstat() for file in tree.rglob("*") if not file.is_symlink()]
        assert {state.st_uid for state in states} == {0}
        assert [oct(state.st_mode) for state in states if state.st_mode & 0o022] == []

    def test_runs_everything_by_its_own_command_on_a_read_only_root(
        self, image: Image, tmp_path: Path
    ) -> None:
        env = environment()
        with container(image, tmp_path / "log", **env) as one:
            one.becomes("ok")
            wait_until(lambda: ready(env["PORT"]) == {}, lambda: one.text)
            first = one.first
            assert (first.uids().real, first.gids().real) == (990, 990)
            status = Path(f"/proc/{first.pid}/status").read_text()
            assert "CapBnd:\t0000000000000000" in status
            assert "NoNewPrivs:\t1" in status
            for folder in ("/opt/vbsdash", "/usr/local", "/"):
                done = one.execute("touch", f"{folder}/file")
                assert "Read-only file system" in done.stderr
            (worker,) = [child for child in first.children() if "worker" in child.cmdline()]
            hang(one, worker, "The worker has shown no sign of life for")
            everything = first.children(recursive=True)
            assert one.stop() == 0
            assert [child for child in everything if child.is_running()] == []
            assert "Traceback" not in one.text

    def test_runs_each_part_alone_and_tells_which_one_is_ill(
        self, image: Image, tmp_path: Path
    ) -> None:
        prepared = broker.prepare(tmp_path / "broker", tmp_path / "url")
        valkey = Part(prepared.argv, {"PATH": os.environ["PATH"]}, tmp_path / "broker.log")
        valkey.start()
        address = f"redis://:{prepared.password}@127.0.0.1:{prepared.port}/0"
        env = environment(CELERY_BROKER_URL=address, SECRET_KEY="k" * 50)
        try:
            wait_until(lambda: accepts(prepared.port), valkey.log.read_text)
            with container(image, tmp_path / "log", "migrate", "--noinput", **env) as migration:
                wait_until(lambda: migration.ended is not None)
                assert migration.ended == 0, migration.text
            with (
                container(image, tmp_path / "web", "run_part", "web", **env) as web,
                container(image, tmp_path / "worker", "run_part", "worker", **env) as worker,
                container(image, tmp_path / "beat", "run_part", "beat", **env) as beat,
            ):
                for one in (web, worker, beat):
                    one.becomes("ok")
                wait_until(lambda: ready(env["PORT"]) == {}, lambda: str(ready(env["PORT"])))
                hang(worker, worker.first, "The worker has shown no sign of life for")
                hang(beat, beat.first, "The beat has shown no sign of life for")
                (server,) = web.first.children()
                hang(web, server, "The web part does not answer")
                assert [one.stop() for one in (web, worker, beat)] == [0, 0, 0]
        finally:
            valkey.end()
