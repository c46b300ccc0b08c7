"""Tokens by the engine, by the command and at the door of the API."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.core.serializers import serialize
from django.test import Client
from django.utils import timezone

from backups.edits import tokens
from backups.models import Access, ApiToken, Role
from backups.shared.access import access_of_token
from backups.tests.accounts import make_operator
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def two_clouds(settings: Any, tmp_path: Path) -> None:
    configure(settings, tmp_path, silent("otc", "other"))


@pytest.fixture
def user() -> User:
    return make_operator("robot")


def command(*flags: str) -> str:
    out = StringIO()
    call_command("create_token", "robot", *flags, stdout=out)
    return out.getvalue().strip()


def ask(client: Client, key: str) -> tuple[int, str]:
    answer = client.get("/api/backups/", headers={"Authorization": f"Bearer {key}"})
    return answer.status_code, answer.json().get("detail", "")


def test_a_user_has_several_tokens_and_no_key_is_kept(user: User) -> None:
    now = timezone.now()
    first = tokens.create(user=user, name="  backup \n report ", read_only=True, now=now)
    second = tokens.create(
        user=user, clouds=["other", "otc", "other"], days=30, now=now + timedelta(seconds=1)
    )
    assert tokens.tokens_of(user, now) == [second.token, first.token]
    assert (first.token.name, first.token.read_only, first.token.clouds) == (
        "backup report",
        True,
        (),
    )
    assert (second.token.clouds, second.token.expires_at) == (
        ("otc", "other"),
        now + timedelta(days=30, seconds=1),
    )
    dump = serialize("json", ApiToken.objects.all())
    assert [key in dump for key in (first.key, second.key)] == [False, False]
    assert first.token.beginning == first.key[:10]
    assert first.key != second.key


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "n" * 101}, "name"),
        ({"days": 0}, "days"),
        ({"days": 36_501}, "days"),
        ({"clouds": ["otc", "nowhere"]}, "clouds"),
    ],
)
def test_what_a_token_cannot_be_is_named_by_its_field(
    user: User, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(tokens.BadToken) as refused:
        tokens.create(user=user, now=timezone.now(), **wrong)
    assert refused.value.field == field
    assert not ApiToken.objects.exists()


def test_the_hundred_and_first_usable_token_is_refused(user: User) -> None:
    now = timezone.now()
    made = [tokens.create(user=user, now=now) for _ in range(tokens.MOST_TOKENS)]
    with pytest.raises(tokens.BadToken, match="revoke some first"):
        tokens.create(user=user, now=now)
    tokens.revoke(user=user, token_id=made[0].token.id, now=now)
    assert tokens.create(user=user, now=now).token.state == "usable"


def test_a_revoked_token_opens_nothing_and_says_so(user: User, client: Client) -> None:
    now = timezone.now()
    made = tokens.create(user=user, now=now)
    assert ask(client, made.key)[0] == 200
    assert tokens.revoke(user=user, token_id=made.token.id, now=now) is True
    assert tokens.revoke(user=user, token_id=made.token.id, now=now) is False
    status, detail = ask(client, made.key)
    assert (status, detail.startswith("This token was revoked at")) == (401, True)
    assert [token.state for token in tokens.tokens_of(user, now)] == ["revoked"]


def test_nobody_revokes_the_token_of_somebody_else(user: User) -> None:
    now = timezone.now()
    made = tokens.create(user=user, now=now)
    assert tokens.revoke(user=make_operator("other"), token_id=made.token.id, now=now) is False
    assert tokens.tokens_of(user, now)[0].state == "usable"


def test_a_token_that_ran_out_or_whose_account_is_off_says_which(
    user: User, client: Client
) -> None:
    made = tokens.create(user=user, days=1, now=timezone.now() - timedelta(days=1, seconds=1))
    assert ask(client, made.key)[1].startswith("This token ran out at")
    assert tokens.tokens_of(user, timezone.now())[0].state == "expired"
    lasting = tokens.create(user=user, now=timezone.now())
    User.objects.update(is_active=False)
    assert ask(client, lasting.key) == (401, "The account of this token is switched off.")
    assert ask(client, "vbs_nothing") == (401, "This token is not known.")


def test_the_last_use_is_noted_once_a_minute(user: User) -> None:
    now = timezone.now()
    made = tokens.create(user=user, now=now)
    uses = []
    for seconds in (0, 59, 61):
        tokens.recognise(made.key, now + timedelta(seconds=seconds))
        uses.append(tokens.tokens_of(user, now)[0].last_used_at)
    assert uses == [now, now, now + timedelta(seconds=61)]


def test_a_token_opens_its_clouds_or_all_of_its_owner(user: User) -> None:
    now = timezone.now()
    some = tokens.recognise(tokens.create(user=user, clouds=["otc"], now=now).key, now)
    every = tokens.recognise(tokens.create(user=user, now=now).key, now)
    assert access_of_token(some) == Access(Role.OPERATOR, frozenset({"otc"}))
    assert access_of_token(every) == Access(Role.OPERATOR, None)


def test_the_command_prints_the_key_alone(user: User) -> None:
    key = command("--read-only", "--days", "7", "--name", "grafana", "--cloud", "otc")
    assert key.startswith("vbs_")
    assert key.isprintable()
    [token] = tokens.tokens_of(user, timezone.now())
    assert (token.name, token.read_only, token.clouds) == ("grafana", True, ("otc",))


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--days", "0"), "--days: Write a number of days"),
        (("--cloud", "nowhere"), "--cloud: “nowhere” is no"),
    ],
)
def test_the_command_names_the_wrong_option(
    user: User, flags: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        command(*flags)


def test_the_command_says_how_to_make_a_user_that_is_missing() -> None:
    with pytest.raises(
        CommandError, match=r"There is no user 'robot': `manage\.py createsuperuser` makes one"
    ):
        command()


def test_an_answer_to_a_stranger_is_a_problem_in_json(client: Client) -> None:
    answer = client.get("/api/backups/", headers={"Authorization": "Bearer two words"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert json.loads(answer.content)["detail"] == "Write: Authorization: Token KEY."
