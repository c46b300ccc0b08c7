"""An application credential with the README's access rules does all that vbsdash does, and with a
rule less it does not.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from backups.clouds import connection_test
from backups.clouds.connection_test import Step
from backups.models import Backup, Cloud, Volume
from backups.refresh.dispatcher import DO
from backups.simulator import Simulator
from backups.simulator.access_rules import AccessRule, is_covered
from backups.simulator.record import Request
from backups.simulator.service import called_service
from backups.tests.otc import cloud, running, track

pytestmark = [pytest.mark.either, pytest.mark.django_db]
README = Path(django_settings.BASE_DIR) / "README.md"


def rules_of(flavor: str) -> list[AccessRule]:
    """The rules of the README: the first block is stock Cinder's, the second a VBS'."""
    section = README.read_text().split("### Least rights")[1].split("\n## ")[0]
    cinder, vbs = re.findall(r"```json\n(.*?)```", section, re.DOTALL)
    return [AccessRule.of(entry) for entry in json.loads(vbs if flavor == "vbs" else cinder)]


@pytest.fixture(params=["vbs", "cinder"])
def sim(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> Iterator[Simulator]:
    words = {"auth": "v3applicationcredential", "flavor": request.param, "backups": 12}
    with running(settings, tmp_path, **words) as sim:
        sim.restrict(rules_of(sim.flavor))
        yield sim


def is_allowed(rules: list[AccessRule], request: Request, *, flavor: str) -> bool:
    called = called_service(request.path, flavor=flavor)
    if called is None:  # The sign-in needs no rule.
        return True
    return is_covered(rules, service=called.type, method=request.method, path=called.path)


def do_everything() -> None:
    """Does all kinds of work that the dispatcher knows, as workers do."""
    Cloud.objects.update(volumes_due_at=None, quota_due_at=None)
    for do in DO.values():
        do("otc")


def test_everything_is_done_with_the_rules_of_the_readme_and_each_is_needed(
    sim: Simulator,
) -> None:
    track(sim.ids)
    assert connection_test.run("otc", timezone.now(), clock=timezone.now).ok
    do_everything()
    assert (cloud().list_error, cloud().volumes_error, cloud().quota_error) == (None, None, None)
    unlisted = Volume.objects.values_list("volume_id", flat=True)[0]
    sim.unlist_volumes(unlisted)  # So it is asked about by itself.
    do_everything()
    assert Backup.objects.filter(refreshed_at=None).count() == 0
    paths = {request.path for request in sim.requests}
    assert any(path.endswith(f"/volumes/{unlisted}") for path in paths)
    assert any(path.endswith("/quota") for path in paths) is (sim.flavor == "vbs")
    assert all(request.status != 401 for request in sim.requests)
    rules = rules_of(sim.flavor)
    assert all(is_allowed(rules, request, flavor=sim.flavor) for request in sim.requests)
    for rule in rules:
        fewer = [other for other in rules if other != rule]
        assert not all(is_allowed(fewer, request, flavor=sim.flavor) for request in sim.requests)


def permission() -> Step:
    test = connection_test.run("otc", timezone.now(), clock=timezone.now)
    return next(step for step in test.steps if step.step == "permission")


@pytest.mark.parametrize(
    ("allowed", "refused"), [("/volumes/*", "/backups/detail"), ("/backups/detail", "/backups/*")]
)
def test_the_connection_test_fails_with_the_name_of_a_needed_call_without_a_rule(
    sim: Simulator, allowed: str, refused: str
) -> None:
    backups_rule = rules_of(sim.flavor)[0]
    path = backups_rule.path.replace("/backups/*", allowed)
    sim.restrict([replace(backups_rule, path=path)])
    step = permission()
    address = sim.vbs_endpoint.removeprefix(sim.url) + refused
    assert step.outcome == "failed"
    assert step.detail.startswith("Not allowed (HTTP 401, request req-")
    assert step.detail.endswith(f"credential covers GET {address}.")
    assert "“Least rights”" in step.next


def test_the_connection_test_names_the_calls_that_can_be_done_without(sim: Simulator) -> None:
    sim.restrict(rules_of(sim.flavor)[:1])
    step = permission()
    base = sim.volume_endpoint.removeprefix(sim.url)
    if sim.flavor == "vbs":  # The catalog's volume service is the one that the client takes.
        base = f"/evs/v2/{sim.project_id}"
    refused = [f"{base}/volumes/detail", f"{base}/volumes/*"]
    if sim.flavor == "vbs":
        base = sim.vbs_endpoint.removeprefix(sim.url)
        refused += [f"{base}/cloudbackups/quota", f"{base}/backuppolicy"]
    assert step.outcome == "ok"
    assert re.findall(r"covers GET (\S+) \(request req-", step.detail) == refused
