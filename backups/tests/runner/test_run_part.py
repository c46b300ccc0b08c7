"""`manage.py run_part` becomes one part, with the command line that `make run` has for it."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from backups.runner import alive, parts
from backups.tests.faults.parts import Part
from backups.tests.runner.test_up import environment, refused
from backups.tests.waiting import wait_until

ANY = "0.0.0.0"
A_WORD = {"web": "gunicorn", "worker": "celery", "beat": "celery"}


@contextmanager
def running(folder: Path, *words: str, **more: str) -> Iterator[Part]:
    """One part of an installation with a folder for signs of life, and without a broker."""
    env = environment(
        folder, VBSDASH_ALIVE_DIR=str(folder / "alive"), CELERY_BROKER_URL="redis://127.0.0.1:1/0"
    )
    part = Part([sys.executable, "manage.py", "run_part", *words], {**env, **more}, folder / "log")
    part.start()
    try:
        yield part
    finally:
        part.kill()


def command_line(part: Part, name: str) -> list[str]:
    """What the process has become."""
    assert part.process is not None
    process = psutil.Process(part.process.pid)
    wait_until(lambda: part.died or A_WORD[name] in process.cmdline(), part.log.read_text)
    assert not part.died, part.log.read_text()
    return process.cmdline()


def problems(folder: Path) -> list[str]:
    return alive.problems(folder / "alive", silence_s=alive.SILENCE_S)


def test_the_web_part_is_what_make_run_starts_and_says_where_it_answers(tmp_path: Path) -> None:
    with running(tmp_path, "web", "--processes", "2", VBSDASH_HOST=ANY) as part:
        argv = command_line(part, "web")
        fd = int(argv[argv.index("--bind") + 1].removeprefix("fd://"))
        assert argv == list(parts.web_part(fd, port=0, processes=2).argv)
        wait_until(lambda: problems(tmp_path) == [], part.log.read_text)
        assert (tmp_path / "alive" / "web").read_text().startswith("127.0.0.1 ")
    assert problems(tmp_path) != []


@pytest.mark.parametrize(
    ("words", "argv"),
    [
        (["worker", "--name", "2"], parts.worker_part("2").argv),
        (["beat"], parts.beat_part().argv),
    ],
)
def test_worker_and_scheduler_are_what_make_run_starts(
    tmp_path: Path, words: Sequence[str], argv: Sequence[str]
) -> None:
    with running(tmp_path, *words) as part:
        assert command_line(part, words[0]) == list(argv)
        assert problems(tmp_path) == [f"The {words[0]} has shown no sign of life yet."]


def test_what_cannot_be_is_refused_in_a_sentence(tmp_path: Path) -> None:
    assert refused(tmp_path, "run_part", "web", "--processes", "0") == (
        1,
        "CommandError: --processes: write a number from 1 on.\n",
    )
    code, said = refused(tmp_path, "run_part", "web", VBSDASH_ALIVE_DIR="/nonexistent/alive")
    assert (code, said) == (
        1,
        "vbsdash: VBSDASH_ALIVE_DIR is '/nonexistent/alive', which cannot be used (No such file or "
        "directory): name a folder that this container alone has, as /dev/shm/vbsdash.\n",
    )
