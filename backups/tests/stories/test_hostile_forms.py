"""What a form or an address can hold at its worst is refused in a sentence, and
the answer stays small.
"""

import re
import uuid
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from backups.analysis.rules import by_period
from backups.clouds import registry
from backups.edits import protection_rules
from backups.edits.common import Actor
from backups.models import ApiToken, AuditEntry, Backup, Cloud, CloudRule, Volume
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]

LARGE = "x" * 4_000_000
LARGEST_REFUSAL = 100_000  # bytes
BACKUP = uuid.UUID(int=1)


@pytest.fixture
def web(settings: Any, tmp_path: Any, client: Client, admin_user: User) -> Iterator[Client]:
    """Signed in; one disk and one backup of it are known."""
    configure(settings, tmp_path, silent("otc"))
    registry.ensure_rows()
    now = timezone.now()
    Cloud.objects.update(last_good_at=now, endpoint="https://vbs.example/v2/p")
    Volume.objects.create(cloud_id="otc", volume_id="disk", first_seen_at=now)
    Backup.objects.create(
        id=BACKUP, cloud_id="otc", volume_id="disk", tracked_at=now, refreshed_at=now
    )
    client.force_login(admin_user)
    yield client
    registry.forget_clients()


VOLUME = {"volume": "otc/disk"}
FORMS = {
    "/volumes/otc/disk/set/": {"what": "rule", "version": "x"},
    "/volumes/set/": {"what": "rule", "version": "x", **VOLUME},
    "/volumes/rules/set/": {"what": "rule", "of": "tag", "name": "t", "version": "x"},
    f"/backups/{BACKUP}/labels/": {"version": "x"},
    "/volumes/register/": {"cloud": "nowhere", "volume_id": "v"},
    "/account/look/": {"theme": "none of these"},
    "/account/tokens/": {"days": "many"},
}
FIELDS = [
    *(
        "period_hours",
        "grace_hours",
        "cron",
        "cron_zone",
        "reason",
        "until",
        "label",
        "note",
        "tags",
    ),
    *("volume_id", "cloud", "theme", "time_zone", "name", "days", "query", "volume", "of"),
]


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("field", FIELDS)
def test_what_was_typed_without_end_is_not_drawn_again_without_end(
    web: Client, path: str, field: str
) -> None:
    answer = web.post(path, {**FORMS[path], field: LARGE})
    assert answer.status_code == 400
    assert len(answer.content) < LARGEST_REFUSAL


@pytest.mark.parametrize(
    ("path", "words", "sentence"),
    [
        ("/volumes/otc/disk/set/", {"what": "nope"}, "what: Select a valid choice"),
        (
            "/volumes/otc/disk/set/",
            {"what": "label", "version": "x"},
            "version: Enter a whole number.",
        ),
        (
            "/volumes/otc/disk/set/",
            {"what": "follow", "follow": "maybe"},
            "follow: Select a valid choice",
        ),
        (
            "/volumes/otc/disk/set/",
            {"what": "follow"},
            "follow: Choose yes, no, or as the cloud says.",
        ),
        ("/volumes/set/", {"what": "nope", **VOLUME}, "what: Select a valid choice"),
        (
            "/volumes/rules/set/",
            {"what": "label", "of": "cloud", "name": "otc"},
            "what: Select a valid choice",
        ),
        (
            "/account/tokens/",
            {"name": "n", "no_end": "on", "clouds": "gone-cloud"},
            "clouds: Select a valid choice",
        ),
        (
            "/volumes/otc/disk/set/",
            {"what": "rule", "period_hours": "1e306"},
            "Write at most 87\u202f840 hours",
        ),
        (
            "/volumes/otc/disk/set/",
            {"what": "rule", "period_hours": "1", "grace_hours": "1e308"},
            "at most 87\u202f840",
        ),
        (
            "/volumes/otc/disk/set/",
            {"what": "exempt", "reason": "r", "until": "9999-12-31"},
            "an earlier date",
        ),
        (
            "/backups/bulk/",
            {"do": "refresh", "all": "1", "query": LARGE},
            "query is longer than 8\u202f000 characters.",
        ),
    ],
)
def test_what_cannot_be_is_said_where_the_person_looks(
    web: Client, path: str, words: dict[str, str], sentence: str
) -> None:
    answer = web.post(path, words)
    assert answer.status_code == 400
    assert sentence in answer.content.decode()


def test_a_form_that_means_something_else_removes_no_rule(web: Client) -> None:
    rule = by_period(period_seconds=3600, grace_seconds=0)
    actor = Actor("operator", timezone.now())
    protection_rules.set_cloud_rule("otc", rule, actor=actor)
    for what in ("follow", "label", "exempt", "add_tags", "end_exemption"):
        web.post(
            "/volumes/rules/set/", {"what": what, "of": "cloud", "name": "otc", "follow": "yes"}
        )
    assert CloudRule.objects.get().rule_period_seconds == 3600


@pytest.mark.parametrize(
    "to", ["foo", "home", "volume", "?a", "#x", "..", "x" * 300, "//evil.example", "/\\evil", ""]
)
def test_the_way_back_is_a_path_of_ours(web: Client, to: str) -> None:
    answer = web.post("/account/views/no-default/", {"next": to})
    assert (answer.status_code, answer["Location"]) == (302, "/account/")


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+01:00", "x", ""])
def test_an_instant_outside_the_calendar_is_none(web: Client, at: str) -> None:
    assert web.get("/backups/", {"added": at}, follow=True).status_code == 200
    assert web.post("/backups/follow-added/", {"added": at}).status_code == 302


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/backups/bulk/", {"do": "refresh", "query": "name=" + "x" * 7_000 + "&bad=1"}),
        (
            "/volumes/set/",
            {"what": "rule", "query": "bad=1&" + "&".join(["live="] * 1_000), **VOLUME},
        ),
    ],
)
def test_a_list_that_cannot_be_shown_is_said_in_a_small_page(
    web: Client, path: str, data: dict[str, str]
) -> None:
    answer = web.post(path, data)
    assert answer.status_code == 400
    assert len(answer.content) < LARGEST_REFUSAL


