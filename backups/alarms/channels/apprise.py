"""Sends messages by Apprise, to phones and chats. It runs in a process of its own, which is ended
when it takes too long: `apprise_process.py`.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import ClassVar, Final, Self

from django.conf import settings

from backups.alarms import words
from backups.alarms.channels.channel import Answer, Channel
from backups.alarms.channels.entry import Entry
from backups.alarms.message import Message
from backups.vbs.proxies import VARIABLES as PROXY_VARIABLES

# Those that tell a person, over the network: none that runs a program, writes a file or speaks to
# this host's desktop, and none of what mail and webhook do better.
SCHEMES: Final = frozenset(
    {
        "bark",
        "barks",
        "discord",
        "feishu",
        "gchat",
        "goalert",
        "goalerts",
        "gotify",
        "gotifys",
        "ilert",
        "incidentio",
        "lark",
        "line",
        "matrix",
        "matrixs",
        "mmost",
        "mmosts",
        "nctalk",
        "nctalks",
        "ntfy",
        "ntfys",
        "opsgenie",
        "pagerduty",
        "pagertree",
        "pbul",
        "pover",
        "prowl",
        "rocket",
        "rockets",
        "signal",
        "signals",
        "signl4",
        "slack",
        "splunk",
        "squadcast",
        "synology",
        "synologys",
        "tgram",
        "threema",
        "twilio",
        "victorops",
        "vonage",
        "webex",
        "wecombot",
        "workflow",
        "workflows",
        "wxteams",
        "zulip",
    }
)
LONGEST_BODY: Final = 1500  # characters; many services take no more in one message
# What its process gets to know of this one's: no secrets of clouds and databases.
_PASSED_ON: Final = (
    *("PATH", "HOME", "LANG", "TZ", "PYTHONDONTWRITEBYTECODE"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"),
)
_MODULE = "backups.alarms.channels.apprise_process"
_SENTENCES: Final = {
    "sent": "{scheme} took it.",
    "unread": "Apprise cannot make anything of this {scheme}:// address: correct url.",
    "refused": "{scheme} did not take it{status}: try the address with Apprise's own command.",
}


@dataclass(frozen=True, kw_only=True)
class Apprise(Channel):
    kind: ClassVar[str] = "apprise"
    keys: ClassVar[tuple[str, ...]] = ("url", "url_file")
    url: str = field(repr=False)

    @classmethod
    def read(cls, entry: Entry) -> Self:
        url = entry.secret("url", example="ntfys://HOST/TOPIC").strip()
        scheme, colon, _ = url.partition("://")
        if not colon or scheme.lower() not in SCHEMES:
            entry.keys.refuse(
                "url begins with no scheme that is let through: write one of "
                f"{', '.join(sorted(SCHEMES))}, each with ://"
            )
        if find_spec("apprise") is None:
            entry.keys.refuse(
                "kind is apprise, which needs a package that is not installed: run make apprise, "
                "or pip install --require-hashes -r requirements-apprise.txt"
            )
        return cls(url=url, **entry.common())

    def send(self, message: Message) -> Answer:
        scheme = self.url.partition("://")[0].lower()
        body = words.text(message, self.zone)
        if len(body) > LONGEST_BODY:
            body = f"{body[: LONGEST_BODY - 1]}…"
        order = {
            "url": self.url,
            "title": words.headline(message),
            "body": body,
            "seconds": self.seconds,
        }
        try:
            done = subprocess.run(  # noqa: S603
                [sys.executable, "-m", _MODULE],
                input=json.dumps(order),
                capture_output=True,
                text=True,
                check=False,
                timeout=self.seconds,
                cwd=settings.BASE_DIR,
                env=_environment(),
            )
            result = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            return Answer(is_delivered=False, sentence=f"{scheme} did not answer in time.")
        except (OSError, ValueError):
            # What it wrote may hold the address.
            return Answer(is_delivered=False, sentence="Apprise ended without a result.")
        status = result["status"]
        sentence = _SENTENCES[result["outcome"]]
        return Answer(
            is_delivered=result["outcome"] == "sent",
            sentence=sentence.format(scheme=scheme, status=f" (HTTP {status})" if status else ""),
            http_status=status,
        )


def _environment() -> dict[str, str]:
    names = {*_PASSED_ON, *PROXY_VARIABLES, *(name.upper() for name in PROXY_VARIABLES)}
    known = {**os.environ, **settings.ENV}
    return {name: known[name] for name in names if known.get(name)}
