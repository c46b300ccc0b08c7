"""Signing in: what guessing costs, who has to wait for it, and what the log tells."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from backups.tests.accounts import make_operator
from backups.web.signin import client_place
from vbsdash import public_url

pytestmark = [pytest.mark.either, pytest.mark.django_db]
PASSWORD = "right-horse-staple"
HERE, ELSEWHERE = "203.0.113.7", "203.0.113.8"
HASHED: list[str] = []


class CountingHasher(MD5PasswordHasher):
    def encode(self, password: str, salt: str) -> str:
        HASHED.append(password)
        return str(super().encode(password, salt))


@pytest.fixture
def admin() -> User:
    return User.objects.create_superuser("admin", password=PASSWORD)


def sign_in(
    name: str, password: str, *, address: str = HERE, path: str = "/accounts/login/"
) -> Any:
    """As a browser at that address does, which knows no session yet."""
    form = {"username": name, "password": password}
    return Client().post(path, form, headers={"X-Forwarded-For": address})


def status(name: str, password: str, **words: str) -> int:
    return int(sign_in(name, password, **words).status_code)


@pytest.mark.parametrize("path", ["/accounts/login/", "/admin/login/"])
def test_one_password_for_many_names_is_stopped_for_its_address_alone(
    admin: User, path: str
) -> None:
    tried = [status(f"name-{n}", "wrong", path=path) for n in range(25)]
    assert tried == [200] * 20 + [429] * 5
    assert status("admin", PASSWORD, path=path) == 429
    assert status("admin", PASSWORD, path=path, address=ELSEWHERE) == 302


def test_a_pause_ends_by_itself_and_its_answer_says_when(
    admin: User, clock: time_machine.Traveller
) -> None:
    for n in range(20):
        sign_in(f"name-{n}", "wrong")
    assert sign_in("admin", PASSWORD)["Retry-After"] == "900"
    clock.shift(901)
    assert status("admin", PASSWORD) == 302


@pytest.mark.parametrize(
    "spellings",
    [
        ["admin", "Admin", "ADMIN", " admin", "admin ", "\tadmin\n"],
        ["admin", "ａｄｍｉｎ", "ⓐdmin", "adm\N{LATIN SMALL LETTER I}n"],
        ["ada lovelace", "Ada  Lovelace", "ada\N{NO-BREAK SPACE}lovelace"],
    ],
)
def test_no_spelling_of_a_name_gives_more_tries(admin: User, spellings: list[str]) -> None:
    tried = [status(spellings[n % len(spellings)], "wrong") for n in range(11)]
    assert tried == [200] * 9 + [429] * 2


def test_a_line_of_ipv6_is_one_place(admin: User) -> None:
    for n in range(10):
        sign_in("admin", "wrong", address=f"2001:db8:0:1::{n:x}")
    assert status("admin", PASSWORD, address="2001:db8:0:1:ffff::1") == 429
    assert status("admin", PASSWORD, address="2001:db8:0:2::1") == 302


def test_the_right_password_takes_back_the_slips_before_it(admin: User) -> None:
    for _ in range(3):
        slips = [status("admin", "wrong") for _ in range(9)]
        assert [*slips, status("admin", PASSWORD)] == [200] * 9 + [302]


@pytest.fixture
def counting(settings: Any) -> Iterator[None]:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    yield
    HASHED.clear()


def test_every_kind_of_name_costs_one_hash(counting: None) -> None:
    """So the time of an answer does not tell which names there are."""
    make_operator("known", password=PASSWORD)
    make_operator("switched-off", password=PASSWORD, is_active=False)
    make_operator("elsewhere")
    cost = {}
    for name in ("known", "switched-off", "elsewhere", "nobody", ""):
        HASHED.clear()
        sign_in(name, "wrong")
        cost[name] = len(HASHED)
    # Without a name the form itself refuses, for everybody alike.
    assert cost == {"known": 1, "switched-off": 1, "elsewhere": 1, "nobody": 1, "": 0}


def test_a_name_that_waits_costs_no_hash_whether_there_is_one_or_not(counting: None) -> None:
    make_operator("known", password=PASSWORD)
    cost = {}
    for name, address in (("known", HERE), ("nobody", ELSEWHERE)):
        for _ in range(10):
            sign_in(name, "wrong", address=address)
        HASHED.clear()
        answer = sign_in(name, PASSWORD, address=address)
        cost[name] = (answer.status_code, len(HASHED))
    assert cost == {"known": (429, 0), "nobody": (429, 0)}


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """What the log tells of sign-ins: event and account."""
    return [
        (record.getMessage(), record.account)  # type: ignore[attr-defined]
        for record in caplog.records
        if record.name == "backups.web.sign_in_log"
    ]


@pytest.mark.parametrize("path", ["/accounts/login/", "/admin/login/"])
def test_each_sign_in_and_refusal_is_one_line_with_its_name(
    admin: User, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.INFO)
    wrong = "sign-in refused: wrong name or password, or the account is switched off"
    sign_in("admin", "wrong", path=path)
    sign_in("admin", PASSWORD, path=path)
    sign_in("no\x1b[31mbody\n" + "x" * 200, "wrong", path=path)
    assert lines(caplog) == [
        (wrong, "admin"),
        ("signed in", "admin"),
        (wrong, "no\ufffd[31mbody\ufffd" + "x" * 88 + "…"),
    ]
    caplog.clear()
    for _ in range(12):
        sign_in("admin", "wrong", path=path)
    waits = "sign-in refused: too many wrong passwords from there, which has to wait"
    assert lines(caplog) == [(wrong, "admin")] * 10 + [(waits, "admin")] * 2
    assert PASSWORD not in caplog.text


def test_a_sign_out_is_a_line_too(admin: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client = Client()
    client.force_login(admin)
    client.post("/accounts/logout/")
    client.post("/accounts/logout/")
    assert lines(caplog) == [("signed in", "admin"), ("signed out", "admin")]


def test_who_has_the_machine_comes_back_in(admin: User) -> None:
    for n in range(20):
        sign_in(f"name-{n}", "wrong")
    assert status("admin", PASSWORD) == 429
    call_command("axes_reset")
    assert status("admin", PASSWORD) == 302


def test_a_request_without_an_address_is_from_this_machine(rf: Any) -> None:
    request = rf.get("/")
    del request.META["REMOTE_ADDR"]
    assert client_place(request) == "127.0.0.1"


def test_only_who_may_have_started_it_is_led_to_the_terminal(client: Client, settings: Any) -> None:
    hint = b"printed the name and the password once"
    assert hint in client.get("/accounts/login/").content
    settings.PUBLIC_URL = public_url.read({"VBSDASH_URL": "https://backups.example.com"})
    assert hint not in client.get("/accounts/login/").content
