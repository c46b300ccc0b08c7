"""The pages of users in a browser: few and many accounts, absurd names, all widths, both themes."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as product
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser

from backups.edits import tokens
from backups.models import Cloud, ExternalIdentity, Role
from backups.tests.accounts import make_account
from backups.tests.run_settings import LIMIT_S
from backups.tests.screen import Watched
from backups.tests.web.test_screen_pages import PICTURES, address, look_at

pytestmark = [pytest.mark.once, pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ABSURD = ("x" * 150, "\u202eevil", "<script>alert(1)</script>", "نسخة", "🎉 " * 50)


@pytest.fixture
def root() -> User:
    return make_account("root", role=Role.ADMIN, password="right-horse-staple")


@pytest.fixture
def watched(chromium: Browser, live_server: Any, settings: Any, root: User) -> Iterator[Watched]:
    """A page of an admin of all clouds."""
    settings.CLOUDS = {}
    client = Client()
    client.force_login(root)
    key = client.cookies[product.SESSION_COOKIE_NAME].value
    context = chromium.new_context(base_url=live_server.url)
    context.set_default_timeout(LIMIT_S * 1000)
    context.add_cookies(
        [{"name": product.SESSION_COOKIE_NAME, "value": key, "url": live_server.url}]
    )
    yield Watched(context.new_page())
    context.close()


@PICTURES
def test_the_pages_of_users_hold_with_few_accounts(
    watched: Watched, root: User, pictures: bool
) -> None:
    ada = make_account("ada", role=Role.OPERATOR, clouds=["otc", "west"], password="x")
    off = make_account("off", role=Role.VIEWER, is_active=False)
    ExternalIdentity.objects.create(
        user=off, issuer=f"https://{'x' * 200}", subject="1", last_sign_in_at=timezone.now()
    )
    for name in ("cron", "prometheus"):
        tokens.create(user=ada, name=name, read_only=name != "cron", now=timezone.now())
    pages = {
        "users": address("users"),
        "user": address("user", ada.pk),
        "user-elsewhere": address("user", off.pk),
        "user-own": address("user", root.pk),
        "user-new": address("user_add"),
        "user-delete": address("user_delete", ada.pk),
        "users-none": f"{address('users')}?q=nobody",
    }
    wrong = look_at(watched.page, pages, pictures=pictures)
    assert (wrong, watched.complaints) == ({}, [])


@PICTURES
def test_the_pages_of_users_hold_with_many_accounts_and_absurd_names(
    watched: Watched, pictures: bool
) -> None:
    Cloud.objects.bulk_create(Cloud(name=f"cloud-{n}-{'w' * n}") for n in range(40))
    clouds = Cloud.objects.values_list("name", flat=True)
    for name in ABSURD:
        make_account(name[:150], role=Role.ADMIN, clouds=clouds)
    User.objects.bulk_create(User(username=f"user-{n}") for n in range(500))
    long = User.objects.get(username="x" * 150)
    tokens.create(user=long, name="n" * 100, clouds=[], now=timezone.now())
    pages = {
        "users": address("users"),
        "user": address("user", long.pk),
        "user-new": address("user_add"),
        "user-delete": address("user_delete", long.pk),
    }
    wrong = look_at(watched.page, pages, name="absurd-", pictures=pictures)
    assert (wrong, watched.complaints) == ({}, [])
