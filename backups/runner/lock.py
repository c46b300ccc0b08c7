"""Keeps a data folder to one runner."""

import fcntl
import os
from pathlib import Path


class AlreadyRunning(Exception):
    """Another runner holds the folder; the text is a sentence for the operator."""


def take(data_dir: Path) -> int:
    """Locks `data_dir/up.lock` and writes our PID into it. Returns the file descriptor
    that holds the lock.

    The kernel drops the lock when the holder dies, however it dies. Raises AlreadyRunning.
    """
    fd = os.open(data_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
        holder = os.read(fd, 20).decode().strip() or "unknown"
        os.close(fd)
        raise AlreadyRunning(
            f"{data_dir} is in use by process {holder}, another vbsdash: "
            "stop that one, or set VBSDASH_DATA_DIR to another folder."
        ) from e
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd
