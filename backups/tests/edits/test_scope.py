"""What people change reaches only the clouds that are open to them; what lies elsewhere is to them
as if it were not there.
"""

import uuid
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backups.analysis.rules import by_period
from backups.clouds import registry
from backups.clouds.registry import UnknownCloud
from backups.edits import backup_edits, protection_rules, tokens, tracking, volume_edits
from backups.edits.backup_edits import UnknownBackup
from backups.edits.common import Actor, BadValue, NotAllowed
from backups.edits.pasted_ids import read_ids
from backups.edits.tracking import Invalid, Verdict
from backups.edits.volume_edits import UnknownVolume
from backups.models import Access, ApiToken, AuditEntry, Backup, Edit, Role, Volume
from backups.tests.accounts import make_account
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]
WEST = Access(Role.OPERATOR, frozenset({"west"}))
MINE, THEIRS, NEW = (str(uuid.UUID(int=n)) for n in (1, 2, 3))
WHY = "cannot be added to this cloud"
HOURLY = by_period(period_seconds=3600, grace_seconds=60)


@pytest.fixture(autouse=True)
def clouds(settings: Any, tmp_path: Path) -> None:
    """`west`, which is open, and `otc`, which is not; `otc` never answered for its backup."""
    configure(settings, tmp_path, silent("otc", "west"))
    registry.ensure_rows()
    now = timezone.now()
    for cloud, backup_id in (("west", MINE), ("otc", THEIRS)):
        Backup.objects.create(id=backup_id, cloud_id=cloud, tracked_at=now, next_refresh_at=None)
        Volume.objects.create(cloud_id=cloud, volume_id=f"disk-{cloud}", first_seen_at=now)


@pytest.fixture
def actor() -> Actor:
    return Actor("west", timezone.now(), WEST)


@pytest.fixture
def web() -> Client:
    client = Client()
    client.force_login(make_account("west", role=Role.OPERATOR, clouds=["west"]))
    return client


def test_an_id_that_a_closed_cloud_tracks_is_invalid_and_stays_there() -> None:
    now = timezone.now()
    texts = [MINE, THEIRS.upper(), NEW, THEIRS]
    added = tracking.add(cloud="west", values=texts, now=now, access=WEST)
    assert (added.added, added.already_tracked) == ([NEW], [MINE])
    assert [invalid.reason for invalid in added.invalid] == [WHY]
    assert Backup.objects.get(pk=THEIRS).cloud_id == "otc"


def test_the_preview_says_the_same_and_names_no_cloud() -> None:
    lines = read_ids(f"{MINE} {THEIRS} {NEW}")
    verdicts = tracking.preview(cloud="west", lines=lines, access=WEST)
    assert [verdict.state for verdict in verdicts] == ["already_tracked", "invalid", "new"]
    assert verdicts[1] == Verdict(THEIRS, "invalid", WHY, None)


def test_an_id_that_a_closed_cloud_says_it_does_not_have_is_added_anew_without_its_note() -> None:
    """Else whoever writes an ID into his own cloud would keep it from the cloud that has it."""
    now = timezone.now()
    Backup.objects.filter(pk=THEIRS).update(missed_at=now, note="theirs", tags=["theirs"])
    [verdict] = tracking.preview(cloud="west", lines=read_ids(THEIRS), access=WEST)
    assert (verdict.state, verdict.reason) == ("new", None)
    added = tracking.add(cloud="west", values=[THEIRS], now=now, access=WEST)
    assert (added.added, added.invalid) == ([THEIRS], list[Invalid]())
    backup = Backup.objects.get(pk=THEIRS)
    assert (backup.cloud_id, backup.note, backup.tags) == ("west", "", [])
    rows = AuditEntry.objects.order_by("pk")
    assert [(row.verb, row.cloud) for row in rows] == [
        ("backup.move", "otc"),
        ("backup.move", "west"),
    ]


def test_an_id_that_a_closed_cloud_has_had_stays_there_when_it_is_gone() -> None:
    now = timezone.now()
    Backup.objects.filter(pk=THEIRS).update(refreshed_at=now, missed_at=now, gone_at=now)
    added = tracking.add(cloud="west", values=[THEIRS], now=now, access=WEST)
    assert [invalid.reason for invalid in added.invalid] == [WHY]


@pytest.mark.parametrize("preview", ["", "1"])
def test_the_form_says_the_same_and_keeps_the_text(web: Client, preview: str) -> None:
    form = {"cloud": "west", "backup_ids": f"{THEIRS} {NEW}", "preview": preview}
    page = web.post("/backups/add/", form)
    text = unescape(page.content.decode())
    assert (page.status_code, WHY in text, THEIRS in text, "otc" in text) == (
        200,
        True,
        True,
        False,
    )
    assert Backup.objects.filter(pk=NEW).exists() is (preview == "")
    assert Backup.objects.get(pk=THEIRS).cloud_id == "otc"


def test_an_id_that_is_tracked_elsewhere_by_who_may_both_moves_as_ever() -> None:
    added = tracking.add(cloud="west", values=[THEIRS], now=timezone.now())
    assert (added.added, added.invalid) == ([THEIRS], list[Invalid]())


@pytest.mark.parametrize("cloud", ["otc", "nowhere"])
def test_a_closed_cloud_is_refused_as_one_that_there_is_not(cloud: str) -> None:
    with pytest.raises(UnknownCloud) as refusal:
        tracking.add(cloud=cloud, values=[NEW], now=timezone.now(), access=WEST)
    assert str(refusal.value) == f"“{cloud}” is no configured cloud. Configured: west."


