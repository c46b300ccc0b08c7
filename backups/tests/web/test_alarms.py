"""The page of alarms, what operators do on it, and what other pages show of it."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from backups.alarms import channels_file
from backups.clouds import registry
from backups.models import Alarm, AlarmKind, Backup, Cloud, Delivery, Role, Silence, Volume
from backups.tests.accounts import make_account
from backups.tests.alarms.rows import make_alarm, make_delivery, make_one_of_each
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]
HOUR = timedelta(hours=1)
SAYS = re.compile(r'class="note[^"]*" role="status">([^<]*)<')
CHANNELS = """
channels:
  ops:
    kind: webhook
    url: http://127.0.0.1:9/hook
    secret: hidden-from-all
    filter: cloud=otc
    digest: daily 08:00 Europe/Berlin
"""


@pytest.fixture
def web(client: Client, settings: Any, tmp_path: Path) -> Client:
    configure(settings, tmp_path, silent("otc", "west"))
    registry.ensure_rows()
    Cloud.objects.update(last_good_at=timezone.now(), attempted_at=timezone.now())
    client.force_login(make_account("ada", role=Role.OPERATOR))
    client.cookies["tz"] = "Europe/Berlin"
    return client


def text_of(page: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.content.decode())).split())


def said(web: Client) -> list[str]:
    return SAYS.findall(web.get("/account/").content.decode())


def undo(web: Client) -> tuple[str, dict[str, list[str]]]:
    """Presses the way back that the last message offers; returns where it led."""
    page = web.get("/account/").content.decode()
    form = re.search(r'<form method="post" action="(/alarms/[^"]+)">(.*?)</form>', page, re.DOTALL)
    assert form is not None
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'name="(id|silence)" value="(\d+)"', form[2]):
        fields.setdefault(name, []).append(value)
    assert web.post(form[1], fields).status_code == 302
    return form[1], fields


def test_each_tab_counts_the_list_that_it_leads_to_and_the_title_who_waits(web: Client) -> None:
    now = timezone.now()
    assert "There was no alarm yet." in text_of(web.get("/alarms/"))
    make_one_of_each(now)
    make_alarm("db-02", acknowledged_at=None, cloud="west")
    page = web.get("/alarms/")
    html = page.content.decode()
    assert "<title>(2) Alarms · vbsdash</title>" in html
    assert "2 alarms wait for somebody." in text_of(page)
    assert "Acknowledged by bob" in text_of(page)
    for tab in page.context["tabs"]:
        listed = web.get(f"/alarms/{tab['href']}")
        assert listed.context["page"].matching == tab["n"], tab
        assert f"{tab['text']} {tab['n']}" in text_of(listed)
    assert "<title>(2) Home · vbsdash</title>" in web.get("/").content.decode()
    assert "d-over" in text_of(web.get("/alarms/?stage=closed"))
    assert web.get("/alarms/?colour=red").status_code == 400
    assert 'href="/alarms/"' in web.get("/search/?q=alarms").content.decode()
    viewer = Client()
    viewer.force_login(make_account("eve", role=Role.VIEWER, clouds=["west"]))
    seen = viewer.get("/alarms/")
    assert ("db-02" in text_of(seen), "d-open" in text_of(seen)) == (True, False)
    assert "<title>(1) Alarms" in seen.content.decode()
    assert 'method="post" action="/alarms/' not in seen.content.decode()


def test_one_press_takes_an_alarm_and_one_gives_it_back(web: Client) -> None:
    alarm = make_alarm("db-01")
    answer = web.post("/alarms/acknowledge/", {"id": alarm.pk, "next": "/volumes/?cloud=otc"})
    assert answer["Location"] == "/volumes/?cloud=otc"
    alarm.refresh_from_db()
    assert alarm.acknowledged_by == "ada"
    assert undo(web) == ("/alarms/take-back/", {"id": [str(alarm.pk)]})
    alarm.refresh_from_db()
    assert alarm.acknowledged_at is None
    assert said(web) == ["The alarm is no longer acknowledged."]
    web.post("/alarms/acknowledge/", {"id": ["x", "4711"], "next": "//elsewhere.example/"})
    assert said(web) == ["Nothing was acknowledged: it is over already."]


def test_a_snooze_lasts_until_the_readers_morning_and_is_undone(
    web: Client, clock: time_machine.Traveller
) -> None:
    # In this night the clocks of Berlin are put forward.
    clock.move_to(datetime(2026, 3, 28, 21, 0, tzinfo=UTC))
    alarm = make_alarm("db-01")
    web.post("/alarms/snooze/", {"id": alarm.pk, "for": "morning", "reason": "Known."})
    silence = Silence.objects.get()
    assert silence.ends_at == datetime(2026, 3, 29, 6, 0, tzinfo=UTC)
    assert (silence.query, silence.reason) == ("kind=no_backups&cloud=otc&subject=db-01", "Known.")
    page = text_of(web.get("/alarms/"))
    assert "Snoozed until Sun 29 Mar, 08:00." in page
    assert "No alarm waits for anybody." in page
    assert "Muted by ada until Sun 29 Mar 08:00 : Known." in page
    web.post("/alarms/snooze/", {"id": alarm.pk, "for": "1h"})
    assert undo(web)[0] == "/alarms/silences/end/"
    ended = Silence.objects.filter(ended_at__isnull=False)
    assert [one.ends_at for one in ended] == [timezone.now() + HOUR]
    web.post("/alarms/snooze/", {"id": alarm.pk, "for": "ever"})
    assert said(web)[-1] == "Choose for how long."


def test_a_maintenance_is_set_by_the_readers_clock_and_ends_by_a_press(
    web: Client, clock: time_machine.Traveller
) -> None:
    clock.move_to(datetime(2026, 10, 24, 12, 0, tzinfo=UTC))
    make_alarm("db-01")
    # Half past two comes twice in the night after that: a beginning is the first, an end the last.
    form = {
        "cloud": "otc",
        "reason": "New shelves.",
        "begins_at": "",
        "ends_at": "2026-10-25T02:30",
    }
    answer = web.post("/alarms/silences/begin/", form)
    assert answer["Location"] == "/alarms/#silences"
    silence = Silence.objects.get()
    assert (silence.query, silence.ends_at) == (
        "cloud=otc",
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    )
    page = web.get("/alarms/")
    for part in ("Cloud: otc", "until Sun 25 Oct 02:30", "New shelves.", "by ada", "holds now"):
        assert part in text_of(page)
    [row] = page.context["silences"]
    assert web.get(row.muted_href).context["page"].matching == row.silence["mutes"] == 1
    web.post("/alarms/silences/end/", {"silence": silence.pk})
    assert "over" in text_of(web.get("/alarms/"))
    begin = {**form, "begins_at": "2026-10-25T02:30", "ends_at": "2026-10-25T02:30"}
    web.post("/alarms/silences/begin/", begin)
    later = Silence.objects.latest("pk")
    assert (later.begins_at.hour, later.ends_at and later.ends_at.hour) == (0, 1)


@pytest.mark.parametrize(
    ("words", "field", "sentence"),
    [
        ({"cloud": ""}, "query", "Choose a cloud, a tag or a filter; or tick every alarm."),
        ({"query": "stage=open"}, "query", "is no filter of this list"),
        ({"ends_at": "soon"}, "ends_at", "Write a time such as 2027-01-31 22:00."),
        ({"begins_at": "0001-01-01T00:00"}, "begins_at", "Write a time such as"),
        ({"ends_at": "9998-12-31T23:59"}, "ends_at", "At most ten years from now."),
        ({"ends_at": ""}, "ends_at", "Say until when."),
        ({"reason": " "}, "reason", "Write why."),
        ({"cron": "0 22 * *", "hours": "8"}, "cron", "A cron expression has five fields"),
        ({"cron": "0 22 * * *"}, "hours", "Say for how long it is quiet each time."),
        ({"cron": "0 22 * * *", "hours": "8", "cron_zone": "Mars"}, "cron_zone", "no time zone"),
    ],
)
def test_what_is_refused_is_said_beside_its_field_and_what_was_typed_stays(
    web: Client, words: dict[str, str], field: str, sentence: str
) -> None:
    form = {"cloud": "otc", "reason": "Kept text", "ends_at": "2027-01-01T00:00", **words}
    page = web.post("/alarms/silences/begin/", form)
    html = unescape(page.content.decode())
    beside = re.search(rf'id="error-{field}">([^<]*)<', html)
    assert (page.status_code, beside is not None and sentence in beside[1]) == (400, True)
    assert ("Kept text" in html) is (words.get("reason") is None)
    assert 'hx-trigger="poll"' not in html
    assert not Silence.objects.exists()


def test_quiet_hours_come_again_and_every_alarm_has_to_be_ticked(web: Client) -> None:
    form = {
        "everything": "1",
        "reason": "Nights.",
        "cron": "0 22 * * *",
        "hours": "8",
        "cron_zone": "Europe/Berlin",
    }
    assert web.post("/alarms/silences/begin/", form).status_code == 302
    assert Silence.objects.get().duration_seconds == 8 * 3600
    page = text_of(web.get("/alarms/"))
    assert "for 8 h from each 0 22 * * * in Europe/Berlin" in page
    assert "every alarm" in page


def test_disk_backup_and_home_take_and_snooze_what_is_theirs(web: Client) -> None:
    now = timezone.now()
    Cloud.objects.filter(pk="otc").update(backups_listed_at=now, follow="all")
    first_seen_at = now - timedelta(days=9)
    volume = Volume.objects.create(cloud_id="otc", volume_id="d-1", first_seen_at=first_seen_at)
    Volume.objects.filter(pk=volume.pk).update(last_good_source="")
    stuck = Backup.objects.create(
        id=uuid.uuid4(),
        cloud_id="otc",
        volume_id="d-1",
        status="creating",
        tracked_at=now,
        refreshed_at=now,
        stale_at=now + HOUR,
        stuck_at=now - HOUR,
    )
    alarm = make_alarm(
        str(stuck.pk),
        kind=AlarmKind.STUCK,
        state="stuck",
        backup_id=stuck.pk,
        volume_id="d-1",
        sentence="It does not move.",
    )
    for path in ("/volumes/otc/d-1/", f"/backups/{stuck.pk}/"):
        page = web.get(path)
        assert "It does not move." in text_of(page), path
        assert f'name="id" value="{alarm.pk}"' in page.content.decode()
    home = web.get("/").content.decode()
    [incident] = set(re.findall(r'name="incident" value="([0-9a-f]+)"', home))
    web.post("/alarms/acknowledge/", {"incident": incident, "reason": "Asked them.", "next": "/"})
    alarm.refresh_from_db()
    assert (alarm.acknowledged_by, alarm.acknowledged_reason) == ("ada", "Asked them.")
    after = web.get("/")
    assert "Acknowledged by ada: Asked them." in text_of(after)
    assert "<title>Home · vbsdash</title>" in after.content.decode()
    assert 'formaction="/alarms/take-back/"' in after.content.decode()


def test_deliveries_tell_what_came_of_them_and_are_sent_again(
    web: Client, settings: Any, tmp_path: Path
) -> None:
    alarm = make_alarm("db-01")
    sent = make_delivery(alarm)
    make_delivery(alarm, channel="gone")
    empty = text_of(web.get("/alarms/"))
    assert "No channel is configured" in empty
    settings.CHANNELS_FILE = tmp_path / "channels.yaml"
    settings.CHANNELS_FILE.write_text(CHANNELS)
    channels_file.forget()
    for path in ("/alarms/", "/alarms/deliveries/?q=taken"):
        page = web.get(path)
        for part in ("db-01 is overdue", "ops", "It was taken.", "120 ms", str(sent.event_id)):
            assert part in text_of(page), (path, part)
        assert page.content.decode().count("/again/") == 1
    told = text_of(web.get("/alarms/"))
    for part in ("webhook", "Cloud: otc", "critical and warning", "08:00 Europe/Berlin"):
        assert part in told
    assert "hidden-from-all" not in web.get("/alarms/").content.decode()
    assert "No channel “nowhere” is configured." in text_of(
        web.post("/alarms/channels/test/", {"channel": "nowhere"}, follow=True)
    )
    web.post("/alarms/channels/test/", {"channel": "ops"})
    assert Delivery.objects.latest("pk").kind == "test"
    web.post(f"/alarms/deliveries/{sent.pk}/again/")
    sent.refresh_from_db()
    assert (sent.state, web.post("/alarms/deliveries/4711/again/").status_code) == ("waiting", 404)
    assert "Nothing matches." in text_of(web.get("/alarms/deliveries/?state=given_up"))
    assert web.get("/alarms/deliveries/?tag=x").status_code == 400


def test_an_alarm_of_an_odd_disk_leads_nowhere_and_is_escaped(web: Client) -> None:
    make_alarm("../../admin", title="<b>x</b>", sentence="<script>alert(1)</script>")
    Alarm.objects.update(state="odd")
    html = web.get("/alarms/").content.decode()
    assert ("<b>x</b>" in html, "<script>alert" in html, "/admin" in html) == (False, False, False)