@pytest.mark.parametrize("path", ["/failures/", "/backups/", "/volumes/"])
def test_an_address_with_many_unknown_keys_is_refused_in_a_small_page(
    web: Client, path: str
) -> None:
    # 8 kB, as long as servers take.
    answer = web.get(f"{path}?{'&'.join(f'{n}=1' for n in range(1_200))}")
    assert answer.status_code == 400
    assert len(answer.content) < LARGEST_REFUSAL


@pytest.mark.parametrize("path", ["/backups/", "/api/backups/"])
def test_an_address_with_more_keys_than_are_read_is_refused(web: Client, path: str) -> None:
    web.raise_request_exception = False
    answer = web.get(f"{path}?{'&'.join(f'a{n}=' for n in range(20_001))}")
    assert answer.status_code == 400
    assert len(answer.content) < LARGEST_REFUSAL


def test_a_tag_without_end_is_not_taken_off(web: Client) -> None:
    answer = web.post(
        "/backups/bulk/", {"do": "untag", "all": "1", "tag": LARGE}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 204
    assert len(answer["HX-Trigger"]) < 1_000


@pytest.mark.parametrize(
    ("href", "leads_there"),
    [
        ("https://vbs.example/v2/p/backups/1", True),
        ("https://vbs.example:8776/v2", True),
        ("http://evil.example\\@vbs.example/v2", False),
        ("https://evil\t.example\\@vbs.example/", False),
        ("https://evil.example@vbs.example/", False),
        ("\x01https://vbs.example/", False),
        ("https://vbs.example:abc/", False),
        ("https://vbs.example:99999/", False),
        ("//vbs.example/", False),
        ("javascript:alert(1)//vbs.example", False),
    ],
)
def test_a_link_of_a_cloud_leads_to_that_cloud_or_is_text(
    web: Client, href: str, leads_there: bool
) -> None:
    Backup.objects.update(links=[{"rel": "self", "href": href}])
    page = web.get(f"/backups/{BACKUP}/").content.decode()
    links = [unescape(link) for link in re.findall(r'href="([^"]*)"', page)]
    assert (href in links) is leads_there


def test_the_admin_writes_nothing_past_the_checks(web: Client) -> None:
    now = timezone.now()
    token = ApiToken.objects.create(
        user=User.objects.get(), name="t", hashed="h", created_at=now, revoked_at=now
    )
    before = ApiToken.objects.values().get()
    other = User.objects.create_superuser("other")
    web.post(f"/admin/backups/backup/{BACKUP}/change/", {"note": "n", "tags": "5"})
    form = {"user": other.pk, "name": "mine", "clouds": "5", "revoked_at_0": "", "revoked_at_1": ""}
    answer = web.post(f"/admin/backups/apitoken/{token.pk}/change/", form)
    assert (answer.status_code, ApiToken.objects.values().get()) == (403, before)
    assert web.get(f"/admin/backups/apitoken/{token.pk}/change/").status_code == 200
    assert (Backup.objects.get().note, Backup.objects.get().tags) == ("", [])
    assert web.post(f"/admin/backups/backup/{BACKUP}/delete/", {"post": "yes"}).status_code == 403
    web.post(
        "/admin/backups/backup/",
        {"action": "delete_selected", "_selected_action": BACKUP, "post": "yes"},
    )
    assert Backup.objects.exists()


def test_the_admin_deletes_one_by_one_so_that_each_is_noted(web: Client) -> None:
    ids = [User.objects.create_superuser(name).pk for name in ("eve", "eva")]
    form = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
    web.post("/admin/auth/user/", form)
    assert User.objects.filter(pk__in=ids).count() == 2
    assert web.post(f"/admin/auth/user/{ids[0]}/delete/", {"post": "yes"}).status_code == 302
    assert User.objects.filter(pk__in=ids).count() == 1
    assert [row.sentence for row in AuditEntry.objects.filter(verb="administration")] == [
        "Deleted “eve.”"
    ]


def test_a_name_with_a_slash_is_reached_by_the_api_too(web: Client) -> None:
    view = {"query": "status=error"}
    assert web.put("/api/views/a%2Fb/", view, content_type="application/json").status_code in (
        200,
        201,
    )
    assert web.delete("/api/views/a%2Fb/").status_code == 204
    rule = {"period_seconds": 3600, "grace_seconds": 0}
    assert (
        web.put("/api/rules/tags/a%2Fb/", rule, content_type="application/json").status_code == 204
    )
    assert web.delete("/api/rules/tags/a%2Fb/").status_code == 204


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ("[" + "[[[[]]]]," * 200_000 + "1]", 413, "more than 200,000 lists and objects"),
        (
            '{"label": 1' + "0" * 5_000 + "}",
            400,
            "A number has 5,001 digits; at most 300 are read.",
        ),
    ],
)
def test_a_body_that_costs_much_to_read_is_not_read(
    web: Client, body: str, status: int, sentence: str
) -> None:
    answer = web.post("/api/volumes/", body, content_type="application/json")
    assert answer.status_code == status
    assert sentence in answer.json()["detail"]
