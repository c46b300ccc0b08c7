"""Who may what: every role, in all clouds, in this one, in another one and in none, by session and
by token, sends every method to every route.

TABLE says which role a call needs and in which clouds. A route that is not there fails a test.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Literal

import pytest
from django.apps import apps
from django.conf import settings as product
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from backups.clouds import registry
from backups.edits import backup_edits, tokens, tracking, volume_edits
from backups.edits.common import Actor
from backups.models import (
    ApiToken,
    Backup,
    Body,
    Cloud,
    Role,
    SavedView,
    Silence,
    Volume,
)
from backups.tests.accounts import make_account
from backups.tests.alarms.rows import make_alarm, make_delivery
from backups.tests.otc import configure, silent
from backups.tests.policy_rows import policy
from backups.tests.routes import VALUES, address_of, routes

pytestmark = [pytest.mark.either, pytest.mark.django_db]

VIEWER, OPERATOR, ADMIN = Role.VIEWER, Role.OPERATOR, Role.ADMIN
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
READS = ("GET", "HEAD", "OPTIONS")
RANK = {VIEWER: 1, OPERATOR: 2, ADMIN: 3}
ID = str(uuid.UUID(int=1))
BATCH = str(uuid.UUID(int=77))
ACT = str(uuid.UUID(int=88))
NEW = str(uuid.UUID(int=4711))
# Where what a call is about lies, and what it answers to who has the role:
# - anywhere: it does what it says, whatever clouds are open.
# - thing: in the cloud `otc`; 404 to whom that is not open.
# - rows: rows of `otc` that its body or filter names; to whom `otc` is not open they are as good as
#   untracked, and nothing changes.
# - all: only who may all clouds; 403 to others.
Place = Literal["anywhere", "thing", "rows", "all"]


@dataclass(frozen=True)
class Call:
    """`role`: the least that may. `form`: what is sent; `query`: behind the address."""

    role: Role
    place: Place = "anywhere"
    form: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""


def reads(role: Role = VIEWER, place: Place = "anywhere", query: str = "") -> dict[str, Call]:
    return {"GET": Call(role, place, query=query)}


def posts(role: Role, place: Place = "anywhere", /, **form: Any) -> dict[str, Call]:
    return {"POST": Call(role, place, form)}


RULE = {"of": "cloud", "name": "otc", "what": "rule", "version": 0}
PERIOD = {"period_seconds": 3600, "grace_seconds": 60}
IDS = {"ids": [ID]}
SNOOZE = {"for": "1h", "id": VALUES["alarm_id"]}
MUTED = {"query": "cloud=otc", "reason": "x", "cron": "0 1 * * *", "duration_seconds": 60}
SILENCE = {"cloud": "otc", "reason": "x", "cron": "0 1 * * *", "hours": "1"}
TABLE: dict[str, dict[str, Call]] = {
    "": reads(),
    "backups/": reads(),
    "backups/add/": reads(OPERATOR) | posts(OPERATOR, "rows", cloud="otc", backup_ids=NEW),
    "backups/add/discover/": reads(OPERATOR),
    "backups/bulk/": posts(OPERATOR, "rows", do="untrack", sure="1", id=ID),
    "backups/follow-added/": posts(OPERATOR, "rows", added=BATCH),
    "backups/<backup_id:backup_id>/": reads(place="thing"),
    "backups/<backup_id:backup_id>/labels/": posts(OPERATOR, "thing", note="x", tags="y"),
    "backups/<backup_id:backup_id>/refresh/": posts(OPERATOR, "thing"),
    "backups/<backup_id:backup_id>/untrack/": posts(OPERATOR, "thing"),
    "volumes/": reads(),
    "volumes/growing/": reads(),
    "volumes/loss/": reads(),
    "volumes/rules/": reads(),
    "volumes/rules/set/": posts(OPERATOR, "rows", period_hours="1", grace_hours="1", **RULE),
    "volumes/register/": posts(OPERATOR, "rows", cloud="otc", volume_id=NEW),
    "volumes/set/": posts(OPERATOR, "rows", what="follow", follow="no", volume="otc/d-0"),
    "volumes/<str:cloud>/<volume_id:volume_id>/set/": posts(
        OPERATOR, "thing", what="follow", follow="no"
    ),
    "volumes/<str:cloud>/<volume_id:volume_id>/refresh/": posts(OPERATOR, "thing"),
    "volumes/<str:cloud>/<volume_id:volume_id>/remove/": posts(OPERATOR, "thing"),
    "volumes/<str:cloud>/<volume_id:volume_id>/": reads(place="thing"),
    "volumes/<str:cloud>/<volume_id:volume_id>/day/<str:on>/": reads(place="thing"),
    "failures/": reads(),
    "policies/": reads(),
    "policies/<str:cloud>/<volume_id:policy_id>/": reads(place="thing"),
    "migration/": reads(),
    "search/": reads(),
    "clouds/": reads(),
    "clouds/<str:name>/test/": posts(OPERATOR, "thing"),
    "account/": reads(),
    "account/look/": posts(VIEWER, theme="dark", time_zone=""),
    "account/density/": posts(VIEWER, compact="on"),
    "account/keys/": posts(VIEWER, single_keys="on"),
    "account/password/": reads() | posts(VIEWER),
    "account/sessions/end/": posts(VIEWER),
    "account/tokens/": posts(VIEWER, name="new", no_end="on"),
    "account/tokens/<int:token_id>/revoke/": posts(VIEWER),
    "account/views/": posts(VIEWER, name="new", query="status=error"),
    "account/views/no-default/": posts(VIEWER),
    "account/views/<int:view_id>/default/": posts(VIEWER),
    "account/views/<int:view_id>/remove/": posts(VIEWER),
    "users/": reads(ADMIN),
    "users/add/": reads(ADMIN)
    | posts(ADMIN, "rows", username="new", role="viewer", where="some", clouds="otc"),
    "users/<int:account_id>/": reads(ADMIN, "thing"),
    "users/<int:account_id>/access/": posts(
        ADMIN, "thing", role="operator", where="some", clouds="otc"
    ),
    "users/<int:account_id>/switch/": posts(ADMIN, "thing", on="0"),
    "users/<int:account_id>/password/": posts(ADMIN, "thing", password="right-horse-staple"),
    "users/<int:account_id>/sessions/end/": posts(ADMIN, "thing"),
    "users/<int:account_id>/tokens/<int:token_id>/revoke/": posts(ADMIN, "thing"),
    "users/<int:account_id>/delete/": reads(ADMIN, "thing") | posts(ADMIN, "thing"),
    "alarms/": reads(),
    "alarms/acknowledge/": posts(OPERATOR, "rows", id=VALUES["alarm_id"]),
    "alarms/take-back/": posts(OPERATOR, "rows", id=VALUES["alarm_id"]),
    "alarms/snooze/": posts(OPERATOR, "rows", **SNOOZE),
    "alarms/silences/begin/": posts(OPERATOR, "rows", **SILENCE),
    "alarms/silences/end/": posts(OPERATOR, "thing", silence=VALUES["silence_id"]),
    "alarms/deliveries/": reads(),
    "alarms/deliveries/<int:delivery_id>/again/": posts(OPERATOR, "thing"),
    "alarms/channels/test/": posts(OPERATOR, channel="ops"),
    "trash/": reads(OPERATOR),
    "trash/restore/": posts(OPERATOR, "rows", act=ACT),
    "audit/": reads(ADMIN),
    "accounts/logout/": posts(VIEWER),
    "api/backups/": reads() | posts(OPERATOR, "rows", cloud="otc", ids=[NEW]),
    "api/backups.csv": reads(),
    "api/backups/refresh/": posts(OPERATOR, "rows", **IDS),
    "api/backups/tag/": posts(OPERATOR, "rows", add=["x"], **IDS),
    "api/backups/untrack/": posts(OPERATOR, "rows", **IDS),
    "api/backups/<backup_id:backup_id>/": reads(place="thing")
    | {
        "PATCH": Call(OPERATOR, "thing", {"note": "x"}),
        "DELETE": Call(OPERATOR, "thing"),
    },
    "api/backups/<backup_id:backup_id>/refresh/": posts(OPERATOR, "thing"),
    "api/backups/<backup_id:backup_id>/revisions/": reads(place="thing"),
    "api/backups/<backup_id:backup_id>/raw/": reads(place="thing"),
    "api/volumes/": reads() | posts(OPERATOR, "rows", cloud="otc", volume_id=NEW),
    "api/volumes.csv": reads(),
    "api/volumes/<str:cloud>/<volume_id:volume_id>/": reads(place="thing")
    | {
        "PATCH": Call(OPERATOR, "thing", {"label": "x"}),
        "DELETE": Call(OPERATOR, "thing"),
    },
    "api/policies/": reads(),
    "api/policies.csv": reads(),
    "api/policies/<str:cloud>/<volume_id:policy_id>/": reads(place="thing"),
    "api/migration/": reads(),
    "api/rules/": reads(),
    "api/rules/tags/<path:tag>/": {
        "PUT": Call(OPERATOR, "all", PERIOD),
        "DELETE": Call(OPERATOR, "all"),
    },
    "api/rules/clouds/<str:cloud>/": {
        "PUT": Call(OPERATOR, "thing", PERIOD),
        "DELETE": Call(OPERATOR, "thing"),
    },
    "api/failures/": reads(),
    "api/clouds/": reads(),
    "api/clouds/<str:cloud>/backups/": reads(OPERATOR, "thing"),
    "api/clouds/<str:cloud>/test/": posts(OPERATOR, "thing"),
    "api/views/": reads(),
    "api/views/<path:name>/": {
        "PUT": Call(VIEWER, form={"query": "status=error"}),
        "DELETE": Call(VIEWER),
    },
    "api/summary/": reads(),
    "api/alarms/": reads(),
    "api/alarms/<int:alarm_id>/": reads(place="thing"),
    "api/alarms/<int:alarm_id>/acknowledge/": posts(OPERATOR, "thing")
    | {"DELETE": Call(OPERATOR, "thing")},
    "api/silences/": reads() | posts(OPERATOR, "rows", **MUTED),
    "api/silences/<int:silence_id>/": reads(place="thing") | {"DELETE": Call(OPERATOR, "thing")},
    "api/deliveries/": reads(),
    "api/deliveries/<int:delivery_id>/redeliver/": posts(OPERATOR, "thing"),
    "api/audit/": reads(ADMIN),
    "api/audit.csv": reads(ADMIN),
    "api/schema/": reads(),
    "api/docs/": reads(),
}
# Routes that no role opens or closes, and where it is looked at what they answer.
NOT_BY_ROLE = {
    "accounts/login/": "open to all: stories/test_access.py",
    "healthz": "open to all: stories/test_access.py",
    "readyz": "open to all: stories/test_access.py",
    "metrics": "a token of any role, its own clouds: metrics/test_collector.py",
    "styleguide/": "there only with DEBUG",
    "admin/": "Django's own, for staff",
    "api/": "stands for every address that the API does not have",
}
OPEN_CLOUDS: dict[str, list[str] | None] = {
    "all": None,
    "this": ["otc"],
    "another": ["west"],
    "none": [],
}
# Written whenever somebody asks, also where he is refused.
NOT_COMPARED = {
    "usersession",
    "dataversion",  # a write that came to nothing may raise it
    "auditentry",
}
NOT_COMPARED_COLUMNS = {"last_used_at", "last_login"}


@dataclass(frozen=True)
class Caller:
    """`name` says role, clouds and way; `headers` and `cookies` are sent with each request."""

    name: str
    role: Role
    clouds: list[str] | None
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    may_write: bool
    values: Mapping[str, str]

    def opens(self) -> bool:
        return self.clouds is None or "otc" in self.clouds

    def expected(self, call: Call, method: str) -> str:
        """Returns what such a call is answered: refused, not there, nothing or done."""
        writes = method not in READS
        if writes and not self.may_write:
            return "refused"
        if RANK[self.role] < RANK[call.role]:
            return "refused"
        if call.place == "all":
            return "done" if self.clouds is None else "refused"
        if call.place == "thing" and not self.opens():
            return "not there"
        if call.place == "rows" and not self.opens():
            return "nothing"
        return "done"


@pytest.fixture
def world(settings: Any, tmp_path: Path) -> None:
    """One of everything in the cloud `otc`, and an account that may see only that."""
    now = timezone.now()
    configure(settings, tmp_path, silent("otc", "west", vbs_follow="all"))
    registry.ensure_rows()
    Cloud.objects.update(last_good_at=now, attempted_at=now)
    backup = Backup.objects.create(
        id=ID, cloud_id="otc", tracked_at=now, volume_id="d-0", added_batch=BATCH, status="error"
    )
    Body.objects.create(backup=backup, received_at=now, http_status=200, text="{}")
    Volume.objects.create(cloud_id="otc", volume_id="d-0", first_seen_at=now)
    policy(1)
    kept = Backup.objects.create(id=uuid.UUID(int=2), cloud_id="otc", tracked_at=now)
    tracking.untrack([str(kept.pk)], act=uuid.UUID(ACT))
    actor = Actor("somebody", now)
    backup_edits.add_tags([uuid.UUID(ID)], ["t0"], actor=actor)
    volume_edits.add_tags([("otc", "d-0")], ["t0"], actor=actor)
    alarm = make_alarm("d-0", id=int(VALUES["alarm_id"]))
    make_delivery(alarm, id=int(VALUES["delivery_id"]))
    Silence.objects.create(
        id=VALUES["silence_id"],
        query="cloud=otc",
        reason="x",
        by="somebody",
        made_at=now,
        begins_at=now,
        ends_at=now + timedelta(hours=1),
    )
    target = make_account("target", role=VIEWER, clouds=["otc"], id=int(VALUES["account_id"]))
    tokens.create(user=target, name="theirs", now=now)
    SavedView.objects.create(user=target, name="view 0", query="status=error")


def callers_of(role: Role, where: str) -> Iterator[Caller]:
    """The same account by session, by a token and by a token that may only read."""
    now = timezone.now()
    clouds = OPEN_CLOUDS[where]
    user = make_account(f"{role}-{where}", role=role, clouds=clouds)
    view = SavedView.objects.create(user=user, name="view 0", query="")
    key = tokens.create(user=user, name="own", now=now)
    reading = tokens.create(user=user, name="reading", read_only=True, now=now)
    values = VALUES | {"view_id": str(view.pk), "token_id": str(key.token.id)}
    client = Client()
    client.force_login(user)
    cookies = {product.SESSION_COOKIE_NAME: client.cookies[product.SESSION_COOKIE_NAME].value}
    who = f"{role} of {where} clouds"
    yield Caller(f"{who}, session", role, clouds, {}, cookies, True, values)
    bearer = {"Authorization": f"Bearer {key.key}"}
    yield Caller(f"{who}, token", role, clouds, bearer, {}, True, values)
    bearer = {"Authorization": f"Bearer {reading.key}"}
    yield Caller(f"{who}, read-only token", role, clouds, bearer, {}, False, values)


def ask(caller: Caller, route: str, method: str, call: Call | None) -> Any:
    values = dict(caller.values)
    if route.startswith("clouds/"):
        values["name"] = "otc"
    if route.startswith("users/"):
        values["token_id"] = str(ApiToken.objects.get(user__username="target").pk)
    address = address_of(route, values)
    client = Client(raise_request_exception=False, headers=caller.headers)
    client.cookies = SimpleCookie(caller.cookies)
    form = call.form if call else {}
    if route.startswith("api/"):
        body = json.dumps(form) if method not in READS else ""
        return client.generic(method, address, body, content_type="application/json")
    if method == "POST":
        return client.post(address, form)
    return client.generic(method, address)


def answered(answer: Any) -> str:
    """Returns in the words of `expected` what somebody was answered."""
    status = answer.status_code
    if status == 403:
        return "refused"
    if status == 404:
        return "not there"
    if status in (401, 405) or (status == 302 and "/login/?next=" in answer["Location"]):
        return f"shut out ({status})"
    return "done" if status < 500 or status == 502 else f"failed ({status})"


def state() -> dict[str, list[Any]]:
    """Every row of every table, those apart that asking alone writes."""
    rows = {}
    for model in apps.get_models(include_auto_created=True):
        if model._meta.model_name in NOT_COMPARED:
            continue
        names = [column.attname for column in model._meta.concrete_fields]
        names = [name for name in names if name not in NOT_COMPARED_COLUMNS]
        rows[model._meta.label] = list(model._base_manager.order_by("pk").values_list(*names))
    return rows


def wrong_answers(role: Role, where: str, *, whole: bool) -> list[str]:
    """Returns what such an account is answered otherwise than the table says. What it may do is
    done and undone; all that it may not do leaves every row as it was.

    `whole`: by all ways to sign in, with what an account of a lower role may just as well, and
    with the methods that no call has, which are the same whatever the clouds.
    """
    wrong = []
    callers = list(callers_of(role, where))
    if not whole:
        session, token, reading = callers
        callers = [session, reading if where == "all" else token]
    before = state()
    for caller in callers:
        for route, method, call in questions(caller, whole=whole):
            with transaction.atomic():
                answer = ask(caller, route, method, call)
                is_done = call is not None and caller.expected(call, method) == "done"
                transaction.set_rollback(is_done)
            problem = wrong_answer(caller, route, method, call, answer)
            if problem:
                wrong.append(f"{caller.name}: {method} {route} {problem}")
    changed = [label for label, rows in state().items() if rows != before[label]]
    if changed:
        wrong.append(f"{role} of {where} clouds: what is not allowed changed {', '.join(changed)}")
    return wrong


def questions(caller: Caller, *, whole: bool) -> Iterator[tuple[str, str, Call | None]]:
    for route, calls in TABLE.items():
        if not caller.cookies and not route.startswith("api/"):
            continue  # pages know no tokens: stories/test_access.py
        for method in METHODS if whole and caller.clouds is None else calls:
            call = calls.get("GET" if method == "HEAD" else method)
            if whole or (call is not None and is_of_this_role(caller, call, method)):
                yield route, method, call


def is_of_this_role(caller: Caller, call: Call, method: str) -> bool:
    """Tells whether a lower role is answered otherwise, or nobody below the caller may this."""
    if caller.expected(call, method) != "done":
        return True
    is_open_to_all = call == Call(VIEWER) and method in READS
    return not is_open_to_all and (call.role == caller.role or call.place == "all")


def wrong_answer(
    caller: Caller, route: str, method: str, call: Call | None, answer: Any
) -> str | None:
    outcome = answered(answer)
    is_api = route.startswith("api/")
    content_type = answer.headers.get("Content-Type")
    is_problem = content_type == "application/problem+json"
    if is_api and answer.status_code in (401, 403, 404, 405) and not is_problem:
        return f"is refused as {content_type}"
    if call is None:
        is_shut = outcome in ("refused", "shut out (405)", "not there")
        return None if is_shut or method == "OPTIONS" else f"is no call, and answers {outcome}"
    expected = caller.expected(call, method)
    if expected == "nothing":
        return None if outcome in ("done", "not there") else f"is {outcome}, not {expected}"
    return None if outcome == expected else f"is {outcome}, not {expected}"


# Where the doors differ most; the others are looked at in `make soak`.
GRID = [
    (VIEWER, "all"),
    (OPERATOR, "this"),
    (OPERATOR, "another"),
    (ADMIN, "all"),
    (ADMIN, "another"),
]


def test_every_route_is_in_the_table() -> None:
    forgotten = set(routes()) - set(TABLE) - set(NOT_BY_ROLE)
    assert forgotten == set(), (
        f"Nobody says who may call {forgotten}: add the role of each method to TABLE in "
        f"backups/tests/stories/test_matrix.py, or the route with a reason to NOT_BY_ROLE."
    )
    assert set(TABLE) | set(NOT_BY_ROLE) <= set(routes())
    assert set(TABLE) & set(NOT_BY_ROLE) == set()


@pytest.mark.parametrize(("role", "where"), GRID)
def test_each_call_answers_who_may_and_refuses_who_may_not(
    world: None, role: Role, where: str
) -> None:
    assert wrong_answers(role, where, whole=False) == []


@pytest.mark.soak
@pytest.mark.parametrize("where", OPEN_CLOUDS)
@pytest.mark.parametrize("role", Role)
def test_each_method_of_each_route_does_so_too(world: None, role: Role, where: str) -> None:
    assert wrong_answers(role, where, whole=True) == []


@pytest.mark.parametrize("role", Role)
def test_a_foreign_view_or_token_is_not_there_whatever_its_number(world: None, role: Role) -> None:
    target = User.objects.get(username="target")
    view = SavedView.objects.get(user=target).pk
    token = ApiToken.objects.get(user=target).pk
    client = Client()
    client.force_login(make_account("other", role=role))
    before = state()
    for path in (f"views/{view}/default/", f"views/{view}/remove/", f"tokens/{token}/revoke/"):
        assert client.post(f"/account/{path}").status_code == 404, path
    assert state() == before
