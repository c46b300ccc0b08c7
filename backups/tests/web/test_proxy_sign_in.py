"""Signing in by a header of the proxy in front: whose header counts, and for how long."""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backups.edits import tokens
from backups.models import Access, AuditEntry, ExternalIdentity, Role, UserSession, Verb
from backups.shared.access import access_of_user
from backups.tests.accounts import make_operator
from backups.tests.otc import configure, silent
from backups.web.external_backends import PROXY_SESSIONS
from backups.web.proxy_sign_in import NAME
from vbsdash.group_roles import GroupRole, GroupRoles
from vbsdash.proxy_header import ProxyHeader

pytestmark = [pytest.mark.either, pytest.mark.django_db]
SECRET = "0123456789abcdef0123456789abcdef"
ELSEWHERE = "203.0.113.7"


@pytest.fixture(autouse=True)
def by_proxy(settings: Any, tmp_path: Path) -> None:
    configure(settings, tmp_path, silent("otc"))
    settings.PROXY_HEADER = ProxyHeader(
        "X-Remote-User", "X-Remote-Groups", "X-Proxy-Secret", SECRET
    )
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, PROXY_SESSIONS]
    groups = {
        "night": GroupRole("operator", frozenset({"otc"})),
        "all": GroupRole("viewer", None),
        "Köln": GroupRole("viewer", None),
    }
    settings.GROUP_ROLES = GroupRoles(groups, None)


def get(
    client: Client,
    path: str = "/volumes/",
    *,
    name: str | None = "ada",
    groups: str = "night",
    secret: str | None = SECRET,
    method: str = "get",
    **words: Any,
) -> Any:
    headers = {"X-Remote-Groups": groups, **words.pop("headers", {})}
    if name is not None:
        headers["X-Remote-User"] = name
    if secret is not None:
        headers["X-Proxy-Secret"] = secret
    return getattr(client, method)(path, headers=headers, **words)


def writes_of_get(client: Client, **words: Any) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        get(client, **words)
    return [query["sql"] for query in queries if not query["sql"].startswith("SELECT")]


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [
        (record.getMessage(), record.account)  # type: ignore[attr-defined]
        for record in caplog.records
        if record.name == "backups.web.sign_in_log"
    ]


