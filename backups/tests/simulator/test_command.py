"""`manage.py simulate_vbs` as a process."""

import os
import signal
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from backups.alarms import channels_file
from backups.alarms.message import Message
from backups.tests.run_settings import LIMIT_S

ROOT = Path(__file__).parents[3]
TEST = Message(
    event_id=str(uuid.UUID(int=1)),
    kind="test",
    written_at=datetime(2026, 11, 25, tzinfo=UTC),
    cloud=None,
    headline="A test.",
)


def command(*words: object) -> list[str]:
    return [sys.executable, "manage.py", "simulate_vbs", *map(str, words)]


def environment(folder: Path) -> dict[str, str]:
    """A database that cannot be opened: the command must not need one."""
    closed = f"sqlite:///{folder}/no/such/folder.sqlite3"
    return os.environ | {"DJANGO_SETTINGS_MODULE": "vbsdash.settings", "DATABASE_URL": closed}


@contextmanager
def running(folder: Path, *words: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command(*words), cwd=ROOT, env=environment(folder), stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_clouds(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "project_domain_name" in line:
            break
    return dict(yaml.safe_load("".join(lines))["clouds"])


def sign_in(entry: dict[str, Any]) -> requests.Response:
    auth = entry["auth"]
    user = {
        "name": auth["username"],
        "password": auth["password"],
        "domain": {"name": auth["user_domain_name"]},
    }
    scope = {
        "project": {"name": auth["project_name"], "domain": {"name": auth["project_domain_name"]}}
    }
    body = {
        "auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
    }
    return requests.post(f"{auth['auth_url']}/auth/tokens", json=body, timeout=LIMIT_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_a_clouds_yaml_serves_and_ends_quickly(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running(
        tmp_path, "--backups", 5, "--fault", "status=429,retry_after=7,times=1"
    ) as process:
        entry = read_clouds(process)["demo"]
        token = sign_in(entry).headers["X-Subject-Token"]
        base = entry["auth"]["auth_url"].removesuffix("/v3")
        url = f"{base}/v2/b23b579f08c84228b9b4673c46f0c442/backups"
        answers = [
            requests.get(url, headers={"X-Auth-Token": token}, timeout=LIMIT_S) for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [429, 200]
        assert (answers[0].headers["Retry-After"], len(answers[1].json()["backups"])) == ("7", 6)
        process.send_signal(number)
        assert process.wait(LIMIT_S) == 0


def test_it_writes_the_clouds_file_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text("old")
    channels = tmp_path / "channels.yaml"
    words = ("--clouds-file", file, "--channels-file", channels, "--name", "lab")
    with running(tmp_path, *words, "--flavor", "cinder") as process:
        assert process.stdout
        line = process.stdout.readline()
        entry = yaml.safe_load(file.read_text())["clouds"]["lab"]
        base = entry["auth"]["auth_url"].removesuffix("/v3")
        assert line == f"Simulated VBS at {base}, cloud 'lab' in {file}\n"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        names = sorted(path.name for path in tmp_path.iterdir())
        assert names == ["channels.yaml", "clouds.yaml"]
        configured = channels_file.read(channels, {}, folder=tmp_path).channels
        assert {name: channel.send(TEST).http_status for name, channel in configured.items()} == {
            "team-chat": 204,
            "on-call": 503,
        }
        kinds = {service["type"] for service in sign_in(entry).json()["token"]["catalog"]}
        assert kinds == {"identity", "volumev3", "block-storage"}


@pytest.mark.parametrize(
    ("words", "names", "services"),
    [
        (("--api", "cbr"), ["demo"], {"cbr"}),
        (("--both", "--name", "lab"), ["lab", "lab-cbr"], {"vbs", "vbsv2", "cbr"}),
    ],
)
def test_it_serves_the_successor_alone_or_beside_vbs(
    tmp_path: Path, words: tuple[str, ...], names: list[str], services: set[str]
) -> None:
    file = tmp_path / "clouds.yaml"
    with running(tmp_path, "--backups", 6, "--clouds-file", file, *words) as process:
        assert process.stdout
        line = process.stdout.readline()
        clouds = yaml.safe_load(file.read_text())["clouds"]
        assert list(clouds) == names
        entry = clouds[names[-1]]
        assert entry["vbs_api"] == "cbr"
        assert line.startswith("Simulated CBR at" if len(names) == 1 else "Simulated VBS and CBR")
        kinds = {service["type"] for service in sign_in(entry).json()["token"]["catalog"]}
        assert kinds & {"vbs", "vbsv2", "cbr"} == services


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("--both", "--flavor", "cinder"),
            "CommandError: Stock Cinder has no CBR beside it; leave out --flavor cinder.",
        ),
        (("--fault", "bogus"), "CommandError: --fault: Unknown fault 'bogus'; known are: status, "),
        (
            ("--port", "{port}"),
            "CommandError: Port {port} cannot be used (Address already in use); choose another "
            "with --port.",
        ),
    ],
)
def test_a_wrong_word_ends_the_start_with_one_sentence(
    tmp_path: Path, words: tuple[str, str], sentence: str
) -> None:
    with running(tmp_path, "--backups", 0) as process:
        port = (
            read_clouds(process)["demo"]["auth"]["auth_url"].rpartition(":")[2].removesuffix("/v3")
        )
        given = [word.replace("{port}", port) for word in words]
        done = subprocess.run(
            command(*given),
            cwd=ROOT,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(sentence.replace("{port}", port))
