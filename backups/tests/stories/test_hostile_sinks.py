"""What clouds and people wrote is text wherever it comes out: in cells of CSV, labels of metrics,
charts, lines of the log and of the console, and on pages that a browser draws.
"""

import csv
import io
import logging
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from playwright.sync_api import Browser
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as plain_families

from backups.api.csv_dialect import DANGEROUS, MARK
from backups.models import Volume
from backups.runner.console import Console
from backups.tests.screen import Watched, signed_in
from backups.tests.stories.test_hostile_texts import BACKUP, PAGES, VOLUME, store_everywhere, web
from backups.tests.vbsdash.test_log import lines
from backups.vbs.fields import clean

__all__ = ["lines", "web"]  # fixtures
pytestmark = [pytest.mark.either, pytest.mark.django_db]
TEXTS = {
    "formula": '=HYPERLINK("http://evil.example/")',
    "sum": "+1+1",
    "difference": "-2+3",
    "function": "@SUM(A1)",
    "formula after a tab": "\t=1+1",
    "formula after a line break": "\r=1+1",
    "line breaks": "x\r\nlevel='info' event='forged'\ny\rz\x0b\x0c\x85",
    "escape sequences": "\x1b[2J\x1b]0;owned\x07\x9b31m\x08",
    "NUL": "a\x00b",
    "end of a script": "</script><script>window.hacked = 1</script>",
    "end of an attribute": "\" onmouseover=\"window.hacked = 1\" ' onfocus='window.hacked=1' x=`",
    "image": "<img src=hacked onerror='window.hacked = 1'>",
    "end of a chart": "]]></title></text></svg><svg onload='window.hacked = 1'><!--",
    "separators and directions": "\u2028\u2029\u202eabc\u2066\ufeff\u200b",
    "end of a label": 'a"} 1\nvbsdash_forged{x="\\',
    "backslashes": "\\n\\\\\\",
    "template": "{{ 7 * 7 }}{% debug %}",
}
EACH = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
CHARTS = ("/", "/volumes/", f"/volumes/otc/{VOLUME}/", f"/backups/{BACKUP}/")


def answer(web: Client, path: str, **headers: str) -> str:
    response = web.get(path, headers=headers)
    assert (path, response.status_code) == (path, 200)
    return response.getvalue().decode()


def test_a_cell_of_a_table_is_the_text_and_no_formula(web: Client) -> None:
    for text in TEXTS.values():
        store_everywhere(clean(text))
        for path in ("/api/backups.csv", "/api/backups.csv?excel=1"):
            table = answer(web, path).removeprefix(MARK)
            header, row = csv.reader(io.StringIO(table, newline=""), strict=True)
            assert len(row) == len(header)
            for cell in row:
                assert not cell.startswith(DANGEROUS), (path, cell)
            # Excel also gets marks within a text.
            if "excel" not in path:
                assert row[header.index("name")].removeprefix("'") == clean(text)


def test_a_label_of_a_metric_is_the_text_and_forges_no_series(web: Client) -> None:
    for text in TEXTS.values():
        store_everywhere(clean(text))
        for accept, parse in (
            ("application/openmetrics-text", open_families),
            ("text/plain", plain_families),
        ):
            names: set[str] = set()
            values: set[str] = set()
            for family in parse(answer(web, "/metrics", Accept=accept)):
                for sample in family.samples:
                    names.add(sample.name)
                    values.update(sample.labels.values())
            assert clean(text) in values, (accept, text)
            assert "vbsdash_forged" not in names


def test_a_chart_is_proper_xml_whatever_the_names_in_it_are(web: Client) -> None:
    count = 0
    for text in TEXTS.values():
        store_everywhere(clean(text))
        for path in CHARTS:
            for chart in re.findall(r"<svg\b.*?</svg>", answer(web, path), re.S):
                ElementTree.fromstring(chart)
                count += 1
    assert count > len(TEXTS)


@EACH
def test_an_event_of_the_log_is_one_line(lines: io.StringIO, text: str) -> None:
    logger = logging.getLogger("backups.story")
    logger.warning("a cloud said %s", text)
    logger.warning(text)
    logger.warning("with more", extra={"cloud": text, "client": text})
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("it failed")
    written = lines.getvalue()
    assert written.count("\n") == 4
    _check_lines(written)


def _check_lines(written: str) -> None:
    for line in written.split("\n")[:-1]:
        assert line.startswith("level=")
        assert line.isprintable(), ascii(line)


def test_what_strangers_send_is_one_line_of_the_log_each(
    web: Client, client: Client, lines: io.StringIO
) -> None:
    for text in TEXTS.values():
        sent = text.encode().decode("latin-1")
        headers = {"User-Agent": sent, "Referer": sent, "X-Request-ID": sent, "Host": sent}
        client.post("/accounts/login/", {"username": text, "password": text}, headers=headers)
        client.get(f"/backups/{text}", headers=headers)
        client.get("/api/backups/", {text: text}, headers={"Authorization": f"Bearer {sent}"})
        client.get("/", headers={"X-Forwarded-For": sent, "X-Forwarded-Host": sent})
    assert lines.getvalue() != ""
    _check_lines(lines.getvalue())


@EACH
def test_a_part_s_line_steers_no_terminal(text: str) -> None:
    stream = io.StringIO()
    Console(stream).line("web", text)
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", written)


@pytest.mark.once
@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_no_page_runs_or_draws_what_is_text(
    web: Client, chromium: Browser, live_server: Any
) -> None:
    text = clean("".join(TEXTS.values()))
    store_everywhere(text)
    Volume.objects.update(label=text)
    with signed_in(chromium, live_server.url) as context:
        watched = Watched(context.new_page())
        page = watched.page
        searched = "%3C/script%3E%3Cimg src=hacked onerror=window.hacked=1%3E"
        for path in (
            *(path for path in PAGES if "/api/" not in path and path != "/metrics"),
            f"/backups/?q={searched}&note={searched}",
            f"/volumes/?q={searched}",
        ):
            page.goto(path)
            assert page.evaluate("window.hacked") is None, path
            assert page.locator("[src=hacked], [onerror], [onload], [onfocus]").count() == 0, path
        assert watched.hosts == {live_server.url.removeprefix("http://")}
        assert watched.complaints == []
