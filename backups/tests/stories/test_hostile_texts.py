"""Whatever text is stored, no page and no answer of the API fails for it, and no link leads
out of its page.
"""

import re
import uuid
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from posixpath import normpath
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.apps import apps
from django.db import models
from django.test import Client
from django.urls import Resolver404, resolve
from django.utils import timezone

from backups.edits import tokens
from backups.models import (
    ActorKind,
    AuditEntry,
    Backup,
    Body,
    Cause,
    Cloud,
    CloudCalls,
    CloudRule,
    Edit,
    ExternalIdentity,
    ObjectKind,
    Outcome,
    PolicyTask,
    Process,
    Revision,
    Role,
    SavedView,
    SearchText,
    Silence,
    TagRule,
    TrashedBackup,
    VaultResource,
    Verb,
    Volume,
    VolumeTag,
)
from backups.tests.accounts import make_account, make_operator
from backups.tests.alarms.rows import make_alarm, make_delivery
from backups.tests.otc import configure, silent
from backups.tests.policy_rows import members, policy, read_policies, run, vault
from backups.vbs.fields import clean

pytestmark = [pytest.mark.either, pytest.mark.django_db]
BACKUP, VOLUME = uuid.UUID(int=1), "vol-1"
TEXTS = {
    "empty": "",
    "a dot": ".",
    "two dots": "..",
    "a path": "../../../admin/",
    "slashes": "//example.org/a//b/",
    "an encoded slash": "%2F..%2Fadmin%2F",
    "line breaks": "x\ny\r\n",
    "odd characters": "\x01\x1b[31m\x7f\x85\u2028\ud800\u202eabc\u2066",
    "markup": (
        "<b title='x'>\"&amp;</b><script>alert(1)</script>{{ request }}{% url 'home' %}%(a)s %s"
    ),
    "an address of code": "javascript:alert(1)",
    "10 kB": "ab/" * 3413,
}
# Words that vbsdash itself chooses, out of a few: no text of a cloud or a person gets into them.
OWN_WORDS = {
    # Django signs it, and nobody writes it but Django.
    "UserSession.session_data",
    "Account.role",
    "SavedView.list_name",
    *("AuditEntry.actor_kind", "AuditEntry.verb", "AuditEntry.object_kind", "AuditEntry.outcome"),
    *(
        "Backup.kind",
        "Backup.kind_source",
        "Backup.service_type",
        "Backup.outcome",
        "Backup.digest",
    ),
    *(
        "Cloud.type_interpretation",
        "Cloud.pause_reason",
        "Cloud.follow",
        "Cloud.refused_fingerprint",
    ),
    *(
        "Volume.last_good_source",
        "Volume.rule_from",
        "Volume.effective_cron",
        "Volume.effective_zone",
    ),
    *("Volume.rule_cron", "Volume.rule_zone", "TagRule.rule_cron", "TagRule.rule_zone"),
    *("CloudRule.rule_cron", "CloudRule.rule_zone", "Edit.field", "Preferences.theme"),
    *(
        "ApiToken.hashed",
        "ApiToken.clouds",
        "Trace.digest",
        "CloudCalls.class_name",
        "Cause.state",
        "Cause.code",
    ),
    *("Process.part", "Process.figures", "Body.text", "Preferences.time_zone"),
    "Volume.volume_id",  # unique, so a disk of its own has it
    *("Alarm.kind", "Alarm.severity", "Alarm.ended", "Delivery.kind", "Delivery.state"),
    *("DeliveredAlarm.what", "Silence.cron", "Silence.zone"),
    "Silence.query",  # it is read before it is stored
    *("Policy.api", "Policy.pruned_runs", "PolicyMember.source", "PolicyTask.state"),
    *("Policy.retention", "PolicyRevision.retention"),  # numbers alone
    *("Run.outcome", "VaultResource.resource_type"),
    *("Volume.schedule_read", "Volume.last_run_outcome"),
    # Names of configured clouds.
    *("Volume.counted_under", "Volume.also_under", "Cloud.other_service"),
    "Policy.policy_id",  # unique, so a policy of its own has it
    "TrashedBackup.content",  # JSON that edits/trash_content.py writes
}
PAGES = (
    *("/", "/backups/", "/backups/?q=x&ordering=attention", "/backups/add/", f"/backups/{BACKUP}/"),
    *(
        "/volumes/",
        f"/volumes/otc/{VOLUME}/",
        "/volumes/growing/",
        "/volumes/rules/",
        "/failures/",
        "/clouds/",
    ),
    *("/account/", "/api/backups/", f"/api/backups/{BACKUP}/", f"/api/backups/{BACKUP}/revisions/"),
    *(
        "/api/volumes/",
        f"/api/volumes/otc/{VOLUME}/",
        "/api/failures/",
        "/api/clouds/",
        "/api/summary/",
    ),
    *("/api/backups.csv", "/api/rules/", "/api/views/", "/metrics"),
    *("/alarms/", "/alarms/?stage=closed", "/alarms/deliveries/", "/api/alarms/"),
    *("/api/silences/", "/api/deliveries/"),
    *("/policies/", "/policies/otc/policy-1/", "/api/policies/", "/api/policies/otc/policy-1/"),
    *("/api/policies.csv", "/api/volumes.csv", "/api/migration/"),
    *("/users/", "/trash/", "/audit/", "/api/audit/", "/api/audit.csv"),
)


