"""The first account and its password, and how a lost one is set anew."""

import getpass

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from backups.management.commands.up import first_account
from backups.tests.accounts import make_operator

pytestmark = [pytest.mark.either, pytest.mark.django_db]
GOOD = "right-horse-staple"
OF_SETTING = "the one in DJANGO_SUPERUSER_PASSWORD"


@pytest.mark.parametrize(
    ("password", "said"),
    [
        (GOOD, OF_SETTING),
        ("password123", f"{OF_SETTING}, which is weak: This password is too common. A better one"),
        ("ada", f"{OF_SETTING}, which is weak: The password is too similar to the username. "),
    ],
)
def test_a_password_of_the_environment_is_obeyed_and_a_weak_one_is_said_to_be_one(
    password: str, said: str
) -> None:
    env = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": password}
    name, of_password = first_account(env)
    assert name == "ada"
    assert of_password.startswith(said)
    assert (of_password == OF_SETTING) is (password == GOOD)
    assert User.objects.get().check_password(password)


def test_a_lost_password_is_set_anew_by_who_has_the_machine_and_all_sessions_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ada = make_operator("ada", password="lost")
    browser = Client()
    browser.force_login(ada)
    monkeypatch.setattr(getpass, "getpass", lambda prompt="": "password123")
    with pytest.raises(CommandError, match="Aborting password change"):
        call_command("changepassword", "ada")
    monkeypatch.setattr(getpass, "getpass", lambda prompt="": GOOD)
    call_command("changepassword", "ada")
    assert browser.get("/account/").status_code == 302
    form = {"username": "ada", "password": GOOD}
    assert Client().post("/accounts/login/", form).status_code == 302
