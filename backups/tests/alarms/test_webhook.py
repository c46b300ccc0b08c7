"""Against a real HTTP server that answers as bad ones do."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backups.alarms.channels.channel import Answer, Channel
from backups.alarms.channels_file import channels
from backups.tests.alarms.far_side import HttpSink, configure, http_sink, webhook
from backups.tests.alarms.messages import EVENT, HOSTILE, message
from backups.tests.forward_proxy import forward_proxy
from backups.tests.run_settings import LIMIT_S

SHORT_S = 0.4  # in place of ten seconds


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with http_sink() as running:
        yield running


def channel(settings: Any, folder: Path, sink: HttpSink, **keys: Any) -> Channel:
    configure(settings, folder, {"chat": webhook(sink, **keys)})
    return replace(channels()["chat"], seconds=LIMIT_S)


def test_the_far_side_gets_the_message_signed_over_its_time_and_its_bytes(
    settings: Any, tmp_path: Path, sink: HttpSink
) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    chat = channel(settings, tmp_path, sink, secret_file=str(tmp_path / "secret"))
    assert chat.send(message()) == Answer(
        is_delivered=True, sentence=f"127.0.0.1:{sink.port} answered HTTP 200.", http_status=200
    )
    [posted] = sink.requests
    assert (posted.method, posted.path) == ("POST", "/hook")
    assert posted.json()["lines"][0]["title"] == HOSTILE
    assert posted.json()["written_at"] == "2026-11-25T14:30:00.000Z"
    assert posted.headers["x-vbsdash-event"] == posted.json()["event_id"] == EVENT
    timestamp = posted.headers["x-vbsdash-timestamp"]
    assert timestamp == str(int(message().written_at.timestamp()))
    signed = f"{timestamp}.".encode() + posted.body
    digest = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert posted.headers["x-vbsdash-signature"] == f"v1={digest}"
    assert "x-auth-token" not in posted.headers
    unsigned = channel(settings, tmp_path, sink)
    assert unsigned.send(message()).is_delivered
    assert "x-vbsdash-signature" not in sink.requests[1].headers
    assert json.loads(sink.requests[1].body) == posted.json()


def test_what_is_no_2xx_is_a_failure_that_says_when_to_come_again(
    settings: Any, tmp_path: Path, sink: HttpSink
) -> None:
    chat = channel(settings, tmp_path, sink)
    place = f"127.0.0.1:{sink.port}"
    for header, wait in (
        ("120", timedelta(minutes=2)),
        ("Wed, 25 Nov 2026 14:31:00 GMT", timedelta(minutes=1)),
        ("Wed, 25 Nov 2026 14:00:00 GMT", timedelta(0)),
        ("soon", None),
        ("99999999999999999999", None),
    ):
        sink.fail(503, Retry_After=header)
        assert chat.send(message()) == Answer(
            is_delivered=False,
            sentence=f"{place} answered HTTP 503.",
            http_status=503,
            retry_after=wait,
        )
    sink.requests.clear()
    sink.redirect("/elsewhere")
    answer = chat.send(message())
    assert (answer.is_delivered, answer.http_status) == (False, 302)
    assert "a redirect, which is not followed" in answer.sentence
    assert [posted.path for posted in sink.requests] == ["/hook"]


def test_no_far_side_takes_longer_than_allowed(
    settings: Any, tmp_path: Path, sink: HttpSink
) -> None:
    chat = channel(settings, tmp_path, sink)
    sink.manner = "never"
    answer = replace(chat, seconds=SHORT_S).send(message())
    assert answer == Answer(
        is_delivered=False, sentence=f"127.0.0.1:{sink.port} did not answer in time."
    )
    # These have taken the message by the time at which they begin to drip, or to pour.
    sink.manner = "drip"
    assert chat.send(message()).is_delivered
    sink.manner = "big"
    assert chat.send(message()).is_delivered
    sink.manner = "hang up"
    assert "closed the connection" in chat.send(message()).sentence
    sink.go_down()
    assert "refused the connection" in chat.send(message()).sentence


def test_a_secret_in_the_address_is_nowhere_and_proxies_count_as_for_clouds(
    settings: Any, tmp_path: Path, sink: HttpSink
) -> None:
    with forward_proxy(places={"hooks.example": sink.port}) as proxy:
        settings.ENV = {**settings.ENV, "HTTP_PROXY": f"http://{proxy.place}"}
        url = "http://user:s3cret@hooks.example/T0/s3cret?key=s3cret"
        chat = channel(settings, tmp_path, sink, url=url, secret="s3cret-too")
        assert chat.send(message()).is_delivered
        assert [posted.path for posted in sink.requests] == ["/T0/s3cret?key=s3cret"]
        sink.fail(404)
        answers = [chat.send(message())]
        proxy.refusal = 407
        answers.append(chat.send(message()))
    answers.append(chat.send(message()))
    said = f"{chat!r} {answers}"
    assert "asks for a user and a password (HTTP 407)" in said
    assert "hooks.example answered HTTP 404." in said
    assert "s3cret" not in said
