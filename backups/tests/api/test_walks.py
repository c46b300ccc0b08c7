"""A walk of all pages in the steady order misses nothing, whatever is written meanwhile."""

import random
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backups.api import table
from backups.models import Backup, Cloud, Volume
from backups.query.backups import BACKUPS
from backups.query.volumes import VOLUMES
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.tests.accounts import make_operator
from backups.tests.api.test_backups import otc
from backups.tests.described import DescribedClient
from backups.vbs import payload

__all__ = ["otc"]
pytestmark = pytest.mark.django_db
COUNT = 120


@pytest.fixture
def api() -> Client:
    client = DescribedClient()
    client.force_login(make_operator("operator"))
    return client


@pytest.fixture
def ids() -> list[str]:
    """Tracked, and not answered for yet."""
    dice = random.Random(3)
    Cloud.objects.create(name="otc", last_good_at=timezone.now())
    made = [uuid.UUID(int=dice.getrandbits(128)) for _ in range(COUNT)]
    now = timezone.now()
    Backup.objects.bulk_create(Backup(id=pk, cloud_id="otc", tracked_at=now) for pk in made)
    return sorted(str(pk) for pk in made)


def decode_some(number: int) -> None:
    """Answers come in: every third backup gets a time, a name and a status, in another order."""
    now = timezone.now()
    answers = []
    for place, pk in enumerate(Backup.objects.order_by("id").values_list("pk", flat=True)):
        if place % 3 == number % 3:
            body = {
                "id": str(pk),
                "status": random.Random(place + number).choice(["available", "error"]),
                "name": f"{(place * 7919) % 100}-{number}",
                "created_at": (now - timedelta(hours=(place * 7919) % 1000)).isoformat(),
            }
            answers.append(Fetched(pk, now + timedelta(minutes=number), payload.receive(body)))
    apply("otc", answers)


def walk(
    api: Client,
    address: str,
    *,
    key: str = "id",
    follow: str = "next",
    meanwhile: Callable[[int], None],
) -> list[str]:
    walked: list[str] = []
    number = 0
    following: str | None = address
    while following:
        page: Any = api.get(following).json()
        ids = [row[key] for row in page["results"]]
        walked = walked + ids if follow == "next" else ids + walked
        following = page[follow]
        meanwhile(number)
        number += 1
    return walked


@pytest.mark.parametrize(
    "filters", ["", "&cloud=otc", "&tracking_state=pending&tracking_state=fresh"]
)
@pytest.mark.parametrize("ordering", ["id", "-id"])
def test_a_walk_by_id_misses_nothing_while_backups_are_decoded(
    api: Client, ids: list[str], ordering: str, filters: str
) -> None:
    address = f"/api/backups/?ordering={ordering}&limit=7&fields=id,created_at{filters}"
    expected = ids if ordering == "id" else ids[::-1]
    assert walk(api, address, meanwhile=decode_some) == expected


@pytest.mark.parametrize("ordering", ["id", "-id"])
def test_a_walk_by_id_goes_back_as_it_came(api: Client, ids: list[str], ordering: str) -> None:
    expected = ids if ordering == "id" else ids[::-1]
    address = f"/api/backups/?ordering={ordering}&limit=50"
    middle = api.get(api.get(address).json()["next"]).json()
    assert [row["id"] for row in middle["results"]] == expected[50:100]
    assert [row["id"] for row in api.get(middle["previous"]).json()["results"]] == expected[:50]
    last = api.get(middle["next"]).json()
    assert (last["next"], len(last["results"])) == (None, 20)
    decode_some(1)
    backwards = walk(api, last["previous"], follow="previous", meanwhile=decode_some)
    assert backwards == expected[:100]


def test_a_walk_by_id_misses_nothing_while_backups_are_added_and_untracked(
    api: Client, ids: list[str]
) -> None:
    def change(number: int) -> None:
        Backup.objects.filter(pk=ids[number]).delete()
        Backup.objects.create(id=uuid.uuid4(), cloud_id="otc", tracked_at=timezone.now())

    walked = walk(api, "/api/backups/?ordering=id&limit=9", meanwhile=change)
    assert walked == sorted(walked)
    assert len(set(walked)) == len(walked)
    assert set(ids) <= set(walked)


def test_the_page_and_the_csv_are_ordered_by_id(api: Client, ids: list[str]) -> None:
    csv: Any = api.get("/api/backups.csv?ordering=-id&fields=id")
    assert b"".join(csv.streaming_content).decode().split() == ["id", *ids[::-1]]
    page = api.get("/backups/?ordering=id").content.decode()
    assert page.index(f"/backups/{ids[0]}/") < page.index(f"/backups/{ids[1]}/")
    assert f"/backups/{ids[-1]}/" not in page


@pytest.mark.parametrize("query", ["", "&cloud=otc", "&ordering=name", "&ordering=-attention"])
def test_a_csv_in_any_order_misses_nothing_while_backups_are_decoded(
    api: Client, ids: list[str], monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(table, "ROWS_PER_QUERY", 7)
    csv: Any = api.get(f"/api/backups.csv?fields=id{query}")
    lines: list[str] = []
    for number, chunk in enumerate(csv.streaming_content):
        lines += chunk.decode().split()
        if number:
            decode_some(number)
    assert lines[0] == "id"
    assert sorted(lines[1:]) == ids


def test_a_walk_of_volumes_by_their_ids_misses_nothing(api: Client) -> None:
    now = timezone.now()
    Cloud.objects.create(name="otc", last_good_at=now, backups_listed_at=now)
    names = [f"v{number:02d}" for number in range(40)]
    Volume.objects.bulk_create(
        Volume(cloud_id="otc", volume_id=name, first_seen_at=now) for name in names
    )

    def change(number: int) -> None:
        Volume.objects.filter(volume_id__endswith=str(number)).update(
            name=f"z{number}", overdue_at=now, late_at=now, last_good_at=now
        )

    address = "/api/volumes/?ordering=volume_id&limit=6"
    assert walk(api, address, key="volume_id", meanwhile=change) == names


def test_the_steady_order_is_described() -> None:
    assert (BACKUPS.steady_order, VOLUMES.steady_order) == ("id", "volume_id")
