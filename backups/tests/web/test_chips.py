"""What filters a list, in words, and addresses that hold only what is set."""

import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.test import Client

from backups.models import Role
from backups.query.backups import BACKUPS
from backups.query.list_query import parse
from backups.tests.accounts import make_account
from backups.tests.screen import track_samples
from backups.web.chips import chips, title

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("status=error", "Status: error"),
        ("status=error&status=error_deleting&status=error_restoring", "Status: failed"),
        ("status=creating&status=error", "Status: creating or error"),
        ("tracking_state=stale", "Knowledge: not known now"),
        ("encrypted=true", "Encrypted: yes"),
        ("q=mail store", "Search: mail store"),
        ("size_min=1500", "Size at least 1\u202f500 GB"),
        ("created_at_after=2026-11-21T23:00:00Z", "Created from 22 Nov 2026"),
        ("created_at_after=2026-11-21", "Created from 21 Nov 2026, 01:00"),
        ("created_at_before=2026-11-21", "Created until 22 Nov 2026, 00:59"),
        ("created_at_before=2026-11-21T22:59:59.999999Z", "Created until 21 Nov 2026"),
        ("cause=77af", "Cause: the disk is full"),
    ],
)
def test_a_filter_is_said_in_words_and_in_the_readers_zone(query: str, text: str) -> None:
    address = QueryDict(f"{query}&columns=note&cursor=abc")
    selection = parse(address, BACKUPS, ignored_keys=("cursor", "columns"))
    shown = chips(address, selection, BERLIN, cause="the disk is full")
    assert [(chip.text, chip.href) for chip in shown] == [(text, "?columns=note")]


def test_the_title_of_a_tab_carries_the_count_and_the_filters() -> None:
    address = QueryDict("status=error&status=error_deleting&status=error_restoring")
    shown = chips(address, parse(address, BACKUPS), BERLIN)
    assert title("Backups", 1240, shown) == "1\u202f240 failed · Backups"
    assert title("Backups", 7, []) == "7 Backups"


@pytest.fixture
def web(client: Client, settings: Any, db: None) -> Client:
    track_samples(settings)
    client.force_login(make_account("reader", role=Role.ADMIN))
    return client


@pytest.mark.either
@pytest.mark.parametrize(
    ("address", "clean"),
    [
        ("/backups/?q=&status=error&cloud=&size_min=+", "/backups/?status=error"),
        ("/backups/?q=&status=", "/backups/?view=all"),
        ("/volumes/?q=a&protection=&tag=", "/volumes/?q=a"),
        ("/volumes/?q=&protection=", "/volumes/"),
        ("/failures/?q=&cloud=otc", "/failures/?cloud=otc"),
        ("/audit/?q=&verb=", "/audit/"),
        ("/users/?q=", "/users/"),
    ],
)
def test_an_address_with_blank_fields_leads_to_the_clean_one(
    web: Client, address: str, clean: str
) -> None:
    answer = web.get(address)
    assert (answer.status_code, answer["Location"]) == (302, clean)
    assert web.get(clean).status_code == 200


@pytest.mark.either
def test_each_chip_leads_to_the_list_without_it_and_the_tab_counts(web: Client) -> None:
    page = web.get("/backups/?status=error&kind=full").content.decode()
    removing = re.findall(r'<a href="([^"]+)" aria-label="Remove filter ([^"]+)"', page)
    assert removing == [("?kind=full", "Status: error"), ("?status=error", "Kind: full")]
    count = re.search(r'id="matching">(\d+) matching', page)
    assert count is not None
    assert f"<title>{count[1]} error, full · Backups · vbsdash</title>" in page
    headers = {"HX-Request": "true", "HX-Trigger": "live"}
    poll = web.get("/backups/?status=error&kind=full", headers=headers)
    assert poll.content.decode().startswith(f"<title>{count[1]} error, full · Backups")
    bare = web.get("/volumes/?protection=unknown").content.decode()
    assert '<a href="?" aria-label="Remove filter Protection: unknown"' in bare
