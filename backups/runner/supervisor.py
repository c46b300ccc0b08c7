"""Starts parts, prints their lines, restarts those that end, and stops all of them in order.

One thread with one loop does all of it: the kernel ends a child with the thread that started it,
and signals reach the main thread only. While nothing happens the loop sleeps.
"""

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable
from types import FrameType

from backups.runner.console import Console
from backups.runner.part import LONGEST_PAUSE_S, Child, Part, how_it_ended
from backups.runner.repeats import is_reported

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
FIRST_STOP_S = 6.0  # from the beginning of the stop, for the parts that do not stop last
ALL_STOP_S = 8.0  # from the beginning of the stop, for all parts
KILL_S = 1.5  # after SIGKILL
CHECK_S = 0.1  # how often a condition is checked while somebody waits for it
QUICK_DEATHS_REPORTED = 3  # in a row


class StopWanted(Exception):
    """SIGTERM, SIGINT or SIGHUP has come."""


class Supervisor:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._children: list[Child] = []
        self._selector = selectors.DefaultSelector()
        self._stop_wanted = False
        self._stopping = False

    def watch_signals(self) -> None:
        """Makes stop signals only set a flag and, like SIGCHLD, wake the loop up."""
        read_fd, write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
        self._selector.register(read_fd, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for signum in STOP_SIGNALS:
            if signum == signal.SIGHUP and signal.getsignal(signum) == signal.SIG_IGN:
                continue  # It was started by nohup.
            signal.signal(signum, self._on_stop_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def _on_stop_signal(self, _signum: int, _frame: FrameType | None) -> None:
        self._stop_wanted = True

    def start(self, part: Part) -> Child:
        child = Child(part)
        self._children.append(child)
        self._start(child)
        return child

    def wait_until(self, condition: Callable[[], bool], *, seconds: float) -> bool:
        """Runs the loop until `condition()` is true; returns False when the time is
        over before. Raises StopWanted.
        """
        deadline = time.monotonic() + seconds
        next_check = 0.0
        while not self._stop_wanted:
            now = time.monotonic()
            if now >= next_check:
                if condition():
                    return True
                if now >= deadline:
                    return False
                next_check = time.monotonic() + CHECK_S
            self._turn(CHECK_S)
        raise StopWanted

    def run(self) -> None:
        """Runs the loop until a stop signal comes. Raises StopWanted."""
        while not self._stop_wanted:
            self._turn(self._seconds_to_restart())
        raise StopWanted

    def stop(self) -> None:
        """Sends SIGTERM to all parts but those that stop last, then to these; SIGKILL to those that
        are left when their time is over.
        """
        self._stopping = True
        began_at = time.monotonic()
        first = [child for child in self._children if not child.part.stops_last]
        self._stop(first, deadline=began_at + FIRST_STOP_S)
        last = [child for child in self._children if child.part.stops_last]
        self._stop(last, deadline=began_at + ALL_STOP_S)
        self._console.say("stopped")

    def _stop(self, children: list[Child], *, deadline: float) -> None:
        for child in children:
            child.signal(signal.SIGTERM)
        self._wait_for_end(children, deadline)
        for child in children:
            if child.process:
                self._console.say(f"{child.part.name} did not stop in time: killed")
                child.signal(signal.SIGKILL)
        self._wait_for_end(children, time.monotonic() + KILL_S)

    def _wait_for_end(self, children: list[Child], deadline: float) -> None:
        while any(child.process for child in children):
            seconds_left = deadline - time.monotonic()
            if seconds_left <= 0:
                return
            self._turn(seconds_left)

    def _turn(self, seconds: float | None) -> None:
        """Waits for lines, ended processes or signals, at most so long, and handles them."""
        for key, _ in self._selector.select(seconds):
            if isinstance(key.data, Child):
                self._print_lines(key.data)
            else:
                # The pipe of the signals: reading empties it.
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fd, 4096)
        for child in self._children:
            if child.process:
                exit_code = child.exit_code()
                if exit_code is not None:
                    self._handle_end(child, exit_code)
            elif self._is_due_to_restart(child):
                self._start(child)

    def _is_due_to_restart(self, child: Child) -> bool:
        if self._ends or child.restart_at is None:
            return False
        return child.restart_at <= time.monotonic()

    @property
    def _ends(self) -> bool:
        return self._stop_wanted or self._stopping

    def _seconds_to_restart(self) -> float | None:
        """Returns the time until the next restart; None when there is none to come."""
        times = [child.restart_at for child in self._children if child.restart_at is not None]
        if not times:
            return None
        return max(0.0, min(times) - time.monotonic())

    def _start(self, child: Child) -> None:
        try:
            pipe = child.start()
        except OSError as e:
            child.repeats.is_new(str(e), age_s=0.0)
            if is_reported(child.repeats.count_end(age_s=0.0, by_itself=True)):
                self._console.say(f"{child.part.name} cannot be started: {e}")
            child.schedule_restart()
            return
        self._selector.register(pipe, selectors.EVENT_READ, child)

    def _print_lines(self, child: Child) -> None:
        lines = child.read()
        if lines is None:
            # The process closed its pipe; it may live on.
            self._selector.unregister(child.pipe)
        else:
            self._print(child, lines)

    def _print(self, child: Child, lines: list[str]) -> None:
        hidden_text = child.part.hidden_text
        for line in lines:
            if hidden_text is not None and hidden_text in line:
                continue
            if child.repeats.is_new(line, age_s=child.age_s):
                self._console.line(child.part.name, line)

    def _handle_end(self, child: Child, exit_code: int) -> None:
        self._print(child, child.last_lines())
        # It is not registered any more when the process had closed its pipe before.
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.pipe)
        ends = child.repeats.count_end(age_s=child.age_s, by_itself=exit_code >= 0)
        child.schedule_restart()
        if not self._ends:
            self._report_end(child, how_it_ended(exit_code), ends)

    def _report_end(self, child: Child, how: str, ends: int) -> None:
        """Says that a part ended, and ever more rarely when it has nothing new to say."""
        name = child.part.name
        pause = max(0.0, (child.restart_at or 0.0) - time.monotonic())
        again = f" with the same lines, {ends} times by now" if ends > 1 else ""
        if is_reported(ends):
            self._console.say(f"{name} ended ({how}){again}; starting it again in {pause:.0f} s")
        if child.quick_deaths == QUICK_DEATHS_REPORTED:
            self._console.say(
                f"{name} does not stay up: its own lines above say why. It is tried again ever "
                f"more rarely, at last every {LONGEST_PAUSE_S / 60:.0f} minutes."
            )
