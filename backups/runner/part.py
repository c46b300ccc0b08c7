"""A part, which is one process of vbsdash: how it is started, and how its process does."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from backups.runner.console import Lines
from backups.runner.process import reap, signal_group, spawn
from backups.runner.repeats import Repeats

LONG_LIFE_S = 60.0  # a process that ends earlier has had a quick death
LONGEST_PAUSE_S = 300.0
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Part:
    name: str
    argv: tuple[str, ...]
    # It is stopped only when the others have ended, since they need it until then.
    stops_last: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    pass_fds: tuple[int, ...] = ()
    # Lines that hold this text are not printed.
    hidden_text: str | None = None
    # The kernel sends it when the runner itself is killed.
    last_signal: signal.Signals = signal.SIGKILL


def pause_before_restart(quick_deaths: int) -> float:
    """Returns seconds: 1, 2, 4 … after the first, second, third quick death in a row, at most
    LONGEST_PAUSE_S; 1 after a long life.
    """
    return min(2.0 ** max(quick_deaths - 1, 0), LONGEST_PAUSE_S)


@dataclass
class Child:
    """The process of a part, which may have ended, and its restarts.
    Times are of `time.monotonic`.
    """

    part: Part
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float | None = None
    quick_deaths: int = 0  # in a row
    lines: Lines = field(default_factory=Lines)
    repeats: Repeats = field(default_factory=Repeats)

    @property
    def age_s(self) -> float:
        """Returns for how long the process has run."""
        return time.monotonic() - self.started_at

    def start(self) -> int:
        """Starts the process; returns the file descriptor to read its
        lines from. Raises OSError.
        """
        self.restart_at = None
        self.started_at = time.monotonic()
        self.lines = Lines()
        self.process = spawn(
            self.part.argv,
            env={**os.environ, **self.part.env},
            pass_fds=self.part.pass_fds,
            last_signal=self.part.last_signal,
        )
        return self.pipe

    @property
    def pipe(self) -> int:
        assert self.process is not None  # noqa: S101  asked for of running children only
        assert self.process.stdout is not None  # noqa: S101
        return self.process.stdout.fileno()

    def read(self) -> list[str] | None:
        """Returns the lines written since the last call; None at the end of the pipe."""
        data = self._chunk()
        if data is None:
            return self.lines.feed(b"")
        if data == b"":
            return None
        return self.lines.feed(data)

    def last_lines(self) -> list[str]:
        """Returns all that is left in the pipe of an ended process, a line
        without line end included.
        """
        lines: list[str] = []
        while data := self._chunk():
            lines += self.lines.feed(data)
        return lines + self.lines.end()

    def _chunk(self) -> bytes | None:
        """Returns what the pipe holds: b"" at its end, None when there is nothing for now."""
        try:
            return os.read(self.pipe, CHUNK_BYTES)
        except BlockingIOError:
            return None

    def signal(self, signum: signal.Signals) -> None:
        """Sends SIGKILL to the process and all that it started; any other signal to the process
        alone, which ends its own children in its own order.
        """
        if self.process is None:
            return
        if signum == signal.SIGKILL:
            signal_group(self.process, signum)
        else:
            # Not Popen.send_signal: that may reap the process, and only `reap` knows of its group.
            os.kill(self.process.pid, signum)

    def exit_code(self) -> int | None:
        """Returns the exit code once the process has ended, else None."""
        return reap(self.process) if self.process else None

    def schedule_restart(self) -> None:
        """Forgets an ended process and sets when the next one is started."""
        if self.process and self.process.stdout:
            self.process.stdout.close()
        self.process = None
        if self.age_s >= LONG_LIFE_S:
            self.quick_deaths = 0
        else:
            self.quick_deaths += 1
        self.restart_at = time.monotonic() + pause_before_restart(self.quick_deaths)


def how_it_ended(code: int) -> str:
    """Returns `exit code 3`, or the name of the signal that a negative code means."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
