"""The page that Django shows of an exception with DEBUG."""

from typing import Any

import pytest
from django.test import RequestFactory
from django.views.debug import technical_500_response

PASSWORD = "hunter" + "2"  # In two parts: the page shows source text too.
ADDRESS = f"http://someone:{PASSWORD}@proxy:3128"


def fail() -> None:
    options = {"proxies": {"all": ADDRESS}}  # As code of others has it in its hands.
    raise ValueError("an exception", len(options))


def test_it_hides_the_passwords_that_stand_in_addresses(settings: Any) -> None:
    settings.ENV = {"HTTPS_PROXY": ADDRESS, "ANYTHING": ADDRESS}
    settings.REDIS_URL = ADDRESS
    settings.CELERY_BROKER_URL = ADDRESS
    request = RequestFactory().get("/", HTTPS_PROXY=ADDRESS, HTTP_PROXY=ADDRESS)
    with pytest.raises(ValueError, match="an exception") as caught:
        fail()
    page = technical_500_response(request, caught.type, caught.value, caught.tb).content.decode()
    assert "an exception" in page
    assert PASSWORD not in page
