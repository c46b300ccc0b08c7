"""The list of disks: heads that order, chosen columns, CSV, saved views, as the list of backups."""

import csv
import io
import json
import re
from collections.abc import Sequence
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backups.edits import tokens, volume_edits
from backups.edits.common import Actor
from backups.models import SavedView, Volume
from backups.query.public_fields import VOLUME_FIELDS
from backups.tests.accounts import make_operator
from backups.tests.web.test_grid import otc, text_of, volume
from backups.web.volume_columns import COLUMNS

__all__ = ["otc"]
pytestmark = [pytest.mark.either, pytest.mark.django_db]
TITLES = re.compile(r'<tr id="d-.*?<th scope="row".*?<bdi>(.*?)</bdi>', re.DOTALL)
HEADS = re.compile(r'<th role="columnheader".*?</th>', re.DOTALL)


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


def titles(page: str) -> list[str]:
    return [unescape(title) for title in TITLES.findall(page)]


def heads(page: str) -> list[str]:
    """The words of the heads before the days."""
    texts = [re.sub(r"<[^>]*>", " ", head) for head in HEADS.findall(page)]
    return [" ".join(text.split()) for text in texts]


def href_of_head(page: str, label: str) -> str:
    [head] = [head for head in HEADS.findall(page) if label in head]
    return unescape(re.findall(r'href="([^"]*)"', head)[0])


def csv_rows(answer: Any) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_a_press_on_a_head_orders_all_disks_and_a_second_one_turns_it(web: Client) -> None:
    volume("young", 0)
    volume("old", 3)
    volume("never")
    page = text_of(web.get("/volumes/?q=&cloud=otc", follow=True))
    href = href_of_head(page, "Would be lost")
    page = text_of(web.get(f"/volumes/{href}"))
    assert titles(page) == ["old", "young", "never"]
    assert "3 matching, oldest restore point first" in page
    assert 'aria-sort="ascending"' in page
    page = text_of(web.get(f"/volumes/{href_of_head(page, 'Would be lost')}"))
    assert titles(page) == ["young", "old", "never"]


def test_what_orders_the_list_shows_in_each_window_that_has_columns(web: Client) -> None:
    volume("db", 0)
    [chain] = [head for head in HEADS.findall(text_of(web.get("/volumes/"))) if "Chain" in head]
    assert 'class="num p5"' in chain
    page = text_of(web.get("/volumes/?ordering=-chain_size_mb"))
    [chain] = [head for head in HEADS.findall(page) if "Chain" in head]
    assert 'class="num p2"' in chain


def test_columns_stand_in_the_order_of_the_address_and_unknown_ones_are_named(web: Client) -> None:
    volume("db", 0)
    page = text_of(web.get("/volumes/?columns=size,loss&columns=volume_id&columns=colour"))
    assert heads(page) == ["Disk", "Size GB", "Would be lost", "ID"]
    assert "There is no column <code>colour</code> (any more)" in page
    moved = web.get("/volumes/?columns=size&columns=loss&earlier=loss")
    assert moved["Location"] == "/volumes/?columns=loss&columns=size&menu=columns"


@pytest.mark.parametrize("column", [column.field for column in COLUMNS])
def test_each_column_is_written_for_a_disk_of_which_much_and_of_which_nothing_is_known(
    web: Client, column: str
) -> None:
    volume("db", 0, 3)
    Volume.objects.create(cloud_id="otc", volume_id="x" * 255, first_seen_at=timezone.now())
    answer = web.get(f"/volumes/?columns={column}&columns=cloud&days=365")
    assert (answer.status_code, len(titles(text_of(answer)))) == (200, 2)


def test_filter_and_chooser_keep_order_days_and_other_filters(web: Client) -> None:
    volume("db", 0)
    page = text_of(web.get("/volumes/?ordering=-size&days=7&tracked_min=1&density=compact"))
    for name, value in {"ordering": "-size", "days": "7", "tracked_min": "1"}.items():
        assert page.count(f'<input type="hidden" name="{name}" value="{value}">') == 2, name


