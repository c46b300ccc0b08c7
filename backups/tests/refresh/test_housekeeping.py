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
        unique = {
            "sessions.Session": {"session_key": f"key-{number}"},
            "backups.UserSession": {"session_key": f"key-{number}"},
            "backups.BudgetWindow": {"key": f"key-{number}"},
            "backups.ApiToken": {"hashed": f"hash-{number}"},
            "axes.AccessAttempt": {"user_agent": str(number)},
        }.get(rule.table, {})
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
