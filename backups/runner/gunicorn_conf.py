"""Configures gunicorn where only a file can: its workers die with it, also when it is killed."""

import os
import signal
from typing import Any

from backups.runner.process import die_with_parent


def post_fork(_server: Any, _worker: Any) -> None:
    die_with_parent(signal.SIGKILL, parent=os.getppid())
