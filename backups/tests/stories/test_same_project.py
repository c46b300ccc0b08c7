"""Two entries that lead to one project are noticed and said, share one budget, and
call no disk unprotected.
"""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from backups.clouds import permission, registry, same_project
from backups.derived import queue
from backups.edits import tracking
from backups.edits.pasted_ids import read_ids
from backups.models import FULL_ACCESS, Backup, Cloud, Volume
from backups.refresh import list_sweep, single_gets
from backups.refresh.volume_list import read
from backups.reports.volumes import volume_states
from backups.simulator import Simulator
from backups.tests.otc import configure
from backups.vbs.clouds import load_clouds

pytestmark = [pytest.mark.either, pytest.mark.django_db]


@pytest.fixture
def sim(settings: Any, tmp_path: Path) -> Iterator[Simulator]:
    """One project, as `otc` and as `envvars`, with another budget each."""
    with Simulator(clock=timezone.now, backups=30) as running:
        entries = {
            "otc": running.cloud_entry(vbs_follow="all", vbs_requests_per_second=50),
            "envvars": running.cloud_entry(vbs_follow="all", vbs_requests_per_second=20),
        }
        configure(settings, tmp_path, entries)
        registry.ensure_rows()
        yield running
        registry.forget_clients()


def heard(sim: Simulator) -> None:
    """Both have been asked once."""
    for name in ("otc", "envvars"):
        tracking.add(
            cloud=name, values=[sim.ids[0] if name == "otc" else sim.ids[1]], now=timezone.now()
        )
        single_gets.refresh_due(name)
    same_project.forget()
    permission.may_ask("otc", timezone.now())


def test_they_are_noticed_by_where_sign_in_and_catalog_lead_to(
    sim: Simulator, client: Client, admin_user: Any
) -> None:
    heard(sim)
    client.force_login(admin_user)
    page = client.get("/clouds/").content.decode()
    assert page.count("The same project at the same endpoint is also configured as") == 2
    assert [one["same_project"] for one in client.get("/api/clouds/").json()] == [
        ["otc"],
        ["envvars"],
    ]


def test_they_share_the_lower_of_their_budgets(sim: Simulator) -> None:
    assert registry.meter("otc").budget is not registry.meter("envvars").budget
    assert same_project.budget_of("otc", registry.configured()) == ("otc", 50)
    heard(sim)
    for name in ("otc", "envvars"):
        assert same_project.budget_of(name, registry.configured()) == ("envvars", 20)
        assert registry.meter(name)._shared == ("envvars", 20)


def test_a_cloud_without_a_limit_takes_that_of_the_other(
    settings: Any, tmp_path: Path, sim: Simulator
) -> None:
    entries = {
        "otc": sim.cloud_entry(vbs_requests_per_second=0),
        "envvars": sim.cloud_entry(vbs_requests_per_second=7),
    }
    configure(settings, tmp_path, entries)
    heard(sim)
    assert same_project.budget_of("otc", registry.configured()) == ("envvars", 7)


def test_no_disk_is_called_never_while_its_own_clouds_list_names_backups_of_it(
    sim: Simulator,
) -> None:
    """All backups are tracked under the first name, so under the second one no disk has any."""
    for name in ("otc", "envvars"):
        list_sweep.sweep(name)
        read(name, timezone.now())
    now = timezone.now()
    backed_up = set(
        Volume.objects.filter(cloud="otc", tracked__gt=0).values_list("volume_id", flat=True)
    )
    second = volume_states(
        Volume.objects.filter(cloud="envvars").order_by("volume_id"), now, access=FULL_ACCESS
    )
    states = {one.volume_id: one for one in second}
    assert len(backed_up & set(states)) > 1
    for volume_id in backed_up & set(states):
        assert states[volume_id].protection == "unknown"
        why = (
            "It may have a good backup that the cloud has not answered for, or that another cloud "
            "tracks."
        )
        assert states[volume_id].why == why
    never = {one.volume_id for one in second if one.protection == "never"}
    assert never.isdisjoint(backed_up)


