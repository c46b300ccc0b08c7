"""The page of users: who is seen and changed by whom, and what each act ends."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from backups.edits import accounts, tokens
from backups.edits.common import BadValue
from backups.models import (
    FULL_ACCESS,
    NEW_ACCOUNT,
    Access,
    Account,
    ApiToken,
    Cloud,
    ExternalIdentity,
    Role,
    UserSession,
)
from backups.shared.access import granted_to
from backups.shared.account_state import account_state
from backups.tests.accounts import make_account
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]
PASSWORD = "right-horse-staple"


@pytest.fixture(autouse=True)
def clouds(settings: Any, tmp_path: Path) -> None:
    configure(settings, tmp_path, silent("otc", "west"))
    Cloud.objects.create(name="old")


@pytest.fixture
def root() -> User:
    """The admin of everything."""
    return make_account("root", role=Role.ADMIN, password=PASSWORD)


@pytest.fixture
def web(root: User) -> Client:
    return signed_in(root)


@pytest.fixture
def ada() -> User:
    return make_account("ada", role=Role.OPERATOR, clouds=["otc"], password=PASSWORD)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def signs_in(username: str, password: str) -> bool:
    form = {"username": username, "password": password}
    return Client().post("/accounts/login/", form).status_code == 302


def words(page: Any) -> str:
    return unescape(" ".join(re.sub("<[^>]*>", " ", page.content.decode()).split()))


def send(web: Client, user: User, act: str, **form: Any) -> Any:
    """Sends a form of the page as it is drawn now."""
    page = web.get(f"/users/{user.pk}/{'delete/' if act == 'delete' else ''}").content.decode()
    seen = re.findall(rf'action="/users/{user.pk}/{act}/".*?name="seen" value="(\w+)"', page, re.S)
    if act == "delete":
        seen = re.findall(r'name="seen" value="(\w+)"', page)
    return web.post(f"/users/{user.pk}/{act}/", {"seen": seen[0] if seen else "", **form})


def access(user: User) -> Access:
    return granted_to(User.objects.get(pk=user.pk))


def errors(page: Any) -> list[str]:
    found = re.findall(r'(?:id="[\w-]+-error"|role="alert"[^>]*)>([^<]*)<', page.content.decode())
    return [unescape(text) for text in found]


def test_the_list_names_role_clouds_way_in_state_and_tokens(web: Client, ada: User) -> None:
    now = timezone.now()
    tokens.create(user=ada, name="kept", now=now)
    gone = tokens.create(user=ada, name="gone", now=now)
    tokens.revoke(user=ada, token_id=gone.token.id, now=now)
    User.objects.create_superuser("chief", password=PASSWORD)
    off = make_account("off", role=Role.VIEWER)
    User.objects.filter(pk=off.pk).update(is_active=False)
    text = words(web.get("/users/"))
    assert "4 accounts" in text
    assert "ada operator otc password on never 1" in text
    assert "chief superuser: everything all password on never 0" in text
    assert "off viewer all elsewhere off never 0" in text


def test_a_new_account_is_a_viewer_of_all_clouds_unless_somebody_says_more(web: Client) -> None:
    page = web.get("/users/add/").content.decode()
    assert re.findall(r'id="([\w-]+)"\s+value="\w+"\s+checked', page) == [
        "role-viewer",
        "where-all",
    ]
    form = {"username": " Zoë ", "password": PASSWORD, "role": "viewer", "where": "all"}
    answer = web.post("/users/add/", form)
    zoe = User.objects.get(username="Zoë")
    assert (answer["Location"], access(zoe)) == (f"/users/{zoe.pk}/", NEW_ACCOUNT)
    assert signs_in("Zoë", PASSWORD)


def test_an_account_without_a_password_signs_in_elsewhere(web: Client) -> None:
    form = {"username": "bo", "role": "admin", "where": "some", "clouds": ["west", "old"]}
    web.post("/users/add/", form)
    bo = User.objects.get(username="bo")
    assert access(bo) == Access(Role.ADMIN, frozenset({"west", "old"}))
    assert not bo.has_usable_password()


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"username": ""}, "Write the name that it signs in with."),
        ({"username": "ADA"}, "There is an account “ADA” already, maybe in other capitals."),
        ({"username": "a b"}, "Write letters, digits and @ . + - _ alone."),
        ({"username": "x" * 151}, "A name has at most 150 characters."),
        ({"password": "password"}, "This password is too common."),
        ({"password": "New-Account"}, "The password is too similar to the username."),
        ({"role": "king"}, "Select a valid choice. king is not one of the available choices."),
        ({"where": "some", "clouds": []}, "Choose at least one cloud."),
        ({"where": "some", "clouds": ["nowhere"]}, "You may not give the cloud nowhere."),
        ({"where": ""}, "where: This field is required."),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(
    web: Client, ada: User, form: dict[str, Any], sentence: str
) -> None:
    right = {"username": "new-account", "role": "operator", "where": "all", "clouds": ["west"]}
    page = web.post("/users/add/", right | form)
    assert (page.status_code, errors(page)) == (400, [sentence])
    assert User.objects.count() == 2
    html = page.content.decode()
    assert f'value="{(right | form)["username"]}"' in html
    assert f'value="{form.get("password", "?")}"' not in html
    kept = re.findall(r'name="clouds"\s+id="[^"]*"\s+value="([^"]*)"[^>]*checked', html)
    assert kept == [name for name in (right | form)["clouds"] if name != "nowhere"]


def test_the_form_of_a_new_account_that_is_sent_twice_makes_one(web: Client) -> None:
    form = {"username": "once", "role": "viewer", "where": "all"}
    assert [web.post("/users/add/", form).status_code for _ in range(2)] == [302, 400]
    assert User.objects.filter(username="once").count() == 1


def test_role_and_clouds_count_from_the_next_request_on(web: Client, ada: User) -> None:
    hers = signed_in(ada)
    key = tokens.create(user=ada, name="cron", now=timezone.now()).key
    headers = {"Authorization": f"Bearer {key}"}
    rule = {"of": "cloud", "name": "otc", "what": "no_rule", "version": 0}
    assert hers.post("/volumes/rules/set/", rule).status_code == 302
    assert [cloud["name"] for cloud in hers.get("/api/clouds/").json()] == ["otc"]
    send(web, ada, "access", role="viewer", where="some", clouds=["west"])
    assert hers.post("/volumes/rules/set/", rule).status_code == 403
    for client in (hers, Client(headers=headers)):
        assert [cloud["name"] for cloud in client.get("/api/clouds/").json()] == ["west"]
    assert Client().post("/api/backups/refresh/", headers=headers).status_code == 403


def test_a_switched_off_account_ends_at_once_and_comes_back_without_its_sessions(
    web: Client, ada: User
) -> None:
    hers = signed_in(ada)
    key = tokens.create(user=ada, name="cron", now=timezone.now()).key
    headers = {"Authorization": f"Bearer {key}"}
    page = send(web, ada, "switch", on="0")
    assert page.status_code == 302
    assert hers.get("/account/")["Location"].startswith("/accounts/login/")
    assert not UserSession.objects.filter(user=ada).exists()
    assert Client().get("/api/backups/", headers=headers).status_code == 401
    assert not signs_in("ada", PASSWORD)
    send(web, ada, "switch", on="1")
    assert hers.get("/account/").status_code == 302
    assert Client().get("/api/backups/", headers=headers).status_code == 200


def test_a_deleted_account_is_asked_about_and_ends_with_its_tokens(web: Client, ada: User) -> None:
    hers = signed_in(ada)
    key = tokens.create(user=ada, name="cron", now=timezone.now()).key
    assert "Delete the account ada ?" in words(web.get(f"/users/{ada.pk}/delete/"))
    assert User.objects.filter(pk=ada.pk).exists()
    assert send(web, ada, "delete")["Location"] == "/users/"
    assert hers.get("/account/").status_code == 302
    headers = {"Authorization": f"Bearer {key}"}
    assert Client().get("/api/backups/", headers=headers).status_code == 401
    assert (User.objects.filter(pk=ada.pk).exists(), ApiToken.objects.count()) == (False, 0)


def test_a_new_password_ends_sessions_and_the_tokens_that_are_chosen(
    web: Client, ada: User
) -> None:
    now = timezone.now()
    hers = signed_in(ada)
    chosen = tokens.create(user=ada, name="chosen", now=now).token.id
    tokens.create(user=ada, name="kept", now=now)
    send(web, ada, "password", password="wrong-horse-battery", end_tokens=[chosen])
    assert hers.get("/account/").status_code == 302
    assert "Ended: 1 session, 1 token." in words(web.get("/users/"))
    in_use = ApiToken.objects.filter(revoked_at=None)
    assert list(in_use.values_list("name", flat=True)) == ["kept"]
    assert signs_in("ada", "wrong-horse-battery")


def test_a_weak_password_is_refused_at_its_field_and_the_choice_stays(
    web: Client, ada: User
) -> None:
    token = tokens.create(user=ada, name="chosen", now=timezone.now()).token.id
    page = send(web, ada, "password", password="12345678", end_tokens=[token])
    assert page.status_code == 400
    assert errors(page) == ["This password is too common. This password is entirely numeric."]
    assert re.search(rf'id="end-{token}"\s+value="{token}"\s+checked', page.content.decode())
    assert User.objects.get(pk=ada.pk).check_password(PASSWORD)


def test_sessions_and_single_tokens_of_others_are_ended(web: Client, ada: User) -> None:
    hers = signed_in(ada)
    token = tokens.create(user=ada, name="cron", now=timezone.now()).token.id
    own = tokens.create(user=make_account("bo", role=Role.VIEWER), now=timezone.now()).token.id
    send(web, ada, "sessions/end")
    assert hers.get("/account/").status_code == 302
    # Of another account than the page's.
    assert web.post(f"/users/{ada.pk}/tokens/{own}/revoke/").status_code == 404
    web.post(f"/users/{ada.pk}/tokens/{token}/revoke/")
    revoked = ApiToken.objects.exclude(revoked_at=None)
    assert list(revoked.values_list("pk", flat=True)) == [token]


def test_an_account_that_signs_in_elsewhere_gets_no_password_here(web: Client, ada: User) -> None:
    ada.set_unusable_password()
    ada.save()
    ExternalIdentity.objects.create(
        user=ada, issuer="https://sso.example.com", subject="1", last_sign_in_at=timezone.now()
    )
    page = web.get(f"/users/{ada.pk}/")
    assert "It signs in elsewhere, by https://sso.example.com , and has no password" in words(page)
    assert f'action="/users/{ada.pk}/password/"' not in page.content.decode()
    form = {"seen": account_state(ada), "password": "wrong-horse-battery"}
    answer = web.post(f"/users/{ada.pk}/password/", form)
    assert answer.status_code == 403
    assert "This account signs in elsewhere, and has no password here." in words(answer)
    assert not User.objects.get(pk=ada.pk).has_usable_password()


@pytest.mark.parametrize(
    ("act", "form"),
    [
        ("access", {"role": "viewer", "where": "all"}),
        ("switch", {"on": "0"}),
        ("password", {"password": "wrong-horse-battery"}),
        ("sessions/end", {}),
        ("delete", {}),
    ],
)
def test_a_form_that_is_sent_again_later_changes_nothing(
    web: Client, ada: User, clock: time_machine.Traveller, act: str, form: dict[str, Any]
) -> None:
    signed_in(ada)
    old = account_state(User.objects.get(pk=ada.pk))
    if act == "delete":
        # Of an account of another name before, under the same number.
        User.objects.filter(pk=ada.pk).update(username="ada2")
    else:
        page = web.get(f"/users/{ada.pk}/").content.decode()
        [old] = re.findall(rf'/{act}/".*?name="seen" value="(\w+)"', page, re.S)[:1]
        send(web, ada, act, **form)
        # Somebody gives back what the form took.
        User.objects.filter(pk=ada.pk).update(is_active=True)
        send(web, ada, "access", role="operator", where="some", clouds=["west"])
        clock.shift(60)
        signed_in(User.objects.get(pk=ada.pk))
    before = list(User.objects.filter(pk=ada.pk).values()), access(ada)
    sessions = UserSession.objects.filter(user=ada).count()
    answer = web.post(f"/users/{ada.pk}/{act}/", {"seen": old, **form})
    assert answer.status_code == 409
    assert "This account was changed since the form was drawn" in words(answer)
    assert (list(User.objects.filter(pk=ada.pk).values()), access(ada)) == before
    assert UserSession.objects.filter(user=ada).count() == sessions


@pytest.fixture
def west() -> User:
    """An admin of one cloud."""
    return make_account("west", role=Role.ADMIN, clouds=["west"], password=PASSWORD)


def test_an_admin_of_some_clouds_sees_those_that_may_no_more_than_himself(
    west: User, root: User, ada: User
) -> None:
    make_account("peer", role=Role.ADMIN, clouds=["west"])
    make_account("wider", role=Role.VIEWER, clouds=["west", "otc"])
    make_account("nowhere", role=Role.VIEWER, clouds=[])
    User.objects.create_user("new")  # a viewer of all clouds
    superuser = User.objects.create_superuser("chief")
    Account.objects.create(user=superuser, role=Role.VIEWER, all_clouds=False)
    web = signed_in(west)
    names = re.findall(r'title="([^"]*)"><bdi>', web.get("/users/").content.decode())
    assert names == ["nowhere", "peer", "west"]
    for hidden in User.objects.exclude(username__in=names):
        assert web.get(f"/users/{hidden.pk}/").status_code == 404
        for act in ("access", "switch", "password", "sessions/end", "delete", "tokens/1/revoke"):
            form = {"role": "viewer", "where": "some", "clouds": ["west"], "password": PASSWORD}
            answer = web.post(f"/users/{hidden.pk}/{act}/", form)
            assert answer.status_code == 404, (hidden, act)


def test_a_switched_off_account_stays_out_of_reach(west: User, ada: User) -> None:
    """Else its hidden owner would come back with a password of somebody else's choice."""
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert signed_in(west).get(f"/users/{ada.pk}/").status_code == 404


