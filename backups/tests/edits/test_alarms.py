"""Who takes alarms and mutes them: what is open alone, where it is open to him, with a reason."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from backups.edits import alarms, silences
from backups.edits.common import Actor, BadValue
from backups.edits.silences import UnknownSilence
from backups.models import Access, Alarm, AuditEntry, Role, Silence
from backups.query.silences import quiet_now
from backups.reports.data_version import versions
from backups.tests.alarms.rows import make_alarm

pytestmark = [pytest.mark.either, pytest.mark.django_db]
WEST = Access(Role.OPERATOR, frozenset({"west"}))
HOUR = timedelta(hours=1)


def ada(access: Access | None = None) -> Actor:
    return Actor("ada", timezone.now(), *([] if access is None else [access]))


def test_what_is_open_is_taken_once_until_it_is_taken_back() -> None:
    now = timezone.now()
    mine = make_alarm("d-1")
    theirs = make_alarm("d-2", acknowledged_at=now, acknowledged_by="bob")
    over = make_alarm("d-3", closed_at=now)
    ids = [mine.pk, theirs.pk, over.pk, 4711]
    before = versions(now).content
    taken = alarms.acknowledge(ids, " on it ", actor=ada())
    assert (taken.ids, taken.before, taken.others) == ([mine.pk], [theirs.pk], [over.pk, 4711])
    assert versions(now).content != before
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.acknowledged_by, mine.acknowledged_reason) == ("ada", "on it")
    assert (mine.acknowledged_at, theirs.acknowledged_by) == (now, "bob")
    assert alarms.take_back([mine.pk, over.pk], actor=ada()).ids == [mine.pk]
    mine.refresh_from_db()
    assert (mine.acknowledged_at, mine.acknowledged_by, mine.acknowledged_reason) == (None, "", "")
    noted = AuditEntry.objects.order_by("pk").values_list("verb", "object_id", "cloud")
    assert list(noted) == [
        ("alarm.acknowledge", str(mine.pk), "otc"),
        ("alarm.take_back", str(mine.pk), "otc"),
    ]
    with pytest.raises(BadValue):
        alarms.acknowledge([mine.pk], "x" * 501, actor=ada())


def test_alarms_of_a_closed_cloud_are_not_there() -> None:
    theirs = make_alarm("d-1", cloud="otc")
    mine = make_alarm("d-1", cloud="west")
    taken = alarms.acknowledge([theirs.pk, mine.pk], "", actor=ada(WEST))
    assert (taken.ids, taken.others) == ([mine.pk], [theirs.pk])
    until = timezone.now() + HOUR
    [silence] = silences.snooze([theirs.pk, mine.pk], until, "", actor=ada(WEST))
    assert silence.query == "kind=no_backups&cloud=west&subject=d-1"
    assert Alarm.objects.filter(acknowledged_at__isnull=False).get() == mine


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "Choose a cloud"),
        ("tag=db", "Choose a cloud"),
        ("cloud=west&cloud=otc", "“otc” is no cloud that is known here."),
        ("colour=red", "is no filter of this list"),
        ("stage=open", "is no filter of this list"),
    ],
)
def test_who_sees_some_clouds_mutes_these_alone(query: str, said: str) -> None:
    with pytest.raises(BadValue, match=said) as refusal:
        silences.begin(query, None, timezone.now() + HOUR, "x", actor=ada(WEST))
    assert refusal.value.field == "query"
    assert not Silence.objects.exists()


def test_a_silence_of_others_is_not_known_and_an_own_one_ends_once(
    clock: time_machine.Traveller,
) -> None:
    until = timezone.now() + HOUR
    wide = silences.begin("?tag=db&ordering=opened_at&q=", None, until, "x", actor=ada())
    own = silences.begin("cloud=west", None, until, "x", actor=ada(WEST))
    assert wide.query == "tag=db"
    for silence_id in (wide.pk, 4711):
        with pytest.raises(UnknownSilence):
            silences.end(silence_id, actor=ada(WEST))
    clock.shift(60)
    before = versions(timezone.now()).content
    ended = silences.end(own.pk, actor=ada(WEST))
    assert (ended.ended_at, ended.ended_by) == (timezone.now(), "ada")
    assert versions(timezone.now()).content != before
    clock.shift(60)
    assert silences.end(own.pk, actor=ada()).ended_at == ended.ended_at
    assert [quiet.silence.pk for quiet in quiet_now(timezone.now())] == [wide.pk]
    noted = AuditEntry.objects.order_by("pk").values_list("verb", "object_id", "cloud")
    assert list(noted) == [
        ("silence.begin", str(wide.pk), None),
        ("silence.begin", str(own.pk), "west"),
        ("silence.end", str(own.pk), "west"),
    ]


def test_what_never_mutes_or_never_ends_is_refused_beside_its_field() -> None:
    now = timezone.now()
    daily = {"cron": "0 22 * * *", "duration": 8 * HOUR, "zone": "Europe/Berlin"}
    wrong: list[tuple[str, dict[str, object]]] = [
        ("reason", {"reason": " "}),
        ("ends_at", {"ends_at": None}),
        ("ends_at", {"ends_at": now}),
        ("ends_at", {"begins_at": now - 2 * HOUR, "ends_at": now - HOUR}),
        ("ends_at", {"ends_at": now + timedelta(days=400)}),
        ("begins_at", daily | {"begins_at": datetime(9999, 1, 1, tzinfo=UTC), "ends_at": None}),
        ("ends_at", daily | {"ends_at": datetime(9999, 1, 1, tzinfo=UTC)}),
        ("cron", daily | {"cron": "0 22 * * * *"}),
        ("cron", daily | {"cron": "0 0 30 2 *"}),
        ("zone", daily | {"zone": "Mars"}),
        ("duration", daily | {"duration": None}),
        ("duration", daily | {"duration": timedelta(days=8)}),
    ]
    for field, words in wrong:
        given: dict[str, object] = {"begins_at": now, "ends_at": now + HOUR, "reason": "x", **words}
        with pytest.raises(BadValue) as refusal:
            silences.begin("", actor=ada(), **given)  # type: ignore[arg-type]
        assert refusal.value.field == field, words
    assert not Silence.objects.exists()
    nightly = silences.begin("", None, None, "x", actor=ada(), **daily)  # type: ignore[arg-type]
    assert (nightly.cron, nightly.duration_seconds, nightly.ends_at) == ("0 22 * * *", 28800, None)
    for _ in range(silences.MOST_AT_ONCE - 1):
        Silence.objects.create(
            query="", reason="x", by="ada", made_at=now, begins_at=now, ends_at=now + HOUR
        )
    with pytest.raises(BadValue, match="200 silences hold or are planned"):
        silences.begin("", now, now + HOUR, "x", actor=ada())


def test_a_silence_begins_and_ends_for_readers_by_time_alone(
    clock: time_machine.Traveller,
) -> None:
    clock.move_to(datetime(2026, 11, 24, 21, 0, tzinfo=UTC))
    now = timezone.now()
    minute = timedelta(minutes=1)
    silences.begin("", now + 4 * minute, now + 6 * minute, "x", actor=ada())
    nightly = {"cron": "8 21 * * *", "duration": 3 * minute, "zone": "UTC"}
    silences.begin("", None, None, "x", actor=ada(), **nightly)  # type: ignore[arg-type]
    make_alarm("d-1", held_until=now + 13 * minute)
    kept = versions(now).content
    changed_after = []
    for minutes in range(1, 15):  # until the next quarter of an hour
        content = versions(now + minutes * minute).content
        if content != kept:
            changed_after.append(minutes)
            kept = content
    assert changed_after == [4, 6, 8, 11, 13]
