"""The kinds of channels that channels.yaml may name."""

from collections.abc import Mapping
from typing import Final

from backups.alarms.channels.apprise import Apprise
from backups.alarms.channels.channel import Channel
from backups.alarms.channels.mail import Mail
from backups.alarms.channels.webhook import Webhook

KINDS: Final[Mapping[str, type[Channel]]] = {
    Apprise.kind: Apprise,
    Mail.kind: Mail,
    Webhook.kind: Webhook,
}
