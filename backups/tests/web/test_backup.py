import re
import uuid
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backups.derived import findings, volumes
from backups.edits import backup_edits
from backups.edits.common import Actor
from backups.models import Backup, Cloud, Revision, Volume
from backups.models.data_version import data_changed
from backups.tests.accounts import make_operator

pytestmark = [pytest.mark.either, pytest.mark.django_db]
ODD = '<b onclick="x()">&amp;</b> \u202eסוף ' + "long" * 3000


@pytest.fixture
def web(client: Client) -> Client:
    now = timezone.now()
    Cloud.objects.create(
        name="otc", last_good_at=now, attempted_at=now, backups_listed_at=now, follow="all"
    )
    client.force_login(make_operator("operator"))
    return client


def backup(hours: float = 1, **words: Any) -> Backup:
    """A tracked backup of the disk `db-01`, made so many hours ago, with all that
    follows from it derived.
    """
    now = timezone.now()
    row = {
        "id": uuid.uuid4(),
        "cloud_id": "otc",
        "volume_id": "db-01",
        "status": "available",
        "kind": "full",
        "created_at": now - timedelta(hours=hours),
        "tracked_at": now,
        "refreshed_at": now,
        "stale_at": now + timedelta(hours=1),
    }
    made = Backup.objects.create(**(row | words))
    findings.note([made.pk], now)
    if made.volume_id:
        Volume.objects.get_or_create(
            cloud_id="otc", volume_id=made.volume_id, defaults={"first_seen_at": now}
        )
        volumes.derive("otc", [made.volume_id], now)
    return made


def words(page: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.content.decode())).split())


def show(web: Client, row: Backup) -> Any:
    return web.get(f"/backups/{row.pk}/")


@pytest.mark.parametrize("status", ["error", "error_deleting", "error_restoring"])
@pytest.mark.parametrize("reason", [None, "VolumeBackup.0064: something new", ODD])
def test_every_error_state_has_reason_and_advice(
    web: Client, status: str, reason: str | None
) -> None:
    page = show(web, backup(status=status, fail_reason=reason))
    text = words(page)
    assert page.status_code == 200
    assert ("The cloud gave no reason." in text) == (reason is None)
    assert len(text.split("What to do", 1)[1].split("Same cause")[0]) > 30
    assert "onclick" not in re.sub(r"&lt;.*?&gt;", "", page.content.decode())


def test_a_good_backup_with_a_reason_says_what_that_means(web: Client) -> None:
    text = words(show(web, backup(fail_reason="left over")))
    assert "Available." in text
    assert "Reason left over" in text
    assert "In plain words" in text


def test_a_failed_backup_tells_how_long_it_ran_and_how_its_disk_stands(web: Client) -> None:
    backup(hours=26)
    failed = backup(
        hours=2,
        status="error",
        updated_at=timezone.now() - timedelta(hours=2) + timedelta(minutes=41),
    )
    assert re.search(
        r"Failed after (40|41) min\. .*Its disk: overdue\. The last good backup holds .*; every "
        r"try since .* failed: the cloud gave no reason\.",
        words(show(web, failed)),
    )
    lonely = backup(volume_id="web-1", status="error")
    assert "Its disk: unknown. It may have a good backup that the cloud" in words(show(web, lonely))


def test_a_cause_that_others_share_leads_to_them(web: Client) -> None:
    failed = [
        backup(hours=at, status="error", fail_reason=f"quota exceeded by {at} GB")
        for at in (1, 2, 3)
    ]
    page = show(web, failed[0]).content.decode()
    link, n = re.findall(r'href="(/backups/\?cause=[^"]*)">(\d+) backups</a>', page)[0]
    listed = web.get(unescape(link)).content.decode()
    assert (n, len(re.findall(r'<tr role="row"\s+id="b-', listed))) == ("3", 3)


def test_its_chain_is_drawn_with_a_mark_on_it(web: Client) -> None:
    rows = [
        backup(hours=72, kind="full"),
        backup(hours=48, kind="incremental"),
        backup(hours=24, kind="incremental"),
    ]
    page = show(web, rows[1]).content.decode()
    strip = re.findall(r'<svg class="chain".*?</svg>', page, re.DOTALL)[0]
    assert strip.count("<rect") == 3
    assert strip.index("f-ink") > strip.index("incremental, available")
    assert "full + 2 incremental" in strip


