"""Against a real HTTP server, by ntfy's API, in the process that Apprise runs in."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backups.alarms.channels.channel import Channel
from backups.alarms.channels_file import channels
from backups.tests.alarms.far_side import HttpSink, configure, http_sink
from backups.tests.alarms.messages import message
from backups.tests.run_settings import LIMIT_S
from backups.vbs.errors import ConfigurationError

pytestmark = pytest.mark.once


def channel(settings: Any, folder: Path, url: str) -> Channel:
    configure(settings, folder, {"phone": {"kind": "apprise", "url": url}})
    return replace(channels()["phone"], seconds=LIMIT_S)


def address(sink: HttpSink) -> str:
    return f"ntfy://s3cret-user:s3cret@127.0.0.1:{sink.port}/alarms"


def test_apprise_sends_or_says_why_not_and_never_tells_its_address(
    settings: Any, tmp_path: Path
) -> None:
    with http_sink() as sink:
        phone = channel(settings, tmp_path, address(sink))
        answers = [phone.send(message())]
        assert (answers[0].is_delivered, answers[0].sentence) == (True, "ntfy took it.")
        [posted] = sink.requests
        assert "has had no good backup" in posted.json()["message"]
        assert posted.json()["title"].startswith("Critical: disk db Bcc:")
        sink.redirect("/elsewhere")
        answers.append(phone.send(message()))
        assert (answers[1].is_delivered, answers[1].http_status) == (False, 302)
        assert {posted.path for posted in sink.requests} == {posted.path}
        sink.recover()
        sink.manner = "never"
        answers.append(replace(phone, seconds=3).send(message()))
        assert not answers[2].is_delivered
    assert "s3cret" not in f"{phone!r} {answers}"


def test_only_listed_schemes_are_let_through_and_a_missing_package_is_named(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in ("file:///etc/passwd", "mailto://a:s3cret@example.org", "macosx://", "s3cret"):
        with pytest.raises(ConfigurationError, match="no scheme that is let through") as refusal:
            channel(settings, tmp_path, url)
        assert "s3cret" not in str(refusal.value)
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigurationError, match=r"requirements-apprise\.txt"):
        channel(settings, tmp_path, "ntfys://example.org/alarms")
