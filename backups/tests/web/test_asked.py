"""A refresh ends in an answer: what came of it is said on the page that asked, once."""

import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from backups.models import Backup, Role
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.tests.accounts import make_account
from backups.tests.otc import configure, silent
from backups.tests.web.test_pages import body, track
from backups.vbs import payload
from backups.vbs.errors import Unavailable
from backups.web.asked import MOST_IDS

pytestmark = [pytest.mark.either, pytest.mark.django_db]
IDS = [uuid.UUID(int=n) for n in (1, 2, 3)]
LIST = "/backups/?view=all"


@pytest.fixture
def web(client: Client, settings: Any, tmp_path: Any, clock: time_machine.Traveller) -> Client:
    configure(settings, tmp_path, silent("otc"))
    client.force_login(make_account("operator", role=Role.OPERATOR))
    track(body(1, status="creating", volume_id="d-1"), body(2), body(3))
    clock.shift(60)
    return client


def said(web: Client, address: str, **headers: str) -> tuple[str, bool]:
    """What the page says of the refresh, and whether it is still busy."""
    page = web.get(address, headers=headers).content.decode()
    [(attributes, sentence)] = re.findall(r'<p id="asked"([^>]*)>([^<]*)</p>', page)
    return unescape(sentence).strip(), "aria-busy" in attributes


def answers(clock: time_machine.Traveller, *bodies: dict[str, Any]) -> None:
    clock.shift(1)
    now = timezone.now()
    apply("otc", [Fetched(uuid.UUID(one["id"]), now, payload.receive(one)) for one in bodies])


def refresh(web: Client, *ids: uuid.UUID) -> None:
    form = {"do": "refresh", "id": [str(backup_id) for backup_id in ids], "query": "view=all"}
    assert web.post("/backups/bulk/", form)["Location"] == LIST


def test_one_backup_ends_in_what_it_is_now(web: Client, clock: time_machine.Traveller) -> None:
    page = f"/backups/{IDS[0]}/"
    assert said(web, page) == ("", False)
    web.post(f"{page}refresh/")
    assert said(web, page) == ("The cloud is being asked about this backup now.", True)
    answers(clock, body(1, volume_id="d-1"))
    asked_at = "14:31"
    for _ in range(2):  # a reload says the same
        assert said(web, page) == (f"Asked at {asked_at}: now available.", False)
    clock.shift(1)
    web.post(f"{page}refresh/")
    answers(clock, body(1, volume_id="d-1"))
    assert said(web, page) == (f"Asked at {asked_at}: nothing changed.", False)
    clock.shift(timedelta(minutes=11))
    assert said(web, page) == ("", False)


def test_many_are_counted_until_all_are_answered(
    web: Client, clock: time_machine.Traveller
) -> None:
    refresh(web, *IDS)
    assert said(web, LIST) == ("3 backups are asked about now.", True)
    answers(clock, body(1, volume_id="d-1"), body(2))
    assert said(web, LIST) == ("2 of 3 answered.", True)
    clock.shift(1)
    unreachable = Unavailable("The cloud did not answer in 8 s.")
    apply("otc", [Fetched.failed(IDS[2], timezone.now(), unreachable)])
    sentence, is_busy = said(web, LIST)
    assert (sentence, is_busy) == (
        "Asked at 14:31: all 3 answered. 1 changed, 1 now available. "
        "1 could not be asked: The cloud did not answer in 8 s.",
        False,
    )


def test_what_has_no_answer_in_two_minutes_is_said_too(
    web: Client, clock: time_machine.Traveller
) -> None:
    refresh(web, *IDS)
    answers(clock, body(2))
    clock.shift(timedelta(minutes=2))
    assert said(web, LIST) == (
        "Asked at 14:31: 1 of 3 answered in two minutes; the clouds of the others may be busy or "
        "left alone. Nothing changed.",
        False,
    )


def test_a_poll_with_nothing_new_but_the_end_of_a_refresh_is_answered(
    web: Client, clock: time_machine.Traveller
) -> None:
    refresh(web, IDS[1])
    page = web.get(LIST).content.decode()
    poll = {
        "HX-Request": "true",
        "HX-Trigger": "live",
        "If-None-Match": '"{}"'.format(re.findall(r'data-etag="(\w+)"', page)[0]),
    }
    assert 'data-poll-seconds="3"' in page
    assert web.get(LIST, headers=poll).status_code == 304
    clock.shift(timedelta(minutes=3))
    assert said(web, LIST, **poll)[0].startswith("Asked at 14:31: no answer came")


def test_all_of_a_disk_are_followed_on_its_page(web: Client, clock: time_machine.Traveller) -> None:
    web.post("/volumes/otc/d-1/refresh/")
    answers(clock, body(1, status="error", volume_id="d-1", fail_reason="full"))
    assert said(web, "/volumes/otc/d-1/") == ("Asked at 14:31: now error.", False)
    assert said(web, LIST) == ("", False)


def test_more_than_a_session_holds_are_counted_alone(
    web: Client, clock: time_machine.Traveller
) -> None:
    now = timezone.now()
    ids = [uuid.UUID(int=n) for n in range(10, MOST_IDS + 10)]
    rows = [Backup(id=pk, cloud_id="otc", tracked_at=now, next_refresh_at=now) for pk in ids]
    Backup.objects.bulk_create(rows)
    clock.shift(1)
    web.post("/backups/bulk/", {"do": "refresh", "all": "1", "query": "view=all"})
    assert said(web, LIST) == ("1\u202f003 backups are asked about now.", True)
    answers(clock, body(2))
    assert said(web, LIST) == ("1 of 1\u202f003 answered.", True)
    Backup.objects.update(next_refresh_at=now + timedelta(hours=1))
    assert said(web, LIST) == ("Asked at 14:31: all 1\u202f003 answered.", False)


def test_what_is_untracked_meanwhile_counts_no_more(
    web: Client, clock: time_machine.Traveller
) -> None:
    refresh(web, *IDS)
    answers(clock, body(1), body(2), body(3))
    Backup.objects.filter(pk=IDS[2]).delete()
    assert said(web, LIST)[0].startswith("Asked at 14:31: all 2 answered.")
