"""Starts parts, prints their lines, restarts those that die, and stops all of them in order.

One thread and one loop: the kernel ties "dies with its parent" to the thread that started a child,
and signals reach the main thread only. Nothing is polled while nothing happens.
"""

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable
from types import FrameType

from backups.runner.console import Console
from backups.runner.part import Child, Part, how_it_ended

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
FIRST_STOP_SECONDS, ALL_STOP_SECONDS, KILL_SECONDS = 6.0, 8.0, 1.5
CHECK_SECONDS = 0.1  # how often a condition is looked at while somebody waits for it


class StopWanted(Exception):
    """SIGTERM, SIGINT or SIGHUP came while something was awaited."""


class Supervisor:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._children: list[Child] = []
        self._selector = selectors.DefaultSelector()
        self._stop_wanted = False
        self._stopping = False

    def watch_signals(self) -> None:
        """From now on stop signals only set a mark and, like SIGCHLD, wake the loop up."""
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        self._selector.register(wake, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for signum in STOP_SIGNALS:
            if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:  # nohup
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
        """Keep the loop turning until `condition()`; False when the time is over. Raises
        StopWanted.
        """
        until, next_check = time.monotonic() + seconds, 0.0
        while not self._stop_wanted:
            if (now := time.monotonic()) >= next_check:
                if condition():
                    return True
                if now >= until:
                    return False
                next_check = time.monotonic() + CHECK_SECONDS
            self._turn(CHECK_SECONDS)
        raise StopWanted

    def run(self) -> None:
        """Until a stop signal comes. Raises StopWanted."""
        while not self._stop_wanted:
            self._turn(self._until_next_restart())
        raise StopWanted

    def stop(self) -> None:
        """SIGTERM to all but those that stop last, then to these; SIGKILL to what is left when its
        time is over.
        """
        self._stopping = True
        began = time.monotonic()
        for last, seconds in ((False, FIRST_STOP_SECONDS), (True, ALL_STOP_SECONDS)):
            self._stop(
                [c for c in self._children if c.part.stops_last == last], deadline=began + seconds
            )
        self._console.say("stopped")

    def _stop(self, children: list[Child], *, deadline: float) -> None:
        for child in children:
            child.signal(signal.SIGTERM)
        self._turn_until_ended(children, deadline)
        for child in children:
            if child.process:
                self._console.say(f"{child.part.name} did not stop in time: killed")
                child.signal(signal.SIGKILL)
        self._turn_until_ended(children, time.monotonic() + KILL_SECONDS)

    def _turn_until_ended(self, children: list[Child], deadline: float) -> None:
        while (
            any(child.process for child in children) and (left := deadline - time.monotonic()) > 0
        ):
            self._turn(left)

    def _turn(self, seconds: float | None) -> None:
        """One turn of the loop: wait for lines, deaths or signals, then do what they ask for."""
        for key, _ in self._selector.select(seconds):
            if isinstance(key.data, Child):
                self._print(key.data)
            else:
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fd, 4096)
        for child in self._children:
            if child.process and (code := child.ended()) is not None:
                self._bury(child, code)
            elif (
                child.restart_at is not None
                and child.restart_at <= time.monotonic()
                and not self._quits
            ):
                self._start(child)

    @property
    def _quits(self) -> bool:
        return self._stop_wanted or self._stopping

    def _until_next_restart(self) -> float | None:
        times = [child.restart_at for child in self._children if child.restart_at is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _start(self, child: Child) -> None:
        try:
            pipe = child.start()
        except OSError as e:
            self._console.say(f"{child.part.name} cannot be started: {e}")
            child.bury()
            return
        self._selector.register(pipe, selectors.EVENT_READ, child)

    def _print(self, child: Child) -> None:
        lines = child.read()
        if lines is None:  # it closed its pipe; it may live on
            self._selector.unregister(child.pipe)
        self._say_lines(child, lines or [])

    def _say_lines(self, child: Child, lines: list[str]) -> None:
        for line in lines:
            if child.part.not_said is None or child.part.not_said not in line:
                self._console.line(child.part.name, line)

    def _bury(self, child: Child, code: int) -> None:
        self._say_lines(child, child.last_words())
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.pipe)
        child.bury()
        if not self._quits:
            self._say_death(child, code)

    def _say_death(self, child: Child, code: int) -> None:
        name, pause = child.part.name, max(0.0, (child.restart_at or 0.0) - time.monotonic())
        self._console.say(
            f"{name} ended ({how_it_ended(code)}); starting it again in {pause:.0f} s"
        )
        if child.quick_deaths == 3:
            self._console.say(
                f"{name} does not stay up: its own lines above say why. It is tried again, at "
                "most every 30 s."
            )
