import re
import uuid
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from backups.derived import volumes
from backups.edits import volume_edits
from backups.edits.common import Actor
from backups.models import Backup, Cloud, Edit, Volume
from backups.tests.accounts import make_operator

pytestmark = [pytest.mark.either, pytest.mark.django_db]
ABSURD = '<script>alert("x")</script> \u202eشمال ' + "w" * 200
SET = "/volumes/set/"


@pytest.fixture(autouse=True)
def otc() -> None:
    """A cloud that answered a moment ago, whose backups are all followed."""
    now = timezone.now()
    Cloud.objects.create(
        name="otc", last_good_at=now, attempted_at=now, backups_listed_at=now, follow="all"
    )


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


def volume(volume_id: str, *backups: tuple[float, str, str]) -> None:
    """A disk with backups: hours ago, kind, status."""
    now = timezone.now()
    rows = [
        Backup(
            id=uuid.uuid4(),
            cloud_id="otc",
            volume_id=volume_id,
            status=status,
            kind=kind,
            created_at=now - timedelta(hours=hours),
            tracked_at=now,
            refreshed_at=now,
            stale_at=now + timedelta(hours=1),
            chain_size_mb=1000,
        )
        for hours, kind, status in backups
    ]
    Backup.objects.bulk_create(rows)
    Volume.objects.get_or_create(
        cloud_id="otc",
        volume_id=volume_id,
        defaults={"first_seen_at": now - timedelta(days=40), "listed_backups": 0},
    )
    volumes.derive("otc", [volume_id], now)


def grid(page: Any) -> list[tuple[str, str]]:
    """Each row's disk and the word of its protection, in order."""
    rows = re.findall(r"<tr.*?</tr>", page.content.decode().split('<tbody id="rows"')[1], re.DOTALL)
    found = [
        (re.findall(r'value="otc/([^"]*)"', row), re.findall(r'class="g".*?<span>([^<]*)<', row))
        for row in rows
    ]
    return [(unescape(ids[0]), words[0]) for ids, words in found if ids]


def cells(page: Any) -> list[str]:
    """The shapes of the first row's days."""
    body = page.content.decode().split("<tbody", 1)[1].split("</tr>", 1)[0]
    return re.findall(r'class="c (c-\w+)', body)


def test_the_grid_is_worst_first_and_counts_what_it_shows(web: Client) -> None:
    volume("fine", (5, "full", "available"))
    volume("late", (25, "full", "available"))
    volume("over", (50, "full", "available"), (2, "incremental", "error"))
    volume("never")
    page = web.get("/volumes/")
    assert grid(page) == [
        ("over", "overdue"),
        ("never", "never"),
        ("late", "late"),
        ("fine", "protected"),
    ]
    text = re.sub(r"<[^>]*>", "", page.content.decode())
    assert "1 of 4 disks is protected; 2 are not." in " ".join(text.split())
    for word, n in {"overdue": 1, "never": 1, "late": 1, "protected": 1}.items():
        assert len(grid(web.get(f"/volumes/?protection={word}"))) == n


def test_failed_missed_and_idle_days_have_shapes_of_their_own(web: Client) -> None:
    volume("over", (24 * 6, "full", "available"), (24 * 5, "incremental", "error"))
    found = cells(web.get("/volumes/"))
    assert (found.count("c-full"), found.count("c-fail")) == (1, 1)
    assert found.count("c-over") >= 3


def test_a_failed_day_leads_to_the_backups_of_that_day(web: Client) -> None:
    volume("over", (24 * 6, "full", "available"), (24 * 5, "incremental", "error"))
    page = web.get("/volumes/").content.decode()
    link = unescape(re.findall(r'<td class="c c-fail[^>]*><a href="([^"]*)"', page)[0])
    listed = web.get(link, follow=True).content.decode()
    assert len(re.findall(r'id="b-', listed)) == 1


def test_the_filters_of_the_grid_are_those_of_the_api_and_nonsense_is_said(web: Client) -> None:
    volume("db-01", (5, "full", "available"))
    volume("db-02", (5, "full", "available"))
    volume_edits.set_tags([("otc", "db-02")], ["gold"], actor=Actor("x", timezone.now()))
    assert [one for one, _ in grid(web.get("/volumes/?q=DB-01"))] == ["db-01"]
    assert [one for one, _ in grid(web.get("/volumes/?tag=gold"))] == ["db-02"]
    refused = web.get("/volumes/?protection=fine&q=db")
    assert (refused.status_code, 'href="/volumes/?q=db"' in refused.content.decode()) == (400, True)


def test_a_rule_is_set_on_the_picked_disks_only(web: Client) -> None:
    for name in ("a", "b", "c"):
        volume(name, (30, "full", "available"))
    data = {
        "volume": ["otc/a", "otc/b"],
        "what": "rule",
        "period_hours": "48",
        "grace_hours": "6",
        "query": "q=a",
    }
    answer = web.post(SET, data)
    assert (answer.status_code, answer["Location"]) == (302, "/volumes/?q=a")
    assert dict(grid(web.get("/volumes/"))) == {"a": "protected", "b": "protected", "c": "overdue"}
    assert set(Edit.objects.values_list("by", "field")) == {("operator", "rule")}


