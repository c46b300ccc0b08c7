"""Whoever may see some clouds alone sees them as if there were no other: every number is that of
his own lists, and nothing of another cloud is in any answer.
"""

import re
import uuid
from collections.abc import Iterable
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backups.analysis.rules import DEFAULT
from backups.clouds import registry
from backups.derived import findings, volumes
from backups.edits import backup_edits, protection_rules, tokens, volume_edits
from backups.edits.common import Actor
from backups.models import (
    Account,
    AuditEntry,
    Backup,
    BackupTag,
    Body,
    Cause,
    Cloud,
    CloudCalls,
    Edit,
    Revision,
    Role,
    SavedView,
    SearchText,
    TagRule,
    Verb,
    Volume,
    VolumeTag,
)
from backups.models.data_version import data_changed
from backups.tests.accounts import make_account
from backups.tests.otc import configure, silent
from backups.tests.routes import routes

pytestmark = [pytest.mark.either, pytest.mark.django_db]
OURS = "otc"  # what `routes()` leads to is in it
# It is in each text of the other cloud, in a status that only it has, and begins its IDs.
THEIRS = "5ec2e7"
OTHER_CLOUD = f"{THEIRS}-cloud"
OTHER_BACKUP = uuid.UUID(hex=f"{THEIRS}{'0' * 25}1")
BATCH = uuid.UUID(int=77)
NOT_COMPARED = {
    "readyz": "says the same to everybody, signed in or not; it names no cloud",
    "api/clouds/<str:cloud>/backups/": "asks the cloud, and there is none in these tests",
    "backups/add/discover/": "asks the cloud, and there is none in these tests",
    "api/schema/": "describes the API and shows no rows of the database",
    "api/docs/": "describes the API and shows no rows of the database",
}
# What differs from one answer to the next, whoever asks.
PASSING = re.compile(
    r'(?<=name="csrfmiddlewaretoken" value=")[^"]*|(?<=data-etag=")[^"]*'
    r'|(?<=name="form_id" value=")[^"]*|(?<="X-CSRFToken": ")[^"]*'
)


@pytest.fixture
def estate(settings: Any, tmp_path: Path) -> None:
    """Two clouds with rows of every kind."""
    both = silent(OURS, OTHER_CLOUD, vbs_follow="all", vbs_quota_backups=100)
    configure(settings, tmp_path, both)
    registry.ensure_rows()
    # A cause that both have is written by the other cloud first.
    fill(OTHER_CLOUD, THEIRS, first_id=OTHER_BACKUP.int, backups=5)
    fill(OURS, "d", first_id=1, backups=3)
    data_changed()


