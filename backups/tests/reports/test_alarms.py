"""In which stage an alarm is and why, how old its evidence is now, and what counts of it."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.http import QueryDict
from django.utils import timezone

from backups.derived import findings
from backups.derived.volumes import derive
from backups.edits import silences
from backups.edits.common import Actor
from backups.models import FULL_ACCESS, Access, AlarmKind, Backup, Cloud, Role, Volume
from backups.query.alarms import ALARMS, STAGES
from backups.query.list_query import ListQuery, parse
from backups.reports import deliveries
from backups.reports import silences as silence_report
from backups.reports.alarms import Alarms, AlarmState, Mute, unacknowledged
from backups.reports.summary import summary
from backups.tests.alarms.rows import make_alarm, make_delivery, make_one_of_each
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]
HOUR = timedelta(hours=1)
WEST = Access(Role.VIEWER, frozenset({"west"}))


def query(text: str) -> ListQuery:
    return parse(QueryDict(text), ALARMS)


def listed(text: str, access: Access = FULL_ACCESS) -> list[AlarmState]:
    reader = Alarms(timezone.now(), access=access)
    page = reader.pages(query(text)).page(None, 100, "pk")
    return reader.states([row["pk"] for row in page.rows])


def test_each_alarm_is_in_one_stage_which_filters_counts_and_rows_tell_alike(
    clock: time_machine.Traveller,
) -> None:
    now = timezone.now()
    make_one_of_each(now)
    make_alarm("d-mute", acknowledged_at=None)
    silent_cloud: dict[str, Any] = {"cloud": "west", "opened_at": now - HOUR / 2}
    make_alarm("west", kind=AlarmKind.CLOUD_SILENT, **silent_cloud)
    make_alarm("d-west", cloud="west")
    actor = Actor("ada", now)
    muting = silences.begin("subject=d-mute", None, now + HOUR, "Works on it.", actor=actor)
    states = {state.values["subject"]: state for state in listed("")}
    stages = {subject: state.stage for subject, state in states.items()}
    assert stages == {
        "west": "open",
        "d-open": "open",
        "d-taken": "acknowledged",
        "d-new": "pending",
        "d-mute": "muted",
        "d-west": "muted",
        "d-over": "closed",
    }
    # The worst first.
    assert list(stages)[:4] == ["west", "d-open", "d-taken", "d-new"]
    assert list(stages)[-1] == "d-over"
    assert states["d-mute"].muted == Mute(
        by="silence", silence=muting.pk, until=now + HOUR, who="ada", reason="Works on it."
    )
    assert states["d-west"].muted == Mute(by="cloud")
    counts = Alarms(now, access=FULL_ACCESS).counts(query("stage=open"))
    assert counts == {"open": 2, "acknowledged": 1, "muted": 2, "pending": 1, "closed": 1}
    for stage in STAGES:
        found = listed(f"stage={stage}")
        assert (len(found), {state.stage for state in found}) == (counts[stage], {stage})
    assert unacknowledged(now, access=FULL_ACCESS) == 2
    assert unacknowledged(now, access=Access(Role.VIEWER, frozenset({"otc"}))) == 1
    [silence] = silence_report.shown(now, Alarms(now, access=FULL_ACCESS).quiet, access=FULL_ACCESS)
    assert (silence.state, silence.mutes, silence.until) == ("holds", 1, now + HOUR)
    clock.shift(HOUR)
    later = {state.values["subject"]: state.stage for state in listed("")}
    assert (later["d-mute"], later["d-new"]) == ("open", "open")


def test_a_silence_of_more_clouds_is_told_by_its_end_alone_to_who_sees_some() -> None:
    now = timezone.now()
    make_alarm("d-1", cloud="west")
    actor = Actor("ada", now)
    silences.begin("subject=d-1&subject=theirs", None, now + HOUR, "Theirs.", actor=actor)
    [state] = listed("", WEST)
    assert (state.stage, state.muted) == ("muted", Mute(by="silence", until=now + HOUR))
    assert silence_report.shown(now, Alarms(now, access=WEST).quiet, access=WEST) == []


def test_a_recurring_silence_says_when_it_next_holds(clock: time_machine.Traveller) -> None:
    clock.move_to(timezone.now().replace(hour=12))
    now = timezone.now()
    words: dict[str, Any] = {"cron": "0 22 * * *", "duration": 2 * HOUR, "zone": "UTC"}
    silences.begin("", None, None, "Nights.", actor=Actor("ada", now), **words)
    at_ten = now.replace(hour=22, minute=0, second=0, microsecond=0)

    def state() -> tuple[object, ...]:
        moment = timezone.now()
        quiet = Alarms(moment, access=FULL_ACCESS).quiet
        [one] = silence_report.shown(moment, quiet, access=FULL_ACCESS)
        return (one.state, one.until, one.next_at)

    clock.move_to(at_ten - HOUR)
    assert state() == ("planned", None, at_ten)
    clock.move_to(at_ten + HOUR)
    assert state() == ("holds", at_ten + 2 * HOUR, None)


def test_the_evidence_is_as_old_as_it_is_now_and_of_what_is_over_as_it_was() -> None:
    now = timezone.now()
    times = {name: now - timedelta(minutes=at) for at, name in enumerate(("answer", "list", "b"))}
    old = now - timedelta(days=1)
    Cloud.objects.create(name="otc", last_good_at=times["answer"], backups_listed_at=times["list"])
    backup = Backup.objects.create(
        id=uuid.uuid4(), cloud_id="otc", tracked_at=old, refreshed_at=times["b"]
    )
    make_alarm("otc", kind=AlarmKind.STALE, evidence_at=old)
    make_alarm("d-1", evidence_at=old)
    make_alarm("d-2", kind=AlarmKind.BACKUPS_FAIL, backup_id=backup.pk, evidence_at=old)
    make_alarm("d-3", kind=AlarmKind.BACKUPS_FAIL, backup_id=uuid.uuid4(), evidence_at=old)
    make_alarm("d-4", closed_at=now, evidence_at=old)
    found = {state.values["subject"]: state.values["evidence_at"] for state in listed("")}
    expected = {"otc": "answer", "d-1": "list", "d-2": "b"}
    assert found == {of: times[name] for of, name in expected.items()} | {"d-3": old, "d-4": old}
    reader = Alarms(now, access=FULL_ACCESS)
    assert [one.values["subject"] for one in reader.of_volume("otc", "d-2")] == ["d-2"]
    assert [one.values["subject"] for one in reader.of_backup("otc", backup.pk)] == ["d-2"]
    assert reader.of_volume("otc", "d-4") == []


def test_the_alarms_of_an_incident_are_those_of_its_disks_and_backups(
    settings: Any, tmp_path: Path
) -> None:
    configure(settings, tmp_path, silent("otc", vbs_follow="all"))
    now = timezone.now()
    Cloud.objects.create(
        name="otc", last_good_at=now, attempted_at=now, backups_listed_at=now, follow="all"
    )
    for volume_id, reason in (("d-1", "quota"), ("d-2", "host down"), ("d-3", None)):
        Volume.objects.create(
            cloud_id="otc",
            volume_id=volume_id,
            first_seen_at=now - timedelta(days=9),
            listed_backups=int(reason is not None),
        )
        words: dict[str, Any] = {"kind": AlarmKind.NO_BACKUPS, "state": "never"}
        if reason is not None:
            backup = Backup.objects.create(
                id=uuid.uuid4(),
                cloud_id="otc",
                volume_id=volume_id,
                status="error",
                fail_reason=reason,
                tracked_at=now,
                refreshed_at=now,
                stale_at=now + HOUR,
                created_at=now - HOUR,
            )
            findings.note([backup.pk], now)
            make_alarm(volume_id, kind=AlarmKind.BACKUPS_FAIL, backup_id=backup.pk)
        make_alarm(volume_id, **words)
    derive("otc", ["d-1", "d-2", "d-3"], now)
    make_alarm("otc", kind=AlarmKind.UNKNOWN)
    by_incident = Alarms(now, access=FULL_ACCESS).by_incident()
    counted = {}
    for incident in summary(now, access=FULL_ACCESS).incidents:
        counted[incident.kind, incident.names] = len(by_incident[incident.id].ids)
    assert counted == {
        ("backups_fail", ("d-1",)): 2,
        ("backups_fail", ("d-2",)): 2,
        ("no_backups", ("d-3",)): 1,
    }


def test_deliveries_are_told_with_their_tries_to_who_sees_their_cloud() -> None:
    sent = make_delivery(make_alarm("d-1"))
    failed = make_delivery(make_alarm("d-2", cloud="west"), is_sent=False)
    told = deliveries.states([failed.pk, sent.pk], access=FULL_ACCESS)
    assert [one.values["state"] for one in told] == ["waiting", "sent"]
    assert (told[1].headline, told[1].tells) == ("d-1 is overdue", {"opened": 1})
    assert [attempt["sentence"] for attempt in told[0].tries] == ["It answered 503."]
    assert [one.values["id"] for one in deliveries.newest(5, access=WEST)] == [failed.pk]
