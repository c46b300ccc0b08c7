"""Signing in at a real provider of OpenID Connect: who gets in as what, and who does not."""

import json
import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from backups.edits import tokens
from backups.models import Access, AuditEntry, ExternalIdentity, Role, UserSession, Verb
from backups.shared.access import access_of_user
from backups.tests.accounts import make_operator
from backups.tests.oidc_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Provider,
    provider,
    signed_by_secret,
    unsigned,
)
from backups.tests.otc import configure, silent
from backups.vbs.proxies import DIRECT
from backups.web.external_backends import OIDC_SESSIONS
from vbsdash.group_roles import GroupRole, GroupRoles
from vbsdash.oidc import Oidc

pytestmark = [pytest.mark.either, pytest.mark.django_db]
SOAK = pytest.mark.soak
GROUPS = {
    "admins": GroupRole("admin", None),
    "night": GroupRole("operator", frozenset({"otc"})),
    "night-nl": GroupRole("operator", frozenset({"otc-nl"})),
    "all": GroupRole("viewer", None),
}
BEGIN, CALLBACK = "/accounts/oidc/", "/accounts/oidc/callback/"


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with provider() as made:
        yield made


@pytest.fixture
def idp(running: Provider, settings: Any, tmp_path: Path) -> Provider:
    running.reset()
    configure(settings, tmp_path, silent("otc", "otc-nl"))
    settings.ROOT_URLCONF = "backups.tests.web.oidc_urlconf"
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, OIDC_SESSIONS]
    settings.GROUP_ROLES = GroupRoles(GROUPS, None)
    settings.OIDC = Oidc(
        issuer=running.issuer,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        scopes="openid profile",
        name_claim="preferred_username",
        groups_claim="groups",
        button="Company sign-in",
        proxies=DIRECT,
        verify=True,
    )
    return running


def go(client: Client, idp: Provider, subject: str = "ada-1") -> str:
    """Goes to the provider and agrees there; returns the address of the way back."""
    begun = client.get(BEGIN)
    assert begun.status_code == 302, begun.content
    return idp.agree(begun["Location"], subject)


def sign_in(client: Client, idp: Provider, subject: str = "ada-1") -> Any:
    return client.get(go(client, idp, subject))


def refusal(response: Any) -> str:
    """What the sign-in page says."""
    text = response.content.decode()
    sentence = text.split('role="alert">')[1].split("</p>")[0]
    return str(sentence.replace("&#x27;", "'").strip())


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [
        (record.getMessage(), record.account)  # type: ignore[attr-defined]
        for record in caplog.records
        if record.name == "backups.web.sign_in_log"
    ]


def test_a_first_sign_in_makes_an_account_with_the_role_of_its_group(
    idp: Provider, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    idp.person("ada-1", preferred_username="ada", groups=["night", "unknown"])
    answer = sign_in(client, idp)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    user = User.objects.get()
    assert (user.username, user.is_staff, user.is_superuser) == ("ada", False, False)
    assert not user.has_usable_password()
    assert access_of_user(user) == Access(Role.OPERATOR, frozenset({"otc"}))
    assert client.get("/account/").status_code == 200
    assert events(caplog) == [("signed in", "ada")]
    assert CLIENT_SECRET not in caplog.text


def test_the_page_that_was_asked_for_comes_after_the_sign_in(idp: Provider, client: Client) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["all"])
    page = client.get("/volumes/?q=x", follow=True)
    address = f"{BEGIN}?{urlencode({'next': '/volumes/?q=x'})}"
    assert f'href="{address}"' in page.content.decode()
    back = idp.agree(client.get(address)["Location"], "ada-1")
    assert client.get(back)["Location"] == "/volumes/?q=x"
    begun = client.get(f"{BEGIN}?next=https://evil.example/")
    assert client.get(idp.agree(begun["Location"], "ada-1"))["Location"] == "/"


def test_a_sign_in_has_state_nonce_and_a_challenge_and_asks_for_no_more_than_its_scopes(
    idp: Provider, client: Client
) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["all"])
    sign_in(client, idp)
    [sent] = [sent for sent in idp.authorizations if sent]
    assert set(sent) == {
        *("response_type", "scope", "client_id", "redirect_uri", "state", "nonce"),
        *("code_challenge", "code_challenge_method"),
    }
    assert sent["redirect_uri"] == f"http://testserver{CALLBACK}"
    assert (sent["scope"], sent["code_challenge_method"]) == ("openid profile", "S256")


