"""The examples for systemd and Compose say the same, and name commands and settings that exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from backups.management.commands.run_part import Command
from backups.tests.deploy.units import COMMANDS, UNITS, values
from vbsdash.setting_names import SETTINGS

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "backups" / "deploy" / "compose.yaml"


def services() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return read


def without_name(words: list[str]) -> list[str]:
    """A command without what tells a worker from others of its host; a container needs no name."""
    if "--name" not in words:
        return words
    place = words.index("--name")
    return words[:place] + words[place + 2 :]


@pytest.mark.parametrize(
    ("unit", "service"),
    [
        ("vbsdash-web.service", "web"),
        ("vbsdash-worker@.service", "worker"),
        ("vbsdash-beat.service", "beat"),
    ],
)
def test_units_and_compose_start_the_same(unit: str, service: str) -> None:
    python, script, *words = shlex.split(COMMANDS[unit])
    assert (python, script) == ("/opt/vbsdash/.venv/bin/python", "manage.py")
    assert without_name(words) == services()[service]["command"]


@pytest.mark.parametrize("unit", UNITS)
def test_the_command_of_a_unit_takes_its_options(unit: str) -> None:
    _, _, name, *words = shlex.split(COMMANDS[unit])
    assert name == "run_part"
    options = vars(Command().create_parser("manage.py", name).parse_args(words))
    assert options["part"] in unit


def test_every_setting_in_the_examples_is_one_that_vbsdash_reads() -> None:
    readme = (ROOT / "README.md").read_text()
    names = set(services()["web"]["environment"])
    for text in UNITS.values():
        names |= set(re.findall(r"\b([A-Z][A-Z_]{3,})=", text))
    names -= {"PYTHONDONTWRITEBYTECODE"}
    unknown = [
        name for name in names if name.removesuffix("_FILE") not in readme and name not in SETTINGS
    ]
    assert unknown == []


def test_single_sign_on_of_the_readme_reaches_the_containers() -> None:
    text = (ROOT / "README.md").read_text().split("### Single sign-on")[1]
    block = re.findall(r"```sh\n(.*?)```", text, re.S)[0]
    for name, value in re.findall(r"^(\w+)=(\S+)$", block, re.M):
        for service in ("web", "worker", "beat", "prepare"):
            assert services()[service]["environment"][name] == f"${{{name}:-}}"
            if value.startswith("/"):
                assert value.startswith("/etc/vbsdash/")
                assert "./sso:/etc/vbsdash:ro" in services()[service]["volumes"]


def test_manage_py_of_a_host_has_settings_user_and_folder_of_its_units() -> None:
    script = (ROOT / "backups" / "deploy" / "vbsdash-manage").read_text()
    for unit in UNITS:
        for name, word in (
            ("User", "--uid={}"),
            ("WorkingDirectory", "--working-directory={}"),
            ("EnvironmentFile", "--property=EnvironmentFile={}"),
            ("StateDirectory", "--property=StateDirectory={}"),
        ):
            [value] = values(unit, name)
            assert word.format(value) in script, f"{unit}: {name}"
        [environment] = values(unit, "Environment")
        assert f"--setenv={environment.split()[0]} " in script
