"""Whatever changes something, and whoever is refused, leaves a row of who did what; nothing else
does.
"""

import json
import logging
import os
import pwd
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from backups.clouds import registry
from backups.edits import accounts, backup_edits, external_accounts, tokens, tracking
from backups.edits.common import Actor
from backups.edits.external_accounts import Person
from backups.models import (
    NEW_ACCOUNT,
    Access,
    Account,
    ActorKind,
    AuditEntry,
    Backup,
    Cloud,
    Edit,
    ObjectKind,
    Role,
    TrashedBackup,
    Verb,
    Volume,
)
from backups.models.token import digest
from backups.shared import acting, audit
from backups.shared.account_state import account_state
from backups.tests.accounts import make_account, make_operator
from backups.tests.otc import configure, silent
from backups.web import sign_in_log

pytestmark = [pytest.mark.either, pytest.mark.django_db]
PASSWORD = "a right-horse battery"
NEW_PASSWORD = "another-horse battery"
IDS = [str(uuid.UUID(int=n)) for n in range(1, 4)]
NEW_DISK = str(uuid.UUID(int=0xD159))
HERE = "203.0.113.7"


@pytest.fixture(autouse=True)
def two_clouds(settings: Any, tmp_path: Path) -> None:
    configure(settings, tmp_path, silent("otc", "other"))
    registry.ensure_rows()


@pytest.fixture
def ada() -> User:
    return make_operator("ada", password=PASSWORD)


@pytest.fixture
def web(ada: User) -> Client:
    client = Client(headers={"X-Forwarded-For": HERE})
    client.post("/accounts/login/", {"username": "ada", "password": PASSWORD})
    return client


def api(user: User, *, read_only: bool = False) -> tuple[dict[str, str], str]:
    """The headers of a script of this account, and how its key begins."""
    made = tokens.create(user=user, name="script", read_only=read_only, now=timezone.now())
    headers = {"Authorization": f"Bearer {made.key}", "X-Forwarded-For": HERE}
    return headers, made.token.beginning


def since(pk: int) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(pk__gt=pk).order_by("pk"))


def last() -> int:
    newest = AuditEntry.objects.order_by("-pk").first()
    return newest.pk if newest else 0


def told(rows: list[AuditEntry]) -> list[tuple[Any, ...]]:
    return [(row.verb, row.object_kind, row.object_id, row.cloud) for row in rows]


def state_of(user: User) -> str:
    return account_state(User.objects.get(pk=user.pk))


def track(*ids: str, cloud: str = "otc") -> None:
    tracking.add(cloud=cloud, values=ids, now=timezone.now())