def fill(cloud: str, name: str, *, first_id: int, backups: int) -> None:
    now = timezone.now()
    Cloud.objects.filter(pk=cloud).update(
        last_good_at=now,
        attempted_at=now,
        backups_listed_at=now,
        endpoint="https://vbs.example/v2/0123456789abcdef0123456789abcdef",
    )
    CloudCalls.objects.create(cloud_id=cloud, class_name="ok", n=backups)
    is_other = cloud == OTHER_CLOUD
    rows = []
    for number in range(backups):
        for offset, status in enumerate(("available", "error", "creating", f"{name}-odd")):
            reason = f"no room in '{name}-{number}' of '{cloud}'" if status == "error" else None
            rows.append(
                Backup(
                    id=uuid.UUID(int=first_id + 1000 * offset + number),
                    cloud_id=cloud,
                    name=f"{name}-backup-{number}",
                    description=f"of {cloud}",
                    volume_id=f"{name}-{number}",
                    status=status,
                    fail_reason=reason,
                    kind="full",
                    chain_size_mb=1000 + number,
                    size=10,
                    created_at=now - timedelta(hours=3 + number + 30 * is_other),
                    tracked_at=now,
                    refreshed_at=now,
                    stale_at=now + timedelta(hours=1) if number else now,
                    next_refresh_at=now - timedelta(seconds=number),
                    added_batch=BATCH,
                    kind_conflict=number == 0,
                )
            )
    rows[-1].gone_at = now
    rows[-2].stuck_at = now
    pending = Backup(
        id=uuid.UUID(int=first_id + 9000), cloud_id=cloud, tracked_at=now, next_refresh_at=now
    )
    homeless = Backup(
        id=uuid.UUID(int=first_id + 9001),
        cloud_id=cloud,
        name=f"{name}-homeless",
        status="available",
        tracked_at=now,
        refreshed_at=now,
        stale_at=now + timedelta(hours=1),
    )
    rows += [pending, homeless]
    for number in range(3):
        rows.append(
            Backup(
                id=uuid.UUID(int=first_id + 9100 + number),
                cloud_id=cloud,
                name=f"{name}-grows-{number}",
                volume_id=f"{name}-grows",
                status="available",
                kind="incremental" if number else "full",
                chain_size_mb=1000 * (number + 1),
                created_at=now - timedelta(days=3 - number),
                tracked_at=now,
                refreshed_at=now,
                stale_at=now + timedelta(hours=1),
            )
        )
    Backup.objects.bulk_create(rows)
    SearchText.objects.put(vars(row) for row in rows)
    first_seen_at = now - timedelta(days=3)
    names = [f"{name}-{number}" for number in range(backups + 2)]  # two were never backed up
    names.append(f"{name}-grows")
    for volume_id in names:
        Volume.objects.create(
            cloud_id=cloud,
            volume_id=volume_id,
            name=f"disk {volume_id}",
            first_seen_at=first_seen_at,
            listed_backups=0,
        )
    findings.note([row.pk for row in rows], now)
    volumes.derive(cloud, names, now)
    actor = Actor(f"{name}-person", now)
    tag = "t0" if cloud == OURS else f"{name}-tag"
    backup_edits.add_tags([row.pk for row in rows], [tag], actor=actor)
    backup_edits.change(rows[0].pk, {"note": f"{name}-note"}, actor=actor, version=None)
    volume_edits.add_tags([(cloud, names[0])], [tag], actor=actor)
    volume_edits.change([(cloud, names[0])], {"note": f"{name}-note"}, actor=actor)
    volume_edits.exempt([(cloud, names[1])], f"{name}-reason", None, actor=actor)
    protection_rules.set_tag_rule(tag, DEFAULT, actor=actor)
    protection_rules.set_cloud_rule(cloud, DEFAULT, actor=actor)
    Body.objects.create(backup=rows[0], received_at=now, http_status=200, text=f'{{"n":"{name}"}}')
    Revision.objects.create(backup=rows[0], at=now, changes=[])


def remove_other_cloud(settings: Any, folder: Path) -> None:
    configure(settings, folder, silent(OURS, vbs_follow="all", vbs_quota_backups=100))
    Backup.objects.filter(cloud=OTHER_CLOUD).delete()
    Edit.objects.filter(volume__cloud=OTHER_CLOUD).delete()
    Volume.objects.filter(cloud=OTHER_CLOUD).delete()
    Cloud.objects.filter(pk=OTHER_CLOUD).delete()
    TagRule.objects.filter(tag__startswith=THEIRS).delete()
    Cause.objects.update(text="no room in 'd-0' of 'otc'")
    data_changed()
    cache.clear()


def person(name: str, clouds: Iterable[str] | None, role: Role = Role.VIEWER) -> Client:
    user = make_account(name, role=role, clouds=clouds)
    SavedView.objects.create(user=user, name="view 0", query="status=error")
    client = Client()
    client.force_login(user)
    key = tokens.create(user=user, now=timezone.now(), name="of mine").key
    client.headers_of_token = {"Authorization": f"Bearer {key}"}  # type: ignore[attr-defined]
    read(client, "/metrics")  # from here on the token was used
    return client


def read(client: Client, address: str) -> str:
    headers = client.headers_of_token if address == "/metrics" else None  # type: ignore[attr-defined]
    answer: Any = client.get(address, headers=headers)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if address == "/metrics":
        # What the process that answers says of itself.
        body = re.sub(rb"(?m)^(# [A-Z]+ )?process_.*$", b"", body)
    head = f"{answer.status_code} {answer['Content-Type']} {answer.get('Location')}"
    return f"{head}\n{PASSING.sub('', body.decode())}"


