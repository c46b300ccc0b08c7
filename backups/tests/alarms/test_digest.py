import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backups.alarms import digest
from backups.alarms.channels_file import channels
from backups.alarms.digest import LATEST, Due
from backups.alarms.message import Message
from backups.derived import findings
from backups.derived.volumes import derive_all
from backups.models import Alarm, Backup, Cloud, Delivery, DeliveryKind, Volume
from backups.shared import clock
from backups.tests.alarms.far_side import configure

pytestmark = pytest.mark.django_db
H = timedelta(hours=1)
HOOK = {"kind": "webhook", "url": "https://h/"}


def digests(now: datetime) -> list[Due]:
    return digest.due(channels(), now)


def write(due: Due, now: datetime) -> Message:
    """Does what the outbox does with it."""
    message = digest.message(due, now)
    Delivery.objects.create(
        event_id=message.event_id,
        channel=due.channel.name,
        kind=DeliveryKind.DIGEST,
        written_at=now,
        send_at=now,
        message=message.as_json(),
    )
    return message


def cloud(name: str, now: datetime, *, good: int, failed: int = 0, heard_at: datetime) -> None:
    """Makes a cloud with a disk of each, whose backup was made yesterday."""
    known = {"last_good_at": heard_at, "attempted_at": now, "backups_listed_at": heard_at}
    row = Cloud.objects.create(name=name, follow="all", **known)
    for n in range(good + failed):
        Backup.objects.create(
            id=uuid.uuid4(),
            cloud=row,
            volume_id=f"disk-{n}",
            kind="full",
            status="available" if n < good else "error",
            created_at=now - 15 * H,
            tracked_at=now,
            refreshed_at=now,
            stale_at=now + 12 * H,
        )
    findings.note_all(name, now)
    derive_all(name, now)
    Volume.objects.update(listed_backups=0)


def alarm(severity: str, now: datetime, **values: Any) -> Alarm:
    return Alarm.objects.create(
        kind="no_backups" if severity == "critical" else "stuck",
        severity=severity,
        cloud_id="eu",
        subject=f"{severity} {len(values)}",
        sentence=f"disk {severity} {len(values)} is not well",
        opened_at=now,
        held_until=now,
        changed_at=now,
        burst_began_at=now,
        **values,
    )


def test_all_is_well_is_told_too_and_a_filter_that_names_clouds_is_about_these(
    settings: Any, tmp_path: Path
) -> None:
    now = clock.now()
    settings.CLOUDS = {"otc": None, "eu": None}
    entries = {
        "all": {**HOOK, "digest": "daily 14:00 UTC"},
        "otc": {**HOOK, "digest": "weekly wednesday 14:00", "filter": "cloud=otc"},
        "none": HOOK,
    }
    configure(settings, tmp_path, entries)
    cloud("otc", now, good=2, heard_at=now - timedelta(seconds=12))
    cloud("eu", now, good=1, failed=1, heard_at=now - 2 * H)
    alarm("critical", now)
    alarm("warning", now)
    alarm("critical", now, acknowledged_at=now)
    about_all, about_otc = [write(due, now) for due in digests(now)]
    assert about_otc.headline == "vbsdash: 2 of 2 disks protected, no alarm is open"
    assert about_otc.text == (
        "2 of 2 disks protected, newest answer 12 s ago.",
        "Nothing failed in the 7 days before today; 2 backups good.",
        "There is no alarm.",
    )
    assert about_all.headline == ("vbsdash: 2 of 4 disks protected (2 unknown), 2 alarms open")
    assert about_all.text == (
        "2 of 4 disks protected (2 unknown), newest answer 12 s ago.",
        "The cloud eu has not answered for 2 h: what is said of it is not known to be.",
        "Yesterday: 1 failed, 0 missed, 3 backups good.",
        "Alarms: 2 open, 1 acknowledged.",
        "Critical, eu: disk critical 0 is not well",
        "Warning, eu: disk warning 0 is not well",
    )


def test_a_digest_is_written_once_and_only_while_its_time_is_not_long_ago(
    settings: Any, tmp_path: Path
) -> None:
    eight = datetime.fromisoformat("2026-11-25T08:00:00+01:00")
    configure(settings, tmp_path, {"ops": {**HOOK, "digest": "daily 08:00 Europe/Berlin"}})
    assert digests(eight - timedelta(seconds=1)) == []
    assert digests(eight + LATEST) == []
    [late] = digests(eight + LATEST - timedelta(seconds=1))
    [due] = digests(eight)
    assert (due.planned_at, due.event_id) == (eight, late.event_id)
    write(due, eight)
    assert digests(eight + timedelta(minutes=1)) == []
    [next_day] = digests(eight + timedelta(days=1))
    assert next_day.event_id != due.event_id
    # Renamed it is another channel.
    configure(settings, tmp_path, {"night": {**HOOK, "digest": "daily 08:00 Europe/Berlin"}})
    assert [due.channel.name for due in digests(eight)] == ["night"]