@pytest.mark.parametrize(
    "form",
    [
        {"where": "all"},
        {"where": "some", "clouds": ["west", "otc"]},
        {"where": "some", "clouds": ["otc"]},
    ],
)
def test_an_admin_gives_no_more_than_he_has(west: User, form: dict[str, Any]) -> None:
    peer = make_account("peer", role=Role.VIEWER, clouds=["west"])
    web = signed_in(west)
    page = web.get("/users/add/").content.decode()
    assert re.findall(r'name="clouds"\s+id="[^"]*"\s+value="([^"]*)"', page) == ["west"]
    more = {"username": "more", "role": "viewer", **form}
    assert web.post("/users/add/", more).status_code == 400
    assert send(web, peer, "access", **more).status_code == 400
    assert (access(peer), User.objects.count()) == (
        Access(Role.VIEWER, frozenset({"west"})),
        2,
    )
    with pytest.raises(BadValue):
        accounts.add("more", access=NEW_ACCOUNT, password="", by=west)


@pytest.mark.parametrize("act", ["access", "switch", "delete"])
def test_nobody_takes_the_last_way_in_away(web: Client, root: User, act: str) -> None:
    make_account("narrow", role=Role.ADMIN, clouds=["west"], password=PASSWORD)
    elsewhere = make_account("elsewhere", role=Role.ADMIN)  # has no password here
    off = make_account("off", role=Role.ADMIN, password=PASSWORD)
    User.objects.filter(pk=off.pk).update(is_active=False)
    form = {"role": "operator", "where": "all", "on": "0"}
    answer = send(web, root, act, **form)
    assert answer.status_code == 409
    assert "“root” is the last account that is on, may everything and has a password here" in words(
        answer
    )
    root.refresh_from_db()
    assert (root.is_active, access(root)) == (True, FULL_ACCESS)
    assert UserSession.objects.filter(user=root).count() == 1
    assert send(web, elsewhere, act, **form).status_code == 302
    assert send(web, root, act, **form).status_code == 409
    make_account("second", role=Role.ADMIN, password=PASSWORD)
    left = send(web, root, act, **form)
    assert (left.status_code, left["Location"]) == (
        302,
        "/account/" if act == "access" else "/accounts/login/",
    )


