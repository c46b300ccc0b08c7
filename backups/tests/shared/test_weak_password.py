"""Passwords that commands set: a weak one is refused, by the name of its setting."""

import getpass

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from backups.management.commands.up import first_account

pytestmark = [pytest.mark.either, pytest.mark.django_db]
WEAK = "DJANGO_SUPERUSER_PASSWORD is weak: This password is too common. Write a better one, or none"
GOOD = "right-horse-staple"


def create_superuser() -> None:
    call_command("createsuperuser", interactive=False, username="ada", email="a@example.org")


@pytest.mark.parametrize(
    ("password", "begins"),
    [
        ("password123", f"vbsdash: {WEAK}"),
        ("ada", "vbsdash: DJANGO_SUPERUSER_PASSWORD is weak: The password is too similar"),
    ],
)
def test_the_first_start_ends_with_the_name_of_the_setting(password: str, begins: str) -> None:
    env = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": password}
    with pytest.raises(SystemExit) as refusal:
        first_account(env)
    assert str(refusal.value).startswith(begins)
    assert not User.objects.exists()


def test_a_later_start_does_not_look_at_it() -> None:
    User.objects.create_superuser("ada")
    assert first_account({"DJANGO_SUPERUSER_PASSWORD": "password123"})[0] == "ada"


def test_createsuperuser_refuses_a_weak_one_and_takes_a_good_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "password123")
    with pytest.raises(CommandError, match=WEAK):
        create_superuser()
    assert not User.objects.exists()
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", GOOD)
    create_superuser()
    assert User.objects.get().check_password(GOOD)


def test_changepassword_sets_a_lost_one_anew_and_ends_all_sessions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ada = User.objects.create_user("ada", password="lost")
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
