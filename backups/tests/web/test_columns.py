"""Which columns a list shows, in which order, and where a reason finds room between them."""

import re
import uuid
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from backups.models import SavedView
from backups.tests.accounts import make_operator
from backups.tests.otc import configure, silent
from backups.tests.web.test_pages import body, track
from backups.web.backup_columns import COLUMNS
from backups.web.columns import Column, RoomCell, chosen_columns, moved, room_in

A = Column("a", "A")
B = Column("b", "B", shows_from="p3")
C = Column("c", "C", shows_from="p5")
D = Column("d", "D", "volume_and_cloud")
ALL = (A, B, C, D)
FULL = dict.fromkeys("abcd", 1)


@pytest.fixture
def web(client: Client, settings: Any, tmp_path: Any) -> Client:
    configure(settings, tmp_path, silent("otc"))
    client.force_login(make_operator("operator"))
    return client


@pytest.mark.parametrize("query", ["columns=c&columns=a", "columns=c,a", "columns=c,a,c"])
def test_chosen_columns_stand_in_the_order_of_the_address_and_show_at_each_width(
    query: str,
) -> None:
    chosen = chosen_columns(QueryDict(query), ALL)
    assert [(column.field, column.css) for column in chosen.columns] == [("c", ""), ("a", "")]
    assert [(one.column.field, one.is_chosen) for one in chosen.offered] == [
        ("c", True),
        ("a", True),
        ("b", False),
        ("d", False),
    ]
    assert chosen.own


def test_who_chose_none_gets_the_usual_columns_of_the_width() -> None:
    chosen = chosen_columns(QueryDict("columns="), ALL)
    assert [column.css for column in chosen.columns] == ["p2", "p3", "p5", "p2"]
    assert not chosen.own


@pytest.mark.parametrize(
    ("press", "expected"),
    [
        ("earlier=c", ["a", "c", "b"]),
        ("later=a", ["b", "a", "c"]),
        ("earlier=a", ["a", "b", "c"]),
        ("later=c", ["a", "b", "c"]),
        ("later=nonsense", ["a", "b", "c"]),
    ],
)
def test_an_arrow_moves_a_column_by_one_place(press: str, expected: list[str]) -> None:
    address = moved(QueryDict(f"status=error&columns=a&columns=b&columns=c&{press}"))
    assert address is not None
    assert dict(address.lists()) == {"status": ["error"], "columns": expected, "menu": ["columns"]}


def test_no_arrow_no_move() -> None:
    assert moved(QueryDict("columns=a")) is None


@pytest.mark.parametrize(
    ("empty", "place", "cells", "elsewhere"),
    [
        # "c" shows only in wide windows: the others have it elsewhere.
        ("c", (2, 3), [RoomCell(1, "p5")], "until-p5"),
        ("bc", (1, 3), [RoomCell(1, "p3 until-p5"), RoomCell(2, "p5")], "until-p3"),
        ("a", (0, 1), [RoomCell(1, "")], ""),
        (
            "abc",
            (0, 3),
            [RoomCell(1, "until-p3"), RoomCell(2, "p3 until-p5"), RoomCell(3, "p5")],
            "",
        ),
        ("ac", (0, 1), [RoomCell(1, "")], ""),
    ],
)
def test_the_room_of_a_reason_is_as_many_columns_as_show_at_a_width(
    empty: str, place: tuple[int, int], cells: list[RoomCell], elsewhere: str
) -> None:
    row: dict[str, object] = FULL | dict.fromkeys(empty, None)
    room = room_in(ALL, row)
    assert room is not None
    assert ((room.begin, room.end), room.cells, room.elsewhere) == (place, cells, elsewhere)


def test_where_a_narrow_window_shows_one_number_of_the_room_its_cell_is_empty() -> None:
    number = Column("a", "A", "number")
    room = room_in([number, B], {"a": None, "b": None})
    assert room is not None
    assert room.cells == [RoomCell(1, "p2 until-p3", says=False), RoomCell(2, "p3")]
    assert room.elsewhere == "until-p3"


def test_a_reason_has_no_room_over_a_single_number_and_where_each_column_says_something() -> None:
    assert room_in(ALL, FULL) is None
    assert room_in(ALL, FULL | {"d": None}) is None  # There is always a cloud in this one.
    assert room_in([Column("a", "A", "number")], {"a": None}) is None


