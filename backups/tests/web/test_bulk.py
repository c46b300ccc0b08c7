"""What is done with many backups of the list, and with those that were just added."""

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from backups.clouds import registry
from backups.edits import tracking
from backups.models import Backup, Volume
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.simulator import Simulator
from backups.tests.accounts import make_operator
from backups.vbs import payload
from backups.vbs.clouds import load_clouds

pytestmark = [pytest.mark.either, pytest.mark.django_db(transaction=True)]
IDS = [str(uuid.UUID(int=n)) for n in range(1, 5)]


@pytest.fixture
def web(client: Client, settings: Any) -> Client:
    """Four tracked backups; two have failed."""
    settings.CLOUDS = dict.fromkeys(["otc"])
    now = timezone.now()
    tracking.add(cloud="otc", values=IDS, now=now)
    settings.CLOUDS = {}
    bodies = [
        {"id": one, "status": "error" if at < 2 else "available", "volume_id": f"v-{at}"}
        for at, one in enumerate(IDS)
    ]
    apply(
        "otc",
        [Fetched(uuid.UUID(str(body["id"])), now, answer=payload.receive(body)) for body in bodies],
    )
    Backup.objects.update(next_refresh_at=None)
    client.force_login(make_operator("operator"))
    return client


def bulk(web: Client, **words: Any) -> Any:
    return web.post("/backups/bulk/", words)


def due() -> list[str]:
    return sorted(
        str(pk)
        for pk in Backup.objects.filter(next_refresh_at__isnull=False).values_list("pk", flat=True)
    )


def said(web: Client) -> list[str]:
    return re.findall(
        r'<p class="note[^"]*" role="status">([^<]*)<', web.get("/account/").content.decode()
    )


def test_the_ticked_are_refreshed_and_no_other(web: Client) -> None:
    answer = bulk(web, do="refresh", id=IDS[:3], query="ordering=name")
    assert (answer.status_code, answer["Location"], due()) == (
        302,
        "/backups/?ordering=name",
        IDS[:3],
    )
    page = web.get("/backups/?ordering=name").content.decode()
    assert re.findall(r'<p id="asked"[^>]*>([^<]*)<', page) == ["3 backups are asked about now."]


def test_all_that_match_are_refreshed_when_all_is_asked_for(web: Client) -> None:
    bulk(web, do="refresh", all="1", query="status=error")
    assert due() == IDS[:2]


def test_nothing_selected_changes_nothing_and_says_so(web: Client) -> None:
    for do in ("refresh", "untrack", "tag", "nonsense"):
        bulk(web, do=do, tag="x", query="")
    assert (due(), Backup.objects.count(), said(web)) == (
        [],
        4,
        ["Nothing is selected: tick some backups first."] * 4,
    )


def test_a_script_gets_the_sentence_alone(web: Client) -> None:
    answer = web.post(
        "/backups/bulk/", {"do": "refresh", "id": IDS[:1]}, headers={"HX-Request": "true"}
    )
    assert (answer.status_code, answer["HX-Trigger"]) == (
        204,
        '{"notice": {"value": "1 backup is asked about now."}, "poll-fast": {}}',
    )


def test_tags_are_put_on_and_taken_off(web: Client) -> None:
    Backup.objects.filter(pk=IDS[0]).update(tags=["kept"])
    bulk(web, do="tag", id=IDS[:2], tag="q4, legal", query="")
    assert [sorted(Backup.objects.get(pk=one).tags) for one in IDS[:3]] == [
        ["kept", "legal", "q4"],
        ["legal", "q4"],
        [],
    ]
    bulk(web, do="untag", all="1", tag="q4", query="tag=q4")
    assert [sorted(Backup.objects.get(pk=one).tags) for one in IDS[:2]] == [
        ["kept", "legal"],
        ["legal"],
    ]


def test_untracking_is_asked_twice(web: Client) -> None:
    page = bulk(web, do="untrack", id=IDS[:2], query="status=error")
    assert (
        page.status_code,
        re.findall("<h1>([^<]*)<", page.content.decode()),
        Backup.objects.count(),
    ) == (
        200,
        ["Untrack 2 backups?"],
        4,
    )
    bulk(web, do="untrack", id=IDS[:2], query="status=error", sure="1")
    assert sorted(str(pk) for pk in Backup.objects.values_list("pk", flat=True)) == IDS[2:]


