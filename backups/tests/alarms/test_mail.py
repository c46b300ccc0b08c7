"""Against a real mail server that answers as bad ones do."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backups.alarms import channels_file
from backups.alarms.channels.channel import Channel
from backups.alarms.channels_file import channels
from backups.tests.alarms.far_side import CERTIFICATE, SmtpSink, configure, mail, smtp_sink
from backups.tests.alarms.messages import EVENT, message
from backups.tests.forward_proxy import answering
from backups.tests.run_settings import LIMIT_S

SHORT_S = 0.5  # in place of ten seconds


def channel(settings: Any, folder: Path, sink: SmtpSink, **keys: Any) -> Channel:
    configure(settings, folder, {"ops": mail(sink, **keys)})
    return replace(channels()["ops"], seconds=LIMIT_S)


def test_a_mail_is_plain_and_html_with_the_same_id_each_time_and_no_header_from_a_name(
    settings: Any, tmp_path: Path
) -> None:
    with smtp_sink() as sink:
        to = ["ops@example.org", "night@example.org"]
        ops = channel(settings, tmp_path, sink, to=to, zone="Europe/Berlin")
        place = f"127.0.0.1:{sink.port}"
        assert ops.send(message()).sentence == f"{place} took it."
        sink.refused = {"night@example.org"}
        partly = ops.send(message())
        assert (partly.is_delivered, partly.sentence) == (
            True,
            f"{place} took it, but not for 1 of 2 of its addresses.",
        )
    first, second = sink.mails
    assert (first.sender, first.recipients) == ("vbsdash@example.org", to)
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.message["Message-ID"] == f"<{EVENT}@example.org>"
    assert first.message["Auto-Submitted"] == "auto-generated"
    assert (first.message["To"], first.message["Bcc"]) == (", ".join(to), None)
    subject = first.message["Subject"].strip()
    assert subject.startswith("Critical: disk db Bcc: all@example.org <script>")
    assert "Since 2026-11-25 12:30 UTC+1." in first.part("plain")
    assert "<script>" in first.part("plain")
    assert "&lt;script&gt;" in first.part("html")
    assert "<script>" not in first.part("html")


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_tls_is_checked_before_the_password_is_sent(
    settings: Any, tmp_path: Path, tls: Any
) -> None:
    with smtp_sink(tls=tls, credentials=("vbsdash", "s3cret")) as sink:
        keys = {"security": tls, "user": "vbsdash", "password": "s3cret"}
        doubtful = channel(settings, tmp_path, sink, **keys)
        answer = doubtful.send(message())
        assert (answer.is_delivered, len(sink.mails)) == (False, 0)
        assert "the TLS certificate is of nobody that is trusted" in answer.sentence
        settings.ENV = {**settings.ENV, "SSL_CERT_FILE": str(CERTIFICATE)}
        ops = channel(settings, tmp_path, sink, **keys)
        assert ops.send(message()).is_delivered
        [received] = sink.mails
        assert (received.has_tls, received.login) == (True, ("vbsdash", "s3cret"))
        wrong = channel(settings, tmp_path, sink, **{**keys, "password": "s3cret-wrong"})
        answer = wrong.send(message())
        assert answer.sentence.endswith("refuses user or password (535): correct them.")
        assert "s3cret" not in f"{doubtful!r} {wrong!r} {answer}"


def test_a_server_that_refuses_is_silent_or_down_is_a_failure_within_its_time(
    settings: Any, tmp_path: Path
) -> None:
    with smtp_sink() as sink:
        ops = channel(settings, tmp_path, sink)
        place = f"127.0.0.1:{sink.port}"
        sink.refusal = "451 hello s3cret"
        assert ops.send(message()).sentence == f"{place} did not take the mail (451)."
        sink.refusal = None
        sink.refused = {"ops@example.org"}
        assert (
            ops.send(message()).sentence == f"{place} takes mail for none of the addresses (550)."
        )
        sink.refused = set()
        offered = channel(settings, tmp_path, sink, security="starttls")
        assert "offers no STARTTLS" in offered.send(message()).sentence
        sink.is_silent = True
        hurried = replace(ops, seconds=SHORT_S)
        assert hurried.send(message()).sentence == f"{place} did not answer in time."
        sink.go_down()
        assert ops.send(message()).sentence == f"{place} refused the connection."


def test_the_example_of_the_readme_sends_as_it_stands_there(settings: Any, tmp_path: Path) -> None:
    readme = (settings.BASE_DIR / "README.md").read_text()
    [example] = re.findall(r"^```yaml\n(channels:\n.*?)^```$", readme, re.M | re.S)
    (tmp_path / "smtp_password").write_text("s3cret\n")
    with smtp_sink(tls="starttls", credentials=("vbsdash", "s3cret")) as sink:
        # Where the mail server is, and where its password, is all that an operator changes.
        here = example.replace("smtp.example.org", f"127.0.0.1\n    port: {sink.port}")
        here = here.replace("/etc/vbsdash/", f"{tmp_path}/")
        settings.ENV = {**settings.ENV, "SSL_CERT_FILE": str(CERTIFICATE)}
        settings.CHANNELS_FILE = tmp_path / "channels.yaml"
        settings.CHANNELS_FILE.write_text(here)
        channels_file.forget()
        ops = replace(channels()["ops-mail"], seconds=LIMIT_S)
        assert ops.send(message()).is_delivered
        assert sink.mails[0].has_tls
    assert str(ops.digest) == "daily 08:00 Europe/Berlin"


def test_a_greeting_that_drips_without_end_has_the_same_limit(
    settings: Any, tmp_path: Path
) -> None:
    def drip(near: Any) -> None:
        # Longer than anybody may wait, and with an end where somebody does.
        for _ in range(400):
            near.sendall(b"220-" + b"." * 60 + b"\r\n")
            near.settimeout(0.02)
            try:
                if not near.recv(1):
                    return
            except TimeoutError:
                continue

    with answering(drip) as port:
        sink = SmtpSink()
        sink.port = port
        ops = replace(channel(settings, tmp_path, sink), seconds=SHORT_S)
        assert ops.send(message()).sentence == f"127.0.0.1:{port} did not answer in time."