def test_who_enters_djangos_own_pages_is_changed_by_a_superuser_alone(web: Client) -> None:
    chief = User.objects.create_superuser("chief", password=PASSWORD)
    page = web.get(f"/users/{chief.pk}/")
    assert "only a superuser changes it" in words(page)
    assert "<form class=" not in page.content.decode().split("<main")[1]
    seen = account_state(User.objects.get(pk=chief.pk))
    for act in ("access", "switch", "password", "sessions/end", "delete", "tokens/1/revoke"):
        form = {"role": "viewer", "where": "all", "password": PASSWORD, "seen": seen}
        assert web.post(f"/users/{chief.pk}/{act}/", form).status_code == 403, act
    assert User.objects.get(pk=chief.pk).is_active
    other = User.objects.create_superuser("other", password=PASSWORD)
    assert send(signed_in(other), chief, "switch", on="0").status_code == 302


def test_ones_own_password_is_changed_where_the_one_before_is_asked_for(
    web: Client, root: User
) -> None:
    seen = account_state(User.objects.get(pk=root.pk))
    form = {"password": "wrong-horse-battery", "seen": seen}
    assert web.post(f"/users/{root.pk}/password/", form).status_code == 403
    assert User.objects.get(pk=root.pk).check_password(PASSWORD)


