"""No page is forgotten by the tests that look at all pages."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from backups.models import Role
from backups.tests.accounts import make_account
from backups.tests.routes import VALUES, route_of, routes
from backups.tests.stories.test_page_questions import ASKED, LIVE, STILL, UNCOUNTED, WALKED, have
from backups.tests.web.test_screen_pages import NOT_LOOKED_AT, OF_ROWS, SAME

pytestmark = [pytest.mark.once, pytest.mark.django_db]
NOT_ALLOWED = 405
# What answers a person who is signed in with neither a page nor data.
NO_PAGE = {
    "api/": "stands for every address that the API does not have",
    "api/clouds/<str:cloud>/backups/": "asks the cloud, and there is none in these tests",
    "metrics": "wants a token",
    "readyz": "names the parts that do not run in these tests",
    "accounts/login/": "sends on who is signed in",
    "admin/": "Django's own, for a superuser",
    "volumes/<str:cloud>/<volume_id:volume_id>/day/<str:on>/": "leads on to the list of that day",
}


@pytest.fixture
def answers(client: Client, settings: Any, tmp_path: Path) -> Mapping[str, HttpResponseBase]:
    """What each route answers somebody who is signed in, those aside that only take a form."""
    client.force_login(make_account("operator", role=Role.ADMIN))
    have(1, settings, tmp_path)
    settings.DEBUG = True  # else the style guide is not there
    answers = {route: client.get(address) for route, address in routes().items()}
    return {route: answer for route, answer in answers.items() if answer.status_code != NOT_ALLOWED}


@pytest.fixture
def pages(answers: Mapping[str, HttpResponseBase]) -> set[str]:
    """The routes that answer with HTML, the sign-in page among them."""
    html = {route for route, answer in answers.items() if "html" in answer["Content-Type"]}
    return html - {"admin/"}


def of_addresses(addresses: Iterable[str]) -> set[str]:
    return {route_of(address) for address in addresses}


def of_names(names: Iterable[str]) -> set[str]:
    parameters = {
        "backup": ["backup_id"],
        "volume": ["cloud", "volume_id"],
        "policy": ["cloud", "policy_id"],
        "user": ["account_id"],
        "user_delete": ["account_id"],
    }
    return {
        route_of(reverse(name, args=[VALUES[parameter] for parameter in parameters.get(name, [])]))
        for name in names
    }


def test_every_route_answers_these_tests(answers: Mapping[str, HttpResponseBase]) -> None:
    silent = {
        route: answer.status_code
        for route, answer in answers.items()
        if answer.status_code != 200 and route not in NO_PAGE
    }
    assert silent == {}, (
        f"{silent}: add what these routes need to VALUES in backups/tests/routes.py or to `have` "
        f"in backups/tests/stories/test_page_questions.py, or name them with a reason in NO_PAGE "
        f"in backups/tests/stories/test_every_page.py."
    )


def test_every_page_is_looked_at_in_all_widths(pages: set[str]) -> None:
    looked_at = of_addresses(SAME.values()) | of_names(OF_ROWS)
    forgotten = pages - looked_at - set(NOT_LOOKED_AT)
    assert forgotten == set(), (
        f"No test looks at {forgotten} in all widths: add an address to SAME in "
        f"backups/tests/web/test_screen_pages.py, the name of the page to OF_ROWS if its address "
        f"needs a row, or the route with a reason to NOT_LOOKED_AT."
    )


def test_the_questions_of_every_page_and_call_are_counted(
    answers: Mapping[str, HttpResponseBase],
) -> None:
    counted = of_addresses([*ASKED, *WALKED[1]])
    forgotten = set(answers) - counted - set(UNCOUNTED)
    assert forgotten == set(), (
        f"Nobody counts how often {forgotten} ask the database: add an address to ASKED in "
        f"backups/tests/stories/test_page_questions.py, or the route with a reason to UNCOUNTED."
    )


def test_every_page_keeps_itself_up_to_date_or_is_still_for_a_reason(pages: set[str]) -> None:
    forgotten = pages - of_addresses(LIVE) - set(STILL)
    assert forgotten == set(), (
        f"Nobody says whether {forgotten} are live: add an address to LIVE in "
        f"backups/tests/stories/test_page_questions.py, or the route with a reason to STILL."
    )


def test_lists_name_no_route_that_has_gone(
    answers: Mapping[str, HttpResponseBase], pages: set[str]
) -> None:
    assert set(NO_PAGE) | set(UNCOUNTED) <= set(answers)
    assert set(NOT_LOOKED_AT) | set(STILL) <= pages


def test_no_route_is_in_a_list_and_among_its_exceptions() -> None:
    assert of_addresses([*ASKED, *WALKED[1]]) & set(UNCOUNTED) == set()
    assert of_addresses(LIVE) & set(STILL) == set()
    assert (of_addresses(SAME.values()) | of_names(OF_ROWS)) & set(NOT_LOOKED_AT) == set()
