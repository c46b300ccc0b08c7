"""Every table has a bound; what is too old goes, and nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backups.models import ApiToken, Cloud, UserSession, Volume
from backups.refresh import housekeeping
from backups.refresh.housekeeping import BOUNDED, PRUNED, Pruned
from backups.tasks import forget_sessions, keep_house
from backups.tests.accounts import make_operator
from backups.tests.policy_rows import disk_row, members, policy, run

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def test_every_table_has_a_bound() -> None:
    tables = {model._meta.label for model in apps.get_models(include_auto_created=True)}
    pruned = {rule.table for rule in PRUNED}
    assert tables == set(BOUNDED) | pruned, "say in refresh/housekeeping.py what bounds a new table"
    assert set(BOUNDED) & pruned == set()


def columns_of(table: str) -> dict[str, Any]:
    """What a row needs besides its time."""
    signs = {"username": "ada", "ip_address": "192.0.2.1", "path_info": "/"}
    user = User.objects.get_or_create(username="ada")[0]
    if table == "backups.Edit":
        cloud = Cloud.objects.create(name="otc")
        volume = Volume.objects.create(cloud=cloud, volume_id="d", first_seen_at=timezone.now())
        return {"volume": volume, "by": "ada", "field": "label"}
    at = timezone.now()
    if table == "backups.Alarm":
        cloud = Cloud.objects.create(name="otc")
        times = {"opened_at": at, "held_until": at, "changed_at": at, "burst_began_at": at}
        return {"cloud": cloud, **times}
    if table in ("backups.Run", "backups.PolicyMember"):
        Cloud.objects.create(name="otc")
        row = policy(1)
        if table == "backups.Run":
            return {"policy": row, "outcome": "made"}
        return {"policy": row, "since": at, "seen_at": at, "source": "task"}
    seen = {"first_seen_at": at, "seen_at": at}
    if table in ("backups.Policy", "backups.PolicyTask", "backups.Vault"):
        cloud = Cloud.objects.create(name="otc")
        return {
            "backups.Policy": {"cloud": cloud, "api": "vbs", **seen},
            "backups.PolicyTask": {"cloud": cloud, "state": "made"},
            "backups.Vault": {"cloud": cloud, **seen},
        }[table]
    columns: dict[str, dict[str, Any]] = {
        "sessions.Session": {"session_data": ""},
        "backups.UserSession": {"session_data": ""},
        "axes.AccessAttempt": {**signs, "failures_since_start": 1},
        "axes.AccessLog": signs,
        "axes.AccessFailureLog": signs,
        "admin.LogEntry": {"user": user, "object_repr": "x", "action_flag": 1},
        "backups.BudgetWindow": {"used": 1},
        "backups.ApiToken": {"user": user, "created_at": at},
        "backups.Silence": {"made_at": at, "begins_at": at, "ends_at": at},
        "backups.Delivery": {"written_at": at, "send_at": at},
    }
    return columns[table]


@pytest.mark.parametrize("rule", PRUNED, ids=lambda rule: f"{rule.table} {rule.column}")
def test_what_is_too_old_goes_and_what_is_not_stays(
    rule: Pruned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "ROWS_PER_DELETE", 2)
    monkeypatch.setattr(housekeeping, "PAUSE_S", 0)
    model: type[Model] = apps.get_model(rule.table)
    now = timezone.now()
    columns = columns_of(rule.table)
    keys: list[Any] = []
    for number in range(6):
        by_table: dict[str, dict[str, Any]] = {
            "sessions.Session": {"session_key": f"key-{number}"},
            "backups.UserSession": {"session_key": f"key-{number}"},
            "backups.BudgetWindow": {"key": f"key-{number}"},
            "backups.ApiToken": {"hashed": f"hash-{number}"},
            "axes.AccessAttempt": {"user_agent": str(number)},
            "backups.Policy": {"policy_id": f"policy-{number}"},
            "backups.PolicyTask": {"task_id": f"task-{number}"},
            "backups.Vault": {"vault_id": f"vault-{number}"},
        }
        unique = by_table.get(rule.table, {})
        if rule.table == "backups.Run":
            unique = {"volume": disk_row(f"disk-{number}")}
        at = now - rule.keep + (HOUR if number == 5 else -HOUR)
        row = model._default_manager.create(**{**columns, **unique, rule.column: at})
        # Some columns write the time of the row by themselves.
        model._default_manager.filter(pk=row.pk).update(**{rule.column: at})
        keys.append(row.pk)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        keep_house()
    left = model._default_manager.filter(pk__in=keys).values_list("pk", flat=True)
    assert list(left) == [keys[5]]
    delete = f'DELETE FROM "{model._meta.db_table}"'
    deletes = [query for query in asked.captured_queries if query["sql"].startswith(delete)]
    assert len(deletes) == 3


def test_sessions_that_are_over_go_each_hour() -> None:
    now = timezone.now()
    for key, end in (("over", now - HOUR), ("lasts", now + HOUR)):
        UserSession.objects.create(session_key=key, expire_date=end, session_data="")
    forget_sessions()
    assert UserSession.objects.get().session_key == "lasts"
    entries: list[dict[str, Any]] = list(settings.CELERY_BEAT_SCHEDULE.values())
    [entry] = [entry for entry in entries if entry["task"] == forget_sessions.name]
    assert len(entry["schedule"].hour) == 24


def test_a_token_without_an_end_stays() -> None:
    user = make_operator("ada")
    ApiToken.objects.create(user=user, hashed="x", created_at=timezone.now() - timedelta(days=999))
    assert housekeeping.prune(timezone.now()) == {}
    assert ApiToken.objects.count() == 1


def test_failed_sign_ins_with_long_queries_and_many_browsers_are_one_short_row() -> None:
    query = "x" * 3000
    for number in range(30):
        Client(REMOTE_ADDR="192.0.2.7", HTTP_USER_AGENT=f"browser {number}").post(
            f"/accounts/login/?next=/{query}",
            {"username": "ada", "password": "no", "more": query},
            HTTP_ACCEPT="text/html," * 90,
        )
    [attempt] = AccessAttempt.objects.all()
    # A try within the pause is not stored.
    assert attempt.failures_since_start == settings.AXES_FAILURE_LIMIT < 30
    texts = [str(value) for value in vars(attempt).values()]
    assert sum(len(text) for text in texts) < 300
    assert (attempt.username, attempt.ip_address) == ("ada", "192.0.2.7")


def test_a_request_without_a_session_makes_none(client: Client) -> None:
    for path in ("/", "/accounts/login/", "/api/backups/", "/no-such-page/"):
        client.get(path)
    assert UserSession.objects.count() == 0


def test_of_how_a_policy_was_read_the_newest_of_what_is_too_old_stays() -> None:
    now = timezone.now()
    Cloud.objects.create(name="otc")
    row = policy(1)
    row.revisions.all().delete()
    for days in (1000, 900, 500, 399, 0):
        row.revisions.create(since=now - timedelta(days=days))
    assert housekeeping.prune(now) == {"backups.PolicyRevision": 2}
    left = row.revisions.order_by("since").values_list("since", flat=True)
    assert [(now - since).days for since in left] == [500, 399, 0]
    assert housekeeping.prune(now) == {}


def test_runs_that_go_are_counted_on_and_those_that_never_ended_are_not() -> None:
    now = timezone.now()
    Cloud.objects.create(name="otc")
    row = policy(1, pruned_runs={"made": 5})
    members(row, ["a", "b"])
    for disk, days, outcome in (
        *(("a", 41, "made"), ("b", 41, "skipped"), ("a", 42, "pending"), ("b", 42, "made")),
        ("a", 39, "failed"),
    ):
        run(row, disk, now - timedelta(days=days), outcome)
    # The other service of the project shows the same run.
    Cloud.objects.create(name="cbr")
    twin = disk_row("a", cloud="cbr", also_under="otc", counted_under="otc")
    row.runs.create(volume=twin, slot_at=now - timedelta(days=41), outcome="made")
    assert housekeeping.prune(now) == {"backups.Run": 5}
    row.refresh_from_db()
    assert row.pruned_runs == {"made": 7, "skipped": 1}
    assert row.runs.get().outcome == "failed"
