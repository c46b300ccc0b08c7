"""Starts a child process in a session of its own, which ends with its parent, and ends it with all
that it started.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(signum: signal.Signals, *, parent: int) -> None:
    """Makes the kernel send `signum` to this process when the thread that started it ends.

    That survives exec, but not fork. Where the parent has ended already, the signal
    is sent at once.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signum)


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    pass_fds: Sequence[int] = (),
    last_signal: signal.Signals,
) -> subprocess.Popen[bytes]:
    """Starts `argv` with stdout and stderr in one non-blocking pipe.

    For the main thread only: the child ends with the thread that started it (`die_with_parent`).
    """
    parent = os.getpid()
    child = subprocess.Popen(  # noqa: S603 - each argv is ours
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=pass_fds,
        # Ctrl-C of the terminal reaches the runner only.
        start_new_session=True,
        # Safe, since the runner has one thread.
        preexec_fn=lambda: die_with_parent(last_signal, parent=parent),
    )
    assert child.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
    os.set_blocking(child.stdout.fileno(), False)
    return child


def signal_group(child: subprocess.Popen[bytes], signum: signal.Signals) -> None:
    """Sends `signum` to the child and to all that it started, as far as they still run."""
    # PermissionError is what macOS raises for a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signum)


def reap(child: subprocess.Popen[bytes]) -> int | None:
    """Returns the exit code (negative: the signal) once the child has ended, else None. Kills what
    it left behind.

    Its group is killed while the dead child still holds the number of the group, so that it cannot
    be somebody else's by now.
    """
    if child.returncode is None:
        if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        signal_group(child, signal.SIGKILL)
    return child.wait()
