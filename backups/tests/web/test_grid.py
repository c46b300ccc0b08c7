"""The grid of days: how many, what their cells and drawings say, and what leads where."""

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backups.analysis.calendar import midnight
from backups.derived import volumes
from backups.models import Backup, Cloud, Role, Volume
from backups.tests.accounts import make_account, make_operator
from backups.web import grid, status

pytestmark = [pytest.mark.either, pytest.mark.django_db]
HTMX = {"HX-Request": "true"}
SHAPES = re.compile(r'<td class="c (c-\w+)')


@pytest.fixture(autouse=True)
def otc() -> None:
    now = timezone.now()
    Cloud.objects.create(
        name="otc", last_good_at=now, attempted_at=now, backups_listed_at=now, follow="all"
    )


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


def volume(volume_id: str, *days_ago: float, known_days: float = 400, **words: Any) -> None:
    """A disk with a backup so many days ago each, two hours before this time of the day."""
    now = timezone.now()
    rows = []
    plain = {"status": "available", "outcome": "good", "kind": "full"}
    for days in days_ago:
        made_at = now - timedelta(days=days, hours=2)
        row = Backup(
            id=uuid.uuid5(uuid.NAMESPACE_OID, f"{volume_id} {days}"),
            cloud_id="otc",
            volume_id=volume_id,
            created_at=made_at,
            updated_at=made_at + timedelta(minutes=5),
            tracked_at=now,
            refreshed_at=now,
            stale_at=now + timedelta(hours=1),
            size=20,
            **plain | words,
        )
        rows.append(row)
    Backup.objects.bulk_create(rows)
    Volume.objects.create(
        cloud_id="otc",
        volume_id=volume_id,
        first_seen_at=now - timedelta(days=known_days),
        listed_backups=len(rows),
    )
    volumes.derive("otc", [volume_id], now)


def text_of(answer: Any, path: str = "") -> str:
    return unescape(answer.content.decode())


def letters_of(page: str) -> list[str]:
    """The states of the days of each row."""
    return re.findall(r'data-states="([^"]*)"', page)


@pytest.mark.parametrize("days", grid.CHOICES)
@pytest.mark.parametrize("path", ["/volumes/", "/volumes/otc/db/"])
def test_the_address_says_how_many_days_are_shown(web: Client, path: str, days: int) -> None:
    volume("db", 0, 1, 3, 40, 200)
    page = text_of(web.get(f"{path}?days={days}"))
    [letters] = letters_of(page)
    assert len(letters) == days
    assert letters.count("F") == {7: 3, 30: 3, 90: 4, 365: 5}[days]
    assert f'aria-current="true">{days}</a>' in page
    assert len(SHAPES.findall(page)) == (days if days <= grid.MOST_CELLS else 0)
    assert page.count("<path") >= 1


@pytest.mark.parametrize("path", ["/volumes/", "/volumes/otc/db/"])
def test_another_number_of_days_is_refused_in_a_sentence(web: Client, path: str) -> None:
    volume("db", 0)
    for text in ("31", "-7", "³0", "1e9", "x" * 5000):
        answer = web.get(path, {"days": text})
        assert answer.status_code == 400
        assert "It can be: 7, 30, 90, 365." in text_of(answer)


def test_the_choice_of_days_keeps_filters_and_filters_keep_the_days(web: Client) -> None:
    volume("db", 0)
    page = text_of(web.get("/volumes/?q=db&days=90&protection=protected"))
    assert 'href="?q=db&days=7&protection=protected"' in page
    assert '<input type="hidden" name="days" value="90">' in page


def test_a_year_of_a_row_is_one_drawing_with_words_for_those_who_do_not_see_it(
    web: Client,
) -> None:
    volume("db", *range(100), known_days=120)
    page = text_of(web.get("/volumes/?days=365"))
    said = "20 missed, 244 not known of 365 days"
    assert re.findall('aria-label="([^"]* of 365 days)"', page) == [said]
    drawing = re.findall(r'<svg viewBox="0 0 365 24".*?</svg>', page, re.DOTALL)[0]
    assert dict(re.findall(r'<path class="(c-\w+)" d="([^"]*)"', drawing)) == {
        "c-none": "M0 12h244",
        "c-idle": "M244 12h1",
        "c-over": "M245 20h20",
        "c-full": "M265 12h100",
    }
    assert re.findall(r'<td class="sum">\s*(.*?)\s*</td>', page) == [said]


def test_days_before_a_disk_was_known_are_in_the_legend_too(web: Client) -> None:
    volume("db", 0, known_days=0)
    page = text_of(web.get("/volumes/otc/db/"))
    assert SHAPES.findall(page).count("c-none") == 29
    keys = page.split('aria-label="What the shapes mean"', 1)[1].split("</ul>", 1)[0]
    assert "not known: before the disk was known here" in keys
    assert "29 not known of 30 days" in page