def test_fifty_disks_are_a_page(web: Client) -> None:
    now = timezone.now()
    disks = [Volume(cloud_id="otc", volume_id=f"d-{n:02}", first_seen_at=now) for n in range(60)]
    Volume.objects.bulk_create(disks)
    page = text_of(web.get("/volumes/?ordering=volume_id"))
    assert titles(page) == [f"d-{n:02}" for n in range(50)]
    [href] = re.findall(r'rel="next" href="([^"]*)"', page)
    page = text_of(web.get(f"/volumes/{unescape(href)}"))
    assert titles(page) == [f"d-{n:02}" for n in range(50, 60)]


def links_to_csv(page: str) -> Sequence[str]:
    return [unescape(href) for href in re.findall(r'href="(/api/volumes\.csv[^"]*)"', page)]


def test_the_csv_holds_what_the_list_finds_in_its_order(web: Client) -> None:
    volume("b", 0)
    volume("a", 2)
    volume("c", known_days=1)
    volume_edits.set_label([("otc", "a")], "=1+1", actor=Actor("x", timezone.now()))
    page = text_of(
        web.get("/volumes/?ordering=last_good_at&columns=size&days=90&protection=protected")
    )
    plain, excel = links_to_csv(page)
    assert plain == "/api/volumes.csv?ordering=last_good_at&protection=protected"
    assert [row["volume_id"] for row in csv_rows(web.get(plain))] == ["b"]
    rows = csv_rows(web.get("/api/volumes.csv?ordering=last_good_at"))
    assert [row["volume_id"] for row in rows] == ["a", "b", "c"]
    assert tuple(rows[0]) == VOLUME_FIELDS
    assert rows[0]["label"] == "'=1+1"
    assert json.loads(rows[0]["loss"])["seconds"] == 50 * 3600
    assert rows[2]["last_good_at"] == ""
    marked = b"".join(web.get(excel).streaming_content).decode()  # type: ignore[attr-defined]
    assert marked.startswith("\ufeffcloud,")


def test_the_csv_is_ordered_by_attention_as_the_page_is_and_takes_fields(web: Client) -> None:
    volume("fine", 0)
    volume("over", 5)
    volume("never", known_days=3)
    rows = csv_rows(web.get("/api/volumes.csv?fields=volume_id,protection"))
    assert [tuple(row.values()) for row in rows] == [
        ("over", "overdue"),
        ("never", "never"),
        ("fine", "protected"),
    ]
    assert web.get("/api/volumes.csv?fields=colour").status_code == 400
    assert web.get("/api/volumes.csv?protection=fine").status_code == 400


def test_a_view_of_the_disks_stands_above_the_disks_and_not_above_the_backups(web: Client) -> None:
    volume("db", 0)
    form = {"query": "protection=never&days=90&cursor=x", "name": "Gaps", "list": "volumes"}
    answer = web.post("/account/views/", form | {"default": "on"})
    assert answer["Location"] == "/volumes/?protection=never&days=90"
    view = SavedView.objects.get()
    assert (view.list_name, view.is_default) == ("volumes", False)
    page = text_of(web.get(answer["Location"]))
    assert re.findall(r'aria-current="page">\s*<bdi>([^<]*)', page) == ["Gaps"]
    assert "<bdi>Gaps</bdi>" not in text_of(web.get("/backups/"))
    assert 'href="/volumes/?protection=never&amp;days=90"' in web.get("/account/").content.decode()
    assert web.post(f"/account/views/{view.pk}/default/").status_code == 404


def test_the_api_keeps_views_of_both_lists_and_checks_each_by_its_own(web: Client) -> None:
    user = make_operator("script")
    key = tokens.create(user=user, now=timezone.now(), name="key").key
    script = Client(headers={"Authorization": f"Bearer {key}"})

    def put(**body: object) -> Any:
        return script.put("/api/views/mine/", body, content_type="application/json")

    answer = put(query="protection=never&days=7&columns=size", list="volumes")
    assert (answer.status_code, answer.json()["list"]) == (200, "volumes")
    assert put(query="protection=never").status_code == 400
    assert put(query="status=error", list="volumes").status_code == 400
    assert put(query="", list="volumes", is_default=True).status_code == 400
    assert put(query="", list="clouds").status_code == 400
    answer = put(query="status=error&density=compact", is_default=True)
    assert answer.json() == {
        "name": "mine",
        "query": "status=error&density=compact",
        "is_default": True,
        "list": "backups",
    }
    put(query="protection=never", list="volumes")
    assert SavedView.objects.get(user=user).is_default is False