def test_what_a_person_does_on_pages_is_noted_with_who_from_where_and_what_changed(
    web: Client, ada: User
) -> None:
    [signed_in] = since(0)
    assert (signed_in.verb, signed_in.actor, signed_in.client) == ("session.begin", "ada", HERE)
    Volume.objects.create(cloud_id="otc", volume_id="d-0", first_seen_at=timezone.now())
    volume = "/volumes/otc/d-0/set/"
    rule = {"what": "rule", "period_hours": "24", "grace_hours": "2", "version": 0}
    steps: list[tuple[str, dict[str, Any], tuple[Any, ...]]] = [
        (
            "/backups/add/",
            {"cloud": "otc", "backup_ids": IDS[0]},
            ("backup.track", "backup", IDS[0], "otc"),
        ),
        (
            "/backups/add/",
            {"cloud": "other", "backup_ids": IDS[0]},
            ("backup.move", "backup", IDS[0], "other"),
        ),
        (f"/backups/{IDS[0]}/refresh/", {}, ("backup.refresh", "backup", IDS[0], "other")),
        (
            f"/backups/{IDS[0]}/labels/",
            {"note": "keep", "tags": "gold"},
            ("backup.edit", "backup", IDS[0], "other"),
        ),
        (f"/backups/{IDS[0]}/untrack/", {}, ("backup.untrack", "backup", IDS[0], "other")),
        (volume, {"what": "label", "label": "db-01"}, ("volume.edit", "volume", "d-0", "otc")),
        (
            "/volumes/register/",
            {"cloud": "otc", "volume_id": NEW_DISK},
            ("volume.register", "volume", NEW_DISK, "otc"),
        ),
        (
            "/volumes/rules/set/",
            {**rule, "of": "cloud", "name": "otc"},
            ("rule.set", "rule", "cloud otc", "otc"),
        ),
        (
            "/volumes/rules/set/",
            {**rule, "of": "tag", "name": "gold"},
            ("rule.set", "rule", "tag gold", None),
        ),
        (
            "/volumes/rules/set/",
            {"what": "no_rule", "of": "tag", "name": "gold", "version": 1},
            ("rule.remove", "rule", "tag gold", None),
        ),
    ]
    for path, form, expected in steps:
        before = last()
        answer = web.post(path, form)
        assert answer.status_code == 302, (path, answer.content.decode()[-3000:])
        rows = since(before)
        # Who moves a backup leaves a row in both of its clouds.
        left = [("backup.move", "backup", IDS[0], "otc")] if expected[0] == "backup.move" else []
        assert told(rows) == [*left, expected], path
        assert {(row.actor_kind, row.actor, row.client, row.outcome) for row in rows} == {
            ("user", "ada", HERE, "done")
        }
        assert {row.request_id for row in rows} == {answer["X-Request-ID"]}
    by_verb = {row.verb: row for row in AuditEntry.objects.order_by("pk")}
    edit = by_verb["backup.edit"]
    assert (edit.before, edit.after) == (
        {"note": "", "tags": []},
        {"note": "keep", "tags": ["gold"]},
    )
    assert (by_verb["backup.move"].before, by_verb["backup.move"].after) == (
        {"tracked": False},
        {"tracked": True},
    )
    labelled = by_verb["volume.edit"]
    assert (labelled.before, labelled.after) == ({"label": None}, {"label": "db-01"})
    assert by_verb["rule.set"].before is None
    assert by_verb["rule.remove"].before == by_verb["rule.set"].after
    assert by_verb["rule.remove"].after is None


def test_tokens_passwords_and_sessions_are_noted_without_any_key(web: Client, ada: User) -> None:
    elsewhere = Client()
    elsewhere.post("/accounts/login/", {"username": "ada", "password": PASSWORD})
    before = last()
    made = web.post("/account/tokens/", {"name": "script", "no_end": "on"}, follow=True)
    key = made.context["created"].key
    token_id = made.context["created"].token.id
    web.post(f"/account/tokens/{token_id}/revoke/")
    web.post("/account/sessions/end/")
    Client().post("/accounts/login/", {"username": "ada", "password": "wrong-horse"})
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert web.post("/account/password/", form).status_code == 302
    web.post("/accounts/logout/")
    assert told(since(before)) == [
        ("token.create", "token", str(token_id), None),
        ("token.revoke", "token", str(token_id), None),
        ("session.end_others", "session", "ada", None),
        ("session.refused", "session", "ada", None),
        ("account.password", "account", "ada", None),
        ("session.end", "session", "ada", None),
    ]
    created = since(before)[0].after
    assert isinstance(created, dict)
    of_token = (created["beginning"], created["name"], created["account"])
    assert of_token == (key[:10], "script", "ada")
    everything = json.dumps(list(AuditEntry.objects.values()), default=str)
    secrets = (key, digest(key), PASSWORD, NEW_PASSWORD, "wrong-horse", ada.password)
    assert [secret for secret in secrets if secret in everything] == []


