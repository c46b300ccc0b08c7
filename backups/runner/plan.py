"""What `manage.py up` hands over to the runner, which replaces it in the same process without
Django in memory.
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    """`host_header` is let in by ALLOWED_HOSTS. `password` is what the banner says of it, in words
    or in clear.
    """

    data_dir: str
    host: str
    port: int
    listen_fd: int
    host_header: str
    broker_url_file: str | None  # None: a broker of the operator's own
    demo_clouds_file: str | None  # None: no demo
    clouds: tuple[str, ...]
    warnings: tuple[str, ...]  # sentences, shown with the banner
    user: str
    password: str

    @classmethod
    def receive(cls, fd: int) -> "Plan":
        with open(fd, encoding="utf-8") as pipe:
            words = json.load(pipe)
        return cls(
            **{**words, "clouds": tuple(words["clouds"]), "warnings": tuple(words["warnings"])}
        )

    def hand_over(self, *, folder: Path) -> None:
        """Become the runner, in `folder`. Never returns. Through a pipe, since all eyes can see a
        command line.
        """
        type_interpretation, writing = os.pipe()
        os.set_inheritable(type_interpretation, True)
        with open(writing, "w", encoding="utf-8") as pipe:
            json.dump(asdict(self), pipe)  # far smaller than the 64 KiB a pipe holds unread
        sys.stdout.flush()
        sys.stderr.flush()
        os.chdir(folder)
        os.execv(sys.executable, [sys.executable, "-m", "backups.runner", str(type_interpretation)])  # noqa: S606
