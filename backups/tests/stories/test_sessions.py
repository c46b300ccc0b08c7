"""A session of a browser: how it begins, how long it lasts, and what is worth nothing after it."""

from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

import pytest
import time_machine
from django.conf import settings as product
from django.contrib.auth.models import User
from django.test import Client

from backups.models import ApiToken, Preferences, UserSession
from backups.tests.accounts import make_operator

pytestmark = [pytest.mark.either, pytest.mark.django_db]
PASSWORD = "right-horse-staple"
FORM = {"theme": "dark", "time_zone": ""}


@pytest.fixture
def ada() -> User:
    return make_operator("ada", password=PASSWORD)


def copy_of(client: Client) -> Client:
    """Somebody else's browser with the very same cookies."""
    thief = Client(enforce_csrf_checks=True)
    thief.cookies = SimpleCookie({name: morsel.value for name, morsel in client.cookies.items()})
    return thief


def sign_in(client: Client) -> None:
    """As the page does it: with the token of the form."""
    client.get("/accounts/login/")
    token = client.cookies[product.CSRF_COOKIE_NAME].value
    form = {"username": "ada", "password": PASSWORD, "csrfmiddlewaretoken": token}
    assert client.post("/accounts/login/", form).status_code == 302


def opens(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def key(client: Client) -> str:
    return str(client.cookies[product.SESSION_COOKIE_NAME].value)


def with_token(client: Client) -> dict[str, str]:
    return {**FORM, "csrfmiddlewaretoken": client.cookies[product.CSRF_COOKIE_NAME].value}


@pytest.fixture
def browser(ada: User) -> Client:
    client = Client(enforce_csrf_checks=True)
    sign_in(client)
    return client


def test_a_key_that_was_there_before_the_sign_in_is_not_the_one_after(ada: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies[product.SESSION_COOKIE_NAME] = "k" * 32
    sign_in(client)
    assert key(client) != "k" * 32
    planted = Client()
    planted.cookies[product.SESSION_COOKIE_NAME] = "k" * 32
    assert [opens(client), opens(planted)] == [True, False]
    # The same where somebody is signed in already.
    first = copy_of(client)
    client.post("/accounts/logout/", with_token(client))
    sign_in(client)
    assert [opens(client), opens(first)] == [True, False]


def test_a_cookie_that_was_copied_is_worth_nothing_after_the_sign_out(browser: Client) -> None:
    thief = copy_of(browser)
    assert opens(thief)
    browser.post("/accounts/logout/", with_token(browser))
    assert not opens(thief)
    assert not UserSession.objects.exists()


def test_a_form_that_was_caught_does_nothing_after_the_sign_out(browser: Client) -> None:
    thief = copy_of(browser)
    caught = with_token(browser)
    browser.post("/accounts/logout/", with_token(browser))
    answer = thief.post("/account/look/", caught)
    assert answer["Location"].startswith("/accounts/login/")
    assert not Preferences.objects.exists()


def test_a_form_of_the_session_before_is_refused_by_a_page(browser: Client) -> None:
    caught = with_token(browser)
    browser.post("/accounts/logout/", with_token(browser))
    sign_in(browser)
    answer = browser.post("/account/look/", caught)
    assert (answer.status_code, "This form was refused" in answer.content.decode()) == (403, True)
    assert not Preferences.objects.exists()


def test_everywhere_else_is_signed_out_and_nobody_else(browser: Client, ada: User) -> None:
    elsewhere, other = Client(), Client()
    elsewhere.force_login(ada)
    other.force_login(make_operator("other"))
    page = browser.get("/account/").content.decode()
    assert "Signed in 2 times, here and elsewhere." in page
    browser.post("/account/sessions/end/", with_token(browser))
    assert [opens(browser), opens(elsewhere), opens(other)] == [True, False, True]
    page = browser.get("/account/").content.decode()
    assert "Signed in here and nowhere else." in page


def test_a_session_goes_with_its_account(browser: Client, ada: User) -> None:
    User.objects.update(is_active=False)
    assert not opens(browser)
    sessions = UserSession.objects.filter(user=ada)
    ada.delete()
    assert not sessions.exists()


def test_a_session_that_nobody_uses_ends(
    browser: Client, clock: time_machine.Traveller, settings: Any
) -> None:
    clock.shift(settings.SESSION_IDLE + timedelta(seconds=1))
    # The browser has dropped its cookie by then; whoever kept a copy has no use of it.
    assert not opens(copy_of(browser))


def test_a_session_that_is_used_lasts_for_its_longest_time_and_no_longer(
    browser: Client, clock: time_machine.Traveller, settings: Any
) -> None:
    hours = timedelta(hours=11)
    used = timedelta()
    while used + hours < settings.SESSION_LONGEST:
        clock.shift(hours)
        used += hours
        assert opens(browser), used
    clock.shift(settings.SESSION_LONGEST - used + timedelta(seconds=1))
    assert not opens(copy_of(browser))


def test_using_a_session_is_not_written_each_time(
    browser: Client, clock: time_machine.Traveller
) -> None:
    end = UserSession.objects.get().expire_date
    clock.shift(timedelta(minutes=9))
    opens(browser)
    assert UserSession.objects.get().expire_date == end
    clock.shift(timedelta(minutes=1))
    opens(browser)
    assert UserSession.objects.get().expire_date == end + timedelta(minutes=10)


def test_a_form_for_a_token_that_is_sent_twice_makes_one(browser: Client) -> None:
    """As by loading the answer anew, or by two clicks."""
    page = browser.get("/account/").content.decode()
    form_id = page.split('name="form_id" value="')[1].split('"')[0]
    form = {**with_token(browser), "name": "once", "no_end": "on", "form_id": form_id}
    first = browser.post("/account/tokens/", form)
    second = browser.post("/account/tokens/", form)
    assert (first["Location"], second["Location"]) == ("/account/", "/account/")
    page = browser.get("/account/").content.decode()
    assert ("made-key" in page, "This form was sent before" in page) == (True, True)
    assert ApiToken.objects.count() == 1