def test_what_is_untracked_or_asked_about_is_what_is_open() -> None:
    now = timezone.now()
    assert tracking.refresh_now([MINE, THEIRS], now, WEST) == 1
    assert Backup.objects.get(pk=THEIRS).next_refresh_at is None
    assert tracking.untrack([MINE, THEIRS], WEST) == 1
    assert [str(pk) for pk in Backup.objects.values_list("pk", flat=True)] == [THEIRS]


def test_notes_and_tags_reach_what_is_open(actor: Actor) -> None:
    both = [uuid.UUID(MINE), uuid.UUID(THEIRS)]
    assert backup_edits.add_tags(both, ["x"], actor=actor) == 1
    with pytest.raises(UnknownBackup):
        backup_edits.change(uuid.UUID(THEIRS), {"note": "x"}, actor=actor)
    theirs = Backup.objects.get(pk=THEIRS)
    assert (theirs.tags, theirs.note) == ([], "")


@pytest.mark.parametrize(
    "change",
    [
        lambda keys, actor: volume_edits.set_follow(keys, True, actor=actor),
        lambda keys, actor: volume_edits.add_tags(keys, ["x"], actor=actor),
        lambda keys, actor: volume_edits.set_rule(keys, HOURLY, actor=actor),
        lambda keys, actor: volume_edits.exempt(keys, "x", None, actor=actor),
    ],
)
def test_a_disk_of_a_closed_cloud_is_not_known(
    actor: Actor, change: Callable[[Any, Actor], int]
) -> None:
    both = [("west", "disk-west"), ("otc", "disk-otc")]
    with pytest.raises(UnknownVolume, match="No disk disk-otc is known in otc"):
        change(both, actor)
    assert Edit.objects.count() == 0
    assert change(both[:1], actor) == 1


def test_a_disk_of_a_closed_cloud_is_named_as_it_was_written_and_not_as_it_is_stored(
    web: Client,
) -> None:
    stored = str(uuid.UUID(int=0xABC))
    Volume.objects.create(cloud_id="otc", volume_id=stored, first_seen_at=timezone.now())
    written = uuid.UUID(stored).hex.upper()
    form = {"volume": f"otc/{written}", "what": "follow", "follow": "no"}
    page = web.post("/volumes/set/", form)
    text = page.content.decode()
    said = f"No disk {written} is known in otc."
    assert (page.status_code, said in text, stored in text) == (400, True, False)


@pytest.mark.parametrize("cloud", ["otc", "nowhere"])
def test_nothing_is_made_in_a_closed_cloud(actor: Actor, cloud: str) -> None:
    sentence = f"“{cloud}” is no cloud that is known here."
    with pytest.raises(BadValue, match=sentence):
        volume_edits.register(cloud, "new", actor=actor)
    with pytest.raises(BadValue, match=sentence):
        protection_rules.set_cloud_rule(cloud, HOURLY, actor=actor)
    assert Volume.objects.count() == 2


def test_the_rule_of_a_tag_is_for_who_may_all_clouds(actor: Actor, web: Client) -> None:
    with pytest.raises(NotAllowed):
        protection_rules.set_tag_rule("x", HOURLY, actor=actor)
    form = {"of": "tag", "name": "x", "what": "rule", "period_hours": "1"}
    page = web.post("/volumes/rules/set/", form)
    assert (page.status_code, "only some are open to you" in page.content.decode()) == (403, True)


def test_all_matching_means_all_that_are_open(web: Client) -> None:
    everything = {"do": "untrack", "all": "1", "query": "view=all"}
    assert "Untrack 1 backup?" in web.post("/backups/bulk/", everything).content.decode()
    ticked = {"do": "untrack", "id": [MINE, THEIRS]}
    assert "Untrack 1 backup?" in web.post("/backups/bulk/", ticked).content.decode()
    web.post("/backups/bulk/", everything | {"sure": "1"})
    assert [str(pk) for pk in Backup.objects.values_list("pk", flat=True)] == [THEIRS]
    web.post("/volumes/set/", {"all": "1", "what": "follow", "follow": "yes"})
    assert dict(Volume.objects.values_list("cloud", "follow")) == {"otc": None, "west": True}


@pytest.mark.parametrize("cloud", ["otc", "nowhere"])
def test_a_token_opens_clouds_of_its_owner_alone(web: Client, cloud: str) -> None:
    user = make_account("other", role=Role.OPERATOR, clouds=["west"])
    with pytest.raises(tokens.BadToken, match=f"“{cloud}” is no cloud that is open to you."):
        tokens.create(user=user, clouds=[cloud], now=timezone.now())
    assert (
        web.post("/account/tokens/", {"name": "x", "no_end": "on", "clouds": [cloud]}).status_code
        == 400
    )
    assert ApiToken.objects.count() == 0
    assert tokens.create(user=user, clouds=["west"], now=timezone.now()).token.clouds == ("west",)


def test_a_viewer_makes_tokens_that_only_read_and_is_told_so() -> None:
    client = Client()
    client.force_login(make_account("reader", role=Role.VIEWER))
    assert "It may only read, as you do." in client.get("/account/").content.decode()
    client.post("/account/tokens/", {"name": "mine", "no_end": "on"})
    assert ApiToken.objects.get().read_only is True