@pytest.mark.parametrize(
    ("groups", "access"),
    [
        (["night", "night-nl"], Access(Role.OPERATOR, frozenset({"otc", "otc-nl"}))),
        # Nobody is an operator in a cloud in which no group makes him one.
        (["all", "night"], Access(Role.OPERATOR, frozenset({"otc"}))),
        (["night", "admins"], Access(Role.ADMIN, None)),
        ("all", Access(Role.VIEWER, None)),
    ],
)
def test_several_groups_give_the_highest_role_where_one_of_them_gives_it(
    idp: Provider, client: Client, groups: object, access: Access
) -> None:
    idp.person("ada-1", preferred_username="ada", groups=groups)
    sign_in(client, idp)
    assert access_of_user(User.objects.get()) == access


def test_a_lost_group_is_a_lost_role_at_the_next_sign_in(idp: Provider, client: Client) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["admins"])
    sign_in(client, idp)
    idp.person("ada-1", preferred_username="ada", groups=["night-nl"])
    sign_in(Client(), idp)
    # Also in the session of before.
    assert client.post("/backups/add/").status_code == 200
    assert access_of_user(User.objects.get()) == Access(Role.OPERATOR, frozenset({"otc-nl"}))
    idp.person("ada-1", preferred_username="ada", groups=["all"])
    sign_in(Client(), idp)
    assert client.get("/volumes/").status_code == 200
    assert client.post("/backups/add/").status_code == 403


@pytest.mark.parametrize("groups", [{}, {"groups": []}, {"groups": ["unknown", 7, None]}])
def test_who_is_in_no_group_is_refused_and_has_no_account(
    idp: Provider, client: Client, caplog: pytest.LogCaptureFixture, groups: dict[str, Any]
) -> None:
    caplog.set_level(logging.INFO)
    idp.person("ada-1", preferred_username="ada", **groups)
    answer = sign_in(client, idp)
    assert answer.status_code == 403
    assert refusal(answer).startswith("None of your groups opens vbsdash.")
    assert events(caplog) == [("sign-in refused: none of the groups has a role", "ada")]
    assert not User.objects.exists()
    assert "_auth_user_id" not in client.session


def test_loss_of_every_group_ends_what_other_sessions_and_tokens_could(
    idp: Provider, client: Client
) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["night"])
    sign_in(client, idp)
    user = User.objects.get()
    # What a command may have made of the account.
    User.objects.update(is_superuser=True)
    key = tokens.create(user=user, now=timezone.now()).key
    bearer = {"Authorization": f"Bearer {key}"}
    other = Client()
    sign_in(other, idp)
    User.objects.update(is_superuser=True)
    idp.person("ada-1", preferred_username="ada", groups=[])
    # Once from a browser whose own session ends by it.
    assert sign_in(client, idp).status_code == 403
    assert access_of_user(User.objects.get()) == Access(Role.VIEWER, frozenset())
    for browser in (client, other):
        assert browser.get("/volumes/").status_code == 302
    body = {"cloud": "otc", "ids": [str(uuid.uuid4())]}
    answer = client.post("/api/backups/", body, "application/json", headers=bearer)
    assert answer.status_code == 403
    assert client.get("/api/clouds/", headers=bearer).json() == []
    # A refusal that takes nothing more away writes nothing more about the account.
    noted = AuditEntry.objects.filter(verb=Verb.ACCOUNT_EDIT).count()
    assert sign_in(Client(), idp).status_code == 403
    assert AuditEntry.objects.filter(verb=Verb.ACCOUNT_EDIT).count() == noted
    idp.person("ada-1", preferred_username="ada", groups=["night"])
    sign_in(client, idp)
    assert access_of_user(User.objects.get()) == Access(Role.OPERATOR, frozenset({"otc"}))
    assert client.get("/api/clouds/", headers=bearer).json() != []


def test_who_is_in_no_group_may_be_let_in_as_a_viewer(
    idp: Provider, client: Client, settings: Any
) -> None:
    settings.GROUP_ROLES = GroupRoles(GROUPS, GroupRole("viewer", None))
    idp.person("ada-1", preferred_username="ada")
    sign_in(client, idp)
    assert access_of_user(User.objects.get()) == Access(Role.VIEWER, None)


