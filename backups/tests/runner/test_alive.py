"""The health check of a container: signs of life as files, and the web part over HTTP."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backups.runner import alive
from backups.runner.ports import free_port

PROJECT = Path(__file__).resolve().parents[3]
NO_HEALTH = 500


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" and self.server.is_well else NO_HEALTH)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web(*, is_well: bool) -> Iterator[int]:
    """A server that answers, with its port."""
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.is_well = is_well  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def check(**env: str) -> tuple[int, str]:
    """What Docker is told, by the command of the image."""
    argv = [sys.executable, "-m", "backups.runner.alive"]
    done = subprocess.run(argv, cwd=PROJECT, env=env, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def problems(folder: Path) -> list[str]:
    return alive.problems(folder, silence_s=alive.SILENCE_S)


def age(file: Path, seconds: float) -> None:
    instant = file.stat().st_mtime - seconds
    os.utime(file, (instant, instant))


def test_a_part_that_was_started_is_ill_until_its_first_sign(tmp_path: Path) -> None:
    alive.expect(tmp_path, alive.WORKER, alive.WEB)
    assert problems(tmp_path) == [
        "The web part has not been started yet.",
        "The worker has shown no sign of life yet.",
    ]
    alive.touch(tmp_path, alive.WORKER)
    assert problems(tmp_path) == ["The web part has not been started yet."]


@pytest.mark.parametrize("part", [alive.WORKER, alive.BEAT])
@pytest.mark.parametrize("side", [1, -1])
def test_a_silent_part_is_ill_and_so_is_one_whose_sign_is_from_the_future(
    tmp_path: Path, part: str, side: int
) -> None:
    alive.touch(tmp_path, part)
    assert problems(tmp_path) == []
    age(tmp_path / part, side * (alive.SILENCE_S + 60))
    (sentence,) = problems(tmp_path)
    assert sentence.startswith(f"The {part} has shown no sign of life for 1")


def test_signs_of_an_earlier_start_do_not_count(tmp_path: Path) -> None:
    alive.touch(tmp_path, alive.BEAT)
    alive.expect(tmp_path, alive.WORKER)
    assert problems(tmp_path) == ["The worker has shown no sign of life yet."]


def test_the_web_part_is_well_when_it_answers_healthz(tmp_path: Path) -> None:
    with web(is_well=True) as port:
        alive.note_address(tmp_path, "127.0.0.1", port)
        assert problems(tmp_path) == []
    (sentence,) = problems(tmp_path)
    assert sentence.startswith("The web part does not answer (")


def test_a_web_part_that_answers_with_an_error_is_ill(tmp_path: Path) -> None:
    with web(is_well=False) as port:
        alive.note_address(tmp_path, "127.0.0.1", port)
        assert problems(tmp_path) == [f"The web part answers /healthz with {NO_HEALTH}."]


def test_the_command_ends_with_0_or_with_1_and_the_sentences(tmp_path: Path) -> None:
    env = {"VBSDASH_ALIVE_DIR": str(tmp_path)}
    assert check() == (1, "VBSDASH_ALIVE_DIR is not set: name the folder of the signs of life.\n")
    assert check(**env) == (1, f"No part has been started with VBSDASH_ALIVE_DIR={tmp_path}.\n")
    # By the clock of the kernel, which the command has.
    (tmp_path / alive.BEAT).touch()
    assert check(**env) == (0, "ok\n")
    alive.note_address(tmp_path, "127.0.0.1", free_port())
    code, sentence = check(**env)
    assert (code, sentence.startswith("The web part does not answer (")) == (1, True)


def test_the_check_loads_neither_django_nor_celery() -> None:
    code = "import sys, backups.runner.alive; print({'django', 'celery'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert done.stdout == "set()\n"