def test_who_takes_his_own_role_away_is_led_to_a_page_that_is_still_his(
    web: Client, root: User
) -> None:
    make_account("second", role=Role.ADMIN, password=PASSWORD)
    answer = send(web, root, "access", role="viewer", where="all")
    assert answer["Location"] == "/account/"
    assert web.get("/account/").status_code == 200
    assert web.get("/users/").status_code == 403


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_the_page_is_linked_for_admins_alone(web: Client, role: Role) -> None:
    link = '<a href="/users/">Users</a>'
    assert link in web.get("/account/").content.decode()
    other = signed_in(make_account("other", role=role))
    assert link not in other.get("/account/").content.decode()
    assert other.get("/users/").status_code == 403


def test_many_accounts_come_in_pages_by_name_and_are_found(web: Client) -> None:
    User.objects.bulk_create(User(username=f"user-{n:03}") for n in range(250))
    path, seen = "/users/", []
    while path:
        page = web.get(path).content.decode()
        seen += re.findall(r'title="([^"]*)"><bdi>', page)
        following = re.findall(r'rel="next"\s+href="([^"]*)"', page)
        path = f"/users/{unescape(following[0])}" if following else ""
    assert seen == sorted(User.objects.values_list("username", flat=True))
    assert "1 account found" in words(web.get("/users/?q=USER-007"))
    assert "No account here has this in its name." in words(web.get("/users/?q=%00nobody"))


def test_there_is_no_account_of_a_number_beyond_all(web: Client) -> None:
    for number in (0, 10**30):
        assert web.get(f"/users/{number}/").status_code == 404
        assert web.post(f"/users/{number}/switch/").status_code == 404