@pytest.fixture
def web(client: Client, settings: Any, tmp_path: Path) -> Client:
    """One row of everything, each word of it harmless."""
    configure(settings, tmp_path, silent("otc", vbs_follow="all"))
    now = timezone.now()
    user = make_account("admin", role=Role.ADMIN)
    client.force_login(user)
    cloud = Cloud.objects.create(
        name="otc", last_good_at=now, backups_listed_at=now, attempted_at=now, follow="all"
    )
    cause = Cause.objects.create(key="k", state="error", text="t")
    words: dict[str, Any] = {
        "tracked_at": now,
        "refreshed_at": now,
        "attempted_at": now,
        "created_at": now,
    }
    backup = Backup.objects.create(id=BACKUP, cloud=cloud, status="error", cause=cause, **words)
    volume = Volume.objects.create(cloud=cloud, volume_id=VOLUME, first_seen_at=now, listed_at=now)
    Body.objects.create(backup=backup, received_at=now, http_status=200, text="{}")
    Revision.objects.create(
        backup=backup, at=now, changes=[{"word": "status", "before": None, "after": "error"}]
    )
    SearchText.objects.create(backup=backup, text="t")
    for of in ({"backup": backup}, {"volume": volume}):
        Edit.objects.create(at=now, by="b", field="note", before=None, after="a", **of)
    VolumeTag.objects.create(volume=volume, tag="t")
    TrashedBackup.objects.create(
        backup_id=uuid.uuid4(), cloud=cloud, trashed_at=now, act=uuid.uuid4(), content="{}"
    )
    rule: dict[str, Any] = {
        "rule_period_seconds": 3600,
        "rule_grace_seconds": 0,
        "set_at": now,
        "set_by": "b",
    }
    TagRule.objects.create(tag="t", **rule)
    CloudRule.objects.create(cloud=cloud, **rule)
    SavedView.objects.create(user=user, name="v", query="")
    ExternalIdentity.objects.create(
        user=make_operator("elsewhere"), issuer="i", subject="s", last_sign_in_at=now
    )
    alarm = make_alarm("s", backup_id=BACKUP, volume_id=VOLUME)
    make_delivery(alarm)
    Silence.objects.create(
        query="", reason="r", by="b", made_at=now, begins_at=now, ends_at=now + timedelta(hours=1)
    )
    promise(now)
    client.defaults["HTTP_AUTHORIZATION"] = (
        f"Bearer {tokens.create(user=user, name='t', now=now).key}"
    )
    Process.objects.create(host="h", pid=1, part="web", at=now, figures={})
    CloudCalls.objects.create(cloud=cloud, class_name="ok", n=1)
    return client


def promise(now: datetime) -> None:
    """A policy with a run, a task and a vault; its cloud told all of it an hour ago."""
    read_policies("otc", at=now)
    nightly = policy(1)
    members(nightly, [VOLUME])
    run(nightly, VOLUME, now - timedelta(hours=2), "skipped")
    PolicyTask.objects.create(cloud_id="otc", task_id="t", state="skipped", created_at=now)
    held = vault(1, [nightly], cloud="otc")
    VaultResource.objects.create(
        vault=held, resource_id=VOLUME, resource_type="volume", since=now, seen_at=now
    )
    Volume.objects.filter(volume_id=VOLUME).update(vault=held)


