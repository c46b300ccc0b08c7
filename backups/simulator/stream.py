"""A stream is one rhythm of backups of one disk: when each begins, how long it takes,
what becomes of it.
"""

import zlib
from dataclasses import dataclass

from backups.simulator.body import uuid_from

# Seconds.
HOUR = 3600
DAY = 24 * HOUR
WEEK = 7 * DAY
# 2025-01-01 in days since 1970: chains grow by the calendar from here.
GROWTH_SINCE_DAY = 20089


@dataclass(frozen=True, slots=True)
class SimulatedVolume:
    """A volume. `listed` is whether the volume list names it; sizes as their names
    say, growth per day.
    """

    index: int
    volume_id: str
    name: str
    size_gb: int
    base_mb: int
    growth_mb: int
    bootable: bool = False
    encrypted: bool = False
    listed: bool = True
    root_volume_id: str | None = None  # of the server that a volume of data is attached to

    @property
    def server_id(self) -> str:
        """The server that it is attached to; only root volumes have one of their own."""
        return uuid_from(f"vm {self.root_volume_id or self.volume_id}")


@dataclass(frozen=True, slots=True)
class Stream:
    """Occurrence `n` begins at phase + n × period (+ jitter); the newest `keep`
    that exist are kept.

    All times in seconds. Of each `cycle` occurrences only the first `on` exist (0 = all). `delay`:
    how much later than its beginning a backup first appears. `wobble`: by which share durations
    differ. `fail_one_in`: share of failures (0 = none), `cause` picks their text. `newest` and
    `oldest` are statuses that the newest and the oldest wear. `frozen_at`: the percentage at which
    progress stands still. `peculiarity` names what is odd about it (`peculiarities.py`). `policy`:
    the name of the one that it follows, at `hour` of UTC; `skips`: whether an occurrence that does
    not exist is told as a skipped run; `times_out`: whether a failure is told as a time-out.
    """

    key: str
    volume: SimulatedVolume
    period: int = DAY
    phase: int = 0
    keep: int = 10
    jitter: int = 120
    seconds: int = 420
    wobble: float = 0.16
    on: int = 0
    cycle: int = 0
    delay: int = 0
    full_every: int = 7
    fail_one_in: int = 0
    cause: int = 0
    newest: str | None = None
    oldest: str | None = None
    frozen_at: int | None = None
    peculiarity: str = "nightly"
    policy: str | None = None
    hour: int = 0
    skips: bool = False
    times_out: bool = False

    def random_bits(self, n: int, purpose: str = "") -> int:
        """Returns 32 bits that depend on stream, occurrence and purpose alone."""
        return zlib.crc32(f"{self.key}/{n}/{purpose}".encode())

    def exists(self, n: int) -> bool:
        return not self.cycle or n % self.cycle < self.on

    def begins(self, n: int) -> int:
        """Returns when occurrence `n` begins, in seconds since 1970."""
        start = self.phase + n * self.period
        if self.jitter:
            start += self.random_bits(n) % self.jitter
        return start

    def starts(self, n: int) -> float:
        """Returns the same to the microsecond, as the API tells it."""
        return self.begins(n) + self.random_bits(n, "micro") % 1_000_000 / 1e6

    def newest_at(self, now: float) -> int:
        """Returns the last existing occurrence that is visible at `now`."""
        n = int(now - self.delay - self.phase) // self.period
        while self.begins(n) + self.delay > now or not self.exists(n):
            n -= 1
        return n

    def after(self, n: int) -> int:
        n += 1
        while not self.exists(n):
            n += 1
        return n

    def before(self, n: int) -> int:
        n -= 1
        while not self.exists(n):
            n -= 1
        return n

    def takes(self, n: int) -> float:
        """Returns the duration in seconds."""
        thousandths = self.random_bits(n, "takes") % 2001 - 1000
        return self.seconds * (1 + self.wobble * thousandths / 1000)

    def is_full(self, n: int) -> bool:
        return n % self.full_every == 0

    def fails(self, n: int) -> bool:
        return bool(self.fail_one_in) and self.random_bits(n, "fails") % self.fail_one_in == 0

    def chain_mb(self, n: int) -> int:
        """Returns the size of the whole chain after occurrence `n`: it grows with every increment,
        and with the volume.
        """
        increments = n % self.full_every
        start = n - increments  # The full backup that the chain begins with.
        days = max(0.0, start * self.period / DAY - GROWTH_SINCE_DAY)
        full = self.volume.base_mb + int(self.volume.growth_mb * days)
        full += self.random_bits(start, "full") % 50
        if self.peculiarity == "runaway":
            # Each increment is 1.75 times the one before it.
            return full + int(60 * (1.75**increments - 1))
        size = full
        if increments:
            step = max(2, self.volume.base_mb // max(100, self.full_every))
            size += increments * step + self.random_bits(n, "step") % step
        if self.peculiarity == "pruned" and increments >= 4:
            size -= full // 3
        return size
