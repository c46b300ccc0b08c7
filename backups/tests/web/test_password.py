"""A person's own password: changed with the one before, and what ends with it."""

import logging
import re
from html import unescape
from http.cookies import SimpleCookie
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from backups.edits import tokens
from backups.models import ApiToken
from backups.tests.accounts import make_operator

pytestmark = [pytest.mark.either, pytest.mark.django_db]
OLD, NEW = "right-horse-staple", "wrong-horse-battery"
PAGE = "/account/password/"


@pytest.fixture
def ada() -> User:
    """No staff right is needed."""
    return make_operator("ada", password=OLD)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def change(client: Client, old: str = OLD, new: str = NEW, **more: object) -> Any:
    form = {"old_password": old, "new_password1": new, "new_password2": new, **more}
    return client.post(PAGE, form)


def errors(answer: Any) -> list[str]:
    texts = re.findall(r'id="\w+-error">([^<]*)<', answer.content.decode())
    return [unescape(text) for text in texts]


def opens(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def test_a_new_password_ends_every_other_session_and_keeps_this_one(ada: User) -> None:
    here, elsewhere, other = (
        signed_in(ada),
        signed_in(ada),
        signed_in(make_operator("b")),
    )
    stolen = Client()
    stolen.cookies = SimpleCookie({name: morsel.value for name, morsel in here.cookies.items()})
    answer = change(here)
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert "Ended: 1 other session, 0 tokens." in here.get("/account/").content.decode()
    assert [opens(here), opens(elsewhere), opens(other)] == [True, False, True]
    # The key of this session is a new one: a copy of its cookie opens nothing either.
    assert not opens(stolen)
    form = {"username": "ada", "password": NEW}
    assert Client().post("/accounts/login/", form).status_code == 302


def test_tokens_are_listed_and_those_that_are_chosen_end(ada: User) -> None:
    now = timezone.now()
    kept = tokens.create(user=ada, name="kept", now=now)
    chosen = tokens.create(user=ada, name="chosen", now=now)
    foreign = tokens.create(user=make_operator("b"), name="foreign", now=now)
    gone = tokens.create(user=ada, name="gone", now=now)
    tokens.revoke(user=ada, token_id=gone.token.id, now=now)
    web = signed_in(ada)
    listed = re.findall(r'name="end_tokens"\s+id="end-(\d+)"', web.get(PAGE).content.decode())
    assert listed == [str(chosen.token.id), str(kept.token.id)]
    assert change(web, end_tokens=[foreign.token.id]).status_code == 400
    assert ApiToken.objects.filter(revoked_at=None).count() == 3
    assert change(web, end_tokens=[chosen.token.id]).status_code == 302
    usable = ApiToken.objects.filter(revoked_at=None).order_by("name")
    assert [token.name for token in usable] == ["foreign", "kept"]
    statuses = [
        Client().get("/api/clouds/", headers={"Authorization": f"Token {made.key}"}).status_code
        for made in (kept, chosen)
    ]
    assert statuses == [200, 401]


@pytest.mark.parametrize(
    ("new", "sentence"),
    [
        ("password", "This password is too common."),
        ("password123", "This password is too common."),
        ("31415926535897", "This password is entirely numeric."),
        ("ada-lovelace", "The password is too similar to the username."),
        ("short-1", "This password is too short. It must contain at least 8 characters."),
    ],
)
def test_a_weak_password_is_refused_beside_its_field(new: str, sentence: str) -> None:
    user = make_operator("ada-lovelace", password=OLD)
    answer = change(signed_in(user), new=new)
    assert (answer.status_code, sentence in " ".join(errors(answer))) == (400, True)
    user.refresh_from_db()
    assert user.check_password(OLD)


def test_two_different_new_ones_are_refused(ada: User) -> None:
    answer = change(signed_in(ada), new_password2="something-else")
    assert answer.status_code == 400
    assert len(errors(answer)) == 1


def test_whoever_found_a_session_cannot_guess_the_password_there(
    ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    found = signed_in(ada)
    answers = [change(found, old="guess") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [400] * 9 + [429] * 2
    assert errors(answers[0]) == ["This is not the password of the account."]
    assert "Too many wrong passwords from here" in answers[10].content.decode()
    assert change(found).status_code == 429
    assert caplog.text.count("sign-in refused") == 12
    ada.refresh_from_db()
    assert ada.check_password(OLD)


def test_an_account_without_a_password_here_gets_no_form() -> None:
    page = signed_in(make_operator("elsewhere")).get(PAGE)
    assert (page.status_code, "no password here" in page.content.decode()) == (200, True)
    assert "old_password" not in page.content.decode()


def test_a_change_is_a_line_of_the_log_without_any_password(
    ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    change(signed_in(ada))
    assert "password changed by its owner" in caplog.text
    assert not [word for word in (OLD, NEW) if word in caplog.text]