def test_who_is_named_is_signed_in_with_the_role_of_the_groups(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert get(client).status_code == 200
    assert get(client, "/clouds/").status_code == 200
    user = User.objects.get()
    assert (user.username, user.is_staff, user.has_usable_password()) == ("ada", False, False)
    assert access_of_user(user) == Access(Role.OPERATOR, frozenset({"otc"}))
    assert events(caplog) == [("signed in", "ada")]
    assert UserSession.objects.count() == 1
    assert SECRET not in caplog.text


def test_a_role_is_that_of_the_groups_of_each_request(client: Client) -> None:
    assert get(client, "/backups/add/", method="post").status_code == 200
    assert get(client, "/backups/add/", method="post", groups="all").status_code == 403
    assert get(client, groups=" unknown , all ").status_code == 200
    assert access_of_user(User.objects.get()) == Access(Role.VIEWER, None)
    assert get(client, groups="").status_code == 403
    # And that was the end of the session.
    assert client.get("/volumes/").status_code == 302


def test_loss_of_every_group_ends_what_other_sessions_and_tokens_could(client: Client) -> None:
    get(client)
    other = Client()
    get(other)
    key = tokens.create(user=User.objects.get(), now=timezone.now()).key
    bearer = {"Authorization": f"Bearer {key}"}
    assert client.get("/api/clouds/", headers=bearer).json() != []
    assert get(client, groups="").status_code == 403
    assert access_of_user(User.objects.get()) == Access(Role.VIEWER, frozenset())
    assert not UserSession.objects.exists()
    assert writes_of_get(Client(), groups="") == []
    assert client.get("/api/clouds/", headers=bearer).json() == []
    answer = client.post("/api/backups/", {}, "application/json", headers=bearer)
    assert answer.status_code == 403
    assert get(other).status_code == 200
    assert access_of_user(User.objects.get()) == Access(Role.OPERATOR, frozenset({"otc"}))


def test_a_request_that_changes_nothing_writes_nothing(client: Client) -> None:
    get(client)
    assert writes_of_get(client) == []


def test_a_session_that_lasts_keeps_tokens_of_its_owner_awake(
    client: Client, settings: Any, clock: time_machine.Traveller
) -> None:
    settings.EXTERNAL_TOKENS_KEPT = timedelta(days=2)
    get(client)
    key = tokens.create(user=User.objects.get(), now=timezone.now()).key
    bearer = {"Authorization": f"Bearer {key}"}
    for _ in range(10):
        clock.shift(8 * 3600)
        get(client)
    assert UserSession.objects.count() == 1
    assert client.get("/api/backups/", headers=bearer).status_code == 200
    clock.shift(2 * 86_400 + 1)
    assert client.get("/api/backups/", headers=bearer).status_code == 401


def test_a_session_ends_with_its_header(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    get(client)
    caplog.clear()
    caplog.set_level(logging.INFO)
    answer = client.get("/volumes/")
    assert answer["Location"].startswith("/accounts/login/")
    assert not UserSession.objects.exists()
    assert events(caplog) == [("signed out", "ada")]


def test_a_call_of_the_api_that_names_nobody_is_refused_and_the_session_goes_on(
    client: Client,
) -> None:
    """As behind a proxy that asks nobody for /api/: the page that has links there must not sign
    its reader out, nor lead him in a ring.
    """
    get(client)
    for path in ("/api/backups/", "/api/backups.csv", "/api/docs/"):
        answer = client.get(path)
        assert (answer.status_code, "The proxy names nobody" in answer.text) == (403, True)
    assert get(client).status_code == 200
    assert UserSession.objects.count() == 1


def test_requests_without_a_cookie_begin_a_session_a_minute_and_are_all_answered(
    client: Client, clock: time_machine.Traveller
) -> None:
    for _ in range(5):
        assert get(Client()).status_code == 200
        assert get(Client(), "/account/").status_code == 200
        assert get(Client(), "/api/backups/").status_code == 200
    assert get(Client(), "/backups/add/", method="post", groups="all").status_code == 403
    assert get(Client(), name="bob").status_code == 200
    begun = AuditEntry.objects.filter(verb=Verb.SESSION_BEGIN)
    assert list(begun.order_by("pk").values_list("actor", flat=True)) == ["ada", "bob"]
    assert UserSession.objects.count() == 2
    # A browser has its own a minute later.
    clock.shift(61)
    get(client)
    get(client)
    assert UserSession.objects.count() == 3
    assert client.session[NAME] == "ada"


def test_calls_of_the_api_without_a_cookie_begin_no_session(client: Client) -> None:
    assert get(client, "/api/backups/").status_code == 200
    assert not UserSession.objects.exists()
    answer = get(client, "/api/clouds/", groups="all")
    assert [cloud["name"] for cloud in answer.json()] == ["otc"]
    assert get(client, "/api/backups/", groups="").status_code == 403
    assert not AuditEntry.objects.filter(verb=Verb.SESSION_BEGIN).exists()


def test_another_name_is_another_session(client: Client) -> None:
    get(client)
    before = client.session.session_key
    get(client, name="bob", groups="all")
    assert client.session.session_key != before
    assert UserSession.objects.get().user == User.objects.get(username="bob")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"secret": None}, "without the secret of the proxy"),
        ({"secret": ""}, "without the secret of the proxy"),
        ({"secret": SECRET[:-1]}, "without the secret of the proxy"),
        ({"secret": f"{SECRET},{SECRET}"}, "without the secret of the proxy"),
        ({"secret": "ünicode" * 5}, "without the secret of the proxy"),
        ({"REMOTE_ADDR": ELSEWHERE}, "from no trusted proxy"),
        ({"name": "ada,admin"}, "names two people at once"),
        ({"name": ""}, "name there is empty"),
        ({"name": "  "}, "name there is empty"),
        ({"name": "a\x00b"}, "or holds characters that nobody sees"),
        ({"name": "a\u202eb".encode().decode("latin-1")}, "or holds characters that nobody sees"),
        ({"name": "a" * 151}, "longer than 150 characters"),
        ({"groups": "unknown"}, "None of your groups opens vbsdash"),
        ({"groups": "night all"}, "None of your groups opens vbsdash"),
    ],
)
@pytest.mark.parametrize("path", ["/volumes/", "/api/backups/"])
def test_a_header_that_does_not_count_is_refused_with_a_sentence_and_logged(
    client: Client,
    caplog: pytest.LogCaptureFixture,
    path: str,
    words: dict[str, Any],
    sentence: str,
) -> None:
    caplog.set_level(logging.INFO)
    answer = get(client, path, **words)
    assert answer.status_code == 403
    assert sentence in answer.content.decode()
    [(event, _account)] = events(caplog)
    assert event.startswith("sign-in refused: ")
    assert sentence in event
    assert not User.objects.exists()
    assert not UserSession.objects.exists()
    assert SECRET not in caplog.text


