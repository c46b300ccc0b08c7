"""Who may read the record of who did what, as JSON, as CSV and as a page; what filters and pages of
it show.
"""

import csv
import io
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from backups.edits import tokens
from backups.models import ActorKind, AuditEntry, Cloud, ObjectKind, Outcome, Role, Verb
from backups.query.audit import AUDIT_FIELDS
from backups.shared import acting, audit, audit_cut
from backups.tests.accounts import make_account, make_operator

pytestmark = [pytest.mark.django_db]
PLACES = ("/audit/", "/api/audit/", "/api/audit.csv")
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "=cmd|' /C calc'!A0")
ABSURD = "<script>alert(1)</script>\u202e\u0627\u0644" + "x" * 300


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(make_account("root", role=Role.ADMIN))
    return client


def note(
    object_id: str, *, by: str = "ada", cloud: str | None = None, kind: str = "backup", **words: Any
) -> None:
    who = acting.user(by)
    audit.note(Verb.BACKUP_TRACK, ObjectKind(kind), object_id, cloud=cloud, who=who, **words)


def listed(web: Client, query: str = "") -> list[str]:
    answer = web.get(f"/api/audit/{query}")
    assert answer.status_code == 200, answer.content
    return [row["object_id"] for row in answer.json()["results"]]


def read(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode()


@pytest.mark.either
@pytest.mark.parametrize("path", PLACES)
def test_only_admins_read_it(path: str, admin: Client) -> None:
    assert admin.get(path).status_code == 200
    for role in (Role.VIEWER, Role.OPERATOR):
        other = Client()
        other.force_login(make_account(role.value, role=role))
        assert other.get(path).status_code == 403
    assert Client().get(path).status_code in (302, 401)
    for method in ("post", "put", "patch", "delete"):
        assert getattr(admin, method)(path).status_code == 405


@pytest.mark.either
def test_a_token_reads_it_where_its_owner_may() -> None:
    root = make_account("root", role=Role.ADMIN)
    operator = make_operator("ada")

    def status(user: User, *, read_only: bool) -> int:
        key = tokens.create(user=user, read_only=read_only, now=timezone.now()).key
        return Client(headers={"Authorization": f"Bearer {key}"}).get("/api/audit/").status_code

    assert (status(root, read_only=False), status(operator, read_only=False)) == (200, 403)
    assert (status(root, read_only=True), status(operator, read_only=True)) == (200, 403)


def test_an_admin_of_some_clouds_reads_these_and_of_the_rest_what_is_about_himself() -> None:
    limited = Client()
    limited.force_login(make_account("lim", role=Role.ADMIN, clouds=["otc"]))
    note("in otc", cloud="otc")
    note("in other", cloud="other")
    note("unplaced")
    note("his own", by="lim")
    note("his own elsewhere", by="lim", cloud="other")
    note("lim", kind="account")
    note("lim", kind="session", by="")
    note("lim", kind="backup")
    note("nobody", by="")
    audit.note(
        Verb.COMMAND_RUN, ObjectKind.COMMAND, "cron", who=acting.Who(ActorKind.SYSTEM, "lim")
    )
    expected = ["in otc", "his own", "lim", "lim"]
    signed_in = "lim"  # the row of his own sign-in
    assert sorted(listed(limited)) == sorted([*expected, signed_in])
    for path in ("/audit/", "/api/audit.csv"):
        answer = limited.get(path)
        text = read(answer) if answer.streaming else answer.content.decode()
        for hidden in ("in other", "unplaced", "his own elsewhere", "nobody", "cron"):
            assert hidden not in text, (path, hidden)
    matching = limited.get("/audit/").content.decode()
    assert "5 matching" in matching
    assert listed(limited, "?cloud=other") == []


@pytest.mark.either
def test_a_new_account_of_a_name_does_not_read_what_the_one_before_did(
    clock: time_machine.Traveller,
) -> None:
    before = make_account("lim", role=Role.ADMIN, clouds=["otc"])
    note("of before", by="lim")
    note("lim", kind="account")
    note("in otc", by="lim", cloud="otc")
    before.delete()
    clock.shift(1)
    limited = Client()
    limited.force_login(make_account("lim", role=Role.ADMIN, clouds=["otc"]))
    note("his own", by="lim")
    signed_in = "lim"
    assert sorted(listed(limited)) == sorted(["in otc", "his own", signed_in])


def test_filters_orders_and_pages_are_those_of_every_list(
    admin: Client, clock: time_machine.Traveller
) -> None:
    start = timezone.now()
    for number in range(5):
        clock.shift(3600)
        note(f"b{number}", by=f"p{number % 2}", cloud="otc" if number % 2 else "other")
    note("b9", outcome=Outcome.FAILED, sentence="It was away.")
    only = "&verb=backup.track"
    assert listed(admin, f"?actor=p1{only}") == ["b3", "b1"]
    assert listed(admin, f"?cloud=otc&cloud=null{only}") == ["b9", "b3", "b1"]
    assert listed(admin, f"?outcome=failed{only}") == ["b9"]
    assert listed(admin, f"?object_kind=backup&object_id=b2{only}") == ["b2"]
    assert listed(admin, f"?q=was AWAY{only}") == ["b9"]
    third = (start + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert listed(admin, f"?at_before={third}{only}&ordering=at") == ["b0", "b1", "b2"]
    seen: list[str] = []
    address = f"/api/audit/?limit=2{only}"
    while address:
        answer = admin.get(address).json()
        seen += [row["object_id"] for row in answer["results"]]
        address = answer["next"]
    assert seen[:1] == ["b4"] or set(seen[:2]) == {"b4", "b9"}
    assert sorted(seen) == ["b0", "b1", "b2", "b3", "b4", "b9"]
    for wrong in ("verb=hack", "tag=x", "colour=red", "at_after=soon", "cursor=x", "limit=0"):
        refused = admin.get(f"/api/audit/?{wrong}")
        assert (refused.status_code, list(refused.json()["errors"])) == (400, [wrong.split("=")[0]])
        if not wrong.startswith("limit"):
            assert admin.get(f"/audit/?{wrong}").status_code == 400


def test_a_row_has_all_words_and_no_other(admin: Client) -> None:
    note("b1", before={"note": ""}, after={"note": "keep"}, cloud="otc")
    [row] = admin.get("/api/audit/?object_id=b1").json()["results"]
    assert tuple(row) == AUDIT_FIELDS
    stored = AuditEntry.objects.get(object_id="b1")
    assert row["at"] == stored.at.isoformat().replace("+00:00", "Z")
    assert (row["before"], row["after"]) == ({"note": ""}, {"note": "keep"})
    assert admin.get("/api/audit/?fields=id,verb&object_id=b1").json()["results"] == [
        {"id": stored.pk, "verb": "backup.track"}
    ]


def test_a_reader_who_asks_again_gets_a_304_until_there_is_another_row_or_one_less(
    admin: Client, clock: time_machine.Traveller
) -> None:
    note("b1", at=timezone.now() - timedelta(days=9))
    note("b2")
    for path in ("/api/audit/", "/api/audit.csv"):
        tag = admin.get(path)["ETag"]

        def again(path: str = path, tag: str = tag) -> int:
            return admin.get(path, headers={"If-None-Match": tag}).status_code

        assert again() == 304
        note("b3")
        assert again() == 200
    tag = admin.get("/api/audit/")["ETag"]
    now = timezone.now()
    assert audit_cut.cut(before=now - timedelta(days=1), now=now) == 1
    assert admin.get("/api/audit/", headers={"If-None-Match": tag}).status_code == 200


def test_the_csv_is_streamed_whole_and_runs_in_no_spreadsheet(admin: Client) -> None:
    for formula in FORMULAS:
        note(formula, by=formula, after={"note": formula}, sentence=formula)
    audit.note_many(
        Verb.BACKUP_EDIT,
        ObjectKind.BACKUP,
        [audit.Act(str(uuid.UUID(int=n)), "otc") for n in range(2500)],
    )
    for query in ("", "?excel=1"):
        answer = admin.get(f"/api/audit.csv{query}")
        assert answer.streaming
        assert "attachment" in answer["Content-Disposition"]
        text = read(answer).removeprefix("\ufeff")
        header, *rows = csv.reader(io.StringIO(text))
        assert tuple(header) == AUDIT_FIELDS
        assert len(rows) == AuditEntry.objects.count()
        cells = [cell for row in rows for cell in row]
        assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    only = read(admin.get("/api/audit.csv?verb=backup.edit&fields=object_id"))
    assert len(only.splitlines()) == 2501


@pytest.mark.either
def test_the_page_escapes_what_people_wrote_and_tells_the_readers_time(admin: Client) -> None:
    Cloud.objects.create(name="otc")
    note(ABSURD, by=ABSURD, cloud=ABSURD, after={ABSURD: ABSURD}, sentence=ABSURD)
    admin.cookies["tz"] = "Europe/Berlin"
    page = admin.get("/audit/").content.decode()
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 4
    # The address is cleaned of what is blank.
    listed = admin.get("/audit/?outcome=done&actor=&verb=backup.track", follow=True)
    export = listed.content.decode()
    assert 'href="/api/audit.csv?outcome=done&amp;verb=backup.track"' in export


@pytest.mark.either
def test_pages_lead_on_and_back_and_an_empty_record_says_what_comes(admin: Client) -> None:
    audit.note_many(
        Verb.BACKUP_EDIT,
        ObjectKind.BACKUP,
        [audit.Act(str(uuid.UUID(int=n)), "otc") for n in range(120)],
    )
    first = admin.get("/audit/?verb=backup.edit")
    assert "120 matching" in first.content.decode()
    page = first.context["page"]
    second = admin.get(f"/audit/?verb=backup.edit&cursor={page.next}")
    ids = [entry["object_id"] for entry in (*first.context["entries"], *second.context["entries"])]
    assert len(set(ids)) == 100
    assert "Nothing matches" in admin.get("/audit/?verb=rule.set").content.decode()


@pytest.mark.either
def test_admins_alone_are_led_to_it(admin: Client) -> None:
    assert 'href="/audit/"' in admin.get("/").content.decode()
    operator = Client()
    operator.force_login(make_operator("ada"))
    assert 'href="/audit/"' not in operator.get("/").content.decode()


@pytest.mark.either
def test_the_description_names_every_verb(admin: Client) -> None:
    schema = json.loads(admin.get("/api/schema/", headers={"Accept": "application/json"}).content)
    for path in ("/api/audit/", "/api/audit.csv"):
        by_name = {p["name"]: p for p in schema["paths"][path]["get"]["parameters"]}
        assert by_name["verb"]["schema"]["items"]["enum"] == Verb.values
        assert "tag" not in by_name
