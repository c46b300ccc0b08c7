"""Sends messages by SMTP: plain text with HTML beside it, by a connection that a silent or dripping
server cannot hold, and whose certificate is checked where it speaks TLS.
"""

import io
import ipaddress
import re
import smtplib
import ssl
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Final, Self

from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from backups.alarms import words
from backups.alarms.channels.channel import Answer, Channel
from backups.alarms.channels.entry import Entry
from backups.alarms.channels.failures import sentence_of
from backups.alarms.message import Message
from backups.vbs.deadline import DeadlineReader, set_deadline
from backups.vbs.proxies import place_of
from backups.vbs.quoted import quoted
from backups.vbs.tls import context_for

PORTS: Final = {"none": 25, "starttls": 587, "tls": 465}
_ADDRESS = re.compile(r"[^\s@<>(),;:\"\[\]\\]+@[^\s@<>(),;:\"\[\]\\]+")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,250}[A-Za-z0-9_.])?")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True)
class Mail(Channel):
    """`security`: none, starttls or tls. `verify` as in CloudConfig."""

    kind: ClassVar[str] = "mail"
    keys: ClassVar[tuple[str, ...]] = (
        "to",
        "from",
        "host",
        "port",
        "user",
        "password",
        "password_file",
        "security",
    )
    to: tuple[str, ...]
    sender: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    security: str
    verify: bool | str

    @classmethod
    def read(cls, entry: Entry) -> Self:
        security = entry.choice("security", tuple(PORTS), "starttls")
        to = entry.texts("to", example="[ops@example.org]")
        sender = entry.text("from", example="vbsdash@example.org")
        for key, address in (*(("to", address) for address in to), ("from", sender)):
            if not _ADDRESS.fullmatch(address):
                entry.keys.refuse(
                    f"{key} holds {quoted(address.replace('@', ' at '))}, which is no address of "
                    "mail: write NAME@HOST alone"
                )
        host = entry.text("host", example="smtp.example.org")
        if not _HOST.fullmatch(host) and not _is_ipv6(host):
            entry.keys.refuse(
                f"host is {quoted(host)}: write a name or an address alone, and its port under port"
            )
        user = entry.text("user")
        password = entry.secret("password")
        if bool(user) != bool(password):
            entry.keys.refuse("user and password belong together: write both, or none")
        if user and security == "none" and host not in _LOOPBACK:
            entry.keys.refuse(
                "security is none, so the password would go in plain text: write security: "
                "starttls, or tls"
            )
        return cls(
            to=to,
            sender=sender,
            host=host,
            port=entry.port("port", PORTS[security]),
            user=user,
            password=password,
            security=security,
            verify=entry.verify(),
            **entry.common(),
        )

    def send(self, message: Message) -> Answer:
        place = place_of(self.host, self.port)
        backend = _Backend(self)
        try:
            backend.send_messages([self.mail(message)])
        except smtplib.SMTPServerDisconnected as e:
            # It stands for what happened to the connection.
            return Answer(is_delivered=False, sentence=sentence_of(e.__context__ or e, place))
        except smtplib.SMTPException as e:
            return Answer(is_delivered=False, sentence=_refusal(place, e, self.security))
        except (OSError, ValueError) as e:
            return Answer(is_delivered=False, sentence=sentence_of(e, place))
        finally:
            # Of a connection on which the sign-in failed.
            backend.close()
        if backend.refused:
            others = f"{len(backend.refused)} of {len(self.to)}"
            sentence = f"{place} took it, but not for {others} of its addresses."
            return Answer(is_delivered=True, sentence=sentence)
        return Answer(is_delivered=True, sentence=f"{place} took it.")

    def mail(self, message: Message) -> EmailMultiAlternatives:
        """Returns the mail, which has the same Message-ID each time it is sent."""
        domain = self.sender.rpartition("@")[2]
        mail = EmailMultiAlternatives(
            subject=words.headline(message),
            body=words.text(message, self.zone),
            from_email=self.sender,
            to=list(self.to),
            headers={
                "Message-ID": f"<{message.event_id}@{domain if domain.isascii() else 'vbsdash'}>",
                "Auto-Submitted": "auto-generated",
                "X-Vbsdash-Event": message.event_id,
            },
        )
        mail.attach_alternative(words.html(message, self.zone), "text/html")
        return mail


class _DeadlineSmtp(smtplib.SMTP):
    """Gives each read and each write what is left of set_deadline(). `refused`: the addresses that
    the server did not take, where it took others.
    """

    ends_at = 0.0
    refused: dict[str, Any]

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            raw = self.sock.makefile("rb", buffering=0)
            self.file = io.BufferedReader(DeadlineReader(self.sock, raw))
        return super().getreply()

    def send(self, s: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(max(self.ends_at - time.monotonic(), 0.001))
        super().send(s)

    def sendmail(self, *args: Any, **kwargs: Any) -> Any:
        self.refused = super().sendmail(*args, **kwargs)
        return self.refused


class _DeadlineSmtpTls(_DeadlineSmtp, smtplib.SMTP_SSL):
    """The same, with TLS from the beginning on."""


class _Backend(EmailBackend):
    """Django's, with a deadline for the whole and a certificate that is checked."""

    def __init__(self, channel: Mail) -> None:
        self._verify = channel.verify
        self._ends_at = time.monotonic() + channel.seconds
        super().__init__(
            host=channel.host,
            port=channel.port,
            username=channel.user,
            password=channel.password,
            use_tls=channel.security == "starttls",
            use_ssl=channel.security == "tls",
            timeout=set_deadline(self._ends_at).connect,
        )
        self.refused: dict[str, Any] = {}
        self._is_taken = False

    @property
    def connection_class(self) -> Any:
        of_kind = _DeadlineSmtpTls if self.use_ssl else _DeadlineSmtp
        return type("_Connection", (of_kind,), {"ends_at": self._ends_at})

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        return context_for(self._verify)

    def _send(self, email_message: Any) -> bool:
        is_sent: bool = super()._send(email_message)  # type: ignore[misc]
        self.refused = self.connection.refused  # type: ignore[union-attr]
        self._is_taken = True
        return is_sent

    def _close_connection(self, connection: smtplib.SMTP) -> None:
        """Says good-bye, after which nothing that goes wrong counts any more."""
        try:
            if self._is_taken:
                connection.quit()
        except (OSError, smtplib.SMTPException):
            pass
        finally:
            connection.close()


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _refusal(place: str, error: smtplib.SMTPException, security: str) -> str:
    """Returns what is said of a server that did not take a mail; of its own words the code alone,
    which is no secret.
    """
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"{place} refuses user or password ({error.smtp_code}): correct them."
    if isinstance(error, smtplib.SMTPNotSupportedError):
        if security == "starttls":
            return f"{place} offers no STARTTLS, or no sign-in: correct security, port or user."
        return f"{place} does not offer what is asked of it: correct security, port or user."
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = sorted({str(code) for code, _ in error.recipients.values()})
        return f"{place} takes mail for none of the addresses ({', '.join(codes)})."
    if isinstance(error, smtplib.SMTPSenderRefused):
        return f"{place} takes no mail from this address ({error.smtp_code}): correct from."
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{place} did not take the mail ({error.smtp_code})."
    return f"{place} did not take the mail ({type(error).__name__})."