def store_everywhere(text: str) -> set[str]:
    """Puts the text into every column of text or JSON of every row; which columns those are."""
    stored: set[str] = set()
    for model in apps.get_app_config("backups").get_models():
        values: dict[str, Any] = {}
        for column in model._meta.concrete_fields:
            name = f"{model.__name__}.{column.name}"
            if column.primary_key or column.is_relation or name in OWN_WORDS:
                continue
            if isinstance(column, models.JSONField):
                values[column.name] = in_shape(name, text)
            elif isinstance(column, models.TextField | models.CharField):
                values[column.name] = text[: column.max_length]
        if model is AuditEntry:
            # Its rows are only added.
            AuditEntry.objects.create(
                at=timezone.now(),
                actor_kind=ActorKind.USER,
                verb=Verb.BACKUP_EDIT,
                object_kind=ObjectKind.BACKUP,
                outcome=Outcome.DONE,
                **values,
            )
        elif values:
            if model is Process:
                # One that has noted itself anew since the last text would be there twice.
                newest = Process.objects.order_by("-pk")[:1]
                Process.objects.exclude(pk__in=[row.pk for row in newest]).delete()
            model._default_manager.update(**values)
        stored.update(f"{model.__name__}.{name}" for name in values)
    return stored


def in_shape(column: str, text: str) -> Any:
    """JSON columns have a shape that vbsdash gives them; the texts in it are of others."""
    error = {
        "class": "malformed",
        "http_status": 200,
        "code": text,
        "message": text,
        "since": "2026-11-25T14:00:00Z",
    }
    shapes: dict[str, Any] = {
        "links": [{"rel": text, "href": text}],
        "error": error,
        "unmapped": {text: text},
        "changes": [
            {"word": "name", "before": text, "after": text},
            {"word": text, "before": None, "after": [text]},
        ],
        "before": text,
        "after": text,
        "running": None,
        "schedule": {"calendar": "vbs", "hours": [text], "weekdays": [text], "time_zone": text},
        "outcomes": {},
        "days": {},
        "used_by_day": {"2026-11-20": 10, "2026-11-24": 20},
        "message": {"headline": text},
    }
    if column.startswith("AuditEntry."):
        return {text: text}
    return shapes.get(column.split(".")[1], [text])


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_no_stored_text_makes_an_answer_fail_or_leads_elsewhere(web: Client, text: str) -> None:
    text = clean(text)
    store_everywhere(text)
    Volume.objects.create(cloud_id="otc", volume_id=text, label=text, first_seen_at=timezone.now())
    policy(2, policy_id=text, name=text)
    TagRule.objects.create(
        tag=text, rule_period_seconds=3600, rule_grace_seconds=0, set_at=timezone.now(), set_by=text
    )
    for page in PAGES:
        answer = web.get(page)
        assert (page, answer.status_code) == (page, 200)
        body = b"".join(answer) if answer.streaming else answer.content
        if answer["Content-Type"].startswith("text/html"):
            check_links(page, body.decode())


def check_links(page: str, html: str) -> None:
    for href in map(unescape, re.findall(r'(?:href|action|src)="([^"]*)"', html)):
        parts = urlsplit(href)
        assert (parts.scheme, parts.netloc) == ("", ""), f"{page} leads to {href}"
        path = unquote(parts.path)
        if not path or path.startswith("/static/"):
            continue
        assert normpath(path).rstrip("/") == path.rstrip("/"), f"{page} leads to {href}"
        try:
            resolve(path)
        except Resolver404:
            pytest.fail(f"{page} leads to {href}, which is no page")


def test_the_check_sees_every_column(web: Client) -> None:
    stored = store_everywhere("x")
    assert {"Backup.volume_id", "Volume.label", "SavedView.query", "Cloud.endpoint"} <= stored
    rows = {
        model.__name__: model._default_manager.count()
        for model in apps.get_app_config("backups").get_models()
    }
    of_text = {name.split(".")[0] for name in stored}
    # The one is made with a tag, the other holds numbers.
    assert {name for name in of_text if not rows[name]} == {"BackupTag", "VolumeContribution"}