def test_an_account_stays_the_same_under_another_name_and_is_no_other_persons(
    idp: Provider, client: Client
) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["night"])
    sign_in(client, idp)
    pk = User.objects.get().pk
    idp.person("ada-1", preferred_username="ada.king", groups=["night"])
    sign_in(Client(), idp)
    assert list(User.objects.values_list("pk", "username")) == [(pk, "ada.king")]
    # Somebody else gets the name of before.
    idp.person("ada-2", preferred_username="ada", groups=["all"])
    sign_in(Client(), idp, "ada-2")
    assert User.objects.count() == 2
    assert User.objects.get(username="ada").pk != pk
    # And nobody takes the name of another by a new one.
    idp.person("ada-2", preferred_username="Ada.King", groups=["all"])
    assert sign_in(Client(), idp, "ada-2").status_code == 302
    assert set(User.objects.values_list("username", flat=True)) == {"ada", "ada.king"}


@pytest.mark.parametrize("name", ["admin", "ADMIN", "ａｄｍｉｎ"])
def test_a_local_account_of_the_same_name_is_never_taken_over(
    idp: Provider, client: Client, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.INFO)
    admin = User.objects.create_superuser("admin", password="right-horse-staple")
    idp.person("ada-1", preferred_username=name, groups=["all"])
    answer = sign_in(client, idp)
    assert answer.status_code == 403
    assert "here already, which is not yours by this sign-in." in refusal(answer)
    [(event, account)] = events(caplog)
    assert event.startswith("sign-in refused: There is an account")
    assert account == name
    assert list(User.objects.all()) == [admin]
    assert not ExternalIdentity.objects.exists()


def test_what_only_a_local_account_has_is_taken_off(idp: Provider, client: Client) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["all"])
    sign_in(client, idp)
    User.objects.update(is_staff=True, is_superuser=True)
    user = User.objects.get()
    user.set_password("right-horse-staple")
    user.save()
    sign_in(Client(), idp)
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (False, False, False)


def test_who_is_switched_off_stays_out_and_a_session_ends(idp: Provider, client: Client) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["all"])
    sign_in(client, idp)
    User.objects.update(is_active=False)
    assert client.get("/volumes/")["Location"].startswith("/accounts/login/")
    assert refusal(sign_in(Client(), idp)) == "Your account here is switched off."


def test_sessions_end_where_single_sign_on_is_taken_out_of_the_settings(
    idp: Provider, client: Client, settings: Any
) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["all"])
    sign_in(client, idp)
    settings.AUTHENTICATION_BACKENDS = settings.AUTHENTICATION_BACKENDS[:-1]
    assert client.get("/volumes/").status_code == 302


def test_a_code_that_comes_again_signs_nobody_in(
    idp: Provider, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    idp.person("ada-1", preferred_username="ada", groups=["all"])
    back = go(client, idp)
    assert client.get(back).status_code == 302
    again = client.get(back)
    assert (again.status_code, refusal(again)) == (
        400,
        "This sign-in was not begun in this browser, or is over. Begin once more.",
    )
    # Neither does it with a state of another sign-in, for which the provider has to refuse it.
    code = parse_qs(urlsplit(back).query)["code"][0]
    other = Client()
    state = parse_qs(urlsplit(go(other, idp)).query)["state"][0]
    spent = other.get(CALLBACK, {"code": code, "state": state})
    assert (spent.status_code, refusal(spent)) == (
        400,
        "The provider's answer was used before, or came too late. Begin once more.",
    )
    assert "_auth_user_id" not in other.session
    assert events(caplog)[1:] == [
        ("sign-in refused: the state is not of this session, or was used", ""),
        ("sign-in refused: the code is spent", ""),
    ]


def test_a_code_that_comes_too_late_signs_nobody_in(
    idp: Provider, client: Client, clock: time_machine.Traveller
) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["all"])
    back = go(client, idp)
    idp.forget_code(parse_qs(urlsplit(back).query)["code"][0])
    assert "came too late" in refusal(client.get(back))
    # The session of the way there is over after ten minutes by itself.
    back = go(client, idp)
    clock.shift(601)
    assert client.get(back).status_code == 400
    assert not User.objects.exists()


@pytest.mark.parametrize("state", ["", "x" * 32, "\x00", None])
def test_a_forged_state_signs_nobody_in(idp: Provider, client: Client, state: str | None) -> None:
    back = go(client, idp)
    query = {"code": parse_qs(urlsplit(back).query)["code"][0]}
    if state is not None:
        query["state"] = state
    answer = client.get(CALLBACK, query)
    assert (answer.status_code, idp.exchanges) == (400, [])
    # Nor the state of another browser.
    assert Client().get(back).status_code == 400