def test_no_disk_is_called_overdue_while_a_newer_backup_of_it_is_tracked_under_the_other_name(
    sim: Simulator, clock: time_machine.Traveller
) -> None:
    """Whoever looks first tracks: Monday's backup is seen by one name, Tuesday's by the other."""
    monday = timezone.now()
    backup = {"volume_id": "disk", "status": "available", "service_metadata": "{}"}
    sim.add(
        {**backup, "id": str(uuid.UUID(int=1)), "created_at": f"{monday:%Y-%m-%dT%H:%M:%S.000000}"}
    )
    list_sweep.sweep("otc")
    clock.shift(timedelta(hours=26))
    tuesday = timezone.now()
    sim.add(
        {**backup, "id": str(uuid.UUID(int=2)), "created_at": f"{tuesday:%Y-%m-%dT%H:%M:%S.000000}"}
    )
    list_sweep.sweep("envvars")
    clock.shift(timedelta(hours=1))
    now = timezone.now()
    Cloud.objects.update(last_good_at=now, backups_listed_at=now)
    Backup.objects.filter(refreshed_at__isnull=False).update(stale_at=now + timedelta(hours=1))
    states = volume_states(
        Volume.objects.filter(volume_id="disk").order_by("cloud"), now, access=FULL_ACCESS
    )
    assert [(one.cloud, one.protection) for one in states] == [
        ("envvars", "protected"),
        ("otc", "unknown"),
    ]


def test_backups_that_the_list_names_and_nobody_tracks_are_no_never(sim: Simulator) -> None:
    read("otc", timezone.now())
    list_sweep.sweep("otc")
    volume = Volume.objects.filter(cloud="otc", tracked__gt=0).order_by("volume_id")[:1].get()
    tracking.untrack([str(one.pk) for one in Backup.objects.filter(volume_id=volume.volume_id)])
    [state] = volume_states(Volume.objects.filter(pk=volume.pk), timezone.now(), access=FULL_ACCESS)
    assert (state.tracked, state.protection) == (0, "unknown")


@pytest.mark.parametrize("way", ["follow", "add"])
def test_the_name_that_stays_takes_over_what_the_removed_one_tracked(
    settings: Any, tmp_path: Path, sim: Simulator, way: str
) -> None:
    now = timezone.now()
    for name in ("otc", "envvars"):
        read(name, now)
    list_sweep.sweep("otc")
    assert set(Backup.objects.values_list("cloud", flat=True)) == {"otc"}
    volumes = set(Volume.objects.filter(tracked__gt=0).values_list("volume_id", flat=True))
    configure(
        settings,
        tmp_path,
        {"envvars": sim.cloud_entry(vbs_follow="all" if way == "follow" else "none")},
    )
    if way == "add":
        [verdict] = tracking.preview(cloud="envvars", lines=read_ids(sim.ids[0]))
        assert (verdict.state, verdict.reason) == ("new", "It moves here from otc.")
        added = tracking.add(cloud="envvars", values=sim.ids, now=now)
        assert len(added.added) == len(sim.ids)
        queue.derive_due("envvars", now)
    else:
        list_sweep.sweep("envvars")
    assert Backup.objects.filter(cloud="envvars", refreshed_at__isnull=False).count() == len(
        sim.ids
    )
    assert (
        set(
            Volume.objects.filter(cloud="envvars", tracked__gt=0).values_list(
                "volume_id", flat=True
            )
        )
        == volumes
    )
    assert not Volume.objects.filter(cloud="otc", tracked__gt=0).exists()


def test_backups_that_move_take_along_how_full_ones_are_told(
    settings: Any, tmp_path: Path, sim: Simulator
) -> None:
    list_sweep.sweep("otc")
    before = Cloud.objects.get(name="otc")
    kinds = dict(Backup.objects.values_list("id", "kind"))
    assert before.type_votes_0 + before.type_votes_1 > 0
    configure(settings, tmp_path, {"envvars": sim.cloud_entry(vbs_follow="all")})
    list_sweep.sweep("envvars")
    after = Cloud.objects.get(name="envvars")
    assert (after.type_votes_0, after.type_votes_1) == (before.type_votes_0, before.type_votes_1)
    assert after.type_interpretation == before.type_interpretation
    assert dict(Backup.objects.values_list("id", "kind")) == kinds


