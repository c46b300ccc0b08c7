"""What clouds and people wrote is text wherever it comes out: in lines of the log and of the
console, and on pages that a browser draws.
"""

import io
import logging
import re
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser

from backups.models import Volume
from backups.runner.console import Console
from backups.tests.screen import Watched, signed_in
from backups.tests.stories.test_hostile_texts import PAGES, store_everywhere, web
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
