"""Configures gunicorn where only a file can: its workers die with it, also when it is killed."""

import os
import signal

from backups.runner.process import die_with_parent


def post_fork(_server: object, _worker: object) -> None:
    die_with_parent(signal.SIGKILL, parent=os.getppid())
