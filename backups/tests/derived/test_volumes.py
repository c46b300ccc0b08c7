"""Disks as they are stored and told."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from backups.analysis.protection import protection
from backups.analysis.rules import by_cron, by_period
from backups.derived import findings
from backups.derived.volumes import Listed, derive, derive_all, note_listing
from backups.edits import protection_rules, tracking, volume_edits
from backups.edits.common import Actor, BadValue, Conflict
from backups.models import FULL_ACCESS, Backup, Cloud, Edit, Volume
from backups.reports import volumes
from backups.tests.facts import NOON

pytestmark = pytest.mark.django_db
H = timedelta(hours=1)
VOLUME = ("otc", "disk")
ANNA = Actor("anna", NOON)
VOL_9 = str(uuid.UUID(int=0xD159))


@pytest.fixture(autouse=True)
def otc() -> Cloud:
    """A cloud that was just heard and follows all."""
    return Cloud.objects.create(name="otc", last_good_at=NOON, backups_listed_at=NOON, follow="all")


def backup(n: int, at: datetime = NOON, **words: Any) -> Backup:
    plain: dict[str, Any] = {
        "volume_id": "disk",
        "status": "available",
        "kind": "full",
        "created_at": at,
    }
    known = {"tracked_at": NOON, "refreshed_at": NOON, "stale_at": NOON + 12 * H}
    return Backup.objects.create(id=uuid.UUID(int=n), cloud_id="otc", **{**plain, **known, **words})


def volume(now: datetime = NOON, volume_id: str = "disk") -> volumes.VolumeDetail:
    found = volumes.volume_detail("otc", volume_id, now, access=FULL_ACCESS)
    assert found is not None
    return found


def test_a_disk_is_known_from_its_backups() -> None:
    backup(1, NOON - 2 * H, chain_size_mb=500, size=10)
    backup(2, NOON - H, chain_size_mb=540, kind="incremental", size=12)
    assert derive("otc", ["disk", None], NOON) == 1
    found = volume()
    assert (found.protection, found.last_good_id, found.last_good_at) == (
        "protected",
        str(uuid.UUID(int=2)),
        NOON - H,
    )
    assert (found.late_at, found.overdue_at) == (NOON + 23 * H, NOON + 25 * H)
    assert (found.size, found.chain_size_mb, found.tracked, found.changes_at) == (
        12,
        540,
        2,
        NOON + timedelta(minutes=30),
    )
    assert [(one.start_tracked, len(one.members)) for one in found.chains] == [(True, 2)]
    assert (found.rule["period_seconds"], found.rule["grace_seconds"], found.rule["from"]) == (
        86_400,
        7200,
        "default",
    )


def test_a_disk_that_no_backup_names_is_not_made_by_deriving_it(otc: Cloud) -> None:
    """Its row may have been removed since somebody read its ID."""
    assert derive("otc", ["removed"], NOON) == 0
    assert not Volume.objects.exists()


def test_the_list_is_walked_through_when_the_only_backup_that_it_named_is_gone(otc: Cloud) -> None:
    backup(1)
    derive("otc", ["disk"], NOON)
    note_listing("otc", {"disk": Listed(1, NOON)}, NOON)
    Backup.objects.update(gone_at=NOON)
    derive("otc", ["disk"], NOON)
    assert volume().protection == "unknown"
    assert Cloud.objects.get().walk_asked_at == NOON
    note_listing("otc", {}, NOON)  # one list is enough: single GETs have said the same
    assert volume().protection == "never"


def test_deriving_twice_changes_nothing() -> None:
    backup(1)
    assert (derive_all("otc", NOON), derive_all("otc", NOON)) == (1, 0)


def test_a_new_cloud_answer_makes_a_new_last_good(otc: Cloud) -> None:
    backup(1, NOON - 30 * H)
    derive("otc", ["disk"], NOON)
    assert volume().protection == "overdue"
    backup(2, NOON)
    derive("otc", ["disk"], NOON)
    assert volume().protection == "protected"


@hypothesis_settings(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_sql_and_the_pure_rule_give_the_same_word(otc: Cloud, data: Any) -> None:
    times = st.none() | st.integers(-30, 30).map(lambda n: NOON + n * timedelta(minutes=10))
    ups = {word: data.draw(times) for word in ("last_good_at", "backups_listed_at")}
    Cloud.objects.filter(pk="otc").update(
        follow=data.draw(st.sampled_from(["none", "disks", "all"]))
    )
    Cloud.objects.filter(pk="otc").update(
        last_good_at=ups["last_good_at"], backups_listed_at=ups["backups_listed_at"]
    )
    Volume.objects.all().delete()
    Backup.objects.all().delete()
    good = backup(1, stale_at=data.draw(times)) if data.draw(st.booleans()) else None
    late = data.draw(times.filter(bool)) if good else None
    Volume.objects.create(
        cloud_id="otc",
        volume_id="disk",
        first_seen_at=NOON,
        follow=data.draw(st.none() | st.booleans()),
        tracked=data.draw(st.integers(0, 1)),
        listed_backups=data.draw(st.none() | st.integers(0, 1)),
        known_backups=data.draw(st.integers(0, 1)),
        newest_listed_at=data.draw(times),
        newest_known_at=data.draw(times),
        deleted_at=data.draw(st.none() | times),
        exempt_reason=data.draw(st.none() | st.just("why not")),
        exempt_until=data.draw(times),
        last_good=good,
        last_good_at=NOON if late else None,
        late_at=late,
        overdue_at=late + H if late else None,
        undated=data.draw(st.booleans()),
    )
    other = elsewhere(data) if data.draw(st.booleans()) else None
    rows = Volume.objects.with_protection(NOON).with_schedule(NOON)
    row = rows.values(*volumes.COLUMNS).get()
    assert row["protection"] == protection(volumes.standing_of(row, FULL_ACCESS), NOON)
    volume = Volume.objects.get()
    is_unprotected = volume.last_good_at is None or (
        volume.late_at is not None and volume.late_at <= NOON
    )
    assert row["has_others"] == (is_unprotected and may_have_others(volume, other))


def elsewhere(data: Any) -> Backup:
    """A backup of the same disk that another cloud tracks."""
    heard_at = NOON if data.draw(st.booleans()) else NOON - H
    Cloud.objects.update_or_create(name="other", defaults={"last_good_at": heard_at})
    return Backup.objects.create(
        id=uuid.UUID(int=99),
        cloud_id="other",
        volume_id=data.draw(st.sampled_from(["disk", "another"])),
        status=data.draw(st.sampled_from(["available", "error", None])),
        created_at=data.draw(st.sampled_from([None, NOON - H, NOON + H])),
        gone_at=data.draw(st.sampled_from([None, NOON])),
        tracked_at=NOON,
    )


def may_have_others(volume: Volume, other: Backup | None) -> bool:
    """What `VolumeQuerySet.with_protection` says in SQL, once more."""
    if volume.last_good_at is None and (
        volume.listed_backups is None or volume.listed_backups > volume.known_backups
    ):
        return True
    if volume.newest_listed_at is not None:
        known_at = volume.newest_known_at
        if known_at is None or volume.newest_listed_at > known_at + timedelta(seconds=1):
            return True
    if (
        other is None
        or other.volume_id != "disk"
        or other.gone_at is not None
        or other.status == "error"
    ):
        return False
    if other.cloud.last_good_at != NOON:
        return False
    return (
        volume.last_good_at is None
        or other.created_at is None
        or other.created_at > volume.last_good_at
    )


@pytest.mark.parametrize(
    ("cloud_follow", "volume_follow", "expected"),
    [
        ("none", None, "unknown"),
        ("disks", None, "protected"),
        ("all", None, "protected"),
        ("none", True, "protected"),
        ("all", False, "unknown"),
    ],
)
def test_a_disk_that_nobody_follows_is_unknown(
    otc: Cloud, cloud_follow: str, volume_follow: bool | None, expected: str
) -> None:
    Cloud.objects.update(follow=cloud_follow)
    backup(1)
    derive("otc", ["disk"], NOON)
    volume_edits.set_follow([VOLUME], volume_follow, actor=ANNA)
    assert volume().protection == expected


@pytest.mark.parametrize(
    ("listed", "expected"),
    [({}, "never"), ({VOL_9: Listed(1, NOON)}, "unknown"), (None, "unknown")],
)
def test_where_only_tracked_disks_are_followed_none_listed_means_never(
    listed: dict[str, Listed] | None, expected: str
) -> None:
    Cloud.objects.update(follow="disks")
    volume_edits.register("otc", VOL_9, actor=ANNA)
    if listed is not None:
        note_listing("otc", listed, NOON)
    assert volume(volume_id=VOL_9).protection == expected


def test_a_list_takes_two_queries_for_one_disk_and_for_three() -> None:
    for n, volume_id in enumerate(["disk", "two", "three"]):
        backup(n, volume_id=volume_id)
        derive("otc", [volume_id], NOON)
        with CaptureQueriesContext(connection) as asked:
            found = volumes.volume_states(
                Volume.objects.order_by("volume_id")[:10], NOON, access=FULL_ACCESS
            )
        assert (len(found), len(asked), [len(one.chains) for one in found]) == (
            n + 1,
            2,
            [1] * (n + 1),
        )
    with CaptureQueriesContext(connection) as asked:
        volume()
    assert len(asked) == 2


def test_the_rule_of_the_disk_wins_over_tag_cloud_and_default() -> None:
    backup(1, NOON - 30 * H)
    derive("otc", ["disk"], NOON)
    assert (volume().protection, volume().rule["from"]) == ("overdue", "default")
    protection_rules.set_cloud_rule(
        "otc", by_period(period_seconds=29 * 3600, grace_seconds=7200), actor=ANNA
    )
    assert (volume().protection, volume().rule["from"], volume().late_at) == (
        "late",
        "cloud",
        NOON - H,
    )
    protection_rules.set_tag_rule(
        "weekly", by_period(period_seconds=7 * 86_400, grace_seconds=0), actor=ANNA
    )
    volume_edits.set_tags([VOLUME], [" weekly", "odd"], actor=ANNA)
    assert (volume().protection, volume().rule["from"], volume().rule["tag"]) == (
        "protected",
        "tag",
        "weekly",
    )
    rule = by_cron(cron="0 10 * * *", zone="Europe/Berlin", grace_seconds=60)
    volume_edits.set_rule([VOLUME], rule, actor=ANNA)
    assert (volume().protection, volume().rule["from"], volume().rule["cron"]) == (
        "overdue",
        "disk",
        "0 10 * * *",
    )
    assert (volume().own_rule, volume().overdue_at) == (
        True,
        NOON - timedelta(hours=26, minutes=59),
    )
    volume_edits.set_rule([VOLUME], None, actor=ANNA)
    protection_rules.set_tag_rule("weekly", None, actor=ANNA)
    assert volume().rule["from"] == "cloud"
    protection_rules.set_cloud_rule("otc", None, actor=ANNA)
    assert volume().rule["from"] == "default"


def test_an_exemption_ends_by_itself() -> None:
    backup(1, NOON - 30 * H)
    derive("otc", ["disk"], NOON)
    volume_edits.exempt([VOLUME], "scratch", NOON + timedelta(minutes=5), actor=ANNA)
    assert (volume().protection, volume().exempt) == (
        "exempt",
        {"reason": "scratch", "until": NOON + timedelta(minutes=5)},
    )
    assert volume(NOON + timedelta(minutes=5)).protection == "overdue"
    volume_edits.end_exemption([VOLUME], actor=ANNA)
    assert (volume().protection, volume().exempt) == ("overdue", None)


def test_who_changed_what_and_when_is_kept() -> None:
    backup(1)
    derive("otc", ["disk"], NOON)
    volume_edits.set_label([VOLUME], "  the ledger ", actor=ANNA)
    volume_edits.set_label([VOLUME], "the ledger", actor=Actor("ben", NOON + H))
    volume_edits.set_note([VOLUME], "ask Ben", actor=Actor("ben", NOON + H))
    found = volume()
    assert (found.label, found.note, found.title, found.version) == (
        "the ledger",
        "ask Ben",
        "the ledger",
        3,
    )
    assert {word: (one.by, one.at) for word, one in found.edited.items()} == {
        "label": ("anna", NOON),
        "note": ("ben", NOON + H),
    }
    assert list(Edit.objects.values_list("field", "before", "after")) == [
        ("label", None, "the ledger"),
        ("note", "", "ask Ben"),
    ]


def test_of_two_people_the_second_is_told_and_nothing_is_lost() -> None:
    backup(1)
    derive("otc", ["disk"], NOON)
    seen = volume().version
    volume_edits.set_tags([VOLUME], ["prod"], actor=ANNA, version=seen)
    with pytest.raises(Conflict, match="anna changed this meanwhile") as told:
        volume_edits.set_tags([VOLUME], ["test"], actor=Actor("ben", NOON), version=seen)
    assert (told.value.version, volume().tags) == (seen + 1, ["prod"])
    volume_edits.add_tags([VOLUME], ["test"], actor=Actor("ben", NOON))
    assert volume().tags == ["prod", "test"]
    volume_edits.add_tags([VOLUME], [], ["prod"], actor=Actor("ben", NOON))
    assert volume().tags == ["test"]


def test_many_disks_are_set_at_once_or_not_at_all() -> None:
    for n, volume_id in enumerate(["a", "b", "c"]):
        backup(n, NOON - 30 * H, volume_id=volume_id)
    derive_all("otc", NOON)
    weekly = by_period(period_seconds=7 * 86_400, grace_seconds=0)
    with pytest.raises(volume_edits.UnknownVolume):
        volume_edits.set_rule([("otc", "a"), ("otc", "nowhere")], weekly, actor=ANNA)
    assert {volume(volume_id=one).protection for one in "abc"} == {"overdue"}
    assert volume_edits.set_rule([("otc", "a"), ("otc", "b")], weekly, actor=ANNA) == 2
    assert [volume(volume_id=one).protection for one in "abc"] == [
        "protected",
        "protected",
        "overdue",
    ]


def test_a_disk_registered_by_hand_was_never_backed_up_when_a_list_names_no_backup_of_it() -> None:
    assert volume_edits.register("otc", VOL_9, label="by hand", actor=ANNA)
    assert not volume_edits.register("otc", VOL_9, actor=ANNA)
    assert volume(volume_id=VOL_9).protection == "unknown"
    assert Cloud.objects.get().walk_asked_at == NOON  # the list is walked through at once
    note_listing("otc", {}, NOON)
    found = volume(volume_id=VOL_9)
    assert (found.protection, found.label, found.edited["registered"].by) == (
        "never",
        "by hand",
        "anna",
    )


@pytest.mark.parametrize("reason", ["", "  ", "a\x00b"])
def test_an_exemption_needs_a_reason_that_can_be_stored(reason: str) -> None:
    with pytest.raises(BadValue):
        volume_edits.exempt([VOLUME], reason, None, actor=ANNA)
    with pytest.raises(BadValue):
        volume_edits.exempt([VOLUME], "fine", NOON, actor=ANNA)


def test_an_untracked_backup_protects_no_longer() -> None:
    first, second = backup(1, NOON - 30 * H), backup(2)
    derive("otc", ["disk"], NOON)
    tracking.untrack([str(second.pk)])
    assert (volume().protection, volume().last_good_id) == ("overdue", str(first.pk))
    tracking.untrack([str(first.pk)])
    assert volumes.volume_detail("otc", "disk", NOON, access=FULL_ACCESS) is None


def test_a_disk_that_somebody_labelled_stays_without_backups() -> None:
    one = backup(1)
    derive("otc", ["disk"], NOON)
    volume_edits.set_label([VOLUME], "mine", actor=ANNA)
    note_listing("otc", {"disk": Listed(1, NOON)}, NOON)
    tracking.untrack([str(one.pk)])
    assert (volume().protection, volume().last_good_id, volume().late_at) == ("unknown", None, None)


def test_a_disk_knows_whether_its_newest_try_failed_since_when_and_by_what() -> None:
    backup(1, NOON - 60 * H)
    for n in (2, 3):
        backup(n, NOON - (40 - 10 * n) * H, status="error", fail_reason="quota exceeded")
    findings.note_all("otc", NOON)
    derive("otc", ["disk"], NOON)
    row = Volume.objects.get()
    cause = Backup.objects.get(pk=uuid.UUID(int=3)).cause_id
    assert cause is not None
    assert (row.failing_id, row.failing_since, row.failing_cause) == (
        uuid.UUID(int=3),
        NOON - 20 * H,
        cause,
    )
    state = volume()
    assert (state.failing_id, state.failing_cause) == (str(uuid.UUID(int=3)), cause)
    assert state.why.endswith("failed: A quota of the project is used up.")
    backup(4, NOON - H)
    derive("otc", ["disk"], NOON)
    row = Volume.objects.get()
    assert (row.failing_id, row.failing_since, row.failing_cause) == (None, None, None)


def test_a_failed_backup_that_is_no_more_tells_nothing_of_its_disk() -> None:
    """The database keeps no key: between a deletion and the next derivation the row is not read."""
    backup(1, NOON - 60 * H)
    backup(2, NOON - 20 * H, status="error")
    derive("otc", ["disk"], NOON)
    assert volume().failing_id == str(uuid.UUID(int=2))
    Backup.objects.filter(pk=uuid.UUID(int=2)).delete()
    assert (volume().failing_id, "failed" in volume().why) == (None, False)