def test_what_an_admin_does_with_accounts_is_noted_with_what_changed(ada: User) -> None:
    root = User.objects.create_superuser("root")
    grace = accounts.add("grace", access=NEW_ACCOUNT, password=NEW_PASSWORD, by=root)
    here = Access(Role.OPERATOR, frozenset({"otc"}))
    accounts.set_access(grace.pk, here, by=root, seen=state_of(grace))
    accounts.switch_off(grace.pk, by=root, seen=state_of(grace))
    accounts.switch_on(grace.pk, by=root, seen=state_of(grace))
    accounts.delete(grace.pk, by=root, seen=state_of(grace))
    rows = AuditEntry.objects.filter(object_id="grace").order_by("pk")
    viewer = {"role": "viewer", "clouds": "all"}
    operator = {"role": "operator", "clouds": ["otc"]}
    assert [(row.verb, row.before, row.after) for row in rows] == [
        ("account.create", None, {"has_password": True}),
        ("account.edit", viewer, operator),
        ("account.edit", {"active": True}, {"active": False}),
        ("account.edit", {"active": False}, {"active": True}),
        ("account.delete", operator, None),
    ]


def test_what_a_sign_in_elsewhere_brings_is_noted_once(ada: User) -> None:
    here = Access(Role.OPERATOR, frozenset({"otc"}))
    for name in ("grace", "grace", "grace-hopper"):
        person = Person(issuer="https://idp.example", subject="g-1", name=name)
        external_accounts.sign_in(person, here, timezone.now())
    rows = AuditEntry.objects.exclude(actor="ada").order_by("pk")
    created = {"issuer": "https://idp.example", "subject": "g-1"}
    assert [(row.verb, row.object_id, row.actor, row.after) for row in rows] == [
        ("account.create", "grace", "grace", created),
        ("account.edit", "grace", "grace", {"role": "operator", "clouds": ["otc"]}),
        ("account.edit", "grace-hopper", "grace-hopper", {"name": "grace-hopper"}),
    ]


def test_a_refused_sign_in_elsewhere_is_noted_once_a_minute(ada: User) -> None:
    for _ in range(3):
        sign_in_log.refused("ada", "None of your groups opens vbsdash.")
    (row,) = AuditEntry.objects.filter(verb=Verb.SESSION_REFUSED)
    assert (row.object_id, row.outcome, row.sentence) == (
        "ada",
        "refused",
        "None of your groups opens vbsdash.",
    )


def test_a_script_is_noted_by_its_token(ada: User) -> None:
    headers, beginning = api(ada)
    client = Client(headers=headers)
    body = {"cloud": "otc", "ids": IDS}
    before = last()
    assert client.post("/api/backups/", body, "application/json").status_code == 201
    assert client.post("/api/backups/refresh/", {"ids": IDS}, "application/json").status_code == 202
    tag = {"ids": IDS, "add": ["gold"]}
    assert client.post("/api/backups/tag/", tag, "application/json").status_code == 200
    untrack = client.post("/api/backups/untrack/", {"ids": IDS}, "application/json")
    assert untrack.json() == {"untracked": 3}
    rows = since(before)
    verbs = ("backup.track", "backup.refresh", "backup.edit", "backup.untrack")
    expected = [(verb, "backup", one, "otc") for verb in verbs for one in IDS]
    assert sorted(told(rows)) == sorted(expected)
    assert {(row.actor_kind, row.actor, row.token, row.token_name) for row in rows} == {
        ("token", "ada", beginning, "script")
    }
    assert {row.client for row in rows} == {HERE}


def test_connection_tests_and_commands_are_noted(web: Client, capsys: Any) -> None:
    before = last()
    web.post("/clouds/otc/test/")
    [tested] = since(before)
    assert told([tested]) == [("cloud.test", "cloud", "otc", "otc")]
    assert (tested.actor, tested.outcome) == ("ada", "failed")
    before = last()
    call_command("create_token", "ada")
    call_command("derive", "otc")
    call_command("prune_revisions")
    rows = since(before)
    assert [(row.verb, row.object_kind) for row in rows] == [
        ("token.create", "token"),
        ("command.run", "command"),
        ("command.run", "command"),
    ]
    system = pwd.getpwuid(os.getuid()).pw_name
    assert {(row.actor_kind, row.actor, row.client) for row in rows[1:]} == {("system", system, "")}