@pytest.mark.django_db
@pytest.mark.either
def test_an_arrow_works_without_a_script_and_leaves_the_chooser_open(web: Client) -> None:
    answer = web.get("/backups/?columns=size&columns=kind&status=error&earlier=kind")
    assert answer["Location"] == "/backups/?columns=kind&columns=size&status=error&menu=columns"
    page = web.get(answer["Location"]).content.decode()
    assert re.search(r'name="list" open>\s*<summary[^>]*>.*?Columns', page, re.DOTALL)
    # The menu that is open is no filter, and stands in no other link.
    assert "menu=columns" not in "".join(re.findall(r'<th role="columnheader".*?</th>', page))


@pytest.mark.django_db
@pytest.mark.either
def test_a_failed_row_says_why_in_place_of_its_empty_columns(web: Client) -> None:
    track(body(1, status="error", fail_reason="Quota used up", size=4), body(2, size=4))
    page = web.get("/backups/?columns=size,chain_size_mb,throughput_mb_s").content.decode()
    failed, good = [
        re.findall(r"<td[^>]*>", page.split(f'id="b-{uuid.UUID(int=number)}"')[1].split("</tr>")[0])
        for number in (1, 2)
    ]
    assert len(failed) == len(good) - 1
    [room] = [cell for cell in failed if "colspan" in cell]
    assert room == '<td role="cell" class="room " colspan="2" title="Quota used up">'


@pytest.mark.django_db
@pytest.mark.either
def test_a_reason_without_room_stands_below_the_status(web: Client) -> None:
    track(body(1, status="error", fail_reason="Quota used up", size=4))
    page = web.get("/backups/?columns=size,chain_size_mb").content.decode()
    state = re.findall(r'<td role="cell" class="state">(.*?)</td>', page, re.DOTALL)[0]
    assert "Quota used up" in state


@pytest.mark.django_db
@pytest.mark.either
def test_each_column_can_be_shown(web: Client) -> None:
    track(body(1, size=4))
    for column in COLUMNS:
        assert (column.field, web.get(f"/backups/?columns={column.field}").status_code) == (
            column.field,
            200,
        )


def density_of(page: Any) -> list[str]:
    return re.findall(r'<table class="t sticky stack( compact)?"', page.content.decode())


@pytest.mark.django_db
@pytest.mark.either
def test_the_density_is_kept_by_the_account_and_an_address_may_ask_for_another(
    web: Client,
) -> None:
    track(body(1, size=4))
    assert density_of(web.get("/backups/")) == [""]
    back = {"compact": "on", "next": "/backups/?status=available"}
    assert web.post("/account/density/", back)["Location"] == "/backups/?status=available"
    assert density_of(web.get("/backups/")) == [" compact"]
    asked = web.get("/backups/?density=roomy")
    assert density_of(asked) == [""]
    # What is pressed counts from then on, so the form leads to an address that asks for none.
    assert 'name="next" value="/backups/"' in asked.content.decode()
    # The list was searched since: the browser tells from which address.
    referer = {"Referer": "http://testserver/backups/?q=db&density=compact"}
    assert web.post("/account/density/", back, headers=referer)["Location"] == "/backups/?q=db"
    web.post("/account/views/", {"name": "Wall", "query": "density=compact&status=error"})
    assert SavedView.objects.get().query == "density=compact&status=error"
    web.post("/account/density/", {"compact": "off"})
    assert density_of(web.get("/backups/")) == [""]


@pytest.mark.django_db
@pytest.mark.either
@pytest.mark.parametrize("path", ["/backups/", "/volumes/"])
def test_a_density_that_there_is_not_is_refused_by_name(web: Client, path: str) -> None:
    page = web.get(f"{path}?density=dense&q=db")
    assert page.status_code == 400
    assert "cannot be “dense”. It can be: compact, roomy." in page.content.decode()
    assert f'href="{path}?q=db"' in page.content.decode()


@pytest.mark.django_db
@pytest.mark.either
def test_sizes_of_a_column_have_one_unit_and_say_what_was_given(web: Client) -> None:
    track(body(1, size=40), body(2, size=2000), body(3, size=1024))
    page = web.get("/backups/?columns=size&ordering=size").content.decode()
    head = page.split("<thead")[1].split("</thead>")[0]
    assert re.findall(r'<span class="unit">([^<]*)</span>', head) == ["TB"]
    cells = re.findall(r'<td role="cell" class="num" data-label="Size">(.*?)</td>', page)
    assert [re.sub("<[^>]*>", "", cell) for cell in cells] == [
        "0.039 (40 GB)",
        "1 (1\u202f024 GB)",
        "1.95 (2\u202f000 GB)",
    ]
    assert 'title="40 GB"' in cells[0]
    assert web.get("/api/backups/?ordering=size").json()["results"][0]["size"] == 40
