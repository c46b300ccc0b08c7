"""Which reading of Type is in force, who says so, and that every stored backup follows it."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from backups import tasks
from backups.clouds import registry
from backups.edits import tracking
from backups.models import FULL_ACCESS, Backup, Body, Cloud, SearchText, Volume
from backups.refresh import single_gets
from backups.reports import cloud_states
from backups.simulator import Simulator
from backups.tests.otc import VOLUME, running

pytestmark = [pytest.mark.either, pytest.mark.django_db]


@pytest.fixture
def sim(settings: Any, tmp_path: Any) -> Iterator[Simulator]:
    with running(settings, tmp_path) as sim:
        yield sim


def restart(settings: Any, **changed: Any) -> None:
    """The operator changes the entry of clouds.yaml and starts vbsdash again."""
    settings.CLOUDS = {"otc": replace(settings.CLOUDS["otc"], **changed)}


def body(inc: int, type_: int, n: int) -> dict[str, Any]:
    made = {"id": str(uuid.UUID(int=n)), "volume_id": VOLUME, "status": "available"}
    times = {"created_at": f"2026-11-{n:02d}T02:00:00.000000", "size": 10}
    metadata = json.dumps({"Type": type_, "CS": 100 * n})
    return {**made, **times, "description": json.dumps({"INC": inc}), "service_metadata": metadata}


def ask(sim: Simulator, *bodies: dict[str, Any]) -> None:
    ids = [sim.add(one) for one in bodies]
    tracking.add(cloud="otc", values=ids, now=timezone.now())
    single_gets.refresh_these("otc", [uuid.UUID(one) for one in ids])


def kinds() -> list[tuple[str, str | None, bool]]:
    return list(Backup.objects.order_by("id").values_list("kind", "kind_source", "kind_conflict"))


def state() -> cloud_states.CloudState:
    [found] = cloud_states.states(timezone.now(), access=FULL_ACCESS)
    return found


def test_enough_evidence_judges_every_stored_backup_again(sim: Simulator) -> None:
    ask(sim, body(0, 0, 1), body(1, 1, 2))
    assert kinds() == [("full", "inc", True), ("incremental", "inc", True)]
    assert (state().type_full, state().type_full_source, state().conflicts) == (1, "default", 2)
    assert state().type_sentence == (
        "Type 1 means full, as the API page has it; the evidence is too few: "
        "2 answers speak for 0, 0 for 1. 2 backups contradict themselves."
    )
    ask(sim, body(1, 1, 3))
    assert kinds() == [
        ("full", "type", False),
        ("incremental", "type", False),
        ("incremental", "type", False),
    ]
    assert (state().type_full, state().type_full_source, state().type_votes) == (
        0,
        "evidence",
        {"0": 3, "1": 0},
    )
    assert state().type_sentence.startswith(
        "Type 0 means full by the evidence: 3 answers speak for 0"
    )


def test_a_changed_setting_counts_after_the_restart_without_asking_the_cloud(
    sim: Simulator, settings: Any
) -> None:
    ask(sim, body(0, 0, 1), body(1, 1, 2), body(1, 0, 3))
    assert [kind for kind, *_ in kinds()] == ["full", "incremental", "incremental"]
    asked = sim.request_count
    restart(settings, type_full="0")
    Backup.objects.update(next_refresh_at=timezone.now() + timedelta(hours=1))
    tasks.dispatch()
    assert kinds() == [
        ("full", "type", False),
        ("incremental", "type", False),
        ("full", "type", False),
    ]
    assert (state().type_full, state().type_full_source) == (0, "setting")
    assert Volume.objects.get().chain_size_mb == 200 + 300
    assert sim.request_count == asked
    restart(settings, api="cinder")
    tasks.dispatch()
    assert [source for _, source, _ in kinds()] == ["inc", "inc", "inc"]
    assert state().type_full is None


@pytest.mark.parametrize(
    ("zero", "one", "setting", "expected"),
    [
        (0, 0, "auto", (1, "default")),
        (2, 0, "auto", (1, "default")),
        (3, 0, "auto", (0, "evidence")),
        (3, 2, "auto", (1, "default")),
        (4, 2, "auto", (0, "evidence")),
        (0, 2, "auto", (1, "default")),
        (0, 3, "auto", (1, "evidence")),
        (2, 3, "auto", (1, "default")),
        (2, 4, "auto", (1, "evidence")),
        (9, 0, "1", (1, "setting")),
        (0, 9, "0", (0, "setting")),
    ],
)
def test_the_source_of_the_reading_is_said(
    sim: Simulator, settings: Any, zero: int, one: int, setting: str, expected: tuple[int, str]
) -> None:
    restart(settings, type_full=setting)
    Cloud.objects.update(seen_vbs=True, type_votes_0=zero, type_votes_1=one)
    assert (state().type_full, state().type_full_source) == expected


def test_following_is_stored_as_configured(sim: Simulator, settings: Any) -> None:
    for follow in ("none", "all", "disks"):
        restart(settings, follow=follow)
        registry.ensure_rows()
        assert Cloud.objects.get().follow == follow


def run(*args: str) -> str:
    out = StringIO()
    call_command("derive", *args, stdout=out)
    return out.getvalue()


def test_everything_can_be_derived_again_by_hand(sim: Simulator) -> None:
    ask(sim, body(0, 1, 1), body(1, 0, 2))
    before = list(Volume.objects.values()), kinds()
    Backup.objects.update(kind="unknown", kind_source=None)
    Volume.objects.all().delete()
    assert run() == "otc: 2 kinds, 0 findings and 1 disks changed\n"
    assert (kinds(), Volume.objects.get().chain_size_mb) == (before[1], 200)
    assert run("otc") == "otc: 0 kinds, 0 findings and 0 disks changed\n"
    with pytest.raises(CommandError, match="no cloud 'nowhere' here; there are: otc"):
        run("nowhere")


def test_stored_answers_can_be_read_anew(sim: Simulator) -> None:
    ask(sim, body(0, 1, 1), body(1, 0, 2))
    asked = sim.request_count
    Backup.objects.update(inc=None, size=None, chain_size_mb=None)
    Cloud.objects.update(type_votes_0=7, type_votes_1=7)
    assert (
        run("--decode")
        == "otc: 0 kinds, 0 findings and 0 disks changed, 2 answers read differently\n"
    )
    assert list(Backup.objects.order_by("id").values_list("inc", "size", "chain_size_mb")) == [
        (0, 10, 100),
        (1, 10, 200),
    ]
    assert (state().type_votes, sim.request_count) == ({"0": 0, "1": 1}, asked)
    assert Body.objects.count() == 2


def test_answers_that_are_read_anew_are_found_by_what_they_say(sim: Simulator) -> None:
    ask(sim, body(0, 1, 1) | {"name": "nightly"}, body(1, 0, 2) | {"name": "weekly"})
    Backup.objects.filter(name="nightly").update(name="read wrongly")
    SearchText.objects.update(text="read wrongly")
    run("--decode")
    assert SearchText.objects.holding("NIGHTLY").count() == 1
    assert SearchText.objects.holding("weekly").count() == 1
    assert SearchText.objects.holding("read wrongly").count() == 0
