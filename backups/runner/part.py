"""A part of the whole: what to start, and what became of it."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from backups.runner.console import Lines
from backups.runner.process import reap, signal_group, spawn

LONG_LIFE_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class Part:
    """`stops_last`: stopped only when the others have ended, since they need it until then.

    `not_said`: lines that hold this text are not printed.
    """

    name: str
    argv: tuple[str, ...]
    stops_last: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    pass_fds: tuple[int, ...] = ()
    not_said: str | None = None
    last_signal: signal.Signals = (
        signal.SIGKILL
    )  # sent by the kernel when the runner itself is killed


def pause_before_restart(quick_deaths: int) -> float:
    """Seconds: 1, 2, 4 … after the first, second, third quick death in a row, at most 30; 1 after a
    long life.
    """
    return min(2.0 ** max(quick_deaths - 1, 0), LONGEST_PAUSE_SECONDS)


@dataclass
class Child:
    """One part while the runner lives: its process, its half-read line, its deaths. Times are of
    `time.monotonic`.
    """

    part: Part
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float | None = None
    quick_deaths: int = 0
    lines: Lines = field(default_factory=Lines)

    def start(self) -> int:
        """Start the process; returns the file descriptor to read its lines from. Raises OSError."""
        self.restart_at = None
        self.started_at = time.monotonic()
        self.lines = Lines()
        env = {**os.environ, **self.part.env}
        part = self.part
        self.process = spawn(
            part.argv, env=env, pass_fds=part.pass_fds, last_signal=part.last_signal
        )
        return self.pipe

    @property
    def pipe(self) -> int:
        assert self.process is not None  # noqa: S101  asked for of running children only
        assert self.process.stdout is not None  # noqa: S101
        return self.process.stdout.fileno()

    def read(self) -> list[str] | None:
        """The lines written since the last call; None at the end of the pipe."""
        data = self._chunk()
        return None if data == b"" else self.lines.feed(data or b"")

    def last_words(self) -> list[str]:
        """All that is left in the pipe of an ended process, a line without line end included."""
        words = []
        while data := self._chunk():
            words += self.lines.feed(data)
        return words + self.lines.end()

    def _chunk(self) -> bytes | None:
        """Empty at the end of the pipe, None when there is nothing for now."""
        try:
            return os.read(self.pipe, 64 * 1024)
        except BlockingIOError:
            return None

    def signal(self, signum: signal.Signals) -> None:
        """SIGTERM goes to the process, which ends its own children in its own order; SIGKILL to its
        whole group.
        """
        if self.process is None:
            return
        if signum == signal.SIGKILL:
            signal_group(self.process, signum)
        else:  # not Popen.send_signal: that may reap, and only `reap` knows about the group
            os.kill(self.process.pid, signum)

    def ended(self) -> int | None:
        """Exit code once the process has ended, else None."""
        return reap(self.process) if self.process else None

    def bury(self) -> None:
        """Forget an ended process, and when to start the next one."""
        if self.process and self.process.stdout:
            self.process.stdout.close()
        self.process = None
        now = time.monotonic()
        self.quick_deaths = (
            0 if now - self.started_at >= LONG_LIFE_SECONDS else self.quick_deaths + 1
        )
        self.restart_at = now + pause_before_restart(self.quick_deaths)


def how_it_ended(code: int) -> str:
    """`exit code 3`, or the signal's name."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
