"""How often each page and call asks the database: the very same number with one row of everything
and with fifty.
"""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backups.clouds import registry
from backups.derived import findings, volumes
from backups.edits import backup_edits, tokens, volume_edits
from backups.edits.common import Actor
from backups.models import (
    Backup,
    Body,
    Cloud,
    Revision,
    Role,
    SavedView,
    Silence,
    Volume,
)
from backups.tests.accounts import make_account
from backups.tests.alarms.rows import make_alarm, make_delivery
from backups.tests.otc import configure, silent
from backups.tests.policy_rows import members, policy, read_policies, run, vault
from backups.tests.routes import VALUES

pytestmark = pytest.mark.django_db
# Session, account, its role and its settings are four, the count of alarms that wait two more, and
# the version of a live page two. What is left is what the page tells: of home the summary's
# fourteen, one for the newest promised runs, eight for what is coming, two for its strip of clouds
# and two for the alarms of its incidents.
ASKED = {
    "/": 35,
    "/backups/?cloud=otc": 15,
    "/backups/?q=b&tag=t0&ordering=attention": 14,
    "/backups/add/": 6,
    f"/backups/{uuid.UUID(int=1)}/": 20,
    "/volumes/?cloud=otc": 17,
    "/volumes/otc/d-0/": 18,
    "/volumes/growing/": 9,
    "/volumes/loss/": 9,
    "/volumes/rules/": 9,
    "/failures/": 11,
    "/policies/": 23,
    "/policies/otc/policy-1/": 20,
    "/migration/": 9,
    "/search/?q=b": 10,
    "/clouds/": 15,
    "/alarms/": 22,
    "/alarms/deliveries/": 11,
    "/trash/": 9,
    "/audit/": 9,
    "/account/": 9,
    "/account/password/": 7,
    "/users/": 10,
    "/users/add/": 7,
    f"/users/{VALUES['account_id']}/": 12,
    f"/users/{VALUES['account_id']}/delete/": 9,
    "/api/backups/?cloud=otc": 7,
    "/api/backups/?q=b&ordering=attention": 7,
    f"/api/backups/{uuid.UUID(int=1)}/": 7,
    f"/api/backups/{uuid.UUID(int=1)}/raw/": 7,
    f"/api/backups/{uuid.UUID(int=1)}/revisions/": 7,
    "/api/backups.csv?cloud=otc": 7,
    "/api/volumes/?cloud=otc": 9,
    "/api/volumes.csv?cloud=otc": 8,
    "/api/volumes/otc/d-0/": 9,
    "/api/policies/?cloud=otc": 14,
    "/api/policies.csv?cloud=otc": 13,
    "/api/policies/otc/policy-1/": 18,
    "/api/migration/": 6,
    "/api/rules/": 7,
    "/api/failures/": 8,
    "/api/views/": 6,
    "/api/clouds/": 12,
    "/api/summary/": 27,
    "/api/alarms/?stage=open": 9,
    f"/api/alarms/{VALUES['alarm_id']}/": 7,
    "/api/silences/": 9,
    f"/api/silences/{VALUES['silence_id']}/": 8,
    "/api/deliveries/": 9,
    "/api/audit/": 8,
    "/api/audit.csv": 9,
}
# An unfiltered list is walked: one question for each part of its order until the page is full.
WALKED = {1: {"/backups/": 17, "/volumes/": 23}, 50: {"/backups/": 16, "/volumes/": 24}}
# The routes that are not counted here.
UNCOUNTED = {
    "backups/add/discover/": "asks the cloud",
    "styleguide/": "shows no rows of the database",
    "accounts/login/": "shows no rows of the database",
    "api/": "stands for every address that the API does not have",
    "api/schema/": "describes the API and shows no rows of the database",
    "api/docs/": "describes the API and shows no rows of the database",
    "api/clouds/<str:cloud>/backups/": "asks the cloud",
    "admin/": "Django's own",
    "volumes/<str:cloud>/<volume_id:volume_id>/day/<str:on>/": "web/test_grid.py counts",
    "metrics": "wants a token; metrics/test_collector.py counts",
    "healthz": "asks nothing",
    "readyz": "asks about the database, not for its rows",
}
# Pages that keep themselves up to date, and how often they ask when nothing is new: for session,
# user, role, reader, the stamp of all writes with what time has passed, and clouds. That of clouds
# also shows how much of each budget is used, which changes with every second.
LIVE = {
    "/": 6,
    "/backups/": 6,
    f"/backups/{uuid.UUID(int=1)}/": 6,
    "/volumes/": 6,
    "/volumes/otc/d-0/": 6,
    "/volumes/loss/": 6,
    "/policies/": 6,
    "/policies/otc/policy-1/": 6,
    "/migration/": 6,
    "/failures/": 6,
    "/alarms/": 6,
    "/clouds/": 13,
}
# The routes of pages that stay as they were read.
STILL = {
    "backups/add/": "a form: what is being typed stays",
    "backups/add/discover/": "a form over what the cloud listed once",
    "volumes/rules/": "forms: what is being typed stays",
    "volumes/growing/": "a table by days, read once",
    "alarms/deliveries/": "a log, read once; the newest are on the page of alarms, which is live",
    "trash/": "a list to choose from, read once: what is ticked stays",
    "audit/": "a record, read once",
    "search/": "answers to what was typed",
    "account/": "forms: what is being typed stays",
    "account/password/": "a form",
    "users/": "a table by names, read once",
    "users/add/": "a form",
    "users/<int:account_id>/": "forms: what is being typed stays",
    "users/<int:account_id>/delete/": "a form",
    "accounts/login/": "a form",
    "styleguide/": "examples",
    "api/docs/": "describes the API",
    "volumes/<str:cloud>/<volume_id:volume_id>/day/<str:on>/": "leads on to a list",
}


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(make_account("operator", role=Role.ADMIN, password="right-horse"))
    return client


