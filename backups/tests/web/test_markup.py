"""Small pieces of pages are written as Django writes them."""

import uuid

import pytest
from django.urls import NoReverseMatch, set_script_prefix
from django.utils import html
from django.utils.safestring import SafeString, mark_safe
from hypothesis import given
from hypothesis import strategies as st

from backups.templatetags import markup
from backups.web.page_urls import backup_url, page_url

VALUES = st.one_of(st.text(), st.integers(), st.none(), st.uuids(), st.text().map(mark_safe))


@given(st.lists(VALUES, min_size=2, max_size=2))
def test_values_are_escaped_as_django_does_it(values: list[object]) -> None:
    ours = markup.format_html('<a title="{}">{}</a>', *values)
    assert ours == html.format_html('<a title="{}">{}</a>', *values)
    assert isinstance(ours, SafeString)


@given(st.lists(st.tuples(VALUES, VALUES), max_size=3))
def test_rows_are_joined_as_django_does_it(rows: list[tuple[object, object]]) -> None:
    ours = markup.format_html_join("<br>", "<i>{}</i>{}", rows)
    assert ours == html.format_html_join("<br>", "<i>{}</i>{}", rows)


def test_a_remembered_address_is_that_of_the_prefix_of_the_request() -> None:
    backup_id = uuid.UUID(int=1)
    try:
        addresses = []
        for prefix in ("/", "/vbs/", "/"):
            set_script_prefix(prefix)
            addresses.append(backup_url(backup_id))
    finally:
        set_script_prefix("/")
    page = f"/backups/{backup_id}/"
    assert addresses == [page, f"/vbs{page}", page]


def test_what_has_no_address_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(NoReverseMatch):
            page_url("volume", "otc", "../")
