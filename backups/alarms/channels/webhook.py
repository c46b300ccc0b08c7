"""Posts messages as JSON, signed where there is a secret.

The signature is the HMAC-SHA256 of `TIMESTAMP.BODY` by the secret, in hexadecimal digits.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import ClassVar, Self

from django.utils import timezone

from backups.alarms.channels import http_call
from backups.alarms.channels.channel import Answer, Channel
from backups.alarms.channels.entry import Entry
from backups.alarms.channels.far_side import FarSide
from backups.alarms.message import Message


@dataclass(frozen=True, kw_only=True)
class Webhook(Channel):
    kind: ClassVar[str] = "webhook"
    keys: ClassVar[tuple[str, ...]] = ("url", "url_file", "secret", "secret_file")
    far_side: FarSide
    secret: str = field(repr=False)

    @classmethod
    def read(cls, entry: Entry) -> Self:
        return cls(
            far_side=entry.far_side(),
            secret=entry.secret("secret"),
            **entry.common(),
        )

    def send(self, message: Message) -> Answer:
        # The far side compares it with its own clock.
        now = timezone.now()
        body = json.dumps(message.as_json()).encode()
        timestamp = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "X-Vbsdash-Event": message.event_id,
            "X-Vbsdash-Timestamp": timestamp,
        }
        if self.secret:
            headers["X-Vbsdash-Signature"] = f"v1={signature(self.secret, timestamp, body)}"
        return http_call.call(
            self.far_side, "POST", seconds=self.seconds, now=now, body=body, headers=headers
        )


def signature(secret: str, timestamp: str, body: bytes) -> str:
    signed = timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