def addresses() -> list[str]:
    """Every route, and lists in several orders and searches."""
    return [
        *(address for route, address in routes().items() if route not in NOT_COMPARED),
        "/backups/?view=all&ordering=attention&columns=cloud,volume,tags,note",
        f"/backups/?added={BATCH}",
        f"/backups/{uuid.UUID(int=1001)}/",  # which failed
        "/backups/?q=backup&ordering=-name",
        "/volumes/?q=disk",
        "/volumes/?ordering=-volume_id",
        "/failures/?q=room",
        "/api/backups/?ordering=attention&limit=1000",
        "/api/backups/?q=backup",
        "/api/volumes/?q=disk&limit=500",
        "/api/summary/?zone=Europe/Berlin",
    ]


def test_of_another_cloud_nothing_is_told_and_no_answer_depends_on_it(
    estate: None, settings: Any, tmp_path: Path
) -> None:
    """All that is there is first asked with the other cloud, then without."""
    client = person("one", [OURS])
    before = {address: read(client, address) for address in addresses()}
    assert [address for address, text in before.items() if THEIRS in text] == []
    remove_other_cloud(settings, tmp_path)
    after = {address: read(client, address) for address in addresses()}
    differing = [address for address in before if before[address] != after[address]]
    assert differing == [], first_difference(before[differing[0]], after[differing[0]])


def first_difference(before: str, after: str) -> str:
    for one, other in zip(before.splitlines(), after.splitlines(), strict=False):
        if one != other:
            return f"{one[:300]}\n{other[:300]}"
    return "one of them is longer"


def test_what_lies_in_another_cloud_is_answered_as_what_there_is_not(estate: None) -> None:
    client = person("one", [OURS], Role.OPERATOR)
    addresses_there = [
        f"/backups/{OTHER_BACKUP}/",
        f"/volumes/{OTHER_CLOUD}/{THEIRS}-0/",
        f"/api/backups/{OTHER_BACKUP}/",
        f"/api/backups/{OTHER_BACKUP}/raw/",
        f"/api/backups/{OTHER_BACKUP}/revisions/",
        f"/api/volumes/{OTHER_CLOUD}/{THEIRS}-0/",
        f"/api/clouds/{OTHER_CLOUD}/backups/",
        f"/backups/add/discover/?cloud={OTHER_CLOUD}",
        f"/backups/?cloud={OTHER_CLOUD}&id={OTHER_BACKUP}",
        f"/backups/?added={BATCH}&cloud={OTHER_CLOUD}",
        f"/volumes/?cloud={OTHER_CLOUD}&tag={THEIRS}-tag",
        f"/failures/?cloud={OTHER_CLOUD}",
        f"/api/backups.csv?cloud={OTHER_CLOUD}",
        f"/backups/?view=all&q={THEIRS}",
        f"/volumes/?q={THEIRS}",
        f"/failures/?q={THEIRS}",
        f"/api/backups/?q={THEIRS}",
        f"/api/volumes/?q={THEIRS}",
    ]
    for address in addresses_there:
        of_nothing = read(client, address.replace(THEIRS, "a11a11"))
        assert read(client, address).replace(THEIRS, "a11a11") == of_nothing, address


