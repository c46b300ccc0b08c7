"""The plan that `manage.py up` hands over to the runner.

The runner replaces it in the same process, without Django in memory.
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    data_dir: str
    urls: tuple[str, ...]  # each leads to the start page when it is opened
    behind_proxy: str | None  # where a proxy in front finds the web part; None: there is none
    probe_host: str  # the address at which the runner itself asks the web part
    port: int
    listen_fd: int
    broker_url_file: str | None  # None: a broker of the operator's own
    demo_clouds_file: str | None  # None: no demo
    clouds: tuple[str, ...]
    warnings: tuple[str, ...]  # sentences, shown with the banner
    user: str
    password: str  # what the banner says of it: the password itself, or where it comes from

    @classmethod
    def receive(cls, fd: int) -> "Plan":
        with open(fd, encoding="utf-8") as pipe:
            fields = json.load(pipe)
        # JSON has no tuples.
        fields["urls"] = tuple(fields["urls"])
        fields["clouds"] = tuple(fields["clouds"])
        fields["warnings"] = tuple(fields["warnings"])
        return cls(**fields)

    def hand_over(self, *, folder: Path) -> None:
        """Becomes the runner, in `folder`. Never returns.

        The plan goes through a pipe, since every user of the machine can see a command line.
        """
        read_fd, write_fd = os.pipe()
        os.set_inheritable(read_fd, True)
        with open(write_fd, "w", encoding="utf-8") as pipe:
            # Far smaller than the 64 KiB that a pipe holds while nobody reads it.
            json.dump(asdict(self), pipe)
        sys.stdout.flush()
        sys.stderr.flush()
        os.chdir(folder)
        os.execv(sys.executable, [sys.executable, "-m", "backups.runner", str(read_fd)])  # noqa: S606