def test_today_of_an_overdue_disk_says_so(web: Client) -> None:
    volume("db", 5)
    volume("never", known_days=3)
    page = text_of(web.get("/volumes/"))
    today = re.findall(r'<td class="c (c-\w+) c-today" tabindex="0" title="([^"]*)"', page)
    assert today == [
        ("c-over", "missed: due, none seen; overdue today"),
        ("c-late", "overdue today"),
    ]
    volume("tried", 0, status="error", outcome="failed")
    page = text_of(web.get("/volumes/otc/tried/"))
    assert re.findall(r' c-today" .*? title="([^"]*)"', page) == ["failed; overdue today"]


def test_a_day_leads_to_what_was_made_then_in_the_zone_of_the_reader(web: Client) -> None:
    web.cookies["tz"] = "Pacific/Auckland"
    zone = ZoneInfo("Pacific/Auckland")
    volume("db", 0, 1, 2)
    now = timezone.now()
    made_at = now - timedelta(days=1, hours=2)
    page = text_of(web.get("/volumes/otc/db/"))
    on = made_at.astimezone(zone).date().isoformat()
    link = f"/volumes/otc/db/day/{on}/"
    assert f'<a href="{link}" title="full" tabindex="-1">' in page
    answer = web.get(link)
    assert answer.status_code == 302
    listed = text_of(web.get(answer["Location"]))
    assert re.findall(r'id="b-([0-9a-f-]*)"', listed) == [
        str(uuid.uuid5(uuid.NAMESPACE_OID, "db 1"))
    ]


def test_the_card_of_a_day_has_status_size_length_and_reason(web: Client) -> None:
    volume("db", 1, status="error", outcome="failed", fail_reason="<b>quota</b> used up")
    on = (timezone.now() - timedelta(days=1, hours=2)).date().isoformat()
    with CaptureQueriesContext(connection) as queries:
        answer = web.get(f"/volumes/otc/db/day/{on}/", headers=HTMX)
    card = " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())
    assert unescape(card) == ("error full · 20 GB · took 5 min <b>quota</b> used up Open the list")
    assert (len(queries), answer["Vary"].count("HX-Request")) == (8, 1)


def test_a_day_of_four_hundred_backups_has_a_card_of_a_few(web: Client) -> None:
    volume("db", *(1 + number / 100_000 for number in range(400)))
    on = (timezone.now() - timedelta(days=1, hours=2)).date().isoformat()
    card = text_of(web.get(f"/volumes/otc/db/day/{on}/", headers=HTMX))
    assert "All 400 of this day" in card
    assert card.count("· took") == 4


@pytest.mark.parametrize("on", ["yesterday", "2026-13-01", "0001-01-01", "9999-12-31", "20261124"])
def test_what_is_no_day_is_not_there(web: Client, on: str) -> None:
    expected = 302 if on == "20261124" else 404  # ISO 8601 has both
    assert web.get(f"/volumes/otc/db/day/{on}/").status_code == expected


def test_a_day_of_a_cloud_that_is_not_open_is_not_there(client: Client) -> None:
    volume("db", 1)
    client.force_login(make_account("nobody", role=Role.VIEWER, clouds=[]))
    assert client.get("/volumes/otc/db/day/2026-11-24/").status_code == 404


def test_failed_and_missed_days_are_a_list_too(web: Client) -> None:
    volume("db", 1, 2, status="error", outcome="failed")
    page = text_of(web.get("/volumes/otc/db/?days=7"))
    part = page.split("Failed and missed days as a list", 1)[1].split("</ul>", 1)[0]
    words = " ".join(re.sub(r"<[^>]*>", " ", part).split())
    now = timezone.now()
    first, last = now - timedelta(days=2, hours=2), now - timedelta(days=1, hours=2)
    assert f"{first.day} {first:%b} – {last.day} {last:%b} · failed, 2 days" in words
    [link] = re.findall(r'href="([^"]*)"', part)
    assert len(re.findall(r'id="b-', text_of(web.get(link)))) == 2


def test_each_letter_of_a_row_has_a_word() -> None:
    words = json.loads(grid.grid(QueryDict(), timezone.now(), ZoneInfo("UTC")).words)
    assert set(grid.LETTERS) == set(status.DAYS)
    assert len(set(grid.LETTERS.values())) == len(grid.LETTERS)
    assert words == {grid.LETTERS[state]: cell.text for state, cell in status.DAYS.items()}  # type: ignore[index]


def test_the_script_can_tell_where_each_day_begins_also_where_clocks_change() -> None:
    zone = ZoneInfo("Europe/Berlin")
    shown = grid.grid(QueryDict("days=365"), datetime(2026, 11, 24, 12, tzinfo=UTC), zone)
    changes = dict(pair.split("=") for pair in shown.begins.split(" "))
    assert len(changes) == 3
    begin = 0
    for number, day in enumerate(shown.days):
        begin = int(changes.get(str(number), begin + 86_400))
        assert begin == int(midnight(day, zone).timestamp())
