"""Rules of tags and clouds, and disks made known by hand, as an operator sets them."""

import uuid
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from backups.analysis.rules import by_period
from backups.edits import protection_rules, volume_edits
from backups.edits.common import Actor
from backups.models import FULL_ACCESS, Cloud, Volume
from backups.tests.accounts import make_operator
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]
PAGE, SET, REGISTER = "/volumes/rules/", "/volumes/rules/set/", "/volumes/register/"
NEW = str(uuid.UUID(int=0xD159))
MINE = {
    "of": "tag",
    "name": "prod",
    "what": "rule",
    "period_hours": "12",
    "grace_hours": "1",
    "version": "0",
}


@pytest.fixture
def web(client: Client, settings: Any, tmp_path: Any) -> Client:
    """`otc` cannot list its disks; `disk` carries the tag `prod`."""
    configure(settings, tmp_path, silent("otc", vbs_follow="all"))
    now = timezone.now()
    refused = "The cloud refuses its list of disks."
    Cloud.objects.create(name="otc", follow="all", last_good_at=now, volumes_error=refused)
    Volume.objects.create(cloud_id="otc", volume_id="disk", first_seen_at=now)
    volume_edits.set_tags([("otc", "disk")], ["prod"], actor=Actor("anna", now))
    client.force_login(make_operator("operator"))
    return client


def reads(web: Client, path: str = PAGE) -> str:
    return unescape(web.get(path).content.decode())


def in_force() -> tuple[str, int]:
    row = Volume.objects.get(volume_id="disk")
    return row.rule_from, row.effective_period_seconds


@pytest.mark.parametrize(("of", "name"), [("tag", "prod"), ("cloud", "otc")])
def test_a_rule_is_set_seen_with_who_set_it_and_taken_away(web: Client, of: str, name: str) -> None:
    given = {**MINE, "of": of, "name": name}
    assert web.post(SET, given)["Location"] == PAGE
    page = reads(web)
    assert "A backup is expected every 12 h, with 1 h of grace." in page
    assert "Set by <bdi>operator</bdi>" in page
    assert in_force() == (of, 43_200)
    assert web.post(SET, {**given, "what": "no_rule", "version": "1"}).status_code == 302
    assert in_force() == ("default", 86_400)


@pytest.mark.parametrize(("of", "name"), [("tag", "prod"), ("cloud", "otc")])
def test_what_somebody_else_set_meanwhile_is_said_and_what_was_typed_stays(
    web: Client, of: str, name: str
) -> None:
    setting = {"tag": protection_rules.set_tag_rule, "cloud": protection_rules.set_cloud_rule}[of]
    setting(
        name,
        by_period(period_seconds=7 * 3600, grace_seconds=3600),
        actor=Actor("anna", timezone.now()),
    )
    answer = web.post(SET, {**MINE, "of": of, "name": name, "cron": "0 4 * * *"})
    page = unescape(answer.content.decode())
    assert answer.status_code == 409
    assert "anna changed this meanwhile" in page
    assert "There now: A backup is expected every 7 h, with 1 h of grace." in page
    assert 'value="0 4 * * *"' in page
    assert in_force() == (of, 7 * 3600)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"period_hours": ""}, "Write how often in hours, or a cron expression."),
        ({"period_hours": "often"}, "Write a number of hours."),
        ({"cron": "61 * * * *"}, "The cron expression cannot be read"),
        ({"cron": "0 4 * * *", "cron_zone": "Mars/Olympus"}, "'Mars/Olympus' is no time zone"),
        ({"name": ""}, "Write the tag."),
        ({"name": "x" * 65}, "At most 64 characters."),
        ({"of": "cloud", "name": "nowhere"}, "“nowhere” is no cloud that is known here."),
        ({"of": "planet"}, "planet is not one of the available choices."),
    ],
)
def test_a_rule_that_is_none_is_refused_beside_its_field(
    web: Client, words: dict[str, str], sentence: str
) -> None:
    answer = web.post(SET, {**MINE, **words})
    assert (answer.status_code, sentence in unescape(answer.content.decode())) == (400, True)
    assert (
        protection_rules.of_tags(access=FULL_ACCESS),
        protection_rules.of_clouds(access=FULL_ACCESS),
    ) == ([], [])


def test_a_disk_is_registered_where_the_cloud_lists_none(web: Client) -> None:
    assert "The cloud refuses its list of disks." in reads(web, "/clouds/")
    assert f'href="{PAGE}#register"' in reads(web, "/clouds/")
    answer = web.post(REGISTER, {"cloud": "otc", "volume_id": f" {NEW.upper()} ", "label": "tape"})
    assert answer["Location"] == f"/volumes/otc/{NEW}/"
    assert "tape" in reads(web, f"/volumes/otc/{NEW}/")
    web.post(REGISTER, {"cloud": "otc", "volume_id": NEW})
    assert Volume.objects.filter(volume_id=NEW).count() == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"volume_id": ""}, "Write the ID of the disk."),
        ({"cloud": "nowhere"}, "“nowhere” is no cloud that is known here."),
        ({"label": "x" * 256}, "At most 255 characters."),
        ({"volume_id": "v" * 256}, "an ID has at most 255 letters, digits, _ . : or -"),
        ({"volume_id": "vol-9"}, "“vol-9” is no ID of a disk: that is a UUID"),
        ({"volume_id": "a/b"}, "“a/b” is no ID of a disk: an ID has at most 255 letters"),
        ({"volume_id": "0-0"}, "“0-0” is no ID of a disk: it stands for none."),
    ],
)
def test_a_disk_that_cannot_be_registered_is_refused_beside_its_field(
    web: Client, words: dict[str, str], sentence: str
) -> None:
    answer = web.post(REGISTER, {"cloud": "otc", "volume_id": NEW, "label": "tape", **words})
    page = unescape(answer.content.decode())
    assert (answer.status_code, sentence in page) == (400, True)
    assert not Volume.objects.filter(volume_id=NEW).exists()


def test_a_rule_says_its_next_three_times_in_its_own_zone_and_the_readers(
    web: Client, clock: time_machine.Traveller
) -> None:
    by_night = {**MINE, "cron": "0 1 * * *", "cron_zone": "Europe/Berlin", "period_hours": ""}
    assert web.post(SET, by_night).status_code == 302
    in_berlin = "Thu 26 Nov 01:00, Fri 27 Nov 01:00, Sat 28 Nov 01:00"
    in_utc = "Thu 26 Nov 00:00, Fri 27 Nov 00:00, Sat 28 Nov 00:00"
    sentence = f"Next due: {in_berlin} in Europe/Berlin. In your time: {in_utc}."
    assert sentence in reads(web)
    assert sentence in reads(web, "/volumes/otc/disk/")
    web.cookies["tz"] = "Europe/Berlin"
    assert f"Next due: {in_berlin} in Europe/Berlin.\n" in reads(web)
    assert web.post(SET, {**MINE, "version": "1"}).status_code == 302
    assert "After a good backup now the next are due: Thu 26 Nov 03:30, " in reads(web)
