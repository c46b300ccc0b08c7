"""channels.yaml: taken as it is meant, or refused by one sentence with file, channel, key and
cure.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backups.alarms import channels_file
from backups.alarms.channels.mail import Mail
from backups.alarms.channels.webhook import Webhook
from backups.alarms.channels_file import VARIABLE, check_filters, find
from backups.alarms.digest_time import DigestTime
from backups.shared import clock
from backups.tests.alarms.far_side import configure
from backups.tests.vbsdash.test_settings import Start, server, start
from backups.vbs.errors import ConfigurationError

__all__ = ["server", "start"]
WHOLE = """
x-common: &common {zone: Europe/Berlin}
channels:
  ops-mail:
    <<: *common
    kind: mail
    to: [ops@example.org, night@example.org]
    from: vbsdash@example.org
    host: smtp.example.org
    user: vbsdash
    password_file: password
    filter: tag=db&severity=critical
    severities: [critical]
    digest: weekly friday 17:30
    only_if_unacked_for: 30m
  chat: {kind: webhook, url: "https://hooks.example.org/T0/s3cret", secret: s3cret}
heartbeat: {url: "https://ping.example.org/s3cret", every: 10m}
"""
MAIL = "kind: mail, to: ops@example.org, from: a@example.org, host: h"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    channels_file.forget()
    yield
    channels_file.forget()


def read(folder: Path, text: str) -> channels_file.Content:
    path = folder / "channels.yaml"
    path.write_text(text)
    channels_file.forget()
    return channels_file.read(path, {}, folder=folder)


def test_a_whole_file_is_taken_as_it_is_meant(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    content = read(tmp_path, WHOLE)
    ops = content.channels["ops-mail"]
    chat = content.channels["chat"]
    assert isinstance(ops, Mail)
    assert isinstance(chat, Webhook)
    berlin = ZoneInfo("Europe/Berlin")
    assert (ops.name, ops.query, ops.severities) == (
        "ops-mail",
        "tag=db&severity=critical",
        frozenset({"critical"}),
    )
    assert ops.digest == DigestTime.parse("weekly friday 17:30", berlin)
    assert (ops.only_if_unacked_for, ops.zone) == (timedelta(minutes=30), berlin)
    assert (ops.port, ops.security, ops.password) == (587, "starttls", "s3cret")
    assert (chat.query, chat.severities) == ("", frozenset({"critical", "warning"}))
    assert (chat.digest, chat.only_if_unacked_for, chat.secret) == (None, None, "s3cret")
    assert content.heartbeat is not None
    assert content.heartbeat.every == timedelta(minutes=10)
    assert "s3cret" not in repr(content)


REFUSED = [
    ("channels: [a]", "has no mapping under the key channels"),
    ("channel: {}", "the key channel is not known: is channels meant?"),
    ("channels: {7: {}}", "put the name in quotes"),
    ("channels: {a: {kind: webhook}, a: {kind: mail}}", "has the key a twice"),
    ("channels: {" + "n" * 61 + ": {kind: mail}}", "more than 60 characters"),
    ("channels: {ops: webhook}", "channel 'ops' has no keys"),
    ("channels: {ops: {url: x}}", "channel 'ops': kind is missing: write kind: "),
    ("channels: {ops: {kind: pager}}", "kind is 'pager': write one of apprise, mail, webhook"),
    ("channels: {ops: {kind: webhook, urls: x}}", "the key urls is not known: is url meant?"),
    ("channels: {ops: {kind: webhook}}", "url is missing: write url: https://HOST/PATH, or url_fi"),
    ("channels: {ops: {kind: webhook, url: 'ftp://s3cret'}}", "url must begin with one of https:"),
    (
        "channels: {ops: {kind: webhook, url: 'https://h/?s3cret#x'}}",
        "url holds a blank, a #",
    ),
    ("channels: {ops: {kind: webhook, url: 7}}", "url is no text: put the value in quotes"),
    (
        "channels: {ops: {kind: webhook, url: 'https://h/s3cret', url_file: f}}",
        "url and url_file are both there: remove one of them",
    ),
    (
        "channels: {ops: {kind: webhook, url_file: none-such}}",
        "url_file names {folder}/none-such, which cannot be read (No such file or directory)",
    ),
    (
        "channels: {ops: {kind: webhook, url: 'https://h/', zone: Berlin}}",
        "zone is 'Berlin': write one like Europe/Berlin",
    ),
    (
        "channels: {ops: {kind: webhook, url: 'https://h/', digest: hourly}}",
        "digest begins with neither daily nor weekly: write daily 08:00 Europe/Berlin",
    ),
    (
        "channels: {ops: {kind: webhook, url: 'https://h/', severities: [bad]}}",
        "severities holds another word: write critical, warning, or both",
    ),
    (
        "channels: {ops: {kind: webhook, url: 'https://h/', only_if_unacked_for: 10}}",
        "only_if_unacked_for is '10': write a span from 1m to 7d, as 30m or 2h",
    ),
    ("channels: {ops: {kind: mail, from: a@b, host: h}}", "to is missing: write to: [ops@example"),
    (
        "channels: {ops: {kind: mail, to: 'Ops <a@b>', from: a@b, host: h}}",
        "to holds 'Ops <a at b>', which is no address of mail: write NAME@HOST alone",
    ),
    (
        "channels: {ops: {" + MAIL[:-1] + "'h:25'}}",
        "host is 'h:25': write a name or an address",
    ),
    ("channels: {ops: {" + MAIL + ", port: 0}}", "port is no port: write a number from 1 to 65535"),
    (
        "channels: {ops: {" + MAIL + ", security: ssl}}",
        "security is 'ssl': write one of none",
    ),
    ("channels: {ops: {" + MAIL + ", user: u}}", "user and password belong together"),
    (
        "channels: {ops: {" + MAIL + ", security: none, user: u, password: s3cret}}",
        "the password would go in plain text: write security: starttls, or tls",
    ),
    ("heartbeat: {url: 'https://h/', each: 5m}", "heartbeat: the key each is not known"),
    ("heartbeat: {url: 'https://h/', every: 5s}", "heartbeat: every is '5s': write a span from 1m"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_wrong_is_refused_by_name_and_with_the_cure(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read(tmp_path, text)
    sentence = str(refusal.value)
    assert words.replace("{folder}", str(tmp_path)) in sentence
    assert sentence.startswith(f"{tmp_path}/channels.yaml")
    assert "s3cret" not in sentence


def test_the_file_is_the_named_one_else_beside_clouds_yaml_else_in_the_project(
    tmp_path: Path,
) -> None:
    project = tmp_path / "project"
    etc = tmp_path / "etc"
    for folder in (project, etc):
        folder.mkdir()
        (folder / "clouds.yaml").write_text("clouds: {}")
    env = {"OS_CLIENT_CONFIG_FILE": str(etc / "clouds.yaml")}
    (project / "channels.yaml").write_text("")
    assert find(env, folder=project, home=tmp_path) is None
    (project / "clouds.yaml").unlink()
    assert find({}, folder=project, home=tmp_path) == project / "channels.yaml"
    (etc / "channels.yaml").write_text("")
    assert find(env, folder=project, home=tmp_path) == etc / "channels.yaml"
    assert find({**env, VARIABLE: "channels.yaml"}, folder=project, home=tmp_path) == (
        project / "channels.yaml"
    )
    with pytest.raises(ConfigurationError, match=rf"{VARIABLE} names .*/none, which is no file"):
        find({**env, VARIABLE: "none"}, folder=project, home=tmp_path)


def test_a_filter_that_the_list_of_alarms_does_not_understand_is_refused(
    settings: Any, tmp_path: Path
) -> None:
    hook = {"kind": "webhook", "url": "https://h/"}
    configure(settings, tmp_path, {"ops": {**hook, "filter": "?cloud=otc&tag=db&kind=stuck"}})
    check_filters(clock.now())
    configure(settings, tmp_path, {"ops": {**hook, "filter": "colour=red"}})
    with pytest.raises(ConfigurationError, match=r"'ops': filter is not understood: .*colo"):
        check_filters(clock.now())


@pytest.mark.once
def test_a_start_with_a_wrong_file_or_filter_ends_with_one_sentence(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "mine.yaml"
    code = (
        "import sys, os, django\n"
        "try:\n django.setup()\n"
        "except SystemExit as e:\n print(e.code, end=''); sys.stdout.flush(); os._exit(1)\n"
    )
    for channel, words in (
        ("{kind: webhook}", "url is missing"),
        ("{kind: webhook, url: 'https://h/', filter: colour=red}", "filter is not understood"),
    ):
        path.write_text(f"channels: {{ops: {channel}}}")
        exit_code, said = start(code, **{VARIABLE: str(path)})
        assert (exit_code, said.count("\n")) == (1, 0), said
        assert said.startswith(f"vbsdash: {path}, channel 'ops': ")
        assert words in said