def test_all_matching_means_those_of_the_query_and_not_of_the_page(web: Client) -> None:
    for at in range(30):
        volume(f"db-{at:02}")
    volume("web-1")
    answer = web.post(
        SET, {"all": "1", "what": "exempt", "reason": "rebuilt at night", "query": "q=db-"}
    )
    assert answer.status_code == 302
    assert Volume.objects.filter(exempt_reason="rebuilt at night").count() == 30


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"what": "rule", "period_hours": ""}, "Write how often in hours, or a cron expression."),
        ({"what": "rule", "period_hours": "soon"}, "Write a number of hours."),
        ({"what": "rule", "cron": "every night"}, "A cron expression has five fields"),
        ({"what": "exempt", "reason": " "}, "Say why it needs no backup."),
        (
            {"what": "exempt", "reason": "old", "until": "yesterday"},
            "Write a date such as 2027-01-31.",
        ),
        ({"what": "add_tags", "tags": "x" * 65}, "At most 64 characters."),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_the_input_stays(
    web: Client, data: dict[str, str], says: str
) -> None:
    volume("a", (30, "full", "available"))
    for url in (SET, "/volumes/otc/a/set/"):
        answer = web.post(url, {"volume": ["otc/a"], **data})
        page = unescape(answer.content.decode())
        assert (answer.status_code, says in page) == (400, True)
        if url == SET:
            assert all(f'value="{value}"' in page for value in data.values() if value.strip())
    assert Edit.objects.count() == 0


def test_nobody_picked_is_said(web: Client) -> None:
    volume("a")
    answer = web.post(SET, {"what": "follow", "follow": "yes"})
    assert (answer.status_code, "Pick at least one disk" in answer.content.decode()) == (400, True)


def test_a_disk_page_says_word_rule_and_next_step(web: Client) -> None:
    volume("db-01", (50, "full", "available"), (2, "incremental", "error"))
    text = " ".join(
        re.sub(r"<[^>]*>", " ", web.get("/volumes/otc/db-01/").content.decode()).split()
    )
    assert re.search(r"Overdue\. The last good backup holds .*; every try since .* failed: ", text)
    assert "Rule: A backup is expected every 1 day, with 2 h of grace. ( the default )" in text
    assert "overdue since 24 h ago" in text
    assert "failed: the cloud gave no reason." in text
    assert "Next: Delete this backup and make a new one. Before that, see that the disk" in text


def test_what_somebody_else_saved_meanwhile_is_said_and_nothing_typed_is_lost(web: Client) -> None:
    volume("a", (5, "full", "available"))
    volume_edits.set_label([("otc", "a")], "theirs", actor=Actor("colleague", timezone.now()))
    mine = {
        "what": "label",
        "label": "mine",
        "tags": "gold, db",
        "note": "call Ada first",
        "version": "1",
    }
    answer = web.post("/volumes/otc/a/set/", mine)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "colleague changed this meanwhile" in page
    assert all(
        text in page
        for text in ('value="mine"', 'value="gold, db"', "call Ada first", "<bdi>theirs</bdi>")
    )
    assert Volume.objects.get().label == "theirs"
    version = re.findall(r'name="version" value="(\d+)"', page)[0]
    assert web.post("/volumes/otc/a/set/", {**mine, "version": version}).status_code == 302
    assert (Volume.objects.get().label, Volume.objects.get().tags) == ("mine", ["db", "gold"])


def test_absurd_words_are_shown_as_text(web: Client) -> None:
    odd = "v_1.2:3" + "x" * 180
    volume(odd, (5, "full", "available"))
    volume_edits.set_label([("otc", odd)], ABSURD[:250], actor=Actor(ABSURD, timezone.now()))
    listed = web.get("/volumes/")
    assert [one for one, _ in grid(listed)] == [odd]
    link = re.findall(r'href="(/volumes/otc/[^"]*)"', listed.content.decode())[0]
    page = web.get(unescape(link))
    assert page.status_code == 200
    assert "<script>alert" not in page.content.decode()
    answer = web.post(SET, {"volume": f"otc/{odd}", "what": "follow", "follow": "no"})
    assert (answer.status_code, Volume.objects.get().follow) == (302, False)


def test_a_disk_that_nobody_knows_is_a_404_in_words(web: Client) -> None:
    for answer in (
        web.get("/volumes/otc/nope/"),
        web.post("/volumes/otc/nope/set/", {"what": "no_rule"}),
    ):
        assert (answer.status_code, "This disk is not known here" in answer.content.decode()) == (
            404,
            True,
        )


def test_refreshing_a_disk_makes_its_backups_due(web: Client) -> None:
    volume("a", (5, "full", "available"), (1, "full", "available"))
    Backup.objects.update(next_refresh_at=timezone.now() + timedelta(hours=1))
    assert web.post("/volumes/otc/a/refresh/").status_code == 302
    due = [
        at
        for at in Backup.objects.values_list("next_refresh_at", flat=True)
        if isinstance(at, datetime)
    ]
    assert [at <= timezone.now() for at in due] == [True, True]


def test_a_link_of_the_bar_keeps_nothing_that_it_does_not_count(web: Client) -> None:
    volume("a")
    links = re.findall(
        r'href="(/volumes/\?protection=[^"]*)"',
        web.get("/volumes/?" + urlencode({"q": "a"})).content.decode(),
    )
    assert "/volumes/?protection=never" in links