def _other(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda claims: claims.update({key: value})


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_other("nonce", "another"), "Nonce verification failed"),
        (_other("iss", "https://evil.example"), "Invalid issuer"),
        (_other("aud", "another-client"), "Audience doesn't match"),
        (_other("azp", "another-client"), "another client asked for it"),
        (_other("exp", 1), "Signature has expired"),
        (_other("sub", 7), "Subject must be a string"),
        (lambda claims: claims.pop("sub"), 'missing the "sub" claim'),
        (lambda claims: claims.pop("nonce"), "Nonce verification failed"),
    ],
)
def test_a_token_that_is_none_for_this_sign_in_counts_for_nothing(
    idp: Provider, client: Client, caplog: pytest.LogCaptureFixture, spoil: Any, why: str
) -> None:
    caplog.set_level(logging.INFO)
    idp.person("ada-1", preferred_username="ada", groups=["admins"])
    idp.spoil_claims = spoil
    _is_refused_token(client, idp, caplog, why)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (unsigned, "alg value is not allowed"),
        (signed_by_secret, "alg value is not allowed"),
        (lambda token: token[:-8] + "AAAAAAAA", "Signature verification failed"),
        (lambda token: "no.token", "Not enough segments"),
    ],
)
def test_a_token_that_the_provider_has_not_signed_counts_for_nothing(
    idp: Provider, client: Client, caplog: pytest.LogCaptureFixture, spoil: Any, why: str
) -> None:
    caplog.set_level(logging.INFO)
    idp.person("ada-1", preferred_username="ada", groups=["admins"])
    idp.spoil_token = spoil
    _is_refused_token(client, idp, caplog, why)


def _is_refused_token(
    client: Client, idp: Provider, caplog: pytest.LogCaptureFixture, why: str
) -> None:
    answer = sign_in(client, idp)
    assert answer.status_code == 403
    assert refusal(answer).startswith("The provider's answer is none for this sign-in")
    [(event, account)] = events(caplog)
    assert event.startswith("sign-in refused: the ID token is refused:")
    assert why in event
    assert account == ""
    assert not User.objects.exists()


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_of_an_algorithm_that_proves_nothing_is_refused_with_a_known_key_too(
    idp: Provider, client: Client, algorithm: str
) -> None:
    """With the ID of the provider's own key in its head."""
    idp.person("ada-1", preferred_username="ada", groups=["admins"])
    idp.spoil_token = lambda token: _with_algorithm(token, algorithm)
    assert sign_in(client, idp).status_code == 403
    assert not User.objects.exists()


def _with_algorithm(token: str, algorithm: str) -> str:
    import base64

    head, body, signature = token.split(".")
    words = json.loads(base64.urlsafe_b64decode(head + "==")) | {"alg": algorithm}
    head = base64.urlsafe_b64encode(json.dumps(words).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{'' if algorithm == 'none' else signature}"


@pytest.mark.parametrize(
    "path",
    ["/.well-known/openid-configuration", "/oauth2/token", pytest.param("/jwks", marks=SOAK)],
)
@pytest.mark.parametrize(
    ("status", "content"),
    [
        (500, b"{}"),
        pytest.param(200, b"no json", marks=SOAK),
        pytest.param(200, b"[]", marks=SOAK),
        (302, b""),
        (200, b'{"a": "' + b"x" * 2**20 + b'"}'),
        (200, b"[" * 100_000),
    ],
)
def test_a_provider_that_gives_no_proper_answer_is_a_sentence(
    idp: Provider, client: Client, path: str, status: int, content: bytes
) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["admins"])
    idp.answers[path] = (status, content)
    begun = client.get(BEGIN)
    if begun.status_code == 302:
        begun = client.get(idp.agree(begun["Location"], "ada-1"))
    assert begun.status_code == 503
    assert refusal(begun).startswith("The provider of single sign-on cannot be reached")
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "keys",
    [[], [{"kty": "RSA", "n": 5, "e": None}], [{"kty": "oct", "k": "AAAA"}], ["x"], {"a": 1}],
)
def test_keys_that_are_none_are_a_sentence(idp: Provider, client: Client, keys: object) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["admins"])
    idp.answers["/jwks"] = (200, json.dumps({"keys": keys}).encode())
    assert refusal(sign_in(client, idp)).startswith(
        "The provider's answer is none for this sign-in"
    )


