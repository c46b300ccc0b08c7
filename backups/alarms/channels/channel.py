"""What every channel is: whom it tells, of which alarms, and how its far side answered."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Final, Self
from zoneinfo import ZoneInfo

from backups.alarms.channels.entry import Entry
from backups.alarms.digest_time import DigestTime
from backups.alarms.message import Message

SECONDS: Final = 10.0  # of one try, in all


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of one try. `sentence`: for the log of deliveries, with no secret in it.
    `retry_after`: what the far side asked for.
    """

    is_delivered: bool
    sentence: str
    http_status: int | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class Channel(ABC):
    """An entry of channels.yaml. `query`: of the list of alarms as in its address, "" for all;
    `severities`: those that it tells. `digest`: when it tells how all stands, None for never.
    `only_if_unacked_for`: it tells an alarm that nobody has acknowledged for so long. `zone`: in
    which it writes times.
    """

    kind: ClassVar[str]
    # What an entry of this kind may hold beside the keys of all kinds.
    keys: ClassVar[tuple[str, ...]]
    name: str
    query: str = ""
    severities: frozenset[str] = frozenset({"critical", "warning"})
    digest: DigestTime | None = None
    only_if_unacked_for: timedelta | None = None
    zone: ZoneInfo
    seconds: float = SECONDS

    @classmethod
    @abstractmethod
    def read(cls, entry: Entry) -> Self:
        """Returns the channel of an entry, all of whose keys are known ones. Raises
        ConfigurationError.
        """

    @abstractmethod
    def send(self, message: Message) -> Answer:
        """Sends a message within `seconds`. Whatever the far side does is an Answer, no error."""