@pytest.mark.parametrize(
    ("words", "leads_to"),
    [
        ({"id": IDS[:1], "query": "status=error"}, f"/api/backups.csv?id={IDS[0]}"),
        ({"query": "status=error&kind=&columns=size&live=off"}, "/api/backups.csv?status=error"),
        ({"all": "1", "query": "", "id": IDS[:1]}, "/api/backups.csv"),
    ],
)
def test_an_export_holds_the_ticked_else_all_that_match(
    web: Client, words: dict[str, Any], leads_to: str
) -> None:
    answer = bulk(web, do="export", **words)
    assert answer["Location"] == leads_to
    plain = web.get(leads_to)
    assert (plain.status_code, plain.getvalue()[:3]) == (200, b"id,")
    answer = bulk(web, do="export_for_excel", **words)
    assert answer["Location"] == f"{leads_to}{'&' if '?' in leads_to else '?'}excel=1"
    assert web.get(answer["Location"]).getvalue()[:6] == b"\xef\xbb\xbfid,"


def test_a_query_that_is_not_understood_changes_nothing(web: Client) -> None:
    answer = bulk(web, do="refresh", all="1", query="colour=red&status=error")
    assert (answer.status_code, due()) == (400, [])


def test_one_press_follows_the_disks_of_what_was_added(web: Client) -> None:
    batch = uuid.uuid4()
    Backup.objects.update(added_batch=batch)
    page = web.get("/backups/", {"added": str(batch)}).content.decode()
    assert re.findall(r"<b>(\d added)\.</b>", page) == ["4 added"]
    assert page.count("Follow new backups of these disks from now on") == 1
    web.post("/backups/follow-added/", {"added": str(batch)})
    assert list(Volume.objects.values_list("follow", flat=True)) == [True] * 4
    page = web.get("/backups/", {"added": str(batch)}).content.decode()
    assert "Follow new backups" not in page


def test_the_list_of_a_batch_and_its_export_hold_just_that_batch(web: Client) -> None:
    batch = uuid.uuid4()
    added_at = timezone.now() - timedelta(minutes=3)
    Backup.objects.filter(pk__in=IDS[:2]).update(added_batch=batch, tracked_at=added_at)
    page = web.get("/backups/", {"added": str(batch)})
    assert sorted(listed(page)) == sorted(IDS[:2])
    assert re.findall(r"<b>(\d added)\.</b>", page.content.decode()) == ["2 added"]
    query = f"added={batch}"
    exported = web.get(bulk(web, do="export", all="1", query=query)["Location"])
    lines = exported.getvalue().decode().strip().splitlines()
    assert len(lines) == 3
    bulk(web, do="untrack", all="1", sure="1", query=query)
    assert sorted(str(pk) for pk in Backup.objects.values_list("pk", flat=True)) == sorted(IDS[2:])
    gone = bulk(web, do="export", all="1", query=query)
    assert gone["Location"] == f"/backups/?{query}"


@pytest.mark.parametrize("path", ["/api/backups/", "/api/backups.csv"])
def test_the_api_has_no_filter_by_batch(web: Client, path: str) -> None:
    assert web.get(path, {"added": str(uuid.uuid4())}).status_code == 400


@pytest.mark.parametrize(
    "added", ["yesterday", "2026-11-24", "2026-11-24T10:00:00.123456Z", "9999999999999"]
)
def test_an_address_that_names_no_batch_leads_to_the_plain_list(web: Client, added: str) -> None:
    answer = web.get("/backups/", {"added": added, "tracked_at_after": added})
    assert (answer.status_code, answer["Location"]) == (302, "/backups/?view=all")
    web.post("/backups/follow-added/", {"added": added})
    assert set(Volume.objects.values_list("follow", flat=True)) == {None}


@pytest.fixture
def simulated(settings: Any, tmp_path: Any) -> Iterator[Simulator]:
    with Simulator(backups=30, clock=timezone.now) as running:
        (tmp_path / "clouds.yaml").write_text(running.clouds_yaml("sim", vbs_requests_per_second=0))
        settings.CLOUDS = load_clouds(
            {"OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml")}, cwd=tmp_path, home=tmp_path
        )
        yield running
        registry.forget_clients()


def listed(page: Any) -> list[str]:
    return re.findall(r'<span class="id cut">([0-9a-f-]{36})</span>', page.content.decode())


