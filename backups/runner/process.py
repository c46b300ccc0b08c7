"""One child process: born in a session of its own, dead with its parent, ended with all that it
started.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(signum: signal.Signals, *, parent: int) -> None:
    """Ask the kernel to send `signum` to this process when the thread that started it ends.

    Survives exec, not fork. A parent that ended before the request is noticed here: then this
    process ends at once.
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
    """Start `argv` with stdout and stderr in one non-blocking pipe. For the main thread only
    (`die_with_parent`).
    """
    parent = os.getpid()
    child = subprocess.Popen(  # noqa: S603  the argv are ours
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=pass_fds,
        start_new_session=True,  # Ctrl-C of the terminal reaches the runner only
        preexec_fn=lambda: die_with_parent(
            last_signal, parent=parent
        ),  # safe: the runner has one thread
    )
    assert child.stdout is not None  # noqa: S101  for the type checker: PIPE was asked for
    os.set_blocking(child.stdout.fileno(), False)
    return child


def signal_group(child: subprocess.Popen[bytes], signum: signal.Signals) -> None:
    """Send `signum` to the child and to all that it started; nothing when none of them is left."""
    try:
        os.killpg(child.pid, signum)
    except (ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
        return


def reap(child: subprocess.Popen[bytes]) -> int | None:
    """Exit code (negative: the signal) once the child has ended, else None. What it left behind is
    killed.

    The group is killed while the dead child still holds its number, so it cannot be somebody else's
    by now.
    """
    if child.returncode is None:
        if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        signal_group(child, signal.SIGKILL)
    return child.wait()