@pytest.mark.parametrize("clouds", [None, [OURS, OTHER_CLOUD], [OURS], []])
def test_the_summary_and_the_metrics_count_what_the_reader_s_lists_hold(
    estate: None, clouds: list[str] | None
) -> None:
    client = person("one", clouds)
    backups = client.get("/api/backups/?limit=1000").json()["results"]
    disks = client.get("/api/volumes/?limit=500").json()["results"]
    summary = client.get("/api/summary/").json()
    states = client.get("/api/clouds/").json()

    def count(rows: list[dict[str, Any]], key: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for row in rows:
            counts[row[key] or "null"] = counts.get(row[key] or "null", 0) + 1
        return counts

    assert summary["backups"] == {
        "total": len(backups),
        "by_status": count(backups, "status"),
        "by_tracking_state": count(backups, "tracking_state"),
    }
    assert summary["volumes"]["by_protection"] == count(disks, "protection")
    assert summary["chain_size_mb"] == sum(disk["chain_size_mb"] or 0 for disk in disks)
    moving = {
        row["id"]
        for row in backups
        if row["status"] == "creating" and row["tracking_state"] == "fresh"
    }
    assert set(summary["in_flight"]) == moving
    names = {row["cloud"] for row in backups}
    assert {state["name"] for state in states} == names
    assert {state["name"]: state["tracked"] for state in states} == count(backups, "cloud")
    assert {item["cloud"] for item in summary["attention"]} <= names
    page = client.get("/account/").content.decode()
    attention = re.search(r'<b title="([0-9,]+) incidents?"', page)
    assert (int(attention[1]) if attention else 0) == len(summary["incidents"])
    causes = client.get("/api/failures/").json()
    failed = {row["id"] for row in backups if row["status"] == "error"}
    assert {backup_id for cause in causes for backup_id in cause["ids"]} == failed
    assert sum(cause["count"] for cause in causes) == len(failed)
    series = re.findall(
        r'^vbsdash_backups\{cloud="([^"]*)",status="([^"]*)"\} ([0-9.]+)$',
        read(client, "/metrics"),
        re.MULTILINE,
    )
    in_series = {(cloud, status): float(number) for cloud, status, number in series}
    in_list: dict[tuple[str, str], float] = {}
    for row in backups:
        key = (row["cloud"], row["status"] or "not_seen")
        in_list[key] = in_list.get(key, 0) + 1
    assert in_series == in_list


def test_a_cloud_that_is_taken_away_is_gone_with_the_next_request(estate: None) -> None:
    """No answer of before is confirmed, and no number is remembered."""
    client = person("one", [OURS, OTHER_CLOUD], Role.OPERATOR)
    objects = [f"/api/backups/{OTHER_BACKUP}/", f"/api/volumes/{OTHER_CLOUD}/{THEIRS}-0/"]
    lists = ["/api/summary/", "/api/clouds/", "/api/backups/"]
    tags = {address: client.get(address)["ETag"] for address in (*objects, *lists)}
    page = client.get("/").content.decode().split('data-etag="')[1].split('"')[0]
    assert THEIRS in read(client, "/")
    Account.objects.get().clouds.set(Cloud.objects.filter(pk=OURS))
    for address, tag in tags.items():
        answer = client.get(address, headers={"If-None-Match": tag})
        assert answer.status_code == (404 if address in objects else 200), address
        assert address in objects or THEIRS not in read(client, address), address
        for any_or_old in ("*", tag):
            status = client.get(address, headers={"If-None-Match": any_or_old}).status_code
            assert status == (404 if address in objects else 200), address
    poll = client.get("/", headers={"HX-Request": "true", "If-None-Match": f'"{page}"'})
    assert (poll.status_code, THEIRS in poll.content.decode()) == (200, False)
    assert THEIRS not in read(client, "/account/")


def test_those_who_see_the_same_clouds_share_the_count_and_nobody_else_does(estate: None) -> None:
    counts = {}
    for name, clouds in (("all", None), ("ours", [OURS]), ("none", list[str]())):
        page = person(name, clouds).get("/account/").content.decode()
        attention = re.search(r'<b title="([0-9,]+) incidents?"', page)
        counts[name] = int(attention[1]) if attention else 0
    assert counts["none"] == 0
    assert 0 < counts["ours"] < counts["all"]


def test_an_account_of_some_clouds_asks_the_same_number_of_questions_whatever_the_rows(
    estate: None,
) -> None:
    client = person("one", [OURS], Role.OPERATOR)
    asked = [
        *("/", "/backups/?cloud=otc", "/volumes/?cloud=otc", "/volumes/growing/", "/clouds/"),
        *("/failures/", "/volumes/rules/", f"/backups/{uuid.UUID(int=1)}/", "/volumes/otc/d-0/"),
        *("/api/summary/", "/api/clouds/", "/api/failures/", "/api/rules/"),
    ]
    client.get("/account/")  # the count in the navigation is remembered from here on
    counted = {address: questions(client, address) for address in asked}
    more = [
        Backup(
            id=uuid.UUID(int=50_000 + number),
            cloud_id=OURS,
            volume_id=f"d-{number % 6}",
            status="error",
            fail_reason=f"reason {'x' * number}",
            tracked_at=timezone.now(),
        )
        for number in range(40)
    ]
    Backup.objects.bulk_create(more)
    findings.note([row.pk for row in more], timezone.now())
    data_changed()
    assert {address: questions(client, address) for address in asked} == counted


def questions(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_adding_says_nothing_of_a_backup_in_another_cloud(estate: None) -> None:
    client = person("one", [OURS], Role.OPERATOR)
    form = {"cloud": OURS, "backup_ids": str(OTHER_BACKUP)}
    for answer in (
        client.post("/backups/add/", {**form, "preview": "1"}),
        client.post("/backups/add/", form),
    ):
        page = answer.content.decode().replace(str(OTHER_BACKUP), "")
        assert ("cannot be added to this cloud" in page, THEIRS in page) == (True, False)
    refused = client.post("/backups/add/", {**form, "cloud": OTHER_CLOUD}).content.decode()
    assert f"“{OTHER_CLOUD}” is no configured cloud. Configured: otc." in unescape(refused)
    assert Backup.objects.get(pk=OTHER_BACKUP).cloud_id == OTHER_CLOUD


def test_all_that_match_are_those_that_the_person_sees(estate: None) -> None:
    client = person("one", [OURS], Role.OPERATOR)
    client.post("/backups/bulk/", {"do": "tag", "tag": "marked", "all": "1", "query": "q=backup"})
    client.post("/volumes/set/", {"what": "add_tags", "tags": "marked", "all": "1", "query": ""})
    marked = BackupTag.objects.filter(tag="marked").values_list("backup__cloud", flat=True)
    assert set(marked) == {OURS}
    disks = VolumeTag.objects.filter(tag="marked").values_list("volume__cloud", flat=True)
    assert set(disks) == {OURS}


def test_pages_offer_a_viewer_nothing_that_he_may_not_do(estate: None) -> None:
    """Each form of each page is one that its reader may send."""
    client = person("one", [OURS])
    pages = [
        *("/", "/backups/", f"/backups/?added={BATCH}", f"/backups/{uuid.UUID(int=1)}/"),
        *("/volumes/", "/volumes/growing/", "/volumes/rules/", "/volumes/otc/d-0/"),
        *("/failures/", "/clouds/", "/account/", "/account/password/", "/backups/?q=nothing"),
        *(f"/backups/{OTHER_BACKUP}/", "/volumes/otc/nothing/", "/volumes/?q=nothing"),
    ]
    for address in pages:
        page = read(client, address)
        for action in re.findall(r'<form[^>]* method="post"[^>]*action="([^"]*)"', page):
            assert action.startswith(("/account/", "/accounts/logout/")), address
        assert re.findall(r'hx-post|name="id"|name="volume"|/backups/add/', page) == [], address


def test_pages_that_only_serve_a_write_are_an_operator_s(estate: None) -> None:
    viewer = person("viewer", None)
    operator = person("operator", None, Role.OPERATOR)
    for address in ("/backups/add/", "/backups/add/discover/"):
        assert viewer.get(address).status_code == 403
        assert operator.get(address).status_code == 200


@pytest.mark.parametrize(
    ("role", "clouds", "opens"),
    [(Role.ADMIN, None, True), (Role.ADMIN, [OURS], False), (Role.OPERATOR, None, False)],
)
def test_django_s_own_pages_open_for_staff_that_may_everything(
    role: Role, clouds: list[str] | None, opens: bool
) -> None:
    """They know neither roles nor clouds."""
    client = person("one", clouds, role)
    for address in ("/admin/", "/admin/login/", "/admin/backups/cloud/"):
        assert client.get(address).status_code == 403
    refused = AuditEntry.objects.get(verb=Verb.ACCESS_REFUSED)
    assert (refused.actor, refused.object_id) == ("one", "GET /admin/")
    assert Client().get("/admin/").status_code == 302
    User.objects.update(is_staff=True)
    assert client.get("/admin/").status_code == (200 if opens else 403)
    assert ("Administration</a>" in client.get("/account/").content.decode()) == opens