def test_what_changed_stands_newest_first_with_the_time_in_each_status(web: Client) -> None:
    row, now = backup(), timezone.now()
    steps: list[tuple[int, list[dict[str, Any]], bool]] = [
        (90, [_change("status", None, "creating"), _change("name", None, "nightly")], True),
        (60, [_change("progress", 88, 91), _change("throughput_mb_s", 41.7, 0.4)], False),
        (
            30,
            [_change("status", "creating", "available"), _change("links", [], [{"rel": "self"}])],
            True,
        ),
    ]
    for minutes, changes, keep in steps:
        Revision.objects.create(
            backup=row, at=now - timedelta(minutes=minutes), changes=changes, keep=keep
        )
    text = words(show(web, row)).split("What changed", 1)[1]
    assert "creating 1 h available for 30 min" in text
    assert (
        text.index("status creating → available")
        < text.index("progress 88 → 91")
        < text.index("first seen: creating")
    )


def _change(word: str, before: Any, after: Any) -> dict[str, Any]:
    return {"word": word, "before": before, "after": after}


def test_note_and_tags_are_saved_and_a_colleagues_change_is_said(web: Client) -> None:
    row = backup()
    url, mine = (
        f"/backups/{row.pk}/labels/",
        {"note": "call Ada", "tags": "gold, db", "version": "1"},
    )
    backup_edits.change(row.pk, {"note": "theirs"}, actor=Actor("colleague", timezone.now()))
    answer = web.post(url, mine)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "colleague changed this meanwhile" in page
    assert all(text in page for text in ("call Ada", 'value="gold, db"', "<bdi>theirs</bdi>"))
    version = re.findall(r'name="version" value="(\d+)"', page)[0]
    assert web.post(url, {**mine, "version": version}).status_code == 302
    row.refresh_from_db()
    assert (row.note, row.tags) == ("call Ada", ["db", "gold"])
    assert "last set by operator" in words(show(web, row))


def test_a_tag_that_is_too_long_is_said_beside_its_field(web: Client) -> None:
    row = backup()
    answer = web.post(f"/backups/{row.pk}/labels/", {"note": "kept", "tags": "x" * 65})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert all(text in page for text in ("At most 64 characters.", "kept", 'value="' + "x" * 65))
    assert web.post(f"/backups/{uuid.uuid4()}/labels/", {}).status_code == 404


def test_a_backup_in_flight_tells_pace_and_end_after_two_looks(web: Client) -> None:
    row, now = backup(status="creating", progress=20, hours=0.2), timezone.now()
    assert "not known yet" in words(show(web, row))
    samples = [[(now - timedelta(minutes=4)).timestamp(), 20], [now.timestamp(), 40]]
    flight = {
        "status": "creating",
        "since": (now - timedelta(minutes=12)).timestamp(),
        "samples": samples,
    }
    Backup.objects.filter(pk=row.pk).update(running=flight, progress=40)
    text = words(show(web, row))
    assert "5 % a minute" in text
    assert re.search(r"Done in 1[12] min , if it goes on like this", text)
    Backup.objects.filter(pk=row.pk).update(stuck_at=now - timedelta(minutes=1))
    text = words(show(web, row))
    assert "Stuck: it does not move, and stands where it was 0 s ago ." in text
    assert "Next: Look in the cloud whether the job still runs" in text
    assert "not moving" in text


def test_what_moves_is_slow_and_says_how_slow_and_when_it_would_end(web: Client) -> None:
    row, now = backup(status="creating", progress=40, hours=2), timezone.now()
    samples = [[(now - timedelta(minutes=100)).timestamp(), 15], [now.timestamp(), 40]]
    flight = {
        "status": "creating",
        "since": (now - timedelta(minutes=160)).timestamp(),
        "samples": samples,
        "usual": 6000,
    }
    Backup.objects.filter(pk=row.pk).update(running=flight, stuck_at=now + timedelta(hours=1))
    text = words(show(web, row))
    assert "Slow: 0.25 % a minute, where backups of its disk usually make 1.0." in text
    assert re.search(r"It would end in (3 h 59 min|4 h) , 4.0 times as long as usual\.", text)
    assert "Stuck" not in text
    data_changed()
    home = words(web.get("/"))
    assert "slow, 40 %" in home
    assert "4.0 × as long as usual" in home


def test_a_backup_with_nothing_supplied_has_a_page_without_gaps(web: Client) -> None:
    nothing: dict[str, Any] = {
        "status": None,
        "volume_id": None,
        "kind": "unknown",
        "created_at": None,
    }
    page = show(web, backup(**nothing))
    assert page.status_code == 200
    assert "None" not in words(page)
    pending = show(web, backup(**nothing, refreshed_at=None, stale_at=None))
    assert ("No answer yet." in words(pending), "not supplied" in words(pending)) == (True, False)


def test_a_time_that_is_wrong_never_fails_the_page(web: Client) -> None:
    far = datetime(9999, 12, 31, 23, tzinfo=timezone.get_default_timezone())
    assert show(web, backup(status="error", updated_at=far, data_timestamp=far)).status_code == 200