def test_a_backup_that_was_seen_stays_with_its_cloud_while_that_is_configured(
    sim: Simulator,
) -> None:
    list_sweep.sweep("otc")
    added = tracking.add(cloud="envvars", values=sim.ids, now=timezone.now())
    list_sweep.sweep("envvars")
    assert (added.added, set(Backup.objects.values_list("cloud", flat=True))) == ([], {"otc"})


def test_a_backup_that_was_never_seen_moves_to_the_cloud_whose_list_names_it(
    sim: Simulator,
) -> None:
    tracking.add(cloud="envvars", values=sim.ids[:2], now=timezone.now())
    list_sweep.sweep("otc")
    seen = Backup.objects.filter(cloud="otc", refreshed_at__isnull=False)
    assert {str(pk) for pk in seen.values_list("pk", flat=True)} == set(sim.ids)


def test_clouds_that_differ_are_not_taken_for_one() -> None:
    endpoints = [
        ("a", "https://vbs.example/v2/p1"),
        ("b", "https://vbs.example/v2/p2"),
        ("c", None),
        ("d", None),
    ]
    assert same_project.groups(endpoints) == {}


@pytest.mark.parametrize(
    "other",
    [
        "https://vbs.example/v2/B23B579F08C84228B9B4673C46F0C442/",
        "https://VBS.example:443/v2/b23b579f08c84228b9b4673c46f0c442",
        "https://vbs.example.//v2/b23b579f08c84228b9b4673c46f0c442",
        "https://vbs.example/v2/b23b579f-08c8-4228-b9b4-673c46f0c442",
    ],
)
def test_one_endpoint_in_two_spellings_is_one(other: str) -> None:
    endpoints = [("a", "https://vbs.example/v2/b23b579f08c84228b9b4673c46f0c442"), ("b", other)]
    assert same_project.groups(endpoints) == {"a": ("a", "b"), "b": ("a", "b")}


def test_variables_beside_a_file_are_noticed_before_anybody_signs_in(tmp_path: Path) -> None:
    auth = {
        "auth_url": "https://iam.example/v3",
        "username": "u",
        "password": "p",
        "project_name": "eu-de",
    }
    auth |= {"user_domain_name": "D", "project_domain_name": "D"}
    (tmp_path / "clouds.yaml").write_text(
        f"clouds: {{otc: {{region_name: eu-de, auth: {auth}}}}}".replace("'", '"')
    )
    variables = {f"OS_{key.upper()}": value for key, value in auth.items()} | {
        "OS_REGION_NAME": "eu-de"
    }
    variables["OS_AUTH_URL"] += "/"
    found = load_clouds(variables, cwd=tmp_path, home=tmp_path)
    places = [(name, config.place) for name, config in found.items()]
    assert same_project.groups(places)["otc"] == ("envvars", "otc")
    other = load_clouds({**variables, "OS_PROJECT_NAME": "eu-nl"}, cwd=tmp_path, home=tmp_path)
    assert same_project.groups((name, config.place) for name, config in other.items()) == {}


def test_two_services_of_one_project_are_no_mistake(tmp_path: Path) -> None:
    with Simulator(api="both") as cloud:
        (tmp_path / "clouds.yaml").write_text(cloud.clouds_yaml())
    found = load_clouds({}, cwd=tmp_path, home=tmp_path)
    assert list(found) == ["demo", "demo-cbr"]
    assert same_project.groups((name, config.place) for name, config in found.items()) == {}


def test_the_start_says_so(sim: Simulator) -> None:
    from backups.management.commands.up import _warnings

    Cloud.objects.update(endpoint=sim.vbs_endpoint)
    [sentence] = _warnings()
    assert sentence.startswith("envvars, otc are the same project at the same endpoint")