def have(n: int, settings: Any, folder: Path) -> None:
    """`n` of each: clouds, disks, backups of the first disk, failures of their own
    causes, tags, views, tokens, other accounts.
    """
    now, user = timezone.now(), User.objects.get()
    configure(
        settings, folder, silent("otc", *(f"c-{at}" for at in range(n - 1)), vbs_follow="all")
    )
    registry.ensure_rows()
    Cloud.objects.update(last_good_at=now, attempted_at=now, backups_listed_at=now)
    read_policies("otc", at=now)
    rows = []
    for at in range(n):
        same = {
            "cloud_id": "otc",
            "tracked_at": now,
            "refreshed_at": now,
            "stale_at": now + timedelta(hours=1),
        }
        made = now - timedelta(hours=at + 1)
        good = Backup(
            id=uuid.UUID(int=at + 1), volume_id="d-0", status="available", chain_size_mb=at, **same
        )
        bad = Backup(
            id=uuid.UUID(int=at + 1001),
            volume_id=f"d-{at}",
            status="error",
            fail_reason="x" * at,
            **same,
        )
        moving = Backup(
            id=uuid.UUID(int=at + 2001),
            volume_id=f"d-{at}",
            status="creating",
            stuck_at=now,
            **same,
        )
        for one in (good, bad, moving):
            one.name, one.created_at, one.kind = (
                f"b{at}",
                made,
                "incremental" if at < n - 1 else "full",
            )
        rows += [good, bad, moving]
        first_seen_at = now - timedelta(days=3)
        Volume.objects.create(
            cloud_id="otc", volume_id=f"d-{at}", first_seen_at=first_seen_at, listed_backups=1
        )
        SavedView.objects.create(user=user, name=f"view {at}", query="status=error")
        tokens.create(user=user, now=now, name=f"token {at}")
        make_alarms(at)
        make_policy(at + 1, f"d-{at}")
        number = int(VALUES["account_id"]) + at
        other = make_account(f"user-{at}", id=number, role=Role.OPERATOR, clouds=["otc"])
        tokens.create(user=other, now=now, name="theirs")
    Backup.objects.bulk_create(rows)
    findings.note([row.pk for row in rows], now)
    volumes.derive("otc", [f"d-{at}" for at in range(n)], now)
    actor = Actor("operator", now)
    tags = [f"t{at}" for at in range(n)]
    backup_edits.add_tags([row.pk for row in rows], tags, actor=actor)
    volume_edits.add_tags([("otc", "d-0")], tags, actor=actor)
    Body.objects.create(backup=rows[0], received_at=now, http_status=200, text="{}")
    Revision.objects.bulk_create(
        Revision(backup=rows[0], at=now - timedelta(hours=at), changes=[]) for at in range(n)
    )


def make_policy(number: int, volume_id: str) -> None:
    """A policy with its vault, that has this disk and the first one, and what came of its runs."""
    now = timezone.now()
    row = policy(
        number, claimed=1, first_seen_at=now - timedelta(days=40), seen_at=now, tasks_read_at=now
    )
    members(row, {volume_id, "d-0"}, since=now - timedelta(days=9), seen_at=now)
    vault(number, [row], cloud="otc")
    slot_at = now - timedelta(hours=number + 1)
    for outcome in ("skipped", "made"):
        run(row, volume_id, slot_at, outcome)
        slot_at -= timedelta(days=1)


def make_alarms(at: int) -> None:
    """An alarm that a silence mutes, one that none does, and what was sent of it."""
    now = timezone.now()
    alarm = make_alarm(f"d-{at}", id=int(VALUES["alarm_id"]) + at)
    make_alarm(f"muted-{at}", id=int(VALUES["alarm_id"]) + 1000 + at, backup_id=uuid.UUID(int=1))
    Silence.objects.create(
        id=int(VALUES["silence_id"]) + at,
        query=f"subject=muted-{at}",
        reason="x",
        by="bob",
        made_at=now,
        begins_at=now,
        ends_at=now + timedelta(hours=1),
    )
    make_delivery(alarm, channel=f"ops-{at}")


def whole(answer: Any) -> int:
    """The status of an answer that has been read to its end."""
    if answer.streaming:
        for _ in answer.streaming_content:
            pass
    return int(answer.status_code)


@pytest.mark.parametrize("n", [1, 50])
def test_each_page_asks_the_same_number_of_questions_whatever_the_rows(
    web: Client, settings: Any, tmp_path: Path, n: int
) -> None:
    have(n, settings, tmp_path)
    web.get("/account/")  # the count in the navigation is remembered from here on
    counted = {}
    for path in ASKED | WALKED[n]:
        with CaptureQueriesContext(connection) as queries:
            assert whole(web.get(path)) == 200
        counted[path] = len(queries)
    assert counted == ASKED | WALKED[n]


def test_a_question_with_nothing_new_is_answered_by_few_and_no_rendering(
    web: Client, settings: Any, tmp_path: Path
) -> None:
    have(3, settings, tmp_path)
    counted = {}
    for path in LIVE:
        tag = web.get(path).content.decode().split('data-etag="')[1].split('"')[0]
        with CaptureQueriesContext(connection) as queries:
            answer = web.get(path, headers={"HX-Request": "true", "If-None-Match": f'"{tag}"'})
        assert (answer.status_code, answer.content, answer.templates) == (304, b"", []), path
        counted[path] = len(queries)
    assert counted == LIVE
