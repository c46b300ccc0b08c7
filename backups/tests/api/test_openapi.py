"""The description of the API is true: it is asked for without a warning, and its own promises are
put to the test.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from backups.api.openapi import backup_example
from backups.edits import tokens
from backups.tests.accounts import make_operator
from backups.tests.api.test_backups import otc, track
from backups.tests.described import description
from backups.tests.run_settings import LIMIT_S
from backups.vbs import seed_example

__all__ = ["otc"]
NOT_CHECKED = {  # check: why it is left out
    "positive_data_acceptance": (
        "whether a cloud, a disk, a cron line or a cursor exists is no matter of shape: 400"
    ),
    "ignored_auth": (
        "a session is another way in, and which call it opens is tested in test_api_calls"
    ),
    "use_after_free": "links between calls are not described, so it never runs",
    "ensure_resource_availability": "links between calls are not described, so it never runs",
}


def test_the_description_is_made_without_a_warning(tmp_path: Path) -> None:
    call_command(
        "spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml")
    )
    assert description()["openapi"] == "3.1.0"


def test_every_call_says_what_it_does_and_how_it_refuses() -> None:
    for path, operations in description()["paths"].items():
        for method, operation in operations.items():
            assert (path, method, len(operation["summary"]) > 10) == (path, method, True)
            assert {"4XX", "5XX"} <= set(operation["responses"])


def test_the_guide_names_only_calls_and_filters_that_there_are() -> None:
    told, paths = description()["info"]["description"], description()["paths"]
    for path, query in re.findall(r"(/api/[a-z./{}]+)(?:\?([a-z_=&0-9]+))?", told):
        there = {
            parameter["name"] for parameter in paths[path].get("get", {}).get("parameters", [])
        }
        assert {word.split("=")[0] for word in query.split("&") if word} <= there
    states = description()["components"]["schemas"]["TrackingStateEnum"]["enum"]
    assert all(f"`{state}`" in told for state in states)


@pytest.mark.django_db
def test_a_browser_is_sent_to_sign_in_and_a_script_is_told(client: Client) -> None:
    browser = client.get("/api/docs/", headers={"accept": "text/html,*/*;q=0.8"})
    assert (browser.status_code, browser["Location"]) == (302, "/accounts/login/?next=/api/docs/")
    assert client.get("/api/docs/", headers={"accept": "*/*"}).status_code == 401


@pytest.mark.django_db
def test_the_example_is_what_the_demo_cloud_gives(client: Any) -> None:

    track(json.loads(seed_example.TEXT)["backup"])
    client.force_login(make_operator("operator"))
    given, example = client.get(f"/api/backups/{seed_example.ID}/").json(), backup_example()
    assert set(given) == set(example)
    moving = {"tracked_at", "refreshed_at", "attempted_at", "next_refresh_at", "cloud"}
    assert {k: v for k, v in given.items() if k not in moving} == {
        k: v for k, v in example.items() if k not in moving
    }


# The coverage phase asks a list once or more for each of its 190 keys: minutes, so it runs with the
# longest tests.
RUNS = [
    "examples",
    pytest.param("fuzzing", marks=pytest.mark.soak),
    pytest.param("coverage", marks=[pytest.mark.soak, pytest.mark.long]),
]
# the description itself, and what asks a cloud that is not there
LEFT_OUT = "/(schema|test)/$|/clouds/.*/backups/$"


@pytest.mark.django_db(transaction=True)
@pytest.mark.once
@pytest.mark.parametrize("phases", RUNS)
def test_schemathesis_finds_no_broken_promise(
    live_server: Any, tmp_path: Path, phases: str
) -> None:
    track({"id": seed_example.ID, "status": "error", "volume_id": "v1"})
    key = tokens.create(user=make_operator("robot"), now=timezone.now()).key
    argv = [
        *(
            str(Path(sys.executable).parent / "schemathesis"),
            "run",
            f"{live_server.url}/api/schema/",
        ),
        *("--header", f"Authorization: Token {key}", "--checks", "all"),
        *("--exclude-checks", ",".join(NOT_CHECKED), "--exclude-path-regex", LEFT_OUT),
        *(
            "--phases",
            phases,
            "--max-examples",
            "5",
            "--request-timeout",
            str(LIMIT_S),
            "--seed",
            "7",
            "--no-color",
        ),
    ]
    done = subprocess.run(
        argv, cwd=tmp_path, capture_output=True, text=True, timeout=10 * LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
