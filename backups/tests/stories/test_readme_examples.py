"""The examples of the README, run as they stand there, against a live server and
a cloud over HTTP.
"""

import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from backups.clouds import registry
from backups.edits import tokens
from backups.models import ApiToken, Backup, Cloud
from backups.simulator import Simulator
from backups.tests.accounts import make_operator
from backups.tests.run_settings import LIMIT_S
from backups.vbs.clouds import load_clouds

pytestmark = [pytest.mark.either, pytest.mark.django_db(transaction=True)]
README = (Path(__file__).resolve().parents[3] / "README.md").read_text()
EXAMPLES = {
    heading.split("(")[-1]: (language, code)
    for heading, language, code in re.findall(
        r"^([^\n]*)\):\n\n```(sh|python)\n(.*?)```", README, re.M | re.S
    )
}
SEED_ID = "1d1139d8-8989-49d3-8aa1-83eb691e6db2"


@pytest.fixture
def surroundings(live_server: Any, settings: Any, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What a shell needs: the server's address, a key, and the clouds.yaml of a
    stock Cinder called demo.
    """
    with Simulator(flavor="cinder", backups=30, clock=timezone.now) as sim:
        file = tmp_path / "clouds.yaml"
        file.write_text(sim.clouds_yaml("demo"))
        settings.CLOUDS = load_clouds(
            {"OS_CLIENT_CONFIG_FILE": str(file)}, cwd=tmp_path, home=tmp_path
        )
        user = make_operator("admin")
        yield {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "OS_CLIENT_CONFIG_FILE": str(file),
            "VBSDASH": live_server.url,
            "KEY": tokens.create(user=user, now=timezone.now()).key,
        }
        registry.forget_clients()


def run(tool: str, env: dict[str, str]) -> str:
    language, code = EXAMPLES[tool]
    argv = (
        ["bash", "-euo", "pipefail", "-c", code]
        if language == "sh"
        else [sys.executable, "-c", code]
    )
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def backup(**words: Any) -> Backup:
    Cloud.objects.get_or_create(name="demo")
    return Backup.objects.create(
        id=uuid.uuid4(), cloud_id="demo", tracked_at=timezone.now(), **words
    )


def test_there_is_an_example_for_each_tool() -> None:
    assert list(EXAMPLES) == ["curl", "httpie", "openstack", "pandas"]


def test_the_key_is_made_as_the_readme_says() -> None:
    make_operator("admin")
    [words] = re.findall(r"manage\.py (create_token .*?)\)", README)
    call_command(*words.split(), stdout=StringIO())
    assert ApiToken.objects.get().name == "scripts"


def test_curl_names_the_failed_backups_with_their_reason(surroundings: dict[str, str]) -> None:
    failed = backup(status="error", name="nightly", fail_reason="no space")
    backup(status="available")
    said = run("curl", surroundings)
    assert f'"id":"{failed.pk}"' in said
    assert '"fail_reason":"no space"' in said
    assert said.count('"id"') == 1


def test_httpie_tracks_one(surroundings: dict[str, str]) -> None:
    assert SEED_ID in run("httpie", surroundings)
    assert [str(pk) for pk in Backup.objects.values_list("pk", flat=True)] == [SEED_ID]


def test_openstack_hands_over_all_that_the_cloud_lists(surroundings: dict[str, str]) -> None:
    added = json.loads(run("openstack", surroundings))["added"]
    assert len(added) == 31  # the page's own example comes on top
    assert Backup.objects.filter(cloud="demo", pk__in=added).count() == 31


def test_pandas_adds_up_the_disks_that_have_a_backup(surroundings: dict[str, str]) -> None:
    for volume, size in (("a", 100), ("a", 100), ("b", 20)):
        backup(status="available", volume_id=volume, size=size)
    backup(status="error", volume_id="c", size=7)
    assert re.search(r"^demo\s+120$", run("pandas", surroundings), re.M)