def test_the_administration_of_django_is_noted(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    before = last()
    passwords = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    form = {"username": "eve", **passwords}
    assert client.post("/admin/auth/user/add/", form).status_code == 302
    [added] = since(before)
    eve = User.objects.get(username="eve")
    assert (added.verb, added.actor, added.sentence) == ("administration", "root", "Added “eve”.")
    assert added.object_id.endswith(f"| user {eve.pk}")


def test_own_looks_and_views_are_nobodys_business(web: Client) -> None:
    before = last()
    web.post("/account/look/", {"theme": "dark"})
    web.post("/account/keys/", {})
    web.post("/account/views/", {"name": "mine", "query": "status=error"})
    assert since(before) == []


def test_reading_leaves_no_row(web: Client) -> None:
    track(IDS[0])
    before = last()
    for path in ("/", "/backups/", f"/backups/{IDS[0]}/", "/clouds/", "/api/backups/", "/account/"):
        assert web.get(path).status_code == 200
    assert since(before) == []


def test_a_wrong_password_is_noted_and_a_password_in_the_wrong_field_is_not_kept(ada: User) -> None:
    client = Client(headers={"X-Forwarded-For": HERE})
    client.post("/accounts/login/", {"username": "ada", "password": "wrong-horse"})
    client.post("/accounts/login/", {"username": "typed-a-Secret", "password": "x"})
    rows = since(0)
    assert [(row.verb, row.object_id, row.actor, row.outcome, row.client) for row in rows] == [
        ("session.refused", "ada", "", "refused", HERE),
        ("session.refused", "", "", "refused", HERE),
    ]
    assert "No account has the name" in rows[1].sentence
    assert "typed-a-Secret" not in json.dumps(list(AuditEntry.objects.values()), default=str)


def test_who_tries_on_and_on_is_noted_once_a_minute(
    ada: User, clock: time_machine.Traveller
) -> None:
    client = Client(headers={"X-Forwarded-For": HERE})

    def guess(times: int) -> None:
        for number in range(times):
            client.post("/accounts/login/", {"username": f"name{number % 7}", "password": "x"})

    guess(120)
    tries = AuditEntry.objects.filter(verb="session.refused").count()
    assert tries == 20
    paused = AuditEntry.objects.filter(verb="session.paused").order_by("pk")
    assert [row.after for row in paused] == [None]
    clock.shift(61)
    guess(3)
    assert [row.after for row in paused.all()] == [None, {"refused_within_the_hour": 101}]


def test_wrong_keys_and_missing_roles_are_noted_once_a_minute_and_address(
    ada: User, clock: time_machine.Traveller
) -> None:
    headers, beginning = api(ada, read_only=True)
    script = Client(headers=headers)
    viewer = make_account("vera", role=Role.VIEWER)
    page = Client(headers={"X-Forwarded-For": "203.0.113.9"})
    page.force_login(viewer)
    before = last()
    for _ in range(5):
        wrong = Client(headers={"Authorization": "Token vbs_wrong-Key", "X-Forwarded-For": HERE})
        assert wrong.get("/api/backups/").status_code == 401
        body = {"cloud": "otc", "ids": IDS}
        assert script.post("/api/backups/", body, "application/json").status_code == 403
        assert page.post("/backups/add/", {"cloud": "otc"}).status_code == 403
    rows = since(before)
    assert [(row.verb, row.actor, row.token, row.object_id, row.client) for row in rows] == [
        ("token.refused", "", "", "", HERE),
        ("access.refused", "ada", beginning, "POST /api/backups/", HERE),
        ("access.refused", "vera", "", "POST /backups/add/", "203.0.113.9"),
    ]
    assert {row.outcome for row in rows} == {"refused"}
    clock.shift(61)
    assert page.post("/backups/add/", {"cloud": "otc"}).status_code == 403
    assert since(rows[-1].pk)[0].after == {"refused_within_the_hour": 6}
    assert "wrong-Key" not in json.dumps(list(AuditEntry.objects.values()), default=str)


def test_nobody_hides_what_another_account_is_refused_at_the_same_place(ada: User) -> None:
    quiet = {}
    for name in ("vera", "viktor"):
        quiet[name] = Client(headers={"X-Forwarded-For": HERE})
        quiet[name].force_login(make_account(name, role=Role.VIEWER))
    before = last()
    for page in (*quiet.values(), *quiet.values()):
        assert page.get("/backups/add/").status_code == 403
    for name in ("vera", "nobody", "ada", "nobody else", "ada"):
        sign_in_log.refused(name, "None of your groups opens vbsdash.")
    rows = since(before)
    assert [row.actor for row in rows if row.verb == "access.refused"] == ["vera", "viktor"]
    assert [row.object_id for row in rows if row.verb == "session.refused"] == ["vera", "", "ada"]


@pytest.mark.soak
def test_ten_thousand_refused_sign_ins_leave_a_few_short_rows(ada: User) -> None:
    client = Client(headers={"X-Forwarded-For": HERE})
    for number in range(500):
        client.post("/accounts/login/", {"username": f"{number}" * 40, "password": "x" * 3000})
    # The others without the page around them, which is what takes the time.
    for _ in range(9_500):
        audit.note_refusal(
            Verb.SESSION_PAUSED, ObjectKind.SESSION, "", client=HERE, sentence="It has to wait."
        )
    # Time stands still: twenty that were tried, and one for all that had to wait.
    assert AuditEntry.objects.count() == 21
    for row in AuditEntry.objects.values():
        assert len(json.dumps(row, default=str)) < 600


def test_the_rows_of_a_move_name_the_other_cloud_to_nobody() -> None:
    track(IDS[0])
    track(IDS[0], cloud="other")
    left, arrived = AuditEntry.objects.filter(verb="backup.move").order_by("pk").values()
    assert (left["cloud"], arrived["cloud"]) == ("otc", "other")
    assert "other" not in json.dumps(left, default=str)
    assert "otc" not in json.dumps(arrived, default=str)


def test_many_objects_get_a_row_each_so_that_the_history_of_each_is_whole(ada: User) -> None:
    ids = [str(uuid.UUID(int=n)) for n in range(1, 1001)]
    track(*ids)
    actor = Actor("ada", timezone.now())
    backup_edits.add_tags([uuid.UUID(one) for one in ids], ["gold"], actor=actor)
    edits = AuditEntry.objects.filter(verb="backup.edit")
    assert edits.count() == 1000
    assert set(edits.values_list("object_id", flat=True)) == set(ids)


def test_an_act_on_too_many_is_a_row_for_each_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST_ROWS", 2)
    track(*IDS[:2])
    track(IDS[2], cloud="other")
    before = last()
    tracking.untrack(IDS)
    assert [(row.cloud, row.object_id, row.after) for row in since(before)] == [
        ("otc", "2 backups", {"count": 2}),
        ("other", "1 backups", {"count": 1}),
    ]


def test_a_refresh_of_more_than_a_hundred_is_a_row_for_each_cloud() -> None:
    ids = [str(uuid.UUID(int=n)) for n in range(1, 102)]
    track(*ids[:90])
    track(*ids[90:], cloud="other")
    before = last()
    tracking.refresh_now(ids, timezone.now())
    assert [(row.cloud, row.object_id) for row in since(before)] == [
        ("otc", "90 backups"),
        ("other", "11 backups"),
    ]
    before = last()
    tracking.refresh_now(ids[:100], timezone.now())
    assert {row.object_id for row in since(before)} == set(ids[:100])


@pytest.mark.django_db(transaction=True)
def test_a_committed_row_is_one_line_of_the_log_and_a_rolled_back_one_is_nothing(
    ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client = Client(headers={"X-Forwarded-For": HERE})
    client.force_login(ada)
    caplog.clear()
    client.post("/backups/add/", {"cloud": "otc", "backup_ids": IDS[0]})
    [line] = [record for record in caplog.records if record.getMessage() == "audit"]
    [row] = AuditEntry.objects.filter(verb="backup.track")
    logged = {name: getattr(line, name, None) for name in ("verb", "object_id", "actor", "client")}
    assert logged == {
        "verb": row.verb,
        "object_id": IDS[0],
        "actor": "ada",
        "client": HERE,
    }
    assert (line.request_id, line.at) == (row.request_id, row.at.isoformat())  # type: ignore[attr-defined]
    caplog.clear()
    count = AuditEntry.objects.count()

    with transaction.atomic():
        tracking.untrack(IDS[:1])
        assert AuditEntry.objects.count() == count + 1
        assert "audit" not in caplog.messages
        transaction.set_rollback(True)
    assert (AuditEntry.objects.count(), "audit" in caplog.messages) == (count, False)
    assert Backup.objects.count() == 1


def test_a_row_stays_small_and_storable_whatever_people_wrote(ada: User) -> None:
    odd = "\x00\ud800" + "\U0001f4be" * 20_000
    side = {f"field {number}": [odd] * 1000 for number in range(1000)}
    audit.note(
        Verb.BACKUP_EDIT,
        ObjectKind.BACKUP,
        odd,
        cloud=odd,
        before=side,
        after={"note": odd, "tags": [odd] * 1000},
        sentence=odd,
        who=acting.Who(ActorKind.TOKEN, odd, "vbs_1234567890123456", odd),
    )
    row: Any = AuditEntry.objects.values().get()
    assert len(json.dumps(row, default=str, ensure_ascii=False).encode()) < audit.ROW_BYTES
    assert (
        row["after"]["note"].startswith("left out") or "20,002 characters" in row["after"]["note"]
    )


def test_rows_outlive_what_they_name(ada: User) -> None:
    track(IDS[0])
    tracking.untrack(IDS[:1])
    TrashedBackup.objects.all().delete()
    Cloud.objects.filter(name="otc").delete()
    Account.objects.all().delete()
    ada.delete()
    assert [row.verb for row in since(0)] == ["backup.track", "backup.untrack"]


def test_who_changed_it_stands_on_the_page_also_from_before_there_was_a_record(
    web: Client, ada: User
) -> None:
    track(IDS[0])
    backup = Backup.objects.get()
    long_ago = timezone.now() - timedelta(days=9)
    Edit.objects.create(backup=backup, at=long_ago, by="eve", field="note", before="", after="old")
    web.post(f"/backups/{IDS[0]}/labels/", {"note": "<b>keep</b>", "tags": ""})
    page = web.get(f"/backups/{IDS[0]}/").content.decode()
    shown = page.split('id="who"')[1].split("</section>")[0]
    assert shown.count("<li>") == 3
    assert "&lt;b&gt;keep&lt;/b&gt;" in shown
    assert shown.index("backup.edit") < shown.index("backup.track") < shown.index("eve")
    Volume.objects.create(cloud_id="otc", volume_id="d-0", first_seen_at=timezone.now())
    web.post("/volumes/otc/d-0/set/", {"what": "label", "label": "db-01"})
    volume = web.get("/volumes/otc/d-0/").content.decode()
    assert "volume.edit" in volume.split('id="who"')[1]
    viewer = Client()
    viewer.force_login(make_account("vera", role=Role.VIEWER))
    for path in (f"/backups/{IDS[0]}/", "/volumes/otc/d-0/"):
        assert 'id="who"' not in viewer.get(path).content.decode()
