from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from backups.alarms import words
from backups.tests.alarms.messages import AT, line, message
from vbsdash import public_url

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_message_in_plain_text_says_what_since_when_by_what_and_what_next(settings: Any) -> None:
    opened = line(title="db-1", sentence="disk db-1 has had no good backup")
    over = line(
        what="recovered",
        is_open=False,
        closed_at=AT,
        title="nightly",
        sentence="A backup could not be restored",
        path="/clouds/",
    )
    flapping = line(what="flapping", changes=10, since=None, evidence="", next="", title="otc")
    told = message(
        headline="otc: 103 alarms",
        opened=101,
        recovered=1,
        flapping=1,
        lines=(opened, flapping, over),
    )
    settings.PUBLIC_URL = None
    assert words.text(told, BERLIN) == (
        "otc: 103 alarms\n"
        "\n"
        "Critical: disk db-1 has had no good backup (otc)\n"
        "Since 2026-11-25 12:30 UTC+1.\n"
        "Read off: its newest good backup, as of 2026-11-25 15:29 UTC+1.\n"
        "Next: Look at its schedule.\n"
        "\n"
        "Flapping, 10 changes, open now: disk db Bcc: all@example.org "
        '<script>alert("1")</script>\ufffd\ufffd has had no good backup (otc)\n'
        "Found 2026-11-25 15:30 UTC+1.\n"
        "\n"
        "Well again: A backup could not be restored (nightly in otc)\n"
        "From 2026-11-25 12:30 UTC+1 to 2026-11-25 15:30 UTC+1.\n"
        "\n"
        "And 100 more: 101 new, 1 flapping, 1 over in all.\n"
    )


def test_links_lead_to_the_public_address_and_html_escapes_whatever_a_name_holds(
    settings: Any,
) -> None:
    settings.PUBLIC_URL = public_url.read({"VBSDASH_URL": "https://backups.example.com/vbs"})
    # As `reverse` writes it, and as it is without the public path.
    for path in ("/disks/otc/v/", "/vbs/disks/otc/v/"):
        told = message(lines=(line(path=path),), text=("A & B",))
        link = "https://backups.example.com/vbs/disks/otc/v/"
        assert link in words.text(told, BERLIN).splitlines()
        page = words.html(told, BERLIN)
        assert f'<a href="{link}">disk db Bcc: all@example.org &lt;script&gt;' in page
        assert '<p style="margin:0 0 1em">A &amp; B</p>' in page
        assert "<script" not in page
        assert '<a href="https://backups.example.com/vbs/alarms/">All alarms</a>' in page


def test_whatever_comes_a_message_has_an_end() -> None:
    long = line(title="x" * 10_000, sentence="y" * 10_000, next="z" * 10_000, evidence="e" * 10_000)
    told = message(headline="h" * 10_000, lines=(long,) * 100, opened=100)
    assert len(words.headline(told)) == words.LONGEST_HEADLINE + 1
    assert len(words.text(told, BERLIN)) < 250_000
    assert words.headline(replace(told, headline="one\r\n\u2028two\x00")) == "one two\ufffd"


def test_spans_are_told_by_their_largest_unit() -> None:
    spans = {12: "12 s", 119: "119 s", 120: "2 min", 7199: "119 min", 7200: "2 h", 172800: "2 d"}
    assert {s: words.how_long(timedelta(seconds=s)) for s in spans} == spans
    assert words.how_long(timedelta(seconds=-5)) == "0 s"