def test_a_provider_that_is_away_is_a_sentence_and_local_accounts_come_in(
    idp: Provider, client: Client, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings.OIDC = Oidc(**{**settings.OIDC.__dict__, "issuer": "http://127.0.0.1:9"})
    answer = client.get(BEGIN)
    assert answer.status_code == 503
    assert refusal(answer).startswith("The provider of single sign-on cannot be reached")
    [(event, _)] = events(caplog)
    assert event.startswith("sign-in refused: the provider failed: 127.0.0.1:9 gave no answer")
    make_operator("local", password="right-horse-staple")
    form = {"username": "local", "password": "right-horse-staple"}
    assert client.post("/accounts/login/", form).status_code == 302


def test_a_provider_that_failed_is_not_asked_again_for_some_seconds(
    idp: Provider, client: Client, clock: time_machine.Traveller
) -> None:
    path = "/.well-known/openid-configuration"
    idp.answers[path] = (500, b"{}")
    assert client.get(BEGIN).status_code == 503
    del idp.answers[path]
    answer = client.get(BEGIN)
    assert (answer.status_code, refusal(answer).startswith("The provider")) == (503, True)
    clock.shift(11)
    assert client.get(BEGIN).status_code == 302


def test_too_many_sign_ins_of_one_place_have_to_wait_and_leave_no_session(
    idp: Provider, settings: Any, clock: time_machine.Traveller
) -> None:
    settings.OIDC_RATE = "3/minute"
    for _ in range(3):
        assert Client().get(BEGIN).status_code == 302
        assert Client().get(CALLBACK).status_code == 400
    for path in (BEGIN, CALLBACK):
        answer = Client().get(path)
        assert answer.status_code == 429
        wait_s = int(answer["Retry-After"])
        assert 1 <= wait_s <= 60
        assert refusal(answer).endswith(f"try again in {wait_s} s.")
    assert UserSession.objects.count() == 3
    assert Client(REMOTE_ADDR="192.0.2.7").get(BEGIN).status_code == 302
    clock.shift(60)
    assert Client().get(BEGIN).status_code == 302


def test_a_discovery_document_of_another_issuer_is_refused(
    idp: Provider, client: Client, settings: Any
) -> None:
    address = f"{idp.issuer}/realms/x"
    idp.answers["/realms/x/.well-known/openid-configuration"] = (
        200,
        json.dumps({"issuer": idp.issuer}).encode(),
    )
    settings.OIDC = Oidc(**{**settings.OIDC.__dict__, "issuer": address})
    assert client.get(BEGIN).status_code == 503


def test_an_answer_in_the_name_of_another_issuer_is_refused(idp: Provider, client: Client) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["all"])
    back = go(client, idp)
    assert client.get(f"{back}&iss=https://evil.example").status_code == 403
    back = go(client, idp)
    assert client.get(f"{back}&{urlencode({'iss': idp.issuer})}").status_code == 302


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"groups": ["all"]}, "The provider does not tell your name (claim preferred_username)."),
        ({"preferred_username": 7, "groups": ["all"]}, "The provider does not tell your name"),
        ({"preferred_username": " ", "groups": ["all"]}, "Your name there is empty"),
        ({"preferred_username": "a\x00b", "groups": ["all"]}, "Your name there is empty, or holds"),
        (
            {"preferred_username": "a" * 151, "groups": ["all"]},
            "Your name there is longer than 150",
        ),
        # Composed as accounts have it, this one character is eighteen.
        (
            {"preferred_username": "\ufdfa" * 9, "groups": ["all"]},
            "Your name there is longer than 150",
        ),
        ({"preferred_username": "a", "groups": {"x": 1}}, "The provider does not tell your groups"),
    ],
)
def test_claims_that_are_missing_or_odd_are_a_sentence(
    idp: Provider, client: Client, claims: dict[str, Any], sentence: str
) -> None:
    idp.person("ada-1", **claims)
    answer = sign_in(client, idp)
    assert answer.status_code == 403
    assert refusal(answer).startswith(sentence)
    assert not User.objects.exists()


def test_half_a_character_in_a_name_is_a_sentence(idp: Provider, client: Client) -> None:
    idp.person("ada-1")
    claims = {"sub": "ada-1", "preferred_username": "a\ud800", "groups": ["all"]}
    idp.answers["/userinfo"] = (200, json.dumps(claims).encode())
    answer = sign_in(client, idp)
    assert answer.status_code == 403
    assert refusal(answer).startswith("Your name there is empty, or holds")


