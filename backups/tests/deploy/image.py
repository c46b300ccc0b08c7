"""Does what a Dockerfile says without a container engine, and runs what came out of it as an engine
would: a root of its own that is read-only, process 1 of its own, another user, no capabilities.

The base image is this machine's Debian, with its Python 3.11, else that of the tests, at
`/usr/local`, where `python:…-slim` has its own. Mounts and processes are in namespaces, which end
with the process.
What no test here can show: the base image itself, a container network, limits of memory.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dockerfile
import psutil
import pytest

from backups.runner import alive
from backups.tests.faults.parts import PROJECT
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until

DOCKERFILE = PROJECT / "backups" / "deploy" / "Dockerfile"
FROM_HOST = ("usr", "etc", "bin", "sbin", "lib", "lib64")
DEVICES = ("null", "zero", "full", "random", "urandom")
BUILD_S = 10 * LIMIT_S  # for one step: all packages are fetched anew
DEBIANS_PYTHON = Path("/usr/bin/python3.11")
# Every kind of instruction that is understood; another one fails the test.
NOTED = {"EXPOSE", "STOPSIGNAL", "VOLUME", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
# An account that is not root may have no path to it.
CHROOT = shutil.which("chroot", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
UNSHARED = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")


def need_namespaces() -> None:
    """Skips the test where mounts of one's own are forbidden; in CI that is a failure."""
    trial = [*UNSHARED, "mount", "-t", "tmpfs", "none", "/mnt"]
    if subprocess.run(trial, capture_output=True, check=False).returncode == 0:
        return
    sentence = "no namespaces for the steps of the image: run this as root, with unshare allowed"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(f"!!! {sentence} !!!")


@dataclass
class Stage:
    """One `FROM` and what follows it; `root` is its file system beside the base."""

    root: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin"})
    workdir: str = "/"
    user: str = "0:0"
    # What the engine reads of the finished image, by instruction.
    noted: dict[str, tuple[str, ...]] = field(default_factory=dict)


def mounts(root: Path) -> list[str]:
    """Shell commands that put the base image under `root`; for a namespace of its own."""
    lines = ["set -e", f"mount --bind {root} {root}"]
    for name in FROM_HOST:
        source = Path("/") / name
        target = root / name
        if source.is_symlink():
            if not target.is_symlink():
                target.symlink_to(source.readlink())
        elif source.is_dir():
            target.mkdir(exist_ok=True)
            lines.append(f"mount --bind {source} {target}")
            lines.append(f"mount -o remount,bind,ro {target}")
    for name in ("proc", "dev", "tmp", "opt", "var", "mnt"):
        (root / name).mkdir(exist_ok=True)
    lines += [f"mount -t tmpfs none {root}/dev", f"mkdir -m 1777 {root}/dev/shm"]
    for name in DEVICES:
        lines.append(f"touch {root}/dev/{name} && mount --bind /dev/{name} {root}/dev/{name}")
    lines += [
        f"mount -t tmpfs -o size=64m,mode=1777,nosuid,noexec none {root}/dev/shm",
        f"mount -t tmpfs -o mode=1777,nosuid,noexec none {root}/tmp",
        f"mount -t proc none {root}/proc",
    ]
    if DEBIANS_PYTHON.exists():
        lines.append(f"mount -t tmpfs none {root}/usr/local && mkdir {root}/usr/local/bin")
        lines.append(f"ln -s {DEBIANS_PYTHON} {root}/usr/local/bin/python")
        lines.append(f"mount -o remount,bind,ro {root}/usr/local")
    else:
        lines.append(f"mount --bind {sys.base_prefix} {root}/usr/local")
        lines.append(f"mount -o remount,bind,ro {root}/usr/local")
    return lines


def as_process(stage: Stage, env: Mapping[str, str], argv: Sequence[str]) -> str:
    """The end of a shell script: becomes `argv` as the image's user, with nothing but `env`."""
    uid, _, gid = stage.user.partition(":")
    rights = ["--reuid", uid, "--regid", gid, "--clear-groups"]
    if uid != "0":
        rights += ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    variables = [f"{name}={value}" for name, value in env.items()]
    words = ["setpriv", *rights, "env", "-i", "-C", stage.workdir, *variables, *argv]
    return shlex.join(words)