def test_what_the_cloud_lists_can_be_picked_and_is_tracked(
    web: Client, simulated: Simulator, clock: time_machine.Traveller
) -> None:
    clock.shift(1)  # what the fixture tracked was added before
    page = web.get("/backups/add/discover/?cloud=sim")
    offered = re.findall(r'name="backup_ids"\s+value="([^"]*)"', page.content.decode())
    assert (len(offered), sorted(offered) == sorted(listed(page))) == (31, True)
    answer = web.post("/backups/add/", {"cloud": "sim", "backup_ids": offered[:3]})
    assert sorted(listed(web.get(answer["Location"]))) == sorted(offered[:3])
    again = web.get("/backups/add/discover/?cloud=sim").content.decode()
    titles = re.findall(r"<th[^>]*rowgroup[^>]*>\s*([^<]+?)\s*<span[^>]*>(\d+)<", again)
    assert titles == [("Not tracked yet", "28"), ("Tracked already", "3")]
    assert again.count('name="backup_ids"') == 28
    assert listed(web.get("/backups/add/discover/?cloud=sim"))[28:] == sorted(
        offered[:3], key=listed(page).index
    )


def test_what_a_cloud_lists_stands_by_what_its_disks_are_called(
    web: Client, simulated: Simulator
) -> None:
    registry.ensure_rows()
    for number, name in enumerate(("web", "db", None)):
        volume_id = str(uuid.UUID(int=500 + number))
        body = {"id": str(uuid.UUID(int=600 + number)), "name": f"of {name}", "status": "available"}
        simulated.add({**body, "volume_id": volume_id})
        Volume.objects.create(
            cloud_id="sim", volume_id=volume_id, name=name, first_seen_at=timezone.now()
        )
    text = web.get("/backups/add/discover/?cloud=sim").content.decode()
    assert text.index("of db") < text.index("of web") < text.index("of None")
    assert "<bdi>db</bdi>" in text


def test_one_disk_of_the_cloud_is_found_by_its_id(web: Client, simulated: Simulator) -> None:
    body = {"id": str(uuid.UUID(int=77)), "status": "available", "volume_id": "only-this"}
    simulated.add(body)
    assert listed(web.get("/backups/add/discover/?cloud=sim&volume_id=only-this")) == [body["id"]]


def test_one_disk_of_the_cloud_is_found_by_what_it_is_called(
    web: Client, simulated: Simulator
) -> None:
    registry.ensure_rows()
    for number, name in enumerate(("db-01", "db-010", "web")):
        volume_id = str(uuid.UUID(int=500 + number))
        body = {"id": str(uuid.UUID(int=600 + number)), "status": "available"}
        simulated.add({**body, "volume_id": volume_id})
        Volume.objects.create(
            cloud_id="sim", volume_id=volume_id, name=name, first_seen_at=timezone.now()
        )
    for text, number in (("DB-01", 0), ("b-010", 1), ("we", 2), (str(uuid.UUID(int=502)), 2)):
        page = web.get("/backups/add/discover/", {"cloud": "sim", "volume_id": text})
        assert listed(page) == [str(uuid.UUID(int=600 + number))]
    calls = len(simulated.requests)
    page = web.get("/backups/add/discover/?cloud=sim&volume_id=db")
    assert "“db” may be 2 disks: db-01, db-010." in page.content.decode()
    assert len(simulated.requests) == calls


@pytest.mark.parametrize("volume_id", [uuid.UUID(int=5).hex, str(uuid.UUID(int=5))])
def test_a_disk_is_asked_for_as_its_cloud_writes_it(
    web: Client, simulated: Simulator, volume_id: str
) -> None:
    simulated.add({"id": str(uuid.UUID(int=77)), "status": "available", "volume_id": volume_id})
    registry.ensure_rows()
    Volume.objects.create(cloud_id="sim", volume_id=volume_id, first_seen_at=timezone.now())
    for spelling in (str(uuid.UUID(int=5)).upper(), uuid.UUID(int=5).hex, uuid.UUID(int=5).urn):
        query = {"cloud": "sim", "volume_id": spelling}
        assert listed(web.get("/backups/add/discover/", query)) == [str(uuid.UUID(int=77))]
        answer = web.get("/api/clouds/sim/backups/", {"volume_id": spelling})
        assert [row["id"] for row in answer.json()["results"]] == [str(uuid.UUID(int=77))]


def test_a_cloud_that_does_not_answer_is_said_in_words(web: Client, simulated: Simulator) -> None:
    simulated.stop()
    page = web.get("/backups/add/discover/?cloud=sim")
    [said] = re.findall(r'role="alert">\s*<bdi>([^<]*)<', page.content.decode())
    assert (page.status_code, said.startswith("sim did not give its list.")) == (200, True)


@pytest.mark.parametrize("query", ["cloud=nowhere", "cloud=sim&offset=-1", "cloud=sim&offset=x"])
def test_what_cannot_be_asked_is_said_beside_the_form(
    web: Client, simulated: Simulator, query: str
) -> None:
    page = web.get(f"/backups/add/discover/?{query}")
    assert (page.status_code, page.content.decode().count('role="alert"')) == (200, 1)
    assert simulated.requests == []