def test_who_gives_up_at_the_provider_is_told_so(
    idp: Provider, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    back = go(client, idp)
    state = parse_qs(urlsplit(back).query)["state"][0]
    answer = client.get(CALLBACK, {"error": "access_denied\n\x1b[31m", "state": state})
    assert (
        refusal(answer)
        == "The provider did not sign you in: it says access_denied\ufffd\ufffd[31m."
    )
    assert client.get(back).status_code == 400
    assert "\x1b" not in caplog.text


def test_claims_within_objects_are_found_by_dots(
    idp: Provider, client: Client, settings: Any
) -> None:
    settings.OIDC = Oidc(**{**settings.OIDC.__dict__, "groups_claim": "realm_access.roles"})
    idp.person("ada-1", preferred_username="ada", realm_access={"roles": ["night"]})
    sign_in(client, idp)
    assert access_of_user(User.objects.get()).role == Role.OPERATOR


def test_a_token_has_the_role_of_its_owner_and_may_end_some_days_after_the_last_sign_in(
    idp: Provider, client: Client, settings: Any, clock: time_machine.Traveller
) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["night"])
    sign_in(client, idp)
    made = tokens.create(user=User.objects.get(), now=timezone.now())
    local = tokens.create(user=make_operator("local"), now=timezone.now())
    bearer = {"Authorization": f"Bearer {made.key}"}

    def write() -> int:
        body = {"cloud": "otc", "ids": [str(uuid.uuid4())]}
        answer = Client().post("/api/backups/", body, "application/json", headers=bearer)
        return answer.status_code

    assert write() == 201
    idp.person("ada-1", preferred_username="ada", groups=["all"])
    sign_in(Client(), idp)
    assert write() == 403
    clock.shift(31 * 86_400)
    assert client.get("/api/backups/", headers=bearer).status_code == 200
    settings.EXTERNAL_TOKENS_KEPT = timedelta(days=30)
    answer = client.get("/api/backups/", headers=bearer)
    assert (answer.status_code, "a sign-in wakes it" in answer.json()["detail"]) == (401, True)
    assert tokens.recognise(local.key, timezone.now()).user.username == "local"
    sign_in(Client(), idp)
    assert client.get("/api/backups/", headers=bearer).status_code == 200


def test_a_session_lasts_as_long_as_others(
    idp: Provider, client: Client, clock: time_machine.Traveller
) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["all"])
    sign_in(client, idp)
    assert UserSession.objects.get().user == User.objects.get()
    clock.shift(11 * 3600)
    assert client.get("/volumes/").status_code == 200
    clock.shift(13 * 3600)
    assert client.get("/volumes/").status_code == 302


def test_a_sign_out_goes_on_to_the_provider(idp: Provider, client: Client) -> None:
    idp.person("ada-1", preferred_username="ada", groups=["all"])
    sign_in(client, idp)
    page = client.post("/accounts/logout/")
    back = {"client_id": CLIENT_ID, "post_logout_redirect_uri": "http://testserver/accounts/login/"}
    assert page["Refresh"] == f"0; url={idp.issuer}/oauth2/end_session?{urlencode(back)}"
    assert client.get("/volumes/").status_code == 302
    local = Client()
    local.force_login(make_operator("local"), "django.contrib.auth.backends.ModelBackend")
    assert local.post("/accounts/logout/")["Location"] == "/accounts/login/"


def test_the_form_may_be_hidden_and_has_an_address_all_the_same(
    idp: Provider, client: Client, settings: Any
) -> None:
    settings.LOCAL_FORM = False
    page = client.get("/accounts/login/").content.decode()
    assert "Company sign-in" in page
    assert 'type="password"' not in page
    page = client.get("/accounts/login/?local=1").content.decode()
    assert "Company sign-in" not in page
    assert 'action="/accounts/login/?local=1"' in page
    make_operator("local", password="right-horse-staple")
    form = {"username": "local", "password": "wrong"}
    assert 'type="password"' in client.post("/accounts/login/?local=1", form).content.decode()
    form["password"] = "right-horse-staple"
    assert client.post("/accounts/login/?local=1", form).status_code == 302


def test_a_form_with_a_password_never_leads_to_the_provider(idp: Provider, client: Client) -> None:
    client.get(BEGIN)
    form = {"username": "ada", "password": "x"}
    client.post("/accounts/login/?code=c&state=s", form)
    assert idp.exchanges == []


def test_the_two_addresses_only_read(idp: Provider, client: Client) -> None:
    assert client.post(BEGIN).status_code == 405
    assert client.post(CALLBACK).status_code == 405