class Image:
    """What the Dockerfile makes: `final` is the stage that runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._args: dict[str, str] = {}
        self._stages: dict[str, Stage] = {}
        self.final = Stage(folder)

    def build(self) -> None:
        for command in dockerfile.parse_file(str(DOCKERFILE)):
            name = command.cmd.upper()
            if name == "ARG":
                key, _, value = command.value[0].partition("=")
                self._args[key] = value
            elif name == "FROM":
                self._begin(command.value)
            elif name == "RUN":
                self._run(command.value[0])
            elif name == "COPY":
                self._copy(command.flags, command.value)
            elif name == "ENV":
                self._set(command.value)
            elif name == "WORKDIR":
                self.final.workdir = command.value[0]
                (self.final.root / command.value[0].lstrip("/")).mkdir(parents=True, exist_ok=True)
            elif name == "USER":
                self.final.user = command.value[0]
            else:
                assert name in NOTED, f"{name} is not understood here"
                self.final.noted[name] = tuple(command.value)

    def _begin(self, words: Sequence[str]) -> None:
        image = re.sub(r"\$\{(\w+)\}", lambda match: self._args[match[1]], words[0])
        assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", image), image
        root = self._folder / f"stage{len(self._stages)}"
        root.mkdir()
        self.final = Stage(root)
        self._stages[words[2] if len(words) > 1 else "final"] = self.final

    def _set(self, words: Sequence[str]) -> None:
        for key, value in zip(words[::2], words[1::2], strict=True):
            self.final.env[key] = value.replace("$PATH", self.final.env["PATH"])

    def _copy(self, flags: Sequence[str], words: Sequence[str]) -> None:
        *sources, target = words
        origin = PROJECT
        for flag in flags:
            assert flag.startswith("--from="), flag
            origin = self._stages[flag.removeprefix("--from=")].root
        place = self.final.root / Path(self.final.workdir.lstrip("/"), target.lstrip("/"))
        if target.startswith("/"):
            place = self.final.root / target.lstrip("/")
        for source in sources:
            file = origin / source.lstrip("/")
            if file.is_dir():
                unwanted = shutil.ignore_patterns("__pycache__") if origin == PROJECT else None
                # Of another stage links are enough: nobody writes there any more.
                copy = shutil.copy2 if origin == PROJECT else os.link
                shutil.copytree(
                    file,
                    place,
                    symlinks=True,
                    dirs_exist_ok=True,
                    ignore=unwanted,
                    copy_function=copy,
                )
            else:
                shutil.copy(file, place / file.name if target.endswith("/") else place)

    def _run(self, command: str) -> None:
        env = {**self.final.env, "HOME": "/tmp"}
        script = mounts(self.final.root)
        inner = as_process(self.final, env, ["sh", "-ec", command])
        script.append(f"exec {CHROOT} {self.final.root} {inner}")
        done = subprocess.run(
            [*UNSHARED, "sh", "-c", "\n".join(script)],
            capture_output=True,
            text=True,
            timeout=BUILD_S,
        )
        assert done.returncode == 0, f"RUN {command}\n{done.stdout}{done.stderr}"

    def start(self, *words: str, log: Path, **env: str) -> "Container":
        """Starts a container; `words` stand in the place of the image's CMD."""
        argv = [*self.final.noted["ENTRYPOINT"], *(words or self.final.noted["CMD"])]
        return self.launch(argv, log=log, env={**self.final.env, **env})

    def launch(self, argv: Sequence[str], *, log: Path, env: Mapping[str, str]) -> "Container":
        """Starts `argv` where only the volume can be written."""
        stage = self.final
        volume = stage.root / stage.noted["VOLUME"][0].lstrip("/")
        script = mounts(stage.root)
        script += [
            # A mount of its own: it stays writable when the root is not.
            f"mount --bind {volume} {volume}",
            f"mount -o remount,bind,ro {stage.root}",
            f"exec {CHROOT} {stage.root} {as_process(stage, env, argv)}",
        ]
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*UNSHARED, "sh", "-c", "\n".join(script)], stdout=out, stderr=out
            )
        return Container(stage, env, process, log)


class Container:
    def __init__(
        self, stage: Stage, env: Mapping[str, str], process: subprocess.Popen[bytes], log: Path
    ) -> None:
        self._stage, self._env, self._process, self._log = stage, env, process, log

    @property
    def first(self) -> psutil.Process:
        """Its process 1, as this machine sees it."""
        shell = psutil.Process(self._process.pid)
        wait_until(lambda: self.ended is not None or shell.children() != [], lambda: self.text)
        assert self.ended is None, self.text
        (process,) = shell.children()
        return process

    @property
    def text(self) -> str:
        return self._log.read_text()

    def execute(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Runs a command beside process 1, as `docker exec` and health checks do."""
        inside = ["nsenter", "-t", str(self.first.pid), "--mount", "--pid", "--root"]
        command = shlex.split(as_process(self._stage, self._env, argv))
        return subprocess.run(
            [*inside, *command], capture_output=True, text=True, timeout=LIMIT_S, check=False
        )

    def health(self, *more: str) -> str:
        """What the image's own health check prints; "ok" stands for its exit code 0."""
        word, *argv = self._stage.noted["HEALTHCHECK"]
        assert word == "CMD"
        done = self.execute(*argv, *more)
        assert (done.returncode == 0) == (done.stdout == "ok\n"), done
        return done.stdout + done.stderr

    def becomes(self, state: str, *, silence_s: float = alive.SILENCE_S) -> None:
        """Waits until the signs of life begin with `state`, or are all well ("ok"), and asks the
        image's own health check for the same. Reading the signs from here costs no process.
        """
        folder = Path(f"/proc/{self.first.pid}/root{self._env['VBSDASH_ALIVE_DIR']}")

        def is_there() -> bool:
            if self.ended is not None:
                return True
            sentences = alive.problems(folder, silence_s=silence_s)
            return ("\n".join(sentences) or "ok").startswith(state)

        wait_until(is_there, lambda: self.health() + self.text)
        assert self.ended is None, self.text
        assert self.health(str(silence_s)).startswith(state)

    @property
    def ended(self) -> int | None:
        return self._process.poll()

    def stop(self) -> int:
        """Asks it to end, as `docker stop` does, and returns its exit code."""
        self.first.send_signal(getattr(signal, self._stage.noted["STOPSIGNAL"][0]))
        return self._process.wait(LIMIT_S)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def built() -> Iterator[Image]:
    """In a folder that every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="vbs"))
    folder.chmod(0o755)
    try:
        image = Image(folder)
        image.build()
        yield image
    finally:
        shutil.rmtree(folder, ignore_errors=True)