def test_a_forged_header_ends_no_session_of_a_local_account_and_changes_none(
    client: Client,
) -> None:
    client.force_login(make_operator("local"), "django.contrib.auth.backends.ModelBackend")
    assert get(client, secret=None).status_code == 403
    assert client.get("/volumes/").status_code == 200
    # A proxy that names somebody does not take a local session over.
    assert get(client).status_code == 200
    assert list(User.objects.values_list("username", flat=True)) == ["local"]


def test_a_local_account_of_the_same_name_is_never_taken_over(client: Client) -> None:
    User.objects.create_superuser("Ada", password="right-horse-staple")
    answer = get(client)
    assert answer.status_code == 403
    assert "here already, which is not yours by this sign-in" in answer.content.decode()
    assert not ExternalIdentity.objects.exists()


def test_tokens_and_probes_know_no_header(client: Client) -> None:
    key = tokens.create(user=make_operator("robot"), now=timezone.now()).key
    bearer = {"Authorization": f"Bearer {key}"}
    assert get(client, "/api/backups/", headers=bearer).status_code == 200
    assert get(client, "/api/backups/", headers={"Authorization": "Bearer x"}).status_code == 401
    assert get(client, "/metrics", headers=bearer).status_code == 200
    assert get(client, "/metrics").status_code == 401
    assert get(client, "/healthz", secret="wrong").status_code == 200
    assert list(User.objects.values_list("username", flat=True)) == ["robot"]


def test_no_other_authorization_keeps_a_session_without_its_header(client: Client) -> None:
    get(client)
    basic = {"Authorization": "Basic eDp5"}
    assert get(client, "/api/backups/", headers=basic).status_code == 200
    assert client.get("/api/backups/", headers=basic).status_code == 403
    assert client.get("/volumes/", headers=basic).status_code == 302
    assert not UserSession.objects.exists()


def test_the_local_form_is_there_through_the_proxy_too(client: Client, settings: Any) -> None:
    settings.LOCAL_FORM = False
    page = client.get("/accounts/login/").content.decode()
    assert "has named nobody" in page
    make_operator("local", password="right-horse-staple")
    get(client)
    form = {"username": "local", "password": "right-horse-staple"}
    assert 'type="password"' in get(client, "/accounts/login/?local=1").content.decode()
    answer = get(client, "/accounts/login/?local=1", method="post", data=form)
    assert answer.status_code == 302
    get(client)
    assert UserSession.objects.get().user == User.objects.get(username="local")


def test_names_and_groups_are_in_utf_8(client: Client) -> None:
    sent = {"name": "zoë", "groups": "Köln"}
    as_a_gateway_has_it = {key: text.encode().decode("latin-1") for key, text in sent.items()}
    assert get(client, **as_a_gateway_has_it).status_code == 200
    assert User.objects.get().username == "zoë"


def test_without_the_setting_no_header_counts(client: Client, settings: Any) -> None:
    get(client)
    settings.PROXY_HEADER = ProxyHeader("", "", "", "")
    settings.AUTHENTICATION_BACKENDS = settings.AUTHENTICATION_BACKENDS[:-1]
    assert get(client).status_code == 302
    assert get(Client()).status_code == 302
