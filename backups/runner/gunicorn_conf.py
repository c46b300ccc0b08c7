"""Configures gunicorn for all who start it: `make run`, the systemd units, Compose, a person.

What differs is on the command line: `--bind`, and `--workers`, the number of processes. Its workers
die with it, also when it is killed. It writes JSON where that is set; its workers log as Django is
told to.
"""

import os
import signal

from gunicorn.config import Config
from gunicorn.glogging import Logger

from backups.runner import json_lines
from backups.runner.process import die_with_parent

# Clients that send or read slowly hold no thread (backups/runner/web_worker.py).
worker_class = "backups.runner.web_worker.WebWorker"
threads = 8
keepalive = 15  # seconds
graceful_timeout = 5  # seconds; `make run` has to end within 10
# Whom to believe about clients is decided by VBSDASH_TRUSTED_PROXIES alone.
forwarded_allow_ips = ""
control_socket_disable = True
# No disk is behind this folder, so writing into it never waits.
if os.access("/dev/shm", os.W_OK):  # noqa: S108
    worker_tmp_dir = "/dev/shm"  # noqa: S108


class JsonLogger(Logger):
    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(json_lines.JsonLines())


if json_lines.are_wanted():
    logger_class = JsonLogger


def post_fork(_server: object, _worker: object) -> None:
    # Workers end with gunicorn, also when it is killed.
    die_with_parent(signal.SIGKILL, parent=os.getppid())
