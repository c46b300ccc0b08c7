"""Cookies that came over TLS do not go back without it."""

import pytest
from django.conf import settings
from django.test import Client

from backups.tests.accounts import make_operator

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("secure", [True, False])
def test_cookies_are_secure_where_the_page_came_over_tls_and_only_there(
    client: Client, secure: bool
) -> None:
    make_operator("operator", password="a long password")
    client.get("/accounts/login/", secure=secure)
    client.post(
        "/accounts/login/", {"username": "operator", "password": "a long password"}, secure=secure
    )
    assert {name: bool(cookie["secure"]) for name, cookie in client.cookies.items()} == {
        settings.CSRF_COOKIE_NAME: secure,
        settings.SESSION_COOKIE_NAME: secure,
    }
